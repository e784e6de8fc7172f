//! `tenantry users`: the people of the instance.

use http::{Method, StatusCode};
use serde::Serialize;
use serde_json::json;

use super::groups::Group;
use super::password::NewPassword;
use super::{At, Commands, Common, Guard, Home, Kind, One, Set, Table, find};
use crate::cli::client::{Call, ClientError};
use crate::cli::connect::Instance;
use crate::cli::fault::Failure;
use crate::cli::port::{Fields, Port, fields};
use crate::cli::show::say;

#[derive(Clone, Debug)]
pub struct User;

impl Kind for User {
    const TABLE: Table = Table {
        command: "users",
        noun: "user",
        example: "ann@example.com",
        options: "",
        path: "users",
        list: &[],
        home: Home::Instance,
        name: Some("username"),
        columns: &[
            ("ID", "id"),
            ("USER", "username"),
            ("NAME", "displayName"),
            ("TENANTS", "tenants.id"),
            ("SUPER ADMIN", "superAdmin"),
            ("DISABLED", "disabled"),
        ],
        deleted: "their access to all tenants, API tokens and sessions end at once",
    };
}

pub type Users = At<Command, Instance>;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Make a user; without a password they sign in by none until one is set
    #[command(after_help = "Examples:\n  \
        tenantry users create ann@example.com --first-name Ann --tenant acme\n  \
        tenantry users create bob@example.com --new-password-file bob.txt --super-admin")]
    Create(Create),
    /// Change a user's names, or by which address they sign in
    #[command(after_help = "Example:\n  tenantry users update ann@example.com --last-name Lee")]
    Update(Update),
    /// Set a user's password: asked for on a terminal, else read from standard input
    #[command(
        long_about = "Set a user's password: asked for on a terminal, else read from standard input. Their \
            sessions end. A password is never taken from the arguments, which everybody on the machine can read.",
        after_help = "Examples:\n  \
            tenantry users set-password ann@example.com\n  \
            tenantry users set-password ann@example.com --new-password-file ann.txt"
    )]
    SetPassword(SetPassword),
    /// Say whether a user manages tenants and identities everywhere
    #[command(after_help = "Example:\n  tenantry users set-superadmin ann@example.com true")]
    SetSuperadmin(Set<User>),
    /// Say whether a user may not change the own profile, password and tokens
    #[command(after_help = "Example:\n  tenantry users set-restricted ann@example.com true")]
    SetRestricted(Set<User>),
    /// Refuse a user everywhere; all that they have stays
    #[command(after_help = "Example:\n  tenantry users disable ann@example.com")]
    Disable(One<User>),
    /// Let a disabled user in again
    #[command(after_help = "Example:\n  tenantry users enable ann@example.com")]
    Enable(One<User>),
    /// Forget a user's failed sign-ins, so that they can try again from elsewhere
    #[command(
        long_about = "Forget a user's failed sign-ins, so that they can try again at once. An address that had \
            too many stays locked until its time is over: from there nobody signs in, whoever they are.",
        after_help = "Example:\n  tenantry users unlock ann@example.com"
    )]
    Unlock(One<User>),
    /// End all sessions of a user
    #[command(after_help = "Example:\n  tenantry users sign-out ann@example.com")]
    SignOut(One<User>),
    #[command(flatten)]
    Common(Common<User>),
}

#[derive(clap::Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Create {
    /// By what the user signs in: an e-mail address
    email: String,
    #[command(flatten)]
    #[serde(flatten)]
    names: Names,
    /// A tenant to which the user gets access; can be repeated
    #[arg(long = "tenant", value_name = "ID")]
    tenants: Vec<String>,
    /// A group that the user is put into, by name or id, of the one tenant named; can be repeated
    #[arg(long = "group", value_name = "NAME", requires = "tenants")]
    groups: Vec<String>,
    /// The user manages tenants and identities everywhere
    #[arg(long)]
    super_admin: bool,
    /// The user may not change the own profile, password and tokens
    #[arg(long)]
    restricted: bool,
    #[command(flatten)]
    #[serde(skip)]
    password: NewPassword,
}

