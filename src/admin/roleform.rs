//! Roles as they are written and shown on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::Rest;
use super::problem::Refusal;
use super::words;
use crate::control::{Flaws, Name, Prose, RoleEntry, RoleForm};
use crate::model::{Rights, RoleId};

/// What Kestra's clients send along, and what the gateway says itself.
const TOLERATED: &[&str] =
    &["createdAt", "deleted", "isManaged", "namespaceId", "permissionCount", "tenantId", "updatedAt"];

/// Actions by resource.
pub(super) type Permissions = BTreeMap<String, Vec<String>>;

/// A role.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Role)]
pub(super) struct Shown {
    /// `admin_acme` and the like for managed roles.
    #[schema(example = "2XDKrmqyHDkoGnU11wlj87")]
    pub(super) id: String,
    #[schema(example = "dashboards")]
    name: String,
    description: String,
    /// Actions by resource.
    #[schema(example = json!({"metrics": ["read"], "BINDING": ["READ"]}))]
    permissions: Permissions,
    /// Whether users who get access to the tenant are bound to it.
    is_default: bool,
    /// Whether every tenant has it; such a role is neither changed nor deleted.
    is_managed: bool,
    /// RFC 3339; of managed roles nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    created_at: Option<String>,
    /// RFC 3339; of managed roles nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    updated_at: Option<String>,
}

/// A role in lists.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RoleSummary)]
pub(super) struct Summary {
    pub(super) id: String,
    name: String,
    is_default: bool,
    is_managed: bool,
    /// How many permissions it has: pairs of a resource and an action.
    permission_count: usize,
}

impl From<RoleEntry> for Shown {
    fn from(role: RoleEntry) -> Self {
        Shown {
            id: role.id,
            name: role.name,
            description: role.description,
            permissions: role.rights.into(),
            is_default: role.default,
            is_managed: matches!(role.role, RoleId::Managed(_)),
            created_at: role.times.map(|(created, _)| created.to_string()),
            updated_at: role.times.map(|(_, updated)| updated.to_string()),
        }
    }
}

impl From<RoleEntry> for Summary {
    fn from(role: RoleEntry) -> Self {
        Summary {
            id: role.id,
            name: role.name,
            is_default: role.default,
            is_managed: matches!(role.role, RoleId::Managed(_)),
            permission_count: role.rights.texts().count(),
        }
    }
}

/// What a role shall be. Fields that Kestra's clients send beside these are accepted and ignored;
/// others are refused.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "a JSON object")]
#[schema(as = RoleForm)]
pub(super) struct Form {
    /// Nothing but the role's own id; not looked at in a new role, which draws its own.
    id: Option<String>,
    /// Unique in the tenant, whatever the case.
    #[schema(value_type = words::Name, required = true)]
    name: Option<String>,
    /// Empty when left out.
    #[schema(value_type = Option<words::Prose>)]
    description: Option<String>,
    /// Actions by resource, at least one; see `/acls/permissions`. Resources and actions are taken in
    /// any case, and VIEW and LIST as READ.
    #[schema(value_type = BTreeMap<String, Vec<String>>, required = true, example = json!({"metrics": ["read"], "BINDING": ["READ"]}))]
    permissions: Option<Permissions>,
    /// Whether users who get access to the tenant are bound to it; takes that from any other role.
    /// False when left out.
    is_default: Option<bool>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

impl Form {
    /// `id`: that of the role which is replaced.
    pub(super) fn read(self, id: Option<&str>) -> Result<RoleForm, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[TOLERATED], &mut flaws);
        if let (Some(given), Some(id)) = (&self.id, id)
            && given != id
        {
            flaws.add("id", "cannot be changed");
        }
        let name = match self.name {
            Some(name) => flaws.take("name", Name::parse(name)),
            None => flaws.take("name", Err("is missing")),
        };
        let description = flaws.take("description", Prose::parse(self.description.unwrap_or_default()));
        let rights = read_rights(self.permissions, &mut flaws);
        let default = self.is_default.unwrap_or_default();
        let read = name.zip(description).zip(rights);
        let ((name, description), rights) = flaws.yields(read)?;
        Ok(RoleForm { name, description, rights, default })
    }
}

pub(super) fn read_rights(permissions: Option<Permissions>, flaws: &mut Flaws) -> Option<Rights> {
    let Some(permissions) = permissions else { return flaws.take("permissions", Err("is missing")) };
    let mut rights = Rights::NONE;
    for (resource, actions) in permissions {
        let field = format!("permissions.{resource}");
        if actions.is_empty() {
            flaws.add(&field, "names no action");
        }
        let named = Rights::try_from(BTreeMap::from([(resource, actions)]));
        rights = rights.union(flaws.take(&field, named).unwrap_or_default());
    }
    if rights.is_empty() {
        flaws.add("permissions", "a role has at least one permission");
    }
    Some(rights)
}
