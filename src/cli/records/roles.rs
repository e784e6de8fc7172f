//! `tenantry roles`: what can be permitted together in a tenant.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use serde::Serialize;
use serde_json::{Value, json};

use super::{At, Commands, Common, Guard, Home, Kind, One, Table};
use crate::cli::client::Place;
use crate::cli::connect::Within;
use crate::cli::fault::Failure;
use crate::cli::port::{Fields, Port, fields};

#[derive(Clone, Debug)]
pub struct Role;

impl Kind for Role {
    const TABLE: Table = Table {
        command: "roles",
        noun: "role",
        example: "dashboards",
        options: " --tenant acme",
        path: "roles",
        list: &[],
        home: Home::Tenant,
        name: Some("name"),
        columns: &[
            ("ID", "id"),
            ("NAME", "name"),
            ("PERMISSIONS", "permissionCount"),
            ("DEFAULT", "isDefault"),
            ("MANAGED", "isManaged"),
        ],
        deleted: "not while it is bound to anybody",
    };
}

pub type Roles = At<Command, Within>;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Make a role; `tenantry bindings create` gives it to somebody
    #[command(
        after_help = "Example:\n  tenantry roles create dashboards --permission metrics:read --permission logs:read,delete --tenant acme"
    )]
    Create(Create),
    /// Change a role; the managed ones never change
    #[command(after_help = "Examples:\n  \
        tenantry roles update dashboards --add traces:read --remove logs:delete --tenant acme\n  \
        tenantry roles update dashboards --default true --tenant acme")]
    Update(Update),
    /// Show what can be permitted
    #[command(after_help = "Example:\n  tenantry roles permissions --tenant acme")]
    Permissions,
    #[command(flatten)]
    Common(Common<Role>),
}

#[derive(clap::Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Create {
    /// What it is called, once in the tenant
    name: String,
    /// What it permits: RESOURCE:ACTION,ACTION; can be repeated
    #[arg(long = "permission", value_name = "RES:ACT,ACT", value_parser = permission, required = true)]
    #[serde(skip)]
    permissions: Vec<Permission>,
    /// What else there is to say
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Who gets access to the tenant is bound to it from now on
    #[arg(long = "default")]
    is_default: bool,
}

#[derive(clap::Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[group(id = "change", required = true, multiple = true, args = ["name", "permissions", "add", "remove", "description", "is_default"])]
pub struct Update {
    #[command(flatten)]
    #[serde(skip)]
    of: One<Role>,
    /// What it is called from now on
    #[arg(long)]
    name: Option<String>,
    /// All that it shall permit: RESOURCE:ACTION,ACTION; can be repeated
    #[arg(long = "permission", value_name = "RES:ACT,ACT", value_parser = permission, conflicts_with_all = ["add", "remove"])]
    #[serde(skip)]
    permissions: Vec<Permission>,
    /// What it shall permit besides; can be repeated
    #[arg(long, value_name = "RES:ACT,ACT", value_parser = permission)]
    #[serde(skip)]
    add: Vec<Permission>,
    /// What it shall not permit any more; can be repeated
    #[arg(long, value_name = "RES:ACT,ACT", value_parser = permission)]
    #[serde(skip)]
    remove: Vec<Permission>,
    /// What else there is to say; '' to say nothing
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Whether who gets access to the tenant is bound to it
    #[arg(long = "default", value_name = "true|false")]
    is_default: Option<bool>,
    #[command(flatten)]
    #[serde(skip)]
    guard: Guard,
}

/// Actions on one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Permission {
    resource: String,
    actions: Vec<String>,
}

/// What a role permits: actions by resource.
type Permits = BTreeMap<String, BTreeSet<String>>;

impl Commands for Command {
    async fn run(&self, port: &Port) -> Result<(), Failure> {
        match self {
            Command::Create(create) => {
                let mut form = fields(create)?;
                form.insert("permissions".to_owned(), json!(permits(&create.permissions)));
                port.create(&Role::TABLE.path(port, &[]), form).await
            }
            Command::Update(update) => update.run(port).await,
            Command::Permissions => {
                let tenant = port.tenant.as_deref().unwrap_or_default();
                port.get(&Place::path(&[tenant, "acls", "permissions"])).await
            }
            Command::Common(common) => common.run(port).await,
        }
    }
}

impl Update {
    async fn run(&self, port: &Port) -> Result<(), Failure> {
        let form = fields(self)?;
        let path = self.of.path(port).await?;
        port.edit(&path, self.guard.if_match.as_deref(), |record| {
            record.extend(form);
            let permissions = self.permissions_after(record)?;
            record.insert("permissions".to_owned(), json!(permissions));
            Ok(())
        })
        .await
    }

    fn permissions_after(&self, record: &Fields) -> Result<Permits, Failure> {
        if !self.permissions.is_empty() {
            return Ok(permits(&self.permissions));
        }
        let before = record.get("permissions").cloned().unwrap_or(Value::Null);
        let mut after: Permits =
            serde_json::from_value(before).context("the admin port shows no permissions of this role")?;
        for (resource, actions) in permits(&self.add) {
            after.entry(resource).or_default().extend(actions);
        }
        for (resource, actions) in permits(&self.remove) {
            if let Some(left) = after.get_mut(&resource) {
                left.retain(|action| !actions.contains(action));
            }
        }
        after.retain(|_, actions| !actions.is_empty());
        Ok(after)
    }
}

fn permits(permissions: &[Permission]) -> Permits {
    let mut permits = Permits::new();
    for Permission { resource, actions } in permissions {
        permits.entry(resource.clone()).or_default().extend(actions.iter().cloned());
    }
    permits
}

/// Resources and actions are written as the admin port shows them: data in small letters, records in
/// capitals.
fn permission(text: &str) -> Result<Permission, String> {
    let fault = "expected RESOURCE:ACTION,ACTION, such as metrics:read,write or BINDING:CREATE";
    let (resource, actions) = text.split_once(':').ok_or(fault)?;
    let data = ["metrics", "logs", "traces", "profiles", "rules", "alerts", "data"];
    let case: fn(&str) -> String = match data.iter().any(|known| resource.eq_ignore_ascii_case(known)) {
        true => str::to_ascii_lowercase,
        false => str::to_ascii_uppercase,
    };
    let actions: Vec<String> = actions.split(',').map(|action| case(action.trim())).collect();
    if resource.is_empty() || actions.iter().any(String::is_empty) {
        return Err(fault.to_owned());
    }
    Ok(Permission { resource: case(resource), actions })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_read_in_any_case() {
        let read = |text| permission(text).map(|read| (read.resource, read.actions.join(",")));
        assert_eq!(read("Metrics:READ,write"), Ok(("metrics".to_owned(), "read,write".to_owned())));
        assert_eq!(read("binding:create"), Ok(("BINDING".to_owned(), "CREATE".to_owned())));
        for bad in ["metrics", ":read", "metrics:", "metrics:read,"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
