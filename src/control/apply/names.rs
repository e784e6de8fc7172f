//! Who is called what: users and service accounts of the instance, those among them that are being
//! made.

use std::collections::{BTreeMap, HashMap};

use super::document::{Holder, RoleName, Who};
use super::entry::{Entry, TenantEntry};
use super::holding::Holding;
use crate::control::Fault;
use crate::model::{
    Id, Issuer, Membership, Principal, RoleId, ServiceAccount, Slug, Subject, Timestamp, TrustedKey, User,
    UserName,
};
use crate::store::{Expect, RecordId, Store, TakenName, UniqueName};

/// Ids that were drawn for users and service accounts of the instance that documents make.
#[derive(Clone, Default)]
pub(super) struct Drawn {
    pub users: BTreeMap<UserName, Id>,
    pub accounts: BTreeMap<Slug, Id>,
}

/// The names that hold now.
pub(super) struct Names<'a> {
    pub store: &'a Store,
    pub drawn: &'a Drawn,
}

/// An id that a name stands for, and how the commit shall find the name if it is in the store.
pub(super) type Named = (Id, Option<(RecordId, Expect)>);

impl Names<'_> {
    pub fn user(&self, name: &UserName) -> Result<Option<Named>, Fault> {
        let drawn = self.drawn.users.get(name);
        self.named(UniqueName::User(name.as_str().to_owned()), drawn)
    }

    /// A service account of the instance.
    pub fn account(&self, name: &Slug) -> Result<Option<Named>, Fault> {
        let drawn = self.drawn.accounts.get(name);
        self.named(UniqueName::ServiceAccount(None, name.as_str().to_owned()), drawn)
    }

    fn named(&self, name: UniqueName, drawn: Option<&Id>) -> Result<Option<Named>, Fault> {
        let record = RecordId::Name(name);
        Ok(match self.store.find::<TakenName>(&record)? {
            Some(taken) => Some((taken.value.id, Some((record, Expect::Version(taken.version))))),
            None => drawn.map(|id| (*id, None)),
        })
    }

    /// Who somebody is; none when they are no more.
    fn who(&self, holding: &Holding, principal: Principal) -> Result<Option<Who>, Fault> {
        Ok(match principal {
            Principal::User(id) => match self.store.find::<User>(&RecordId::User(id))? {
                Some(user) => Some(Who::User(user.value.name)),
                None => {
                    let drawn = self.drawn.users.iter().find(|(_, drawn)| **drawn == id);
                    drawn.map(|(name, _)| Who::User(name.clone()))
                }
            },
            Principal::ServiceAccount(id) => match holding.accounts.get(&id) {
                Some(own) => Some(Who::Account(own.name.clone())),
                None => self.machine(id)?.map(Who::InstanceAccount),
            },
        })
    }

    fn machine(&self, id: Id) -> Result<Option<Slug>, Fault> {
        let found = self.store.find::<ServiceAccount>(&RecordId::ServiceAccount(None, id))?;
        let drawn =
            || self.drawn.accounts.iter().find(|(_, drawn)| **drawn == id).map(|(name, _)| name.clone());
        Ok(found.map(|account| account.value.name).or_else(drawn))
    }

    /// All of a tenant as documents have it. What refers to something that is no more is passed over:
    /// it counts for nothing.
    pub fn entries(&self, holding: &Holding) -> Result<Vec<Entry>, Fault> {
        let mut entries = vec![Entry::Tenant(tenant(holding))];
        entries.extend(holding.roles.values().map(|role| Entry::Role {
            name: role.name.clone(),
            description: role.description.clone(),
            rights: role.rights,
        }));
        entries.extend(holding.accounts.values().map(|account| Entry::ServiceAccount {
            name: account.name.clone(),
            description: account.description.clone(),
            disabled: account.disabled,
            super_admin: None,
        }));
        let mut members = Vec::with_capacity(holding.members.len());
        for member in holding.members.values() {
            if let Some(who) = self.who(holding, member.principal)? {
                members.push((who, member));
            }
        }
        let mut seats: HashMap<Id, BTreeMap<Who, Membership>> = HashMap::new();
        for (who, member) in &members {
            for (group, membership) in &member.groups {
                seats.entry(*group).or_default().insert(who.clone(), *membership);
            }
        }
        entries.extend(holding.groups.values().map(|group| Entry::Group {
            name: group.name.clone(),
            description: group.description.clone(),
            members: seats.remove(&group.id).unwrap_or_default(),
        }));
        for binding in holding.bindings.values() {
            let holder = self.holder(holding, binding.subject)?;
            if let (Some(holder), Some(role)) = (holder, role_name(holding, binding.role)) {
                entries.push(Entry::Binding { holder, role, services: binding.services.clone() });
            }
        }
        let others = members.into_iter().map(|(who, _)| who).filter(|who| !matches!(who, Who::Account(_)));
        entries.extend(others.map(Entry::Member));
        entries.extend(holding.keys.values().map(|own| key(own.clone(), Some(holding))));
        entries.extend(holding.issuers.values().map(|own| issuer(own.clone(), Some(holding))));
        Ok(entries)
    }

    fn holder(&self, holding: &Holding, subject: Subject) -> Result<Option<Holder>, Fault> {
        Ok(match subject {
            Subject::User(id) => self.who(holding, Principal::User(id))?.map(Holder::Who),
            Subject::ServiceAccount(id) => self.who(holding, Principal::ServiceAccount(id))?.map(Holder::Who),
            Subject::Group(id) => holding.groups.get(&id).map(|group| Holder::Group(group.name.clone())),
        })
    }
}

pub(super) fn tenant(holding: &Holding) -> TenantEntry {
    let tenant = &holding.tenant;
    TenantEntry {
        id: tenant.id.clone(),
        name: tenant.name.clone(),
        description: tenant.description.clone(),
        state: tenant.state,
        labels: tenant.labels.clone(),
        options: Some(tenant.options.clone()),
        default_role: tenant.default_role.and_then(|role| role_name(holding, role)),
    }
}

fn role_name(holding: &Holding, role: RoleId) -> Option<RoleName> {
    match role {
        RoleId::Managed(role) => Some(RoleName::Managed(role)),
        RoleId::Custom(id) => holding.roles.get(&id).map(|role| RoleName::Custom(role.name.clone())),
    }
}

/// A key without its time; a custom role stands there by its name alone.
pub(super) fn key(key: TrustedKey, holding: Option<&Holding>) -> Entry {
    let role = key.role.map(|role| named_or_id(role, holding));
    Entry::Key {
        key: Box::new(TrustedKey { role: None, created_at: Timestamp::from_seconds(0), ..key }),
        role,
    }
}

pub(super) fn issuer(issuer: Issuer, holding: Option<&Holding>) -> Entry {
    let role = named_or_id(issuer.role, holding);
    let none = RoleId::Managed(crate::model::ManagedRole::Viewer);
    let issuer = Issuer { role: none, created_at: Timestamp::from_seconds(0), ..issuer };
    Entry::Issuer { issuer: Box::new(issuer), role }
}

/// A role that is no more gives nothing; it is told of by its id.
fn named_or_id(role: RoleId, holding: Option<&Holding>) -> RoleName {
    let named = holding.and_then(|holding| role_name(holding, role));
    named.unwrap_or_else(|| match role {
        RoleId::Managed(role) => RoleName::Managed(role),
        RoleId::Custom(id) => RoleName::Custom(id.to_string()),
    })
}
