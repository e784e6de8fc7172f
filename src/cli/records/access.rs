//! `tenantry access`: who has access to a tenant. What they may do there, bindings say.

use serde_json::json;

use super::{At, Commands, find};
use crate::cli::client::Place;
use crate::cli::connect::Within;
use crate::cli::fault::Failure;
use crate::cli::listing::Listing;
use crate::cli::port::Port;
use crate::cli::prompt;
use crate::cli::show::Column;

const COLUMNS: [Column; 5] =
    [("ID", "id"), ("WHO", "username"), ("NAME", "displayName"), ("TYPE", "type"), ("GROUPS", "groups.name")];

pub type AccessTo = At<Command, Within>;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Show who has access
    #[command(visible_alias = "ls", after_help = "Example:\n  tenantry access list --tenant acme")]
    List(Listing),
    /// Show somebody's groups and roles, and where they have them from
    #[command(after_help = "Example:\n  tenantry access get ann@example.com --tenant acme -o yaml")]
    Get(One),
    /// Give a user of the instance, or a service account, access
    #[command(after_help = "Example:\n  tenantry access grant ann@example.com --tenant acme")]
    Grant(One),
    /// Take somebody's access away, with their bindings and groups in the tenant
    #[command(after_help = "Example:\n  tenantry access revoke ann@example.com --tenant acme --yes")]
    Revoke(Revoke),
}

#[derive(clap::Args, Debug)]
pub struct One {
    /// The user or service account, by e-mail address, name or id
    #[arg(value_name = "WHO")]
    who: String,
}

#[derive(clap::Args, Debug)]
pub struct Revoke {
    #[command(flatten)]
    of: One,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl Commands for Command {
    async fn run(&self, port: &Port) -> Result<(), Failure> {
        match self {
            Command::List(list) => list.show(port, &path(port, &[]), &[], &COLUMNS).await,
            Command::Get(One { who }) => port.get(&path(port, &[&find::anyone(port, who).await?])).await,
            Command::Grant(One { who }) => grant(port, who).await,
            Command::Revoke(Revoke { of: One { who }, yes }) => {
                if !yes {
                    prompt::confirm(&format!("Take the access of {who:?} away, with bindings and groups?"))?;
                }
                port.client.delete(&path(port, &[&find::anyone(port, who).await?])).await?;
                Ok(())
            }
        }
    }
}

fn path(port: &Port, below: &[&str]) -> String {
    let tenant = port.tenant.as_deref().unwrap_or_default();
    Place::path(&[&[tenant, "tenant-access"], below].concat())
}

/// A user is named as they are, for who may not look up users can give access to one all the same.
async fn grant(port: &Port, who: &str) -> Result<(), Failure> {
    if who.contains('@') {
        port.client.post(&path(port, &[]), &json!({ "email": who })).await?;
    } else {
        port.client.put(&path(port, &[&find::anyone(port, who).await?])).await?;
    }
    Ok(())
}
