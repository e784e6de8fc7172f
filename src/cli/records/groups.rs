//! `tenantry groups`: users and service accounts of a tenant that are bound to roles together.

use serde::Serialize;
use serde_json::json;

use super::members::{self, Members};
use super::{At, Commands, Common, Guard, Home, Kind, One, Table, find};
use crate::cli::connect::Within;
use crate::cli::fault::Failure;
use crate::cli::port::{Fields, Port, fields};

#[derive(Clone, Debug)]
pub struct Group;

impl Kind for Group {
    const TABLE: Table = Table {
        command: "groups",
        noun: "group",
        example: "on-call",
        options: " --tenant acme",
        path: "groups",
        list: &[],
        home: Home::Tenant,
        name: Some("name"),
        columns: &[("ID", "id"), ("NAME", "name"), ("DESCRIPTION", "description")],
        deleted: "what its members may do by it ends at once; they stay",
    };
}

pub type Groups = At<Command, Within>;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Make a group
    #[command(
        after_help = "Example:\n  tenantry groups create on-call --tenant acme --member ann@example.com"
    )]
    Create(Create),
    /// Change a group's name or description
    #[command(after_help = "Example:\n  tenantry groups update on-call --tenant acme --name 'On call'")]
    Update(Update),
    /// Manage who is in a group
    #[command(subcommand)]
    Members(Members),
    #[command(flatten)]
    Common(Common<Group>),
}

#[derive(clap::Args, Debug, Serialize)]
pub struct Create {
    /// What it is called, once in the tenant
    name: String,
    /// What else there is to say
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// A user or service account that is in it, by e-mail address, name or id; can be repeated
    #[arg(long = "member", value_name = "WHO")]
    #[serde(skip)]
    members: Vec<String>,
}

#[derive(clap::Args, Debug, Serialize)]
pub struct Update {
    #[command(flatten)]
    #[serde(skip)]
    of: One<Group>,
    /// What it is called from now on
    #[arg(long, required_unless_present = "description")]
    name: Option<String>,
    /// What else there is to say; '' to say nothing
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    #[command(flatten)]
    #[serde(skip)]
    guard: Guard,
}

impl Commands for Command {
    async fn run(&self, port: &Port) -> Result<(), Failure> {
        match self {
            Command::Create(create) => {
                let mut form = fields(create)?;
                let mut ids = Vec::with_capacity(create.members.len());
                for who in &create.members {
                    ids.push(find::anyone(port, who).await?);
                }
                if !ids.is_empty() {
                    form.insert("membersId".to_owned(), json!(ids));
                }
                port.create(&Group::TABLE.path(port, &[]), form).await
            }
            Command::Update(update) => {
                let form = fields(update)?;
                let put = |record: &mut Fields| {
                    record.extend(form);
                    Ok(())
                };
                port.edit(&update.of.path(port).await?, update.guard.if_match.as_deref(), put).await
            }
            Command::Members(command) => members::run(command, port).await,
            Command::Common(common) => common.run(port).await,
        }
    }
}
