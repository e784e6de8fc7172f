//! Documents of tenants, with all that belongs to them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::super::body::{nullable, part};
use super::super::roleform::{Permissions, read_rights};
use super::super::tenantparts::{LabelsForm, MaybeOptions, OptionsForm, State, read_labels, read_options};
use super::super::{issuerform, keyform, words};
use super::names::{BindingForm, SeatForm, WhoForm, seats};
use super::told;
use crate::control::apply::{
    AccountDocument, GroupDocument, IssuerDocument, KeyDocument, RoleDocument, RoleName, Says, TenantDocument,
};
use crate::control::{Flaws, Name, Prose, TenantChange};
use crate::model::{Slug, TenantId};

/// A tenant. A list that is left out is not spoken of: its records stay as they are, pruned or not.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "a map of fields")]
#[schema(as = TenantDocument)]
pub(super) struct Form {
    #[expect(dead_code, reason = "has been looked at")]
    kind: Kind,
    #[schema(value_type = words::TenantId)]
    id: String,
    /// Null: the id.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<words::Name>)]
    name: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<words::Prose>)]
    description: Option<Option<String>>,
    /// For super admins.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<State>)]
    state: Option<Option<State>>,
    /// Exactly these.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<BTreeMap<String, words::Label>>)]
    labels: Option<Option<LabelsForm>>,
    /// Exactly these, by the name of the service. For super admins.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<BTreeMap<String, MaybeOptions>>)]
    options: Option<Option<BTreeMap<String, Option<OptionsForm>>>>,
    /// The name of the role that new members are bound to; null for none.
    #[serde(default, alias = "defaultRole", deserialize_with = "nullable")]
    #[schema(value_type = Option<words::Name>)]
    default_role: Option<Option<String>>,
    roles: Option<Vec<RoleForm>>,
    groups: Option<Vec<GroupForm>>,
    /// The tenant's own. They have access to it when they are made.
    #[serde(rename = "serviceAccounts", alias = "service_accounts")]
    service_accounts: Option<Vec<AccountForm>>,
    /// Who has access besides: users, and service accounts of the instance. Who is bound or put into a
    /// group has it too.
    members: Option<Vec<WhoForm>>,
    bindings: Option<Vec<BindingForm>>,
    /// Keys that speak for this tenant alone. A role is named by its name.
    #[schema(value_type = Option<Vec<keyform::Draft>>)]
    keys: Option<Vec<Value>>,
    /// Issuers that speak for this tenant alone. A role is named by its name.
    #[schema(value_type = Option<Vec<issuerform::Draft>>)]
    issuers: Option<Vec<Value>>,
}

/// The kind of these documents.
#[derive(Deserialize, ToSchema)]
#[schema(as = TenantKind)]
enum Kind {
    Tenant,
}

/// A role of a tenant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "a map of fields")]
#[schema(as = RoleDocument)]
struct RoleForm {
    #[schema(value_type = words::Name)]
    name: String,
    #[schema(value_type = Option<words::Prose>)]
    description: Option<String>,
    /// Actions by resource, at least one.
    #[schema(example = json!({"metrics": ["read"], "BINDING": ["READ"]}))]
    permissions: Permissions,
}

/// A group of a tenant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "a map of fields")]
#[schema(as = GroupDocument)]
struct GroupForm {
    #[schema(value_type = words::Name)]
    name: String,
    #[schema(value_type = Option<words::Prose>)]
    description: Option<String>,
    /// Exactly these.
    members: Option<Vec<SeatForm>>,
}

/// A service account of a tenant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "a map of fields")]
#[schema(as = OwnServiceAccountDocument)]
struct AccountForm {
    #[schema(value_type = words::Slug)]
    name: String,
    #[schema(value_type = Option<words::Prose>)]
    description: Option<String>,
    disabled: Option<bool>,
}

