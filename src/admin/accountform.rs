//! Service accounts as they are written and shown on the wire.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{Rest, nullable};
use super::problem::Refusal;
use super::words;
use crate::control::{AccountChange, Flaws, Machine, NewAccount, Prose};
use crate::model::{Id, Slug, TenantId};

/// What Kestra's clients say of a service account and this gateway has no use for.
const KESTRA: &[&str] = &["id", "namespaceId"];
/// What the gateway says itself; whoever writes back what was read sends it along.
const OURS: &[&str] = &["createdAt", "tenant", "updatedAt"];

/// A service account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ServiceAccount)]
pub(super) struct Shown {
    #[schema(example = "2XDKrmqyHDkoGnU11wlj87")]
    id: String,
    #[schema(example = "grafana-agent")]
    name: String,
    description: String,
    /// Whether it manages tenants and identities everywhere.
    super_admin: bool,
    /// Whether its tokens are refused.
    disabled: bool,
    /// The tenant that owns it; left out when it is the instance's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "acme", required = false, value_type = String)]
    tenant: Option<String>,
    /// Its groups in that tenant; left out when it is the instance's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = Vec<GroupRef>)]
    groups: Option<Vec<GroupRef>>,
    /// The tenants to which it has access, in a list the first hundred; left out when a tenant owns it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = Vec<TenantRef>)]
    tenants: Option<Vec<TenantRef>>,
    /// RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
    /// RFC 3339.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// A group, by its id.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(expecting = "an object with \"id\"")]
#[schema(as = ServiceAccountGroup)]
pub(super) struct GroupRef {
    #[schema(value_type = words::Id)]
    id: String,
}

/// A tenant, by its id and name.
#[derive(Serialize, ToSchema)]
#[schema(as = ServiceAccountTenant)]
pub(super) struct TenantRef {
    #[schema(example = "acme")]
    id: String,
    #[schema(example = "Acme, Inc.")]
    name: String,
}

/// A service account of the instance to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "a JSON object")]
#[schema(as = ServiceAccountForm)]
pub(super) struct Form {
    /// Unique among those of the instance.
    #[schema(value_type = words::Slug)]
    name: Option<String>,
    #[schema(value_type = Option<words::Prose>)]
    description: Option<String>,
    /// Whether it manages tenants and identities everywhere.
    #[schema(default = false)]
    super_admin: Option<bool>,
    /// The ids of tenants to which it gets access. What it may do there, bindings say.
    #[schema(value_type = Option<Vec<words::TenantId>>)]
    tenants: Option<Vec<String>>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

/// What shall change about a service account of the instance: what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "a JSON object")]
#[schema(as = ServiceAccountPatch)]
pub(super) struct Patch {
    #[schema(value_type = Option<words::Slug>)]
    name: Option<String>,
    #[schema(value_type = Option<words::Prose>)]
    description: Option<String>,
    /// Whether its tokens are refused.
    disabled: Option<bool>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

/// Whether somebody is a super admin.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "a JSON object")]
#[schema(as = ServiceAccountRank)]
pub(super) struct Rank {
    #[schema(value_type = bool)]
    super_admin: Option<bool>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

/// A service account of a tenant to be made, or what one shall be. `id` and `namespaceId`, which
/// Kestra's clients send, are accepted and ignored.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "a JSON object")]
#[schema(as = TenantServiceAccountForm)]
pub(super) struct TenantForm {
    /// Unique among those of the tenant.
    #[schema(value_type = words::Slug)]
    name: Option<String>,
    /// Empty when left out.
    #[schema(value_type = Option<words::Prose>)]
    description: Option<String>,
    /// Nothing but false: super admins belong to the instance.
    #[schema(value_type = Option<words::Never>)]
    super_admin: Option<bool>,
    /// All its groups: null stands for none. Left out, they stay as they are.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Vec<GroupRef>>)]
    groups: Option<Option<Vec<GroupRef>>>,
    /// Whether its tokens are refused. Left out, it stays as it is. Not when creating.
    disabled: Option<bool>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

impl From<Machine> for Shown {
    fn from(machine: Machine) -> Self {
        let Machine { account, groups, tenants } = machine;
        let owned = account.tenant.is_some();
        let groups = groups.into_iter().map(|id| GroupRef { id: id.to_string() }).collect();
        let tenants = tenants.into_iter().map(|(id, name)| TenantRef { id: id.into(), name }).collect();
        Shown {
            id: account.id.to_string(),
            name: account.name.to_string(),
            description: account.description,
            super_admin: account.super_admin,
            disabled: account.disabled,
            tenant: account.tenant.map(String::from),
            groups: owned.then_some(groups),
            tenants: (!owned).then_some(tenants),
            created_at: account.created_at.to_string(),
            updated_at: account.updated_at.to_string(),
        }
    }
}

impl Form {
    pub(super) fn create(self) -> Result<NewAccount, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[], &mut flaws);
        let name = read_name(self.name, &mut flaws);
        let description = read_description(self.description, &mut flaws);
        let ids = self.tenants.unwrap_or_default();
        let read = ids.iter().enumerate();
        let read = read.filter_map(|(at, id)| flaws.take(&format!("tenants[{at}]"), TenantId::parse(id)));
        let tenants = read.collect();
        let name = flaws.yields(name)?;
        let super_admin = self.super_admin.unwrap_or(false);
        Ok(NewAccount { name, description, super_admin, tenants, groups: BTreeSet::new() })
    }
}

impl Patch {
    pub(super) fn change(self) -> Result<AccountChange, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[], &mut flaws);
        let name = self.name.and_then(|name| flaws.take("name", Slug::parse(&name)));
        let description = self.description.map(|text| read_description(Some(text), &mut flaws));
        flaws.settle()?;
        Ok(AccountChange { name, description, disabled: self.disabled, ..AccountChange::default() })
    }
}

impl Rank {
    pub(super) fn change(self) -> Result<AccountChange, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[], &mut flaws);
        let super_admin = flaws.take("superAdmin", self.super_admin.ok_or("is missing"));
        let super_admin = Some(flaws.yields(super_admin)?);
        Ok(AccountChange { super_admin, ..AccountChange::default() })
    }
}

