//! `tenantry api-tokens`: what programs sign in with, as a user or as a service account.

use serde::Serialize;
use serde_json::Value;

use super::accounts::Account;
use super::users::User;
use super::{Kind as _, find};
use crate::cli::client::Place;
use crate::cli::connect::{Connect, Owner};
use crate::cli::fault::Failure;
use crate::cli::listing::{ids, results};
use crate::cli::port::{Port, fields};
use crate::cli::prompt;
use crate::cli::show::{Column, Format, print, print_once, say};

const COLUMNS: [Column; 8] = [
    ("ID", "id"),
    ("NAME", "name"),
    ("EXPIRES", "exp"),
    ("EXPIRED", "expired"),
    ("LAST USED", "lastUsed"),
    ("SCOPES", "scopes"),
    ("TENANT", "tenant"),
    ("DESCRIPTION", "description"),
];

#[derive(clap::Args, Debug)]
pub struct ApiTokens {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    owner: Owner,
    #[command(flatten)]
    connect: Connect,
}

/// Whose tokens.
#[derive(clap::Args, Debug)]
struct Of {
    /// Those of this user, by e-mail address or id; your own when nobody is named
    #[arg(long, value_name = "EMAIL", global = true, conflicts_with = "for_service_account")]
    for_user: Option<String>,
    /// Those of this service account, by name or id: the tenant's with --tenant, else the instance's
    #[arg(long, value_name = "NAME", global = true)]
    for_service_account: Option<String>,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Make a token; it goes to standard output, alone, and is never shown again
    #[command(after_help = "Examples:\n  \
        tenantry api-tokens create laptop --max-age P30D > token\n  \
        tenantry api-tokens create agent --for-service-account agent --tenant acme --scope metrics:write\n  \
        tenantry api-tokens create ci --for-user ann@example.com --only-tenant acme --max-age 12h --extended")]
    Create(Create),
    /// Show tokens: never the secrets
    #[command(
        visible_alias = "ls",
        after_help = "Examples:\n  \
            tenantry api-tokens list\n  \
            tenantry api-tokens list --for-service-account agent --tenant acme"
    )]
    List(List),
    /// Refuse a token from now on
    #[command(
        visible_alias = "rm",
        alias = "delete",
        after_help = "Example:\n  tenantry api-tokens revoke laptop --yes"
    )]
    Revoke(Revoke),
}

#[derive(clap::Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    /// What it is called, once for its owner: a-z, 0-9 and '-' between them, at most 63 characters
    name: String,
    /// What else there is to say
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// How long it is good for: P30D, PT8H, 30d, 12h; for ever when left out
    #[arg(long, value_name = "TIME")]
    max_age: Option<String>,
    /// Each use moves its end to --max-age from then
    #[arg(long, requires = "max_age")]
    extended: bool,
    /// What of its owner's rights it has, such as metrics:write or *:read; can be repeated; all when left out
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// The one tenant in which it is good; all of its owner's when left out
    #[arg(long, value_name = "ID")]
    #[serde(rename = "tenant")]
    only_tenant: Option<String>,
}

#[derive(clap::Args, Debug)]
struct List {
    /// Only the ids, one per line
    #[arg(long, short, conflicts_with = "output")]
    quiet: bool,
}

#[derive(clap::Args, Debug)]
struct Revoke {
    /// The token's name, or its id
    #[arg(value_name = "NAME")]
    token: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl ApiTokens {
    pub async fn run(&self) -> Result<(), Failure> {
        let port = &self.connect.port(&self.owner)?;
        let owner = self.of.path(port).await?;
        match &self.command {
            Command::Create(create) => {
                let answer = port
                    .client
                    .post(&Place::path(&segments(&owner, &[])), &Value::Object(fields(create)?))
                    .await?;
                handed(port, &answer.document)
            }
            Command::List(List { quiet }) => {
                let list = port.client.get(&Place::path(&segments(&owner, &[]))).await?.document;
                print(&if *quiet { ids(&list) } else { port.output.list(&list, &COLUMNS)? })
            }
            Command::Revoke(Revoke { token, yes }) => {
                if !yes {
                    prompt::confirm(&format!("Revoke the API token {token:?}: it is refused at once?"))?;
                }
                let list = port.client.get(&Place::path(&segments(&owner, &[]))).await?.document;
                let id =
                    results(&list).iter().find(|known| known["name"] == **token).map(|known| &known["id"]);
                let id = id.and_then(Value::as_str).unwrap_or(token);
                port.client.delete(&Place::path(&segments(&owner, &[id]))).await?;
                Ok(())
            }
        }
    }
}

/// The token alone where a program reads it; what to do with it is said beside.
fn handed(port: &Port, made: &Value) -> Result<(), Failure> {
    say!("Keep it now: it is not shown again. Send it as `Authorization: Bearer …`, or as a password.");
    let text = match port.output {
        Format::Table => format!("{}\n", made["fullToken"].as_str().unwrap_or_default()),
        Format::Json | Format::Yaml => port.output.document(made)?,
    };
    print_once(&text, "the token is lost, and good: revoke it, and make another")
}

impl Of {
    /// Where the tokens' owner is.
    async fn path(&self, port: &Port) -> Result<Vec<String>, Failure> {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        match (&self.for_user, &self.for_service_account) {
            (Some(user), _) => Ok(owned(&["users", &find::id(port, &User::TABLE, user).await?])),
            (None, Some(account)) => {
                let id = find::id(port, &Account::TABLE, account).await?;
                let own: Vec<&str> = port.tenant.as_deref().into_iter().collect();
                Ok(owned(&[&own[..], &["service-accounts", &id]].concat()))
            }
            (None, None) if port.tenant.is_some() => Err(Failure::usage(
                "--tenant says whose service account is meant: name one with --for-service-account. \
                 A token for one tenant alone is made with --only-tenant",
            )),
            (None, None) => Ok(owned(&["me"])),
        }
    }
}

fn segments<'a>(owner: &'a [String], below: &[&'a str]) -> Vec<&'a str> {
    owner.iter().map(String::as_str).chain(["api-tokens"]).chain(below.iter().copied()).collect()
}
