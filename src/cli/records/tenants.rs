//! `tenantry tenants`: the commands on tenants.

use std::collections::BTreeMap;

use clap::ValueEnum;
use serde::Serialize;
use serde_json::{Value, json};

use super::{At, Commands, Common, Guard, Home, Kind, One, Table};
use crate::cli::connect::Instance;
use crate::cli::fault::Failure;
use crate::cli::port::{Fields, Port, fields};

#[derive(Clone, Debug)]
pub struct Tenant;

impl Kind for Tenant {
    const TABLE: Table = Table {
        command: "tenants",
        noun: "tenant",
        example: "acme",
        options: "",
        path: "tenants",
        list: &[],
        home: Home::Instance,
        name: None,
        columns: &[
            ("ID", "id"),
            ("NAME", "name"),
            ("STATE", "state"),
            ("ORG ID", "org_id"),
            ("CREATED", "created_at"),
        ],
        deleted: "its tokens are refused at once, and its roles, groups, keys and service accounts are gone",
    };
}

pub type Tenants = At<Command, Instance>;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Make a tenant
    #[command(
        long_about = "Make a tenant.\n\n\
            What back ends hold for a tenant stays there when it is deleted, out of reach: one made later under \
            the same id gets another org id, and so never sees the old data.",
        after_help = "Examples:\n  \
            tenantry tenants create acme 'Acme Corporation'\n  \
            tenantry tenants create --tenant acme --name 'Acme Corporation' --admin-username ann@example.com"
    )]
    Create(Create),
    /// Change a tenant; its id never changes
    #[command(after_help = "Examples:\n  \
        tenantry tenants update acme --name 'Acme Ltd' --if-match '\"12\"'\n  \
        tenantry tenants update acme --label plan=gold --unlabel trial\n  \
        tenantry tenants update acme --option metrics.max_body_bytes=1048576 --option metrics.methods=GET,HEAD")]
    Update(Update),
    /// Answer all requests of a tenant with 503; its administration goes on
    #[command(after_help = "Example:\n  tenantry tenants suspend acme")]
    Suspend(One<Tenant>),
    /// Serve a suspended tenant again
    #[command(after_help = "Example:\n  tenantry tenants resume acme")]
    Resume(One<Tenant>),
    #[command(flatten)]
    Common(Common<Tenant>),
}

#[derive(clap::Args, Debug)]
#[group(id = "which", required = true, multiple = false, args = ["id", "tenant"])]
pub struct Create {
    /// The tenant's id: a-z, 0-9, '-' and '_', at most 63 characters; it stands in hosts and paths
    #[arg(value_name = "ID", conflicts_with = "name_option")]
    id: Option<String>,
    /// What people call it; the id when left out
    #[arg(value_name = "NAME", conflicts_with = "name_option")]
    name: Option<String>,
    /// The tenant's id, as an option
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// What people call it, as an option
    #[arg(long = "name", value_name = "NAME", id = "name_option")]
    name_option: Option<String>,
    /// A user who becomes its Admin; nobody does when left out
    #[arg(long = "admin-username", visible_alias = "admin", value_name = "EMAIL")]
    admin: Option<String>,
    #[command(flatten)]
    rest: Rest,
}

#[derive(clap::Args, Debug)]
#[group(id = "change", required = true, multiple = true, args = ["name", "description", "labels", "unlabel", "options", "default_role"])]
pub struct Update {
    #[command(flatten)]
    of: One<Tenant>,
    /// What people call it
    #[arg(long)]
    name: Option<String>,
    /// A label that it shall not have any more; can be repeated
    #[arg(long, value_name = "NAME")]
    unlabel: Vec<String>,
    #[command(flatten)]
    rest: Rest,
    #[command(flatten)]
    guard: Guard,
}

#[derive(clap::Args, Debug)]
struct Rest {
    /// What else there is to say; '' to say nothing
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// A label, for people and their tools; can be repeated
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = pair)]
    labels: Vec<(String, String)>,
    /// What differs at a service: upstreams, methods (each with commas between) or max_body_bytes; nothing
    /// after = for what the service has; can be repeated
    #[arg(long = "option", value_name = "SERVICE.OPTION=VALUE", value_parser = service_option)]
    options: Vec<ServiceOption>,
    /// The role that new members are bound to: a role's id, or '' for none
    #[arg(long, value_name = "ROLE")]
    default_role: Option<String>,
}