impl Form {
    pub(super) fn read(self, at: &str, flaws: &mut Flaws) -> Option<Says> {
        let id = flaws.take(&format!("{at}.id"), TenantId::parse(&self.id));
        let mut own = Flaws::default();
        let change = TenantChange {
            name: self.name.map(|name| own.take("name", Name::parse(name?))),
            description: self.description.map(|text| {
                own.take("description", Prose::parse(text.unwrap_or_default())).unwrap_or_default()
            }),
            state: self.state.map(|state| state.unwrap_or(State::Active).into()),
            labels: self.labels.map(|labels| read_labels(labels, true, &mut own)),
            options: self.options.map(|options| read_options(options, true, &mut own)),
            default_role: None,
        };
        flaws.add_all(&format!("{at}."), own);
        let id = id?;
        let mut lists = Lists { at, flaws };
        let document = TenantDocument {
            change,
            default_role: self.default_role.map(|role| role.map(RoleName::of)),
            roles: lists.named(self.roles, "roles", RoleForm::read, |role| role.name.as_str().to_lowercase()),
            groups: lists
                .named(self.groups, "groups", GroupForm::read, |group| group.name.as_str().to_lowercase()),
            accounts: lists.named(self.service_accounts, "serviceAccounts", AccountForm::read, |account| {
                account.name.to_string()
            }),
            members: lists.named(self.members, "members", WhoForm::read, ToString::to_string),
            bindings: lists.named(self.bindings, "bindings", BindingForm::read, |binding| {
                format!("{} {} {:?}", binding.holder, binding.role, binding.services)
            }),
            keys: lists.named(
                self.keys,
                "keys",
                |key, at, flaws| read_key(key, &id, at, flaws),
                |key| key.key.id.to_string(),
            ),
            issuers: lists.named(
                self.issuers,
                "issuers",
                |issuer, at, flaws| read_issuer(issuer, &id, at, flaws),
                |issuer| issuer.id.to_string(),
            ),
            id: id.clone(),
        };
        Some(Says::Tenant(Box::new(document)))
    }
}

/// Reads the lists of one document.
struct Lists<'a> {
    at: &'a str,
    flaws: &'a mut Flaws,
}

impl Lists<'_> {
    /// A list in which no two have the same name.
    fn named<F, T>(
        &mut self,
        forms: Option<Vec<F>>,
        field: &str,
        read: impl Fn(F, &str, &mut Flaws) -> Option<T>,
        name: impl Fn(&T) -> String,
    ) -> Option<Vec<T>> {
        let mut seen = BTreeSet::new();
        let mut list = Vec::new();
        for (nth, form) in forms?.into_iter().enumerate() {
            let at = format!("{}.{field}[{nth}]", self.at);
            let Some(one) = read(form, &at, self.flaws) else { continue };
            if seen.insert(name(&one)) {
                list.push(one);
            } else {
                self.flaws.add(&at, "stands in the list already, further up");
            }
        }
        Some(list)
    }
}

impl RoleForm {
    fn read(self, at: &str, flaws: &mut Flaws) -> Option<RoleDocument> {
        let name = flaws.take(&format!("{at}.name"), Name::parse(self.name));
        let description = description(self.description, at, flaws);
        let mut own = Flaws::default();
        let rights = read_rights(Some(self.permissions), &mut own);
        flaws.add_all(&format!("{at}."), own);
        Some(RoleDocument { name: name?, description: description?, rights: rights? })
    }
}

impl GroupForm {
    fn read(self, at: &str, flaws: &mut Flaws) -> Option<GroupDocument> {
        let name = flaws.take(&format!("{at}.name"), Name::parse(self.name));
        let description = description(self.description, at, flaws);
        let members = self.members.map(|members| seats(members, &format!("{at}.members"), flaws));
        Some(GroupDocument { name: name?, description: description?, members })
    }
}

impl AccountForm {
    fn read(self, at: &str, flaws: &mut Flaws) -> Option<AccountDocument> {
        let name = flaws.take(&format!("{at}.name"), Slug::parse(&self.name));
        let description = description(self.description, at, flaws);
        Some(AccountDocument {
            name: name?,
            description: description?,
            disabled: self.disabled,
            super_admin: None,
        })
    }
}

/// Outer none: it broke a rule.
fn description(text: Option<String>, at: &str, flaws: &mut Flaws) -> Option<Option<Prose>> {
    flaws.take(&format!("{at}.description"), text.map(Prose::parse).transpose())
}

fn read_key(mut key: Value, tenant: &TenantId, at: &str, flaws: &mut Flaws) -> Option<KeyDocument> {
    let role = take_role(&mut key, at, flaws);
    if role.is_some() && key.get("grants").is_some_and(|grants| !grants.is_null()) {
        flaws.add(&format!("{at}.grants"), "and a role exclude each other");
    }
    let form = part::<keyform::Form>(key, at, flaws)?;
    Some(KeyDocument { key: told(form.create(Some(tenant)), at, flaws)?, role })
}

fn read_issuer(mut issuer: Value, tenant: &TenantId, at: &str, flaws: &mut Flaws) -> Option<IssuerDocument> {
    let role = take_role(&mut issuer, at, flaws);
    let form = part::<issuerform::Form>(issuer, at, flaws)?;
    let (id, terms) = told(form.create(Some(tenant)), at, flaws)?;
    Some(IssuerDocument { id, terms, role })
}

/// Forms know roles by their ids, documents by their names.
fn take_role(form: &mut Value, at: &str, flaws: &mut Flaws) -> Option<RoleName> {
    match form.as_object_mut()?.remove("role")? {
        Value::Null => None,
        Value::String(name) => Some(RoleName::of(name)),
        _ => flaws.take(&format!("{at}.role"), Err("is the name of a role")),
    }
}
