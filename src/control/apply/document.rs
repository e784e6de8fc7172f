//! What documents say shall be: names in place of ids, and nothing of what is left out. Knows no
//! wire form.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::control::issuers::Terms;
use crate::control::{Name, NewKey, Prose, TenantChange};
use crate::model::{ManagedRole, Membership, Rights, Secret, Slug, TenantId, UserName};

/// One document, and what flaws in it are told of as: `documents[2]`.
#[derive(Clone)]
pub struct Document {
    pub at: String,
    pub says: Says,
}

/// What a document is about.
#[derive(Clone)]
pub enum Says {
    Tenant(Box<TenantDocument>),
    User(UserDocument),
    /// A service account of the instance.
    ServiceAccount(AccountDocument),
    /// A key of the instance.
    Key(Box<NewKey>),
    /// An issuer of the instance.
    Issuer(Slug, Box<Terms>),
}

/// A tenant and what belongs to it. A list that is none is not spoken of.
#[derive(Clone)]
pub struct TenantDocument {
    pub id: TenantId,
    /// All but the default role.
    pub change: TenantChange,
    /// Inner none: no role.
    pub default_role: Option<Option<RoleName>>,
    pub roles: Option<Vec<RoleDocument>>,
    pub groups: Option<Vec<GroupDocument>>,
    pub accounts: Option<Vec<AccountDocument>>,
    /// Who has access, besides the tenant's own service accounts.
    pub members: Option<Vec<Who>>,
    pub bindings: Option<Vec<BindingDocument>>,
    pub keys: Option<Vec<KeyDocument>>,
    pub issuers: Option<Vec<IssuerDocument>>,
}

#[derive(Clone)]
pub struct RoleDocument {
    pub name: Name,
    pub description: Option<Prose>,
    pub rights: Rights,
}

#[derive(Clone)]
pub struct GroupDocument {
    pub name: Name,
    pub description: Option<Prose>,
    /// Exactly these; as they are when none.
    pub members: Option<BTreeMap<Who, Membership>>,
}

/// A service account.
#[derive(Clone)]
pub struct AccountDocument {
    pub name: Slug,
    pub description: Option<Prose>,
    pub disabled: Option<bool>,
    /// Of the instance's own only.
    pub super_admin: Option<bool>,
}

#[derive(Clone)]
pub struct BindingDocument {
    pub holder: Holder,
    pub role: RoleName,
    /// The only services at which the role holds; everywhere when none.
    pub services: Option<BTreeSet<String>>,
}

/// A tenant's key. Its conditions are whole: what is left out is as of a new key.
#[derive(Clone)]
pub struct KeyDocument {
    pub key: NewKey,
    /// The role that its tokens have, if they have one that is named.
    pub role: Option<RoleName>,
}

/// A tenant's issuer; whole as keys are.
#[derive(Clone)]
pub struct IssuerDocument {
    pub id: Slug,
    pub terms: Terms,
    pub role: Option<RoleName>,
}

#[derive(Clone)]
pub struct UserDocument {
    pub name: UserName,
    /// Inner none: no name at all.
    pub first_name: Option<Option<Name>>,
    pub last_name: Option<Option<Name>>,
    pub super_admin: Option<bool>,
    pub restricted: Option<bool>,
    pub disabled: Option<bool>,
    /// For a user who is made, or whose password is to be set again.
    pub password: Option<Secret>,
}

/// A role by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoleName {
    Managed(ManagedRole),
    Custom(String),
}

impl RoleName {
    /// The managed role of that name in any case, or else a tenant's own.
    pub fn of(text: String) -> Self {
        match ManagedRole::named(&text.to_lowercase()) {
            Some(role) => RoleName::Managed(role),
            None => RoleName::Custom(text),
        }
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RoleName::Managed(role) => f.write_str(role.as_str()),
            RoleName::Custom(name) => f.write_str(name),
        }
    }
}

/// Somebody who can have access to a tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    User(UserName),
    /// One of the tenant's own.
    Account(Slug),
    InstanceAccount(Slug),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::User(name) => write!(f, "user {name}"),
            Who::Account(name) => write!(f, "service account {name}"),
            Who::InstanceAccount(name) => write!(f, "instance service account {name}"),
        }
    }
}

/// Whom a binding is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    Who(Who),
    Group(String),
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Holder::Who(who) => who.fmt(f),
            Holder::Group(name) => write!(f, "group {name}"),
        }
    }
}

/// What is applied, and how.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Application {
    pub documents: Vec<Document>,
    /// Nothing is written.
    pub dry_run: bool,
    /// What belongs to a tenant and is of a kind of which its document speaks, but not in it, is
    /// deleted.
    pub prune: bool,
    /// Tenants of which no document speaks are deleted.
    pub prune_tenants: bool,
    /// Passwords are set also of users whom there are already.
    pub reset_passwords: bool,
    /// The fingerprint of the only plan that may be carried out.
    pub agreed: Option<String>,
}