impl TenantForm {
    pub(super) fn create(self) -> Result<NewAccount, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[KESTRA], &mut flaws);
        if self.disabled == Some(true) {
            flaws.add("disabled", "can only be changed: what is made is not disabled");
        }
        no_super_admin(self.super_admin, &mut flaws);
        let name = read_name(self.name, &mut flaws);
        let description = read_description(self.description, &mut flaws);
        let groups = read_groups(self.groups.flatten(), &mut flaws);
        let name = flaws.yields(name)?;
        Ok(NewAccount { name, description, super_admin: false, tenants: BTreeSet::new(), groups })
    }

    pub(super) fn replace(self) -> Result<AccountChange, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[KESTRA, OURS], &mut flaws);
        no_super_admin(self.super_admin, &mut flaws);
        let name = read_name(self.name, &mut flaws);
        let description = Some(read_description(self.description, &mut flaws));
        let groups = self.groups.map(|groups| read_groups(groups, &mut flaws));
        let name = Some(flaws.yields(name)?);
        Ok(AccountChange { name, description, super_admin: None, disabled: self.disabled, groups })
    }
}

fn read_name(name: Option<String>, flaws: &mut Flaws) -> Option<Slug> {
    match name {
        Some(name) => flaws.take("name", Slug::parse(&name)),
        None => flaws.take("name", Err("is missing")),
    }
}

fn read_description(text: Option<String>, flaws: &mut Flaws) -> Prose {
    flaws.take("description", Prose::parse(text.unwrap_or_default())).unwrap_or_default()
}

fn no_super_admin(given: Option<bool>, flaws: &mut Flaws) {
    if given == Some(true) {
        flaws.add("superAdmin", "is for service accounts of the instance alone");
    }
}

fn read_groups(groups: Option<Vec<GroupRef>>, flaws: &mut Flaws) -> BTreeSet<Id> {
    let groups = groups.unwrap_or_default();
    let read = groups.iter().enumerate();
    read.filter_map(|(at, group)| flaws.take(&format!("groups[{at}].id"), group.id.parse())).collect()
}
