//! Roles, and who is bound to them. A role grants nothing until a binding gives it to somebody.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Grants, Id, ParseIdError, Rights, TenantId, Timestamp};

/// The roles that every tenant has from the start. They cannot be changed, and are no records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ManagedRole {
    /// Everything of the tenant: its data and its administration.
    Admin,
    /// All of the tenant's data.
    Editor,
    /// Reads the tenant's data.
    Viewer,
    /// Writes the tenant's data and reads nothing: for agents.
    Writer,
}

impl ManagedRole {
    pub const ALL: [ManagedRole; 4] =
        [ManagedRole::Admin, ManagedRole::Editor, ManagedRole::Viewer, ManagedRole::Writer];

    /// The role of a word that [`ManagedRole::as_str`] gives.
    pub fn named(word: &str) -> Option<Self> {
        ManagedRole::ALL.into_iter().find(|role| role.as_str() == word)
    }

    /// The first part of its id.
    pub const fn as_str(self) -> &'static str {
        match self {
            ManagedRole::Admin => "admin",
            ManagedRole::Editor => "editor",
            ManagedRole::Viewer => "viewer",
            ManagedRole::Writer => "writer",
        }
    }

    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            ManagedRole::Admin => "Admin",
            ManagedRole::Editor => "Editor",
            ManagedRole::Viewer => "Viewer",
            ManagedRole::Writer => "Writer",
        }
    }

    /// What it is for, in a sentence.
    pub const fn description(self) -> &'static str {
        match self {
            ManagedRole::Admin => "Everything of the tenant: its data and its administration.",
            ManagedRole::Editor => "All of the tenant's data: reads, writes and deletes it.",
            ManagedRole::Viewer => "Reads the tenant's data.",
            ManagedRole::Writer => "Writes the tenant's data and reads nothing: for agents.",
        }
    }

    pub const fn rights(self) -> Rights {
        match self {
            ManagedRole::Admin => Rights::ALL,
            ManagedRole::Editor => Rights::on_data(Grants::ALL),
            ManagedRole::Viewer => Rights::on_data(Grants::READ),
            ManagedRole::Writer => Rights::on_data(Grants::WRITE),
        }
    }
}

/// Names a role within its tenant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RoleId {
    Managed(ManagedRole),
    Custom(Id),
}

impl RoleId {
    /// The id as clients know it: `admin_acme` for a managed role of the tenant `acme`.
    pub fn text(self, tenant: &TenantId) -> String {
        match self {
            RoleId::Managed(role) => format!("{}_{tenant}", role.as_str()),
            RoleId::Custom(id) => id.to_string(),
        }
    }

    /// Reads what [`RoleId::text`] wrote for the same tenant; a managed role's bare word does too.
    pub fn parse(text: &str, tenant: &TenantId) -> Option<RoleId> {
        let managed = text.strip_suffix(tenant.as_str()).and_then(|word| word.strip_suffix('_'));
        match managed {
            Some(word) => ManagedRole::named(word).map(RoleId::Managed),
            None => text.parse().ok(),
        }
    }
}

/// `admin`, or the id of a custom role.
impl fmt::Display for RoleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RoleId::Managed(role) => f.write_str(role.as_str()),
            RoleId::Custom(id) => id.fmt(f),
        }
    }
}

impl fmt::Debug for RoleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RoleId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        match ManagedRole::named(text) {
            Some(role) => Ok(RoleId::Managed(role)),
            None => text.parse().map(RoleId::Custom),
        }
    }
}

impl TryFrom<String> for RoleId {
    type Error = ParseIdError;

    fn try_from(text: String) -> Result<Self, ParseIdError> {
        text.parse()
    }
}

impl From<RoleId> for String {
    fn from(id: RoleId) -> String {
        id.to_string()
    }
}

/// A role that a tenant has made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    pub tenant: TenantId,
    pub id: Id,
    /// At most 255 characters; unique in the tenant, whatever the case.
    pub name: String,
    #[serde(default)]
    pub description: String,
    pub rights: Rights,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Who is bound to a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    User(Id),
    ServiceAccount(Id),
    Group(Id),
}

impl Subject {
    pub const fn id(self) -> Id {
        match self {
            Subject::User(id) | Subject::ServiceAccount(id) | Subject::Group(id) => id,
        }
    }
}

/// Gives a role to somebody. Never changed: deleted, and made anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    pub tenant: TenantId,
    pub id: Id,
    pub subject: Subject,
    pub role: RoleId,
    /// The services at which the role's rights on data hold; all when none. A binding that is
    /// limited gives no right of administration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub services: Option<BTreeSet<String>>,
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_ids_are_read_as_they_are_written() {
        let acme = TenantId::parse("acme").expect("an id");
        let custom = RoleId::Custom(Id::from_random([7; 16]));
        for id in ManagedRole::ALL.map(RoleId::Managed).into_iter().chain([custom]) {
            assert_eq!(RoleId::parse(&id.text(&acme), &acme), Some(id));
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        assert_eq!(RoleId::parse("admin_other", &acme), None);
        assert_eq!(RoleId::parse("owner_acme", &acme), None);
    }

    #[test]
    fn writers_read_nothing_and_viewers_write_nothing() {
        let texts = |role: ManagedRole| role.rights().texts().collect::<Vec<_>>();
        assert!(texts(ManagedRole::Writer).iter().all(|text| text.ends_with(":write")));
        assert!(texts(ManagedRole::Viewer).iter().all(|text| text.ends_with(":read")));
        assert_eq!(ManagedRole::Editor.rights().powers, super::super::Powers::NONE);
    }
}