/// One option at one service.
#[derive(Clone, Debug)]
struct ServiceOption {
    service: String,
    option: Differs,
    value: Value,
}

/// What can differ for a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
enum Differs {
    Upstreams,
    Methods,
    MaxBodyBytes,
}

impl Commands for Command {
    async fn run(&self, port: &Port) -> Result<(), Failure> {
        match self {
            Command::Create(create) => port.create(&Tenant::TABLE.path(port, &[]), create.fields()?).await,
            Command::Update(update) => {
                port.patch(&update.of.path(port).await?, update.guard.if_match.as_deref(), update.fields()?)
                    .await
            }
            Command::Suspend(of) => port.patch(&of.path(port).await?, None, state("SUSPENDED")).await,
            Command::Resume(of) => port.patch(&of.path(port).await?, None, state("ACTIVE")).await,
            Command::Common(common) => common.run(port).await,
        }
    }
}

fn state(state: &str) -> Fields {
    Fields::from_iter([("state".to_owned(), json!(state))])
}

impl Create {
    fn fields(&self) -> Result<Fields, Failure> {
        let mut form = fields(&json!({
            "id": self.id.as_ref().or(self.tenant.as_ref()),
            "name": self.name.as_ref().or(self.name_option.as_ref()),
            "admin": self.admin,
        }))?;
        self.rest.put(&mut form, &[]);
        Ok(form)
    }
}

impl Update {
    fn fields(&self) -> Result<Fields, Failure> {
        let mut form = fields(&json!({ "name": self.name }))?;
        self.rest.put(&mut form, &self.unlabel);
        Ok(form)
    }
}

impl Rest {
    /// In a patch, null takes a label or an option away.
    fn put(&self, form: &mut Fields, unlabel: &[String]) {
        if let Some(text) = &self.description {
            form.insert("description".to_owned(), json!(text));
        }
        if let Some(role) = &self.default_role {
            form.insert("default_role".to_owned(), if role.is_empty() { Value::Null } else { json!(role) });
        }
        let gone = unlabel.iter().map(|name| (name.clone(), Value::Null));
        let labels: Fields =
            self.labels.iter().map(|(name, value)| (name.clone(), json!(value))).chain(gone).collect();
        if !labels.is_empty() {
            form.insert("labels".to_owned(), Value::Object(labels));
        }
        let mut options: BTreeMap<&str, BTreeMap<Differs, &Value>> = BTreeMap::new();
        for ServiceOption { service, option, value } in &self.options {
            options.entry(service).or_default().insert(*option, value);
        }
        if !options.is_empty() {
            form.insert("options".to_owned(), json!(options));
        }
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn service_option(text: &str) -> Result<ServiceOption, String> {
    let fault =
        "expected SERVICE.upstreams=URL,URL, SERVICE.methods=GET,POST or SERVICE.max_body_bytes=NUMBER";
    let (place, value) = text.split_once('=').ok_or(fault)?;
    let (service, option) = place.rsplit_once('.').ok_or(fault)?;
    let option = Differs::from_str(option, false).map_err(|_| fault)?;
    let value = match option {
        _ if value.is_empty() => Value::Null,
        Differs::MaxBodyBytes => json!(value.parse::<u64>().map_err(|_| fault)?),
        Differs::Upstreams | Differs::Methods => json!(value.split(',').map(str::trim).collect::<Vec<_>>()),
    };
    Ok(ServiceOption { service: service.to_owned(), option, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_name_a_service_and_what_differs() {
        let read = |text| service_option(text).map(|read| (read.service, read.option, read.value));
        let body = |value| Ok(("metrics".to_owned(), Differs::MaxBodyBytes, value));
        assert_eq!(read("metrics.max_body_bytes=9"), body(json!(9)));
        assert_eq!(read("metrics.max_body_bytes="), body(Value::Null));
        let methods = ("logs".to_owned(), Differs::Methods, json!(["GET", "POST"]));
        assert_eq!(read("logs.methods=GET, POST"), Ok(methods));
        for bad in ["metrics", "metrics=1", "metrics.color=red", "metrics.max_body_bytes=many"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
