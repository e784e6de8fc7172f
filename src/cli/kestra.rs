//! Kestra's spellings of the commands on users, with its arguments, so that scripts written for
//! `kestra auths users …` keep working. Here they go to the admin port.

use clap::ArgAction;
use serde_json::{Value, json};

use super::client::{Answer, ClientError, Place};
use super::connect::{Connect, Instance};
use super::fault::Failure;
use super::port::{Fields, Port};
use super::prompt;
use super::records::Kind as _;
use super::records::users::{User, exists, group_ids, set_flag, user_id};
use crate::model::Secret;

#[derive(clap::Subcommand, Debug)]
pub enum Auths {
    /// Manage users
    #[command(subcommand)]
    Users(Users),
}

#[derive(clap::Subcommand, Debug)]
pub enum Users {
    /// Make a user
    #[command(after_help = "Example:\n  tenantry auths users create ann@example.com --tenant acme --admin")]
    Create(Create),
    /// Set or replace a user's password
    #[command(after_help = "Example:\n  tenantry auths users create-basic-auth ann@example.com")]
    CreateBasicAuth(BasicAuth),
    /// Say whether a user manages tenants and identities everywhere
    #[command(
        visible_alias = "set-instance-owner",
        after_help = "Example:\n  tenantry auths users set-superadmin ann@example.com true"
    )]
    SetSuperadmin(SetSuperadmin),
}

#[derive(clap::Args, Debug)]
pub struct Create {
    /// The user's e-mail address
    #[arg(value_name = "USER", required_unless_present = "username", conflicts_with = "username")]
    name: Option<String>,
    /// The password; everybody on the machine can read it here
    #[arg(value_name = "PASSWORD")]
    secret: Option<String>,
    /// The user's e-mail address, as an option
    #[arg(long, value_name = "USER")]
    username: Option<String>,
    /// The password, as an option; everybody on the machine can read it here
    #[arg(long, value_name = "PASSWORD", conflicts_with = "secret")]
    password: Option<String>,
    /// The user becomes Admin of the tenant
    #[arg(long, conflicts_with = "superadmin", requires = "tenant")]
    admin: bool,
    /// The user manages tenants and identities everywhere
    #[arg(long, visible_alias = "instance-owner")]
    superadmin: bool,
    /// The tenant to which the user gets access
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// A group of the tenant that the user is put into; can be repeated
    #[arg(long, value_name = "NAME", requires = "tenant")]
    groups: Vec<String>,
    /// All is well if there is such a user; password and --superadmin are left as they are
    #[arg(long)]
    if_not_exists: bool,
    #[command(flatten)]
    connect: Connect,
}

#[derive(clap::Args, Debug)]
pub struct BasicAuth {
    /// The user's e-mail address
    #[arg(value_name = "USER")]
    name: String,
    /// The password; everybody on the machine can read it here. Asked for when left out
    #[arg(value_name = "PASSWORD")]
    secret: Option<String>,
    #[command(flatten)]
    connect: Connect,
}

#[derive(clap::Args, Debug)]
pub struct SetSuperadmin {
    /// The user's e-mail address
    #[arg(value_name = "USER")]
    name: String,
    /// Whether it shall be so
    #[arg(value_name = "true|false", action = ArgAction::Set)]
    to: bool,
    #[command(flatten)]
    connect: Connect,
}

pub async fn run(Auths::Users(users): &Auths) -> Result<(), Failure> {
    match users {
        Users::Create(create) => create.run(&create.connect.port(&Instance {})?).await,
        Users::CreateBasicAuth(BasicAuth { name, secret, connect }) => {
            let password = match secret {
                Some(secret) => overheard(secret),
                None => prompt::new_secret(&format!("New password of {name}"))?,
            };
            let port = connect.port(&Instance {})?;
            let path = User::TABLE.path(&port, &[&user_id(&port, name).await?, "password"]);
            port.client.patch(&path, &json!({ "password": password.reveal() })).await?;
            Ok(())
        }
        Users::SetSuperadmin(SetSuperadmin { name, to, connect }) => {
            let port = connect.port(&Instance {})?;
            set_flag(&port, &user_id(&port, name).await?, "superadmin", "superAdmin", *to).await
        }
    }
}

impl Create {
    async fn run(&self, port: &Port) -> Result<(), Failure> {
        let name = self.name.as_ref().or(self.username.as_ref());
        let tenants: Vec<String> = self.tenant.iter().cloned().collect();
        let mut form = Fields::from_iter([
            ("email".to_owned(), json!(name)),
            ("superAdmin".to_owned(), json!(self.superadmin)),
            ("tenants".to_owned(), json!(tenants)),
        ]);
        if !self.groups.is_empty() {
            form.insert("groups".to_owned(), json!(group_ids(port, &tenants, &self.groups).await?));
        }
        if let Some(password) = self.secret.as_ref().or(self.password.as_ref()) {
            form.insert("password".to_owned(), json!(overheard(password).reveal()));
        }
        let made = match port.client.post(&User::TABLE.path(port, &[]), &json!(form)).await {
            Err(refused) if self.if_not_exists && exists(&refused) => {
                let name = name.map(String::as_str).unwrap_or_default();
                return self.complete(port, name, form.get("groups")).await;
            }
            made => made?,
        };
        if self.admin {
            self.bind(port, &made.document["id"]).await?;
        }
        port.show(&made)
    }

    /// What else was asked for, of a user who is there: each of it may be so already.
    async fn complete(&self, port: &Port, name: &str, groups: Option<&Value>) -> Result<(), Failure> {
        let id = user_id(port, name).await?;
        let Some(tenant) = &self.tenant else { return Ok(()) };
        there(port.client.put(&Place::path(&[tenant, "tenant-access", &id])).await)?;
        for group in groups.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            there(port.client.put(&Place::path(&[tenant, "groups", group, "members", &id])).await)?;
        }
        if self.admin {
            there(self.bind(port, &json!(id)).await)?;
        }
        Ok(())
    }

    async fn bind(&self, port: &Port, user: &Value) -> Result<Answer, ClientError> {
        let tenant = self.tenant.as_deref().unwrap_or_default();
        let admin = json!({ "type": "USER", "externalId": user, "roleId": format!("admin_{tenant}") });
        port.client.post(&Place::path(&[tenant, "bindings"]), &admin).await
    }
}

/// That something is so already is what was wanted.
fn there(made: Result<Answer, ClientError>) -> Result<(), ClientError> {
    match made {
        Err(refused) if exists(&refused) => Ok(()),
        made => made.map(drop),
    }
}

/// A password that stood in the arguments.
fn overheard(text: &str) -> Secret {
    prompt::overheard("password", "leave it out and use `tenantry users set-password`");
    Secret::new(text.to_owned())
}
