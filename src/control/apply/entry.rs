//! Records as documents have them, and what is going to happen to them. Times and ids are none of it:
//! two entries are equal when the same document describes both.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest;

use super::document::{Holder, RoleName, Who};
use crate::model::{
    Issuer, Membership, Rights, ServiceOptions, Slug, TenantId, TenantState, TrustedKey, UserName,
};

/// A record as documents have it. Names and texts are those of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    User(UserEntry),
    /// Of the instance when `super_admin` says something.
    ServiceAccount {
        name: Slug,
        description: String,
        disabled: bool,
        super_admin: Option<bool>,
    },
    Tenant(TenantEntry),
    Role {
        name: String,
        description: String,
        rights: Rights,
    },
    Group {
        name: String,
        description: String,
        members: BTreeMap<Who, Membership>,
    },
    Member(Who),
    Binding {
        holder: Holder,
        role: RoleName,
        services: Option<BTreeSet<String>>,
    },
    /// A tenant's key has its role by name.
    Key {
        key: Box<TrustedKey>,
        role: Option<RoleName>,
    },
    Issuer {
        issuer: Box<Issuer>,
        role: RoleName,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a user has these flags")]
pub struct UserEntry {
    pub name: UserName,
    pub first_name: String,
    pub last_name: String,
    pub super_admin: bool,
    pub restricted: bool,
    pub disabled: bool,
    /// Whether a password is going to be set.
    pub new_password: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantEntry {
    pub id: TenantId,
    pub name: String,
    pub description: String,
    pub state: TenantState,
    pub labels: BTreeMap<String, String>,
    /// None for whom they are not to be seen.
    pub options: Option<BTreeMap<String, ServiceOptions>>,
    pub default_role: Option<RoleName>,
}

impl Entry {
    /// What it is, as documents and people say it; its place among the kinds; and its name, which no
    /// other of its kind and its owner has.
    pub fn title(&self) -> (&'static str, u8, String) {
        match self {
            Entry::User(user) => ("User", 0, user.name.to_string()),
            Entry::ServiceAccount { name, .. } => ("ServiceAccount", 3, name.to_string()),
            Entry::Tenant(tenant) => ("Tenant", 1, tenant.id.to_string()),
            Entry::Role { name, .. } => ("Role", 2, name.clone()),
            Entry::Group { name, .. } => ("Group", 4, name.clone()),
            Entry::Member(who) => ("Member", 5, who.to_string()),
            Entry::Binding { holder, role, services } => {
                let at = services.as_ref().map_or_else(String::new, |services| {
                    format!(" at {}", services.iter().map(String::as_str).collect::<Vec<_>>().join(", "))
                });
                ("Binding", 6, format!("{holder} -> {role}{at}"))
            }
            Entry::Key { key, .. } => ("Key", 7, key.id.to_string()),
            Entry::Issuer { issuer, .. } => ("Issuer", 8, issuer.id.to_string()),
        }
    }
}

/// Something that is going to happen to a record: it is made when there is nothing before, deleted
/// when there is nothing after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub before: Option<Entry>,
    pub after: Option<Entry>,
}

/// What leads from some entries to others, by kind and name.
pub(super) fn steps(before: Vec<Entry>, after: Vec<Entry>) -> Vec<Step> {
    let titled = |entry: Entry| {
        let (_, place, name) = entry.title();
        ((place, name), entry)
    };
    let mut before: BTreeMap<_, _> = before.into_iter().map(titled).collect();
    let mut steps = BTreeMap::new();
    for (title, after) in after.into_iter().map(titled) {
        let before = before.remove(&title);
        if before.as_ref() != Some(&after) {
            steps.insert(title, Step { before, after: Some(after) });
        }
    }
    let gone = before.into_iter().map(|(title, gone)| (title, Step { before: Some(gone), after: None }));
    steps.extend(gone);
    steps.into_values().collect()
}

/// Tells one plan from another: of what is shown of them.
pub(super) fn fingerprint<'a>(steps: impl Iterator<Item = (Option<&'a TenantId>, &'a [Step])>) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for (tenant, steps) in steps {
        context.update(format!("{tenant:?}{steps:?}").as_bytes());
    }
    let hex = |byte: &u8| format!("{byte:02x}");
    context.finish().as_ref().iter().map(hex).collect()
}
