//! Tenants as they are written and shown on the wire.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::body::{Rest, nullable};
use super::openapi::needing;
use super::problem::Refusal;
use super::tenantparts::{
    AdminForm, LabelsForm, MaybeOptions, OptionsForm, OptionsShown, State, read_labels, read_options,
};
use super::words;
use crate::control::{Flaws, Name, NewTenant, Prose, TenantChange};
use crate::model::{RoleId, Tenant, TenantId};

/// What Kestra's clients say of a tenant and this gateway has no use for.
const KESTRA: &[&str] = &[
    "appCatalogConfig",
    "concurrency",
    "defaultWorkerSelector",
    "logo",
    "outputsInInternalStorage",
    "quotas",
    "requireExistingNamespace",
    "sdkDefaultAuthentication",
    "secretConfiguration",
    "secretIsolation",
    "secretReadOnly",
    "secretType",
    "settings",
    "storageConfiguration",
    "storageIsolation",
    "storageType",
    "workerGroup",
];
/// What the gateway says itself; whoever writes back what was read sends it along.
const OURS: &[&str] = &["created_at", "org_id", "updated_at"];

/// A tenant.
#[derive(Serialize, ToSchema)]
#[schema(as = Tenant)]
pub(super) struct Shown {
    #[schema(example = "acme")]
    id: String,
    #[schema(example = "Acme, Inc.")]
    name: String,
    description: String,
    /// What back ends know the tenant by. A tenant that is made again under the id of a deleted one
    /// gets another.
    #[schema(example = "acme")]
    org_id: String,
    state: State,
    /// For people and their tools; the gateway decides nothing by them.
    labels: BTreeMap<String, String>,
    /// What differs from the configuration, by the name of the service. Shown to whom SERVICE:READ is
    /// given.
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<BTreeMap<String, OptionsShown>>,
    /// The role that new members are bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "viewer_acme")]
    default_role: Option<String>,
    /// RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
    /// RFC 3339.
    #[schema(format = DateTime)]
    updated_at: String,
    /// Always false: deleted tenants are not shown.
    deleted: bool,
}

impl Shown {
    pub(super) fn of(tenant: Tenant, with_options: bool) -> Self {
        let options = tenant.options.into_iter().map(|(service, options)| (service, options.into()));
        Shown {
            default_role: tenant.default_role.map(|role| role.text(&tenant.id)),
            id: tenant.id.into(),
            name: tenant.name,
            description: tenant.description,
            org_id: tenant.org_id.as_str().to_owned(),
            state: tenant.state.into(),
            labels: tenant.labels,
            options: with_options.then(|| options.collect()),
            created_at: tenant.created_at.to_string(),
            updated_at: tenant.updated_at.to_string(),
            deleted: false,
        }
    }
}

/// A tenant to be made, or what one shall be. Fields that Kestra's clients send beside these are
/// accepted and ignored; others are refused.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "a JSON object")]
#[schema(as = TenantForm)]
pub(super) struct Form {
    /// Needed when creating; cannot be changed.
    #[schema(value_type = Option<words::TenantId>)]
    id: Option<String>,
    /// For people; the id when left out.
    #[schema(value_type = Option<words::Name>)]
    name: Option<String>,
    /// Empty when left out.
    #[schema(value_type = Option<words::Prose>)]
    description: Option<String>,
    /// A suspended tenant's requests are answered 503; its administration works. For super admins.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<State>)]
    state: Option<Option<State>>,
    /// For people and their tools: at most 64, names of at most 63 characters, values of at most 255.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<BTreeMap<String, words::Label>>)]
    labels: Option<Option<LabelsForm>>,
    /// What differs from the configuration, by the name of the service. For super admins.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<BTreeMap<String, MaybeOptions>>)]
    options: Option<Option<BTreeMap<String, Option<OptionsForm>>>>,
    /// The role that new members are bound to, by its id. Needs the rights that it gives.
    #[serde(default, alias = "defaultRole", deserialize_with = "nullable")]
    #[schema(value_type = Option<words::RoleId>)]
    default_role: Option<Option<String>>,
    /// When creating: a user, by name or as `{"email": …}`, who gets the tenant's Admin role. Nobody
    /// does when left out: only super admins make tenants.
    admin: Option<AdminForm>,
    /// Nothing but false: tenants are deleted with DELETE.
    #[schema(value_type = Option<words::Never>)]
    deleted: Option<bool>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

/// A [`Form`] that says what a new tenant needs.
pub(super) struct Draft;

impl PartialSchema for Draft {
    fn schema() -> RefOr<Schema> {
        needing::<Form, words::TenantId>("A tenant to be made.", "id")
    }
}

impl ToSchema for Draft {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("NewTenant")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Form::schemas(schemas);
    }
}

