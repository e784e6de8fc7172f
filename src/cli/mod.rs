//! To be written.
pub mod inspect;
pub mod keypair;
pub mod signer;
pub mod token;

use std::ffi::OsString;
use std::process::ExitCode;
pub fn run(_: impl IntoIterator<Item = OsString>) -> ExitCode {
    ExitCode::SUCCESS
}
