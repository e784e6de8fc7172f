//! `tenantry groups members`: who is in a group.

use std::collections::BTreeSet;

use clap::ValueEnum;
use serde_json::Value;

use super::groups::Group;
use super::{One, find};
use crate::cli::client::{ClientError, Place};
use crate::cli::fault::Failure;
use crate::cli::listing::{Listing, all_of};
use crate::cli::port::Port;
use crate::cli::show::Column;

use super::users::exists;

const COLUMNS: [Column; 4] =
    [("ID", "id"), ("WHO", "username"), ("NAME", "displayName"), ("MEMBERSHIP", "groups.membership")];

#[derive(clap::Subcommand, Debug)]
pub enum Members {
    /// Show who is in a group
    #[command(
        visible_alias = "ls",
        after_help = "Example:\n  tenantry groups members list on-call --tenant acme"
    )]
    List(List),
    /// Put users and service accounts into a group; who is in it already stays
    #[command(after_help = "Examples:\n  \
        tenantry groups members add on-call ann@example.com agent --tenant acme\n  \
        tenantry groups members add on-call bob@example.com --as owner --tenant acme")]
    Add(Add),
    /// Take users and service accounts out of a group
    #[command(
        visible_alias = "rm",
        after_help = "Example:\n  tenantry groups members remove on-call ann@example.com --tenant acme"
    )]
    Remove(Crowd),
    /// Make a group's members exactly these
    #[command(
        after_help = "Example:\n  tenantry groups members set on-call ann@example.com bob@example.com --tenant acme"
    )]
    Set(Crowd),
}

#[derive(clap::Args, Debug)]
pub struct List {
    #[command(flatten)]
    of: One<Group>,
    #[command(flatten)]
    listing: Listing,
}

#[derive(clap::Args, Debug)]
pub struct Add {
    #[command(flatten)]
    some: Crowd,
    /// What they are in it; who is new is a member
    #[arg(long = "as", value_enum, value_name = "WHAT")]
    membership: Option<Membership>,
}

#[derive(clap::Args, Debug)]
pub struct Crowd {
    #[command(flatten)]
    of: One<Group>,
    /// Users and service accounts, by e-mail address, name or id
    #[arg(value_name = "WHO", required = true)]
    who: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Membership {
    /// Manages who is in the group
    Owner,
    /// Has what the group gives
    Member,
}

pub async fn run(command: &Members, port: &Port) -> Result<(), Failure> {
    match command {
        Members::List(List { of, listing }) => {
            listing.show(port, &of.below(port, "members").await?, &[], &COLUMNS).await
        }
        Members::Add(Add { some, membership }) => {
            let seats = Seats::of(port, &some.of).await?;
            for id in some.ids(port).await? {
                seats.add(&id).await?;
                if let Some(membership) = membership {
                    seats.appoint(&id, *membership).await?;
                }
            }
            Ok(())
        }
        Members::Remove(some) => {
            let seats = Seats::of(port, &some.of).await?;
            for id in some.ids(port).await? {
                seats.remove(&id).await?;
            }
            Ok(())
        }
        Members::Set(some) => {
            let seats = Seats::of(port, &some.of).await?;
            let wanted = some.ids(port).await?;
            let there = seats.taken().await?;
            for id in wanted.difference(&there) {
                seats.add(id).await?;
            }
            for id in there.difference(&wanted) {
                seats.remove(id).await?;
            }
            Ok(())
        }
    }
}

impl Crowd {
    async fn ids(&self, port: &Port) -> Result<BTreeSet<String>, Failure> {
        let mut ids = BTreeSet::new();
        for who in &self.who {
            ids.insert(find::anyone(port, who).await?);
        }
        Ok(ids)
    }
}

/// Who is in one group.
struct Seats<'a> {
    port: &'a Port,
    tenant: &'a str,
    group: String,
}

impl<'a> Seats<'a> {
    async fn of(port: &'a Port, group: &One<Group>) -> Result<Self, Failure> {
        let tenant = port.tenant.as_deref().unwrap_or_default();
        Ok(Seats { port, tenant, group: group.id(port).await? })
    }

    fn path(&self, below: &[&str]) -> String {
        Place::path(&[&[self.tenant, "groups", &self.group, "members"], below].concat())
    }

    async fn taken(&self) -> Result<BTreeSet<String>, Failure> {
        let members = all_of(&self.port.client, &self.path(&[])).await?;
        let id = |member: &Value| member["id"].as_str().map(str::to_owned);
        Ok(members.iter().filter_map(id).collect())
    }

    async fn add(&self, id: &str) -> Result<(), ClientError> {
        match self.port.client.put(&self.path(&[id])).await {
            Err(refused) if exists(&refused) => Ok(()),
            answer => answer.map(drop),
        }
    }

    async fn remove(&self, id: &str) -> Result<(), ClientError> {
        self.port.client.delete(&self.path(&[id])).await.map(drop)
    }

    async fn appoint(&self, id: &str, membership: Membership) -> Result<(), ClientError> {
        let word = match membership {
            Membership::Owner => "OWNER",
            Membership::Member => "MEMBER",
        };
        let path = self.path(&["membership", id]) + &Place::query(&[("membership", word)]);
        self.port.client.put(&path).await.map(drop)
    }
}
