//! The options that say which admin port a command talks to, as whom, and how it shows the answer.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::client::{Client, Credential, Place};
use super::fault::Failure;
use super::show::Format;
use crate::model::Secret;

/// Shown under every command that talks to an admin port.
pub const ENVIRONMENT: &str = "\
Environment:
  TENANTRY_URL            the admin port, such as https://gw.example.com:9080
  TENANTRY_USER           the user to sign in as, with
  TENANTRY_PASSWORD         the password, or
  TENANTRY_PASSWORD_FILE    a file that holds it
  TENANTRY_TOKEN          a bearer token, used when no user is named
  TENANTRY_CA             a PEM file with the only authorities to believe

Exit codes:
  0 done · 1 failed · 2 wrong use · 3 authentication or authorisation refused
  4 no such record · 5 conflict: it exists already, or changed meanwhile";

/// Where, as whom, and in which form.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Admin port")]
pub struct Connect {
    /// The URL of the admin port
    #[arg(
        long,
        env = "TENANTRY_URL",
        default_value = "http://127.0.0.1:9080",
        value_name = "URL",
        global = true
    )]
    url: String,
    /// The user to sign in as; the password comes from TENANTRY_PASSWORD or --password-file
    #[arg(long, env = "TENANTRY_USER", value_name = "NAME", global = true)]
    user: Option<String>,
    /// A file that holds the password; one newline at its end is not part of it
    #[arg(long, env = "TENANTRY_PASSWORD_FILE", value_name = "FILE", global = true)]
    password_file: Option<PathBuf>,
    /// A PEM file of certificate authorities: only these are believed, instead of the system's
    #[arg(long, env = "TENANTRY_CA", value_name = "FILE", global = true)]
    ca: Option<PathBuf>,
    /// How to show the answer
    #[arg(long, short, value_enum, default_value_t = Format::Table, global = true)]
    pub output: Format,
}

impl Connect {
    pub fn client(&self) -> Result<Client, Failure> {
        let place = Place::parse(&self.url)?;
        let credential = self.credential()?;
        if place.is_exposed() && !matches!(credential, Credential::None) {
            eprintln!(
                "warning: {} is not encrypted: others on the network can read the credential",
                place.as_str()
            );
        }
        Ok(Client::new(place, &credential, self.ca.as_deref())?)
    }

    fn credential(&self) -> Result<Credential, Failure> {
        let user = self.user.clone().filter(|user| !user.is_empty());
        let password = match &self.password_file {
            Some(file) => Some(password_in(file)?),
            None => secret("TENANTRY_PASSWORD")?,
        };
        match (user, password) {
            (Some(user), Some(password)) => Ok(Credential::Password { user, password }),
            (Some(user), None) => Err(Failure::usage(format!(
                "no password for {user}: set TENANTRY_PASSWORD, or name a file with --password-file"
            ))),
            (None, password) => match (secret("TENANTRY_TOKEN")?, password) {
                (Some(token), _) => Ok(Credential::Token(token)),
                (None, Some(_)) => {
                    Err(Failure::usage("a password but no user: set TENANTRY_USER, or say --user"))
                }
                (None, None) => Ok(Credential::None),
            },
        }
    }
}

/// A variable of the environment; an empty one is none.
pub fn secret(variable: &str) -> Result<Option<Secret>, Failure> {
    match env::var(variable) {
        Ok(text) if text.is_empty() => Ok(None),
        Ok(text) => Ok(Some(Secret::new(text))),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(Failure::usage(format!("{variable} is not UTF-8"))),
    }
}

fn password_in(file: &Path) -> Result<Secret, Failure> {
    let mut text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    if text.ends_with('\n') {
        text.pop();
    }
    if text.is_empty() {
        Err(Failure::usage(format!("{} is empty", file.display())))
    } else {
        Ok(Secret::new(text))
    }
}
