//! To be written.
use std::ffi::OsString;
use std::process::ExitCode;
pub fn run(_: impl IntoIterator<Item = OsString>) -> ExitCode {
    ExitCode::SUCCESS
}