#[derive(clap::Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Names {
    /// First name
    #[arg(long, value_name = "NAME")]
    first_name: Option<String>,
    /// Last name
    #[arg(long, value_name = "NAME")]
    last_name: Option<String>,
}

#[derive(clap::Args, Debug, Serialize)]
pub struct Update {
    #[command(flatten)]
    #[serde(skip)]
    of: One<User>,
    /// By what the user signs in from now on
    #[arg(long, value_name = "EMAIL", required_unless_present_any = ["first_name", "last_name"])]
    email: Option<String>,
    #[command(flatten)]
    #[serde(flatten)]
    names: Names,
    #[command(flatten)]
    #[serde(skip)]
    guard: Guard,
}

#[derive(clap::Args, Debug)]
pub struct SetPassword {
    #[command(flatten)]
    of: One<User>,
    #[command(flatten)]
    password: NewPassword,
}

impl Commands for Command {
    async fn run(&self, port: &Port) -> Result<(), Failure> {
        match self {
            Command::Create(create) => create.run(port).await,
            Command::Update(update) => {
                let path = update.of.path(port).await?;
                port.patch(&path, update.guard.if_match.as_deref(), fields(update)?).await
            }
            Command::SetPassword(set) => set_password(port, &set.of.id, &set.password).await,
            Command::SetSuperadmin(Set { of, to }) => {
                set_flag(port, &of.id(port).await?, "superadmin", "superAdmin", *to).await
            }
            Command::SetRestricted(Set { of, to }) => {
                set_flag(port, &of.id(port).await?, "restricted", "restricted", *to).await
            }
            Command::Disable(of) => set_flag(port, &of.id(port).await?, "disabled", "disabled", true).await,
            Command::Enable(of) => set_flag(port, &of.id(port).await?, "disabled", "disabled", false).await,
            Command::Unlock(of) => {
                let path = of.below(port, "unlock").await?;
                port.client.send(Call::bare(Method::POST, &path)).await?;
                Ok(())
            }
            Command::SignOut(of) => {
                port.client.delete(&of.below(port, "refresh-token").await?).await?;
                Ok(())
            }
            Command::Common(common) => common.run(port).await,
        }
    }
}

impl Create {
    async fn run(&self, port: &Port) -> Result<(), Failure> {
        let mut fields = fields(self)?;
        if let Some(password) = self.password.given()? {
            fields.insert("password".to_owned(), json!(password.reveal()));
        }
        if !self.groups.is_empty() {
            fields.insert("groups".to_owned(), json!(group_ids(port, &self.tenants, &self.groups).await?));
        }
        port.create(&User::TABLE.path(port, &[]), fields).await
    }
}

/// Groups have names within one tenant.
pub async fn group_ids(port: &Port, tenants: &[String], names: &[String]) -> Result<Vec<String>, Failure> {
    let [tenant] = tenants else {
        return Err(Failure::usage("groups belong to one tenant: say --tenant once"));
    };
    let mut ids = Vec::with_capacity(names.len());
    for name in names {
        ids.push(find::id_in(port, Some(tenant), &Group::TABLE, name).await?);
    }
    Ok(ids)
}

async fn set_password(port: &Port, user: &str, password: &NewPassword) -> Result<(), Failure> {
    let password = password.needed(user)?;
    let id = user_id(port, user).await?;
    port.client
        .patch(&User::TABLE.path(port, &[&id, "password"]), &json!({ "password": password.reveal() }))
        .await?;
    say!("{user} has a new password");
    Ok(())
}

pub async fn set_flag(port: &Port, id: &str, part: &str, field: &str, to: bool) -> Result<(), Failure> {
    let path = User::TABLE.path(port, &[id, part]);
    port.patch(&path, None, Fields::from_iter([(field.to_owned(), json!(to))])).await
}

/// The id of the user who is called so.
pub async fn user_id(port: &Port, text: &str) -> Result<String, Failure> {
    find::id(port, &User::TABLE, text).await
}

/// Whether a refusal says that there is such a record already.
pub fn exists(error: &ClientError) -> bool {
    matches!(error, ClientError::Refused { status: StatusCode::CONFLICT, .. })
}
