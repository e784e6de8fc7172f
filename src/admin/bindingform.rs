//! Bindings as they are written and shown on the wire.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::Rest;
use super::memberform::AccountType;
use super::problem::Refusal;
use super::{roles, words};
use crate::control::{BindingEntry, Flaws, HolderEntry, NewBinding, Target};
use crate::model::{Id, TenantId};

/// What the gateway says itself; whoever writes back what was read sends it along.
const OURS: &[&str] = &["createdAt", "group", "id", "namespace", "role", "user"];
/// Services of one binding.
const SERVICES: usize = 64;

/// What a binding is for.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Kind {
    User,
    Group,
    ServiceAccount,
}

/// A binding.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Binding)]
pub(super) struct Shown {
    id: String,
    /// USER for service accounts too: see `user.type`.
    r#type: Kind,
    role: Named,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<Named>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Holder>,
    /// The only services at which the role holds; left out when it holds everywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    services: Option<BTreeSet<String>>,
    /// RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
}

/// What has an id and a name.
#[derive(Serialize, ToSchema)]
pub(super) struct Named {
    id: String,
    name: String,
}

/// A user or a service account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Holder {
    id: String,
    username: String,
    display_name: String,
    r#type: AccountType,
}

impl From<BindingEntry> for Shown {
    fn from(binding: BindingEntry) -> Self {
        let (id, name) = binding.role;
        let (kind, group, user) = match binding.holder {
            HolderEntry::Group { id, name } => (Kind::Group, Some(Named { id: id.to_string(), name }), None),
            HolderEntry::Account(profile) => {
                let user = Holder {
                    id: profile.principal.id().to_string(),
                    r#type: profile.principal.into(),
                    username: profile.name,
                    display_name: profile.display,
                };
                (Kind::User, None, Some(user))
            }
        };
        Shown {
            id: binding.id.to_string(),
            r#type: kind,
            role: Named { id, name },
            group,
            user,
            services: binding.services,
            created_at: binding.created_at.to_string(),
        }
    }
}

/// A binding to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "a JSON object")]
#[schema(as = BindingForm)]
pub(super) struct Form {
    /// USER means a user or a service account.
    r#type: Kind,
    /// The id of the user, service account or group.
    #[schema(value_type = words::Id)]
    external_id: String,
    /// The id of the role.
    #[schema(value_type = words::RoleId)]
    role_id: String,
    /// The names of the only services at which the role shall hold: 1 to 64. It then gives its
    /// permissions on data there, and none on records. The configuration has to have them.
    /// Everywhere when left out.
    #[schema(value_type = Option<Vec<words::ServiceName>>, min_items = 1, max_items = 64)]
    services: Option<BTreeSet<String>>,
    /// Nothing, or empty: there are no namespaces here.
    #[schema(value_type = Option<words::Nothing>)]
    namespace_id: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

impl Form {
    /// Reads the form; its fields are told of with `prefix` before them.
    pub(super) fn read(self, tenant: &TenantId, prefix: &str) -> Result<NewBinding, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[OURS], &mut flaws);
        if self.namespace_id.is_some_and(|namespace| !namespace.is_empty()) {
            flaws.add("namespaceId", "there are no namespaces here: name services to limit a binding");
        }
        if let Some(services) = &self.services {
            check_services(services, &mut flaws);
        }
        flaws.0.iter_mut().for_each(|flaw| flaw.field.insert_str(0, prefix));
        flaws.settle()?;
        let id = holder(&self.external_id)?;
        let target = match self.r#type {
            Kind::User => Target::Anyone(id),
            Kind::Group => Target::Group(id),
            Kind::ServiceAccount => Target::ServiceAccount(id),
        };
        let role = roles::named(&self.role_id, tenant)?;
        Ok(NewBinding { target, role, services: self.services })
    }
}

pub(super) fn check_services(services: &BTreeSet<String>, flaws: &mut Flaws) {
    if services.is_empty() || services.len() > SERVICES {
        flaws.add("services", format_args!("has 1 to {SERVICES} names; leave it out to bind everywhere"));
    }
    let fits = |name: &&String| {
        name.len() <= 63
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
    };
    if let Some(name) = services.iter().find(|name| !fits(name)) {
        flaws.add("services", format_args!("{name:?} is no name of a service"));
    }
}

/// The id of somebody or something that can be bound. What is no id names none.
pub(super) fn holder(text: &str) -> Result<Id, Refusal> {
    text.parse().map_err(|_| Refusal::NoRecord(format!("user, service account or group {text:?}")))
}
