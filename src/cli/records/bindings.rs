//! `tenantry bindings`: who has which role in a tenant.

use std::collections::BTreeSet;

use serde_json::json;

use super::find::{self, Holder};
use super::roles::Role;
use super::{At, Commands, Common, Home, Kind, Table};
use crate::cli::connect::Within;
use crate::cli::fault::Failure;
use crate::cli::port::{Fields, Port};

#[derive(Clone, Debug)]
pub struct Binding;

impl Kind for Binding {
    const TABLE: Table = Table {
        command: "bindings",
        noun: "binding",
        example: "2XDKrmqyHDkoGnU11wlj87",
        options: " --tenant acme",
        path: "bindings",
        list: &[],
        home: Home::Tenant,
        name: None,
        columns: &[
            ("ID", "id"),
            ("ROLE", "role.name"),
            ("TYPE", "user.type|type"),
            ("WHO", "group.name|user.username"),
            ("SERVICES", "services"),
        ],
        deleted: "what it gave ends at once",
    };
}

pub type Bindings = At<Command, Within>;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Give a role to a user, a service account or a group
    #[command(
        long_about = "Give a role to a user, a service account or a group. A user who has no access to the \
            tenant yet gets it. A binding never changes: delete it and make another.",
        after_help = "Examples:\n  \
            tenantry bindings create --role Editor --for-user ann@example.com --tenant acme\n  \
            tenantry bindings create --role Writer --for-service-account agent --service metrics --tenant acme\n  \
            tenantry bindings create --role dashboards --for-group on-call --tenant acme"
    )]
    Create(Create),
    #[command(flatten)]
    Common(Common<Binding>),
}

#[derive(clap::Args, Debug)]
pub struct Create {
    /// The role, by its name or id
    #[arg(long, value_name = "NAME")]
    role: String,
    #[command(flatten)]
    holder: Holder,
    /// A service at which alone it shall hold; can be repeated
    #[arg(long = "service", value_name = "NAME")]
    services: Vec<String>,
}

impl Commands for Command {
    async fn run(&self, port: &Port) -> Result<(), Failure> {
        match self {
            Command::Create(create) => {
                let (kind, holder) = create.holder.find(port).await?;
                let role = find::id(port, &Role::TABLE, &create.role).await?;
                let mut form = Fields::from_iter([
                    ("type".to_owned(), json!(kind)),
                    ("externalId".to_owned(), json!(holder)),
                    ("roleId".to_owned(), json!(role)),
                ]);
                if !create.services.is_empty() {
                    form.insert("services".to_owned(), json!(BTreeSet::from_iter(&create.services)));
                }
                port.create(&Binding::TABLE.path(port, &[]), form).await
            }
            Command::Common(common) => common.run(port).await,
        }
    }
}
