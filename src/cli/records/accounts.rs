//! `tenantry service-accounts`: machines, which have API tokens and nothing else. The tenant's with
//! `--tenant`, else the instance's.

use serde::Serialize;
use serde_json::json;

use super::{At, Commands, Common, Guard, Home, Kind, One, Set, Table, users};
use crate::cli::connect::Owner;
use crate::cli::fault::Failure;
use crate::cli::port::{Fields, Port, fields};

#[derive(Clone, Debug)]
pub struct Account;

impl Kind for Account {
    const TABLE: Table = Table {
        command: "service-accounts",
        noun: "service account",
        example: "agent",
        options: " --tenant acme",
        path: "service-accounts",
        list: &[],
        home: Home::Either,
        name: Some("name"),
        columns: &[
            ("ID", "id"),
            ("NAME", "name"),
            ("TENANT", "tenant"),
            ("SUPER ADMIN", "superAdmin"),
            ("DISABLED", "disabled"),
            ("DESCRIPTION", "description"),
        ],
        deleted: "its API tokens are refused at once",
    };
}

pub type Accounts = At<Command, Owner>;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Make a service account; `tenantry api-tokens create` makes its tokens
    #[command(after_help = "Examples:\n  \
        tenantry service-accounts create agent --tenant acme --group agents\n  \
        tenantry service-accounts create terraform --super-admin")]
    Create(Create),
    /// Change a service account's name, description or groups
    #[command(
        after_help = "Example:\n  tenantry service-accounts update agent --tenant acme --description 'Grafana Alloy'"
    )]
    Update(Update),
    /// Say whether a service account of the instance manages tenants and identities everywhere
    #[command(after_help = "Example:\n  tenantry service-accounts set-superadmin terraform true")]
    SetSuperadmin(Set<Account>),
    /// Refuse all tokens of a service account; they stay
    #[command(after_help = "Example:\n  tenantry service-accounts disable agent --tenant acme")]
    Disable(One<Account>),
    /// Accept a disabled service account's tokens again
    #[command(after_help = "Example:\n  tenantry service-accounts enable agent --tenant acme")]
    Enable(One<Account>),
    #[command(flatten)]
    Common(Common<Account>),
}

#[derive(clap::Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Create {
    /// What it is called: a-z, 0-9 and '-' between them, at most 63 characters
    name: String,
    /// What else there is to say
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// A tenant to which one of the instance gets access; can be repeated
    #[arg(long = "access", value_name = "ID", conflicts_with_all = ["tenant", "groups"])]
    tenants: Vec<String>,
    /// A group of the tenant that it is put into, by name or id; can be repeated
    #[arg(long = "group", value_name = "NAME", requires = "tenant")]
    #[serde(skip)]
    groups: Vec<String>,
    /// It manages tenants and identities everywhere; only for one of the instance
    #[arg(long, conflicts_with = "tenant")]
    super_admin: bool,
}

#[derive(clap::Args, Debug, Serialize)]
pub struct Update {
    #[command(flatten)]
    #[serde(skip)]
    of: One<Account>,
    /// What it is called from now on
    #[arg(long, required_unless_present_any = ["description", "groups"])]
    name: Option<String>,
    /// What else there is to say; '' to say nothing
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// All the groups of the tenant that it shall be in, by name or id; can be repeated
    #[arg(long = "group", value_name = "NAME", requires = "tenant")]
    #[serde(skip)]
    groups: Vec<String>,
    #[command(flatten)]
    #[serde(skip)]
    guard: Guard,
}

impl Commands for Command {
    async fn run(&self, port: &Port) -> Result<(), Failure> {
        match self {
            Command::Create(create) => {
                let mut form = fields(create)?;
                put_groups(port, &create.groups, &mut form).await?;
                port.create(&Account::TABLE.path(port, &[]), form).await
            }
            Command::Update(update) => {
                let mut form = fields(update)?;
                put_groups(port, &update.groups, &mut form).await?;
                change(port, &update.of, update.guard.if_match.as_deref(), form).await
            }
            Command::SetSuperadmin(Set { of, to }) => {
                let path = of.below(port, "superadmin").await?;
                port.patch(&path, None, one("superAdmin", *to)).await
            }
            Command::Disable(of) => change(port, of, None, one("disabled", true)).await,
            Command::Enable(of) => change(port, of, None, one("disabled", false)).await,
            Command::Common(common) => common.run(port).await,
        }
    }
}

/// The instance's are changed by field; a tenant's are replaced.
async fn change(port: &Port, of: &One<Account>, if_match: Option<&str>, form: Fields) -> Result<(), Failure> {
    let path = of.path(port).await?;
    match &port.tenant {
        None => port.patch(&path, if_match, form).await,
        Some(_) => {
            let put = |record: &mut Fields| {
                record.extend(form);
                Ok(())
            };
            port.edit(&path, if_match, put).await
        }
    }
}

fn one(field: &str, to: bool) -> Fields {
    Fields::from_iter([(field.to_owned(), json!(to))])
}

async fn put_groups(port: &Port, names: &[String], form: &mut Fields) -> Result<(), Failure> {
    if let (Some(tenant), false) = (&port.tenant, names.is_empty()) {
        let ids = users::group_ids(port, std::slice::from_ref(tenant), names).await?;
        let groups: Vec<_> = ids.iter().map(|id| json!({ "id": id })).collect();
        form.insert("groups".to_owned(), json!(groups));
    }
    Ok(())
}
