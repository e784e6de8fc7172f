//! Why a command did not do what it was asked, and the exit code that scripts see. Knows no command.

use std::process::ExitCode;

use super::client::ClientError;
use super::show::say;
use crate::config::Problems;

/// What a command ends with when it does not succeed.
#[derive(Debug)]
pub enum Failure {
    /// The admin port could not be reached, or refused.
    Client(ClientError),
    /// The command line asks for something that cannot be.
    Usage(String),
    /// The configuration file is not right.
    Config(Problems),
    /// Nobody reads standard output any more, as in `tenantry … | head -1`: all is well where reading was
    /// the purpose.
    Closed,
    /// What there is is not what it should be; that has been shown.
    Differs,
    Other(anyhow::Error),
}

/// Exit codes; 0 is success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    Success = 0,
    Failed = 1,
    Usage = 2,
    /// Authentication or authorisation was refused, or failed too often.
    Refused = 3,
    NotFound = 4,
    /// The record is there already, or is not as `--if-match` says.
    Conflict = 5,
}

impl Failure {
    pub fn usage(text: impl Into<String>) -> Self {
        Failure::Usage(text.into())
    }

    /// Says on standard error what is wrong, and gives the exit code.
    pub fn report(&self) -> ExitCode {
        match self {
            Failure::Client(error) => say!("error: {error}"),
            Failure::Usage(text) => say!("error: {text}"),
            Failure::Config(problems) => say!("{problems}"),
            Failure::Closed | Failure::Differs => {}
            Failure::Other(error) => say!("error: {error:#}"),
        }
        ExitCode::from(self.exit() as u8)
    }

    fn exit(&self) -> Exit {
        match self {
            Failure::Client(ClientError::Refused { status, .. }) => match status.as_u16() {
                401 | 403 | 429 => Exit::Refused,
                404 => Exit::NotFound,
                409 | 412 | 428 => Exit::Conflict,
                _ => Exit::Failed,
            },
            Failure::Client(ClientError::Url { .. } | ClientError::Credential(_)) | Failure::Usage(_) => {
                Exit::Usage
            }
            Failure::Client(
                ClientError::Ca { .. }
                | ClientError::Unreachable { .. }
                | ClientError::Slow { .. }
                | ClientError::Broken { .. }
                | ClientError::Redirect { .. }
                | ClientError::Stranger { .. },
            )
            | Failure::Config(_)
            | Failure::Differs
            | Failure::Other(_) => Exit::Failed,
            Failure::Closed => Exit::Success,
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Failure::Client(error)
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Failure::Config(problems)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Failure::Other(error)
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn statuses_become_exit_codes() {
        for (status, exit) in [
            (401, Exit::Refused),
            (403, Exit::Refused),
            (429, Exit::Refused),
            (404, Exit::NotFound),
            (409, Exit::Conflict),
            (412, Exit::Conflict),
            (400, Exit::Failed),
            (500, Exit::Failed),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            let refused = ClientError::Refused { status, message: String::new() };
            assert_eq!(Failure::Client(refused).exit(), exit, "{status}");
        }
    }
}