/// What shall change about a tenant (RFC 7396): what is left out stays, null means the default.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "a JSON object")]
#[schema(as = TenantPatch)]
pub(super) struct Patch {
    /// Nothing but the tenant's own id.
    #[schema(value_type = Option<words::TenantId>)]
    id: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<words::Name>)]
    name: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<words::Prose>)]
    description: Option<Option<String>>,
    /// A suspended tenant's requests are answered 503; its administration works. For super admins.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<State>)]
    state: Option<Option<State>>,
    /// For people and their tools: at most 64, names of at most 63 characters, values of at most 255. Null
    /// takes one out.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<BTreeMap<String, words::Label>>)]
    labels: Option<Option<LabelsForm>>,
    /// What differs from the configuration, by the name of the service. Null
    /// takes one out. For super admins.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<BTreeMap<String, MaybeOptions>>)]
    options: Option<Option<BTreeMap<String, Option<OptionsForm>>>>,
    /// The role that new members are bound to, by its id. Needs the rights that it gives.
    #[serde(default, alias = "defaultRole", deserialize_with = "nullable")]
    #[schema(value_type = Option<words::RoleId>)]
    default_role: Option<Option<String>>,
    /// Nothing but false: tenants are deleted with DELETE.
    #[schema(value_type = Option<words::Never>)]
    deleted: Option<bool>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

impl Form {
    pub(super) fn create(self) -> Result<NewTenant, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[KESTRA], &mut flaws);
        undeleted(self.deleted, &mut flaws);
        let id = match self.id {
            Some(id) => flaws.take("id", TenantId::parse(&id)),
            None => flaws.take("id", Err("is missing")),
        };
        let name = Some(read_name(self.name, &mut flaws));
        let description = Some(read_description(self.description, &mut flaws));
        let admin = self.admin.and_then(|admin| flaws.take("admin", admin.read()));
        let ours = Ours(self.state, self.labels, self.options, self.default_role);
        let ours = ours.read(id.as_ref(), true, &mut flaws);
        let id = flaws.yields(id)?;
        Ok(NewTenant { id, admin, rest: TenantChange { name, description, ..ours } })
    }

    pub(super) fn replace(self, id: &TenantId) -> Result<TenantChange, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[KESTRA, OURS], &mut flaws);
        undeleted(self.deleted, &mut flaws);
        same_id(self.id, id, &mut flaws);
        if self.admin.is_some() {
            flaws.add("admin", "is for new tenants: bind the user to the Admin role");
        }
        let name = Some(read_name(self.name, &mut flaws));
        let description = Some(read_description(self.description, &mut flaws));
        let ours = Ours(self.state, self.labels, self.options, self.default_role);
        let ours = ours.read(Some(id), true, &mut flaws);
        flaws.settle()?;
        Ok(TenantChange { name, description, ..ours })
    }
}

impl Patch {
    pub(super) fn change(self, id: &TenantId) -> Result<TenantChange, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[KESTRA, OURS], &mut flaws);
        undeleted(self.deleted, &mut flaws);
        same_id(self.id, id, &mut flaws);
        let name = self.name.map(|name| read_name(name, &mut flaws));
        let description = self.description.map(|text| read_description(text, &mut flaws));
        let ours = Ours(self.state, self.labels, self.options, self.default_role);
        let ours = ours.read(Some(id), false, &mut flaws);
        flaws.settle()?;
        Ok(TenantChange { name, description, ..ours })
    }
}

/// What only this gateway knows of a tenant: state, labels, options, default role.
struct Ours(
    Option<Option<State>>,
    Option<Option<LabelsForm>>,
    Option<Option<BTreeMap<String, Option<OptionsForm>>>>,
    Option<Option<String>>,
);

impl Ours {
    /// Whole maps are replaced, or changed entry by entry. Without an `id` no role can be read.
    fn read(self, id: Option<&TenantId>, whole: bool, flaws: &mut Flaws) -> TenantChange {
        let Ours(state, labels, options, default_role) = self;
        TenantChange {
            state: state.map(|state| state.unwrap_or(State::Active).into()),
            labels: labels.map(|labels| read_labels(labels, whole, flaws)),
            options: options.map(|options| read_options(options, whole, flaws)),
            default_role: default_role.map(|role| read_role(role?, id?, flaws)),
            ..TenantChange::default()
        }
    }
}

fn read_role(text: String, tenant: &TenantId, flaws: &mut Flaws) -> Option<RoleId> {
    let role = RoleId::parse(&text, tenant).ok_or("is no role of this tenant");
    flaws.take("default_role", role)
}

fn read_name(name: Option<String>, flaws: &mut Flaws) -> Option<Name> {
    name.and_then(|name| flaws.take("name", Name::parse(name)))
}

fn read_description(text: Option<String>, flaws: &mut Flaws) -> Prose {
    flaws.take("description", Prose::parse(text.unwrap_or_default())).unwrap_or_default()
}

fn undeleted(deleted: Option<bool>, flaws: &mut Flaws) {
    if deleted == Some(true) {
        flaws.add("deleted", "can only be false: DELETE deletes a tenant");
    }
}

fn same_id(given: Option<String>, id: &TenantId, flaws: &mut Flaws) {
    if given.is_some_and(|given| given != id.as_str()) {
        flaws.add("id", "cannot be changed");
    }
}
