//! Records as documents show them: the same words that are read.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::super::memberform::Membership;
use super::super::problem::Refusal;
use super::super::tenantparts::{OptionsShown, State};
use super::super::{issuerform, keyform};
use crate::control::Fault;
use crate::control::apply::{Entry, Exported, Holder, RoleName, TenantEntry, Who};
use crate::control::issuers::{Standing, Status};
use crate::model::{self, Issuer, Rights, TrustedKey};

type Fields = Map<String, Value>;

/// What the gateway says itself of keys and issuers.
const TOLD: [&str; 8] =
    ["created_at", "error", "failures", "fetched_at", "fingerprint", "keys", "kind", "skipped"];

/// A whole document.
pub(in crate::admin) fn document(exported: Exported) -> Result<Value, Refusal> {
    let (kind, ..) = exported.entry.title();
    let is_tenant = matches!(exported.entry, Entry::Tenant(_));
    let mut document = fields(exported.entry)?;
    document.insert("kind".to_owned(), kind.into());
    if is_tenant {
        for list in LISTS {
            document.insert(list.to_owned(), Value::Array(Vec::new()));
        }
    }
    for part in exported.parts {
        let Some(list) = list_of(&part) else { continue };
        let shown = Value::Object(fields(part)?);
        if let Some(Value::Array(items)) = document.get_mut(list) {
            items.push(shown);
        }
    }
    Ok(Value::Object(document))
}

const LISTS: [&str; 7] = ["roles", "serviceAccounts", "groups", "members", "bindings", "keys", "issuers"];

fn list_of(entry: &Entry) -> Option<&'static str> {
    match entry {
        Entry::Role { .. } => Some("roles"),
        Entry::ServiceAccount { .. } => Some("serviceAccounts"),
        Entry::Group { .. } => Some("groups"),
        Entry::Member(_) => Some("members"),
        Entry::Binding { .. } => Some("bindings"),
        Entry::Key { .. } => Some("keys"),
        Entry::Issuer { .. } => Some("issuers"),
        Entry::User(_) | Entry::Tenant(_) => None,
    }
}

/// The fields of one record.
pub(in crate::admin) fn fields(entry: Entry) -> Result<Fields, Refusal> {
    let shown = match entry {
        Entry::User(user) => json!({
            "email": user.name.as_str(),
            "firstName": user.first_name,
            "lastName": user.last_name,
            "superAdmin": user.super_admin,
            "restricted": user.restricted,
            "disabled": user.disabled,
            "password": user.new_password.then_some("(new)"),
        }),
        Entry::ServiceAccount { name, description, disabled, super_admin } => json!({
            "name": name.as_str(), "description": description, "disabled": disabled, "superAdmin": super_admin,
        }),
        Entry::Tenant(tenant) => return shown_tenant(tenant),
        Entry::Role { name, description, rights } => {
            json!({ "name": name, "description": description, "permissions": permissions(rights) })
        }
        Entry::Group { name, description, members } => {
            json!({ "name": name, "description": description, "members": seats(members)? })
        }
        Entry::Member(member) => Value::Object(who(&member)),
        Entry::Binding { holder: bound, role, services } => {
            let mut binding = holder(bound);
            binding.insert("role".to_owned(), role.to_string().into());
            binding.insert("services".to_owned(), services.map_or(Value::Null, list));
            Value::Object(binding)
        }
        Entry::Key { key, role } => return shown_key(*key, role),
        Entry::Issuer { issuer, role } => return shown_issuer(*issuer, role),
    };
    let mut shown = object(&shown)?;
    shown.retain(|_, value| !value.is_null());
    Ok(shown)
}

fn list(names: BTreeSet<String>) -> Value {
    names.into_iter().collect()
}

fn permissions(rights: Rights) -> BTreeMap<String, Vec<String>> {
    rights.into()
}

fn shown_tenant(tenant: TenantEntry) -> Result<Fields, Refusal> {
    let mut shown = object(&json!({
        "id": tenant.id.as_str(),
        "name": tenant.name,
        "description": tenant.description,
        "labels": tenant.labels,
        "default_role": tenant.default_role.map(|role| role.to_string()),
    }))?;
    shown.insert("state".to_owned(), value(&State::from(tenant.state))?);
    if let Some(options) = tenant.options {
        let options = options.into_iter().map(|(name, one)| (name, OptionsShown::from(one)));
        shown.insert("options".to_owned(), value(&options.collect::<BTreeMap<_, _>>())?);
    }
    Ok(shown)
}

fn who(who: &Who) -> Fields {
    let (word, name) = match who {
        Who::User(name) => ("user", name.as_str()),
        Who::Account(name) => ("serviceAccount", name.as_str()),
        Who::InstanceAccount(name) => ("instanceServiceAccount", name.as_str()),
    };
    Fields::from_iter([(word.to_owned(), name.into())])
}

fn holder(holder: Holder) -> Fields {
    match holder {
        Holder::Who(named) => who(&named),
        Holder::Group(name) => Fields::from_iter([("group".to_owned(), name.into())]),
    }
}

fn seats(members: BTreeMap<Who, model::Membership>) -> Result<Vec<Value>, Refusal> {
    let seat = |(named, membership): (Who, model::Membership)| {
        let mut seat = who(&named);
        seat.insert("membership".to_owned(), value(&Membership::from(membership))?);
        Ok(Value::Object(seat))
    };
    members.into_iter().map(seat).collect()
}

fn shown_key(key: TrustedKey, role: Option<RoleName>) -> Result<Fields, Refusal> {
    let owned = key.owner.is_some();
    let mut shown = object(&value(&keyform::Shown::from(key))?)?;
    trim(&mut shown, owned);
    if let Some(role) = role {
        shown.remove("grants");
        shown.insert("role".to_owned(), role.to_string().into());
    }
    Ok(shown)
}

fn shown_issuer(issuer: Issuer, role: RoleName) -> Result<Fields, Refusal> {
    let owned = issuer.owner.is_some();
    let nothing = Standing { keys: Vec::new(), status: Status::default() };
    let mut shown = object(&value(&issuerform::Shown::new(issuer, nothing))?)?;
    trim(&mut shown, owned);
    shown.remove("tenant");
    shown.insert("role".to_owned(), role.to_string().into());
    Ok(shown)
}

/// Keys and issuers are whole: what is not said is the default. A tenant's own speak for it alone.
fn trim(shown: &mut Fields, owned: bool) {
    shown.retain(|name, value| {
        !(value.is_null() || TOLD.contains(&name.as_str()) || owned && name == "tenants")
    });
}

fn value(of: &impl Serialize) -> Result<Value, Refusal> {
    serde_json::to_value(of).map_err(|_| Fault::Broken.into())
}

fn object(value: &Value) -> Result<Fields, Refusal> {
    value.as_object().cloned().ok_or_else(|| Fault::Broken.into())
}
