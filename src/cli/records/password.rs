//! How a user's new password comes in: never by the arguments, which everybody on the machine can read.

use std::path::PathBuf;

use crate::cli::fault::Failure;
use crate::cli::prompt;
use crate::model::Secret;

/// Where a new password is, if one is set.
#[derive(clap::Args, Debug)]
pub struct NewPassword {
    /// A file that holds the new password, - for standard input; one newline at its end is not part of it
    #[arg(long, value_name = "FILE")]
    new_password_file: Option<PathBuf>,
}

impl NewPassword {
    /// The one in the file, if one is named.
    pub fn given(&self) -> Result<Option<Secret>, Failure> {
        self.new_password_file.as_deref().map(prompt::secret_in).transpose()
    }

    /// The one in the file, from standard input, or as the person at the terminal says.
    pub fn needed(&self, user: &str) -> Result<Secret, Failure> {
        match self.given()? {
            Some(password) => Ok(password),
            None => prompt::new_secret(&format!("New password of {user}")),
        }
    }
}
