//! The options that say which admin port a command talks to, as whom, and how it shows the answer.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::client::{Client, Credential, Place};
use super::credentials::{self, Logins};
use super::fault::Failure;
use super::port::Port;
use super::prompt;
use super::show::{Format, say};
use crate::model::{Extent, Secret, Timestamp};

/// Shown under every command that talks to an admin port.
pub const ENVIRONMENT: &str = "\
Environment:
  TENANTRY_URL            the admin port, such as https://gw.example.com:9080
  TENANTRY_USER           the user to sign in as, with
  TENANTRY_PASSWORD         that user's password, or
  TENANTRY_PASSWORD_FILE    a file that holds it
  TENANTRY_TOKEN          an API token or a JWT, used when no user is named
  TENANTRY_TENANT         the tenant that is meant, where a command needs one
  TENANTRY_CA             a PEM file with the only authorities to believe
Without any of them the login counts that `tenantry login` has made for this URL.

Exit codes:
  0 done · 1 failed · 2 wrong use · 3 authentication or authorisation refused
  4 no such record · 5 conflict: it exists already, or changed meanwhile";

const USER: &str = "TENANTRY_USER";
const PASSWORD: &str = "TENANTRY_PASSWORD";
const PASSWORD_FILE: &str = "TENANTRY_PASSWORD_FILE";
const TOKEN: &str = "TENANTRY_TOKEN";

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
    /// The user to sign in as; the password comes from TENANTRY_PASSWORD, --password-file or the terminal
    #[arg(long, env = "TENANTRY_USER", value_name = "NAME", global = true)]
    user: Option<String>,
    /// A file that holds that user's password; one newline at its end is not part of it
    #[arg(long, env = "TENANTRY_PASSWORD_FILE", value_name = "FILE", global = true)]
    password_file: Option<PathBuf>,
    /// A PEM file of certificate authorities: only these are believed, instead of the system's
    #[arg(long, env = "TENANTRY_CA", value_name = "FILE", global = true)]
    ca: Option<PathBuf>,
    /// How to show the answer
    #[arg(long, short, value_enum, default_value_t = Format::Table, global = true)]
    pub output: Format,
}

/// The same for a command that needs the plain names for something else.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Admin port")]
pub struct Aside {
    /// The URL of the admin port
    #[arg(long, env = "TENANTRY_URL", default_value = "http://127.0.0.1:9080", value_name = "URL")]
    admin_url: String,
    /// The user to sign in as; the password comes from TENANTRY_PASSWORD, a file or the terminal
    #[arg(long, env = "TENANTRY_USER", value_name = "NAME")]
    admin_user: Option<String>,
    /// A file that holds that user's password; one newline at its end is not part of it
    #[arg(long, env = "TENANTRY_PASSWORD_FILE", value_name = "FILE")]
    admin_password_file: Option<PathBuf>,
    /// A PEM file of certificate authorities: only these are believed, instead of the system's
    #[arg(long, env = "TENANTRY_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// How to show the answer
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    output: Format,
}

impl Aside {
    pub fn connect(&self) -> Connect {
        Connect {
            url: self.admin_url.clone(),
            user: self.admin_user.clone(),
            password_file: self.admin_password_file.clone(),
            ca: self.ca.clone(),
            output: self.output,
        }
    }
}

/// Whose records a command is about.
pub trait Whose: clap::Args {
    /// The tenant that is meant; none for the instance.
    fn tenant(&self) -> Result<Option<String>, Failure>;
}

/// The instance's, of which there is one.
#[derive(clap::Args, Debug)]
pub struct Instance {}

/// Those of the tenant that is meant, where only tenants have such records.
#[derive(clap::Args, Debug)]
pub struct Within {
    /// The tenant that is meant
    #[arg(long, env = "TENANTRY_TENANT", value_name = "ID", global = true)]
    tenant: Option<String>,
}

/// Those of a tenant or of the instance, where both have such records.
#[derive(clap::Args, Debug)]
pub struct Owner {
    /// Those of this tenant; those of the whole instance when left out
    #[arg(long, value_name = "ID", global = true)]
    tenant: Option<String>,
}

impl Whose for Instance {
    fn tenant(&self) -> Result<Option<String>, Failure> {
        Ok(None)
    }
}

