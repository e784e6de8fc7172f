//! The program: runs the command line and turns its result into an exit code. Knows nothing else.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tenantry::cli::run(std::env::args_os())
}
