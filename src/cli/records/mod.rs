//! The commands on records: one module for each kind, which is a table of what people call things, and
//! the forms of what can be set. What all kinds share stands here, once.

pub mod acceptance;
pub mod access;
pub mod accounts;
pub mod audit;
pub mod bindings;
mod find;
pub mod groups;
pub mod invitations;
pub mod issuers;
pub mod keys;
mod members;
pub mod password;
pub mod roles;
pub mod tenants;
pub mod tokens;
mod trust;
pub mod users;

use std::fmt::Debug;
use std::marker::PhantomData;

use clap::{ArgAction, Subcommand};
use http::Method;

use super::client::{Call, Place};
use super::connect::{Connect, Whose};
use super::fault::Failure;
use super::listing::Listing;
use super::port::Port;
use super::prompt;
use super::show::Column;

/// A kind of record as its commands know it.
pub struct Table {
    /// The command, after `tenantry`.
    pub command: &'static str,
    /// One of them.
    pub noun: &'static str,
    /// What one could be called, for examples; with the options that the command needs.
    pub example: &'static str,
    pub options: &'static str,
    /// Where they are, below `/api/v1` or below the tenant.
    pub path: &'static str,
    /// Where they are listed, below that.
    pub list: &'static [&'static str],
    pub home: Home,
    /// The field by which people call one; none where that is the id.
    pub name: Option<&'static str>,
    pub columns: &'static [Column],
    /// What deleting one does.
    pub deleted: &'static str,
}

/// Whose records of a kind are.
#[derive(Clone, Copy)]
pub enum Home {
    Instance,
    Tenant,
    /// The tenant's if one is named, else the instance's.
    Either,
}

/// A kind of record, for the commands that are the same for all.
pub trait Kind: Debug + Clone + Send + Sync + 'static {
    const TABLE: Table;
}

/// What is done to records of a kind.
pub trait Commands {
    async fn run(&self, port: &Port) -> Result<(), Failure>;
}

/// Commands, and where they go.
#[derive(clap::Args, Debug)]
pub struct At<C: Subcommand, W: Whose> {
    #[command(subcommand)]
    command: C,
    #[command(flatten)]
    whose: W,
    #[command(flatten)]
    connect: Connect,
}

impl<C: Subcommand + Commands, W: Whose> At<C, W> {
    pub async fn run(&self) -> Result<(), Failure> {
        self.command.run(&self.port()?).await
    }
}

impl<C: Subcommand, W: Whose> At<C, W> {
    fn port(&self) -> Result<Port, Failure> {
        self.connect.port(&self.whose)
    }
}

/// The commands that every kind of record has.
#[derive(Subcommand, Debug)]
pub enum Common<K: Kind> {
    #[command(visible_alias = "ls", about = K::TABLE.on_all(), after_help = K::TABLE.listed())]
    List(Listing),
    #[command(about = K::TABLE.on_one("Show"), after_help = K::TABLE.shown())]
    Get(One<K>),
    #[command(visible_alias = "rm", alias = "remove", about = K::TABLE.deletion(), after_help = K::TABLE.gone())]
    Delete(Delete<K>),
}

/// Names one record.
#[derive(clap::Args, Debug)]
pub struct One<K: Kind> {
    #[arg(value_name = K::TABLE.placeholder(), help = K::TABLE.calling())]
    pub id: String,
    #[arg(skip)]
    kind: PhantomData<K>,
}

#[derive(clap::Args, Debug)]
pub struct Delete<K: Kind> {
    #[command(flatten)]
    one: One<K>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    guard: Guard,
}

/// Whether something shall be so of a record.
#[derive(clap::Args, Debug)]
pub struct Set<K: Kind> {
    #[command(flatten)]
    pub of: One<K>,
    /// Whether it shall be so
    #[arg(value_name = "true|false", action = ArgAction::Set)]
    pub to: bool,
}

/// A condition on a record.
#[derive(clap::Args, Debug)]
pub struct Guard {
    /// Only if the record's ETag still is this one
    #[arg(long, value_name = "ETAG")]
    pub if_match: Option<String>,
}

impl Table {
    /// The path of all records of the kind, or of what is below one.
    pub fn path(&self, port: &Port, below: &[&str]) -> String {
        self.path_of(port.tenant.as_deref(), below)
    }

    /// As [`Table::path`], for the tenant that is named.
    pub fn path_of(&self, tenant: Option<&str>, below: &[&str]) -> String {
        let owner = match self.home {
            Home::Instance => None,
            Home::Tenant | Home::Either => tenant,
        };
        let segments: Vec<&str> = owner.into_iter().chain([self.path]).chain(below.iter().copied()).collect();
        Place::path(&segments)
    }

    fn placeholder(&self) -> &'static str {
        match self.name {
            Some("username") => "EMAIL",
            Some(_) => "NAME",
            None => "ID",
        }
    }

    fn calling(&self) -> String {
        match self.name {
            Some("username") => format!("The {}'s e-mail address, or its id", self.noun),
            Some(_) => format!("The {}'s name, or its id", self.noun),
            None => format!("The {}'s id", self.noun),
        }
    }

    fn on_all(&self) -> String {
        format!("Show all {}s", self.noun)
    }

    fn on_one(&self, verb: &str) -> String {
        format!("{verb} one {}", self.noun)
    }

    fn deletion(&self) -> String {
        let article = if self.noun.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
        format!("Delete {article} {}: {}", self.noun, self.deleted)
    }

    fn line(&self, rest: &str) -> String {
        let (command, options) = (self.command, self.options);
        format!("  tenantry {command} {rest}{options}")
    }

    fn listed(&self) -> String {
        let lines = [self.line("list"), self.line("list --query a --sort id:desc -o json")];
        format!("Examples:\n{}", lines.join("\n"))
    }

    fn shown(&self) -> String {
        format!("Example:\n{}", self.line(&format!("get {} -o yaml", self.example)))
    }

    fn gone(&self) -> String {
        format!("Example:\n{}", self.line(&format!("delete {} --yes", self.example)))
    }
}

impl<K: Kind> Common<K> {
    pub async fn run(&self, port: &Port) -> Result<(), Failure> {
        match self {
            Common::List(list) => {
                list.show(port, &K::TABLE.path(port, K::TABLE.list), &[], K::TABLE.columns).await
            }
            Common::Get(one) => port.get(&one.path(port).await?).await,
            Common::Delete(Delete { one, yes, guard }) => {
                if !yes {
                    let Table { noun, deleted, .. } = K::TABLE;
                    prompt::confirm(&format!("Delete {noun} {:?}: {deleted}?", one.id))?;
                }
                let path = one.path(port).await?;
                let if_match = guard.if_match.as_deref();
                port.client.send(Call { method: Method::DELETE, path: &path, if_match, body: None }).await?;
                Ok(())
            }
        }
    }
}

impl<K: Kind> One<K> {
    pub async fn id(&self, port: &Port) -> Result<String, Failure> {
        find::id(port, &K::TABLE, &self.id).await
    }

    pub async fn path(&self, port: &Port) -> Result<String, Failure> {
        Ok(K::TABLE.path(port, &[&self.id(port).await?]))
    }

    /// The path of something that the record has.
    pub async fn below(&self, port: &Port, part: &str) -> Result<String, Failure> {
        Ok(K::TABLE.path(port, &[&self.id(port).await?, part]))
    }
}