impl Whose for Within {
    fn tenant(&self) -> Result<Option<String>, Failure> {
        match self.tenant.as_deref() {
            None | Some("") => Err(Failure::usage("which tenant? Say --tenant, or set TENANTRY_TENANT")),
            Some(tenant) => Ok(Some(tenant.to_owned())),
        }
    }
}

impl Whose for Owner {
    fn tenant(&self) -> Result<Option<String>, Failure> {
        Ok(self.tenant.clone())
    }
}

impl Owner {
    /// How much of the audit log is this owner's.
    pub fn extent(&self) -> Extent {
        match self.tenant {
            Some(_) => Extent::Tenant,
            None => Extent::Whole,
        }
    }
}

impl Connect {
    pub fn port(&self, whose: &impl Whose) -> Result<Port, Failure> {
        let tenant = whose.tenant()?;
        Ok(Port { client: self.client()?, output: self.output, tenant })
    }

    pub fn client(&self) -> Result<Client, Failure> {
        let place = self.place()?;
        let credential = match self.given()? {
            Credential::None => kept(&place)?,
            given => given,
        };
        self.client_as(&credential)
    }

    pub fn client_as(&self, credential: &Credential) -> Result<Client, Failure> {
        let place = self.place()?;
        // Without a credential, a secret is in the body: that is how one signs in.
        if place.is_exposed() {
            say!("warning: {} is not encrypted: others on the network can read secrets", place.as_str());
        }
        Ok(Client::new(place, credential, self.ca.as_deref())?)
    }

    pub fn place(&self) -> Result<Place, Failure> {
        Ok(Place::parse(&self.url)?)
    }

    /// Whom the arguments or the environment name.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref().filter(|user| !user.is_empty())
    }

    /// Whom the arguments name, and the file of a password, where that is not the environment's.
    pub fn said(&self) -> (Option<&str>, Option<&Path>) {
        let is = |name: &str, text: &OsStr| env::var_os(name).is_some_and(|value| value == text);
        let user = self.user().filter(|user| !is(USER, OsStr::new(user)));
        let file = self.password_file.as_deref().filter(|file| !is(PASSWORD_FILE, file.as_os_str()));
        (user, file)
    }

    /// That user's password, as far as it is said. The environment's is that of the environment's user,
    /// and goes to nobody else's name.
    pub fn password(&self) -> Result<Option<Secret>, Failure> {
        let (user, said) = self.said();
        let others = user.is_some() && env::var_os(USER).is_some_and(|user| !user.is_empty());
        match (said.or(self.password_file.as_deref().filter(|_| !others)), others) {
            (Some(file), _) => prompt::secret_in(file).map(Some),
            (None, true) => Ok(None),
            (None, false) => secret(PASSWORD),
        }
    }

    /// What in the environment goes before a login.
    pub fn overriding() -> Option<&'static str> {
        let set = |name: &&str| env::var_os(name).is_some_and(|value| !value.is_empty());
        [USER, TOKEN].into_iter().find(set)
    }

    /// What the arguments and the environment say.
    fn given(&self) -> Result<Credential, Failure> {
        match (self.user(), self.password()?) {
            (Some(user), Some(password)) => Ok(Credential::Password { user: user.to_owned(), password }),
            (Some(user), None) if prompt::somebody() => {
                let password = prompt::secret(&format!("Password of {user}"))?;
                Ok(Credential::Password { user: user.to_owned(), password })
            }
            (Some(user), None) => Err(Failure::usage(format!(
                "no password for {user}: set TENANTRY_PASSWORD, or name a file with --password-file"
            ))),
            (None, password) => match (secret(TOKEN)?, password) {
                (Some(token), _) => Ok(Credential::Token(token)),
                (None, Some(_)) => {
                    Err(Failure::usage("a password but no user: set TENANTRY_USER, or say --user"))
                }
                (None, None) => Ok(Credential::None),
            },
        }
    }
}

/// What a login has left behind.
fn kept(place: &Place) -> Result<Credential, Failure> {
    let Some(file) = credentials::file() else { return Ok(Credential::None) };
    Ok(Logins::read(&file)?.of(place, Timestamp::now()).unwrap_or(Credential::None))
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
