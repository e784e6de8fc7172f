//! Whether somebody may do to a tenant what a document asks: change by change, the same rules as
//! those of single writes. Nobody gives what they do not have.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::document::TenantDocument;
use super::holding::Holding;
use crate::control::{Authority, Fault, Lack};
use crate::model::{
    Act, Area, Binding, Id, Member, Membership, Power, Principal, Rights, RoleId, Subject, TenantId,
};
use crate::snapshot::Effective;

/// Who asks, and what they may in the tenant.
pub(super) struct Asks<'a> {
    pub authority: &'a Authority,
    pub held: Effective,
    pub tenant: &'a TenantId,
}

/// What they ask for, as a whole.
pub(super) struct Judge<'a> {
    pub asks: &'a Asks<'a>,
    pub before: &'a Holding,
    pub after: &'a Holding,
    /// Bindings that the tenant itself gives.
    pub given: &'a BTreeSet<Id>,
}

/// What has come and gone, and what is another than before, among records of one kind.
struct Delta<'a, T> {
    made: Vec<&'a T>,
    changed: Vec<(&'a T, &'a T)>,
    gone: Vec<&'a T>,
}

impl<'a, T: PartialEq> Delta<'a, T> {
    fn of<K: Ord>(before: &'a BTreeMap<K, T>, after: &'a BTreeMap<K, T>) -> Self {
        let both = after.iter().filter_map(|(key, new)| Some((before.get(key)?, new)));
        Delta {
            made: after.iter().filter(|(key, _)| !before.contains_key(key)).map(|(_, new)| new).collect(),
            changed: both.filter(|(old, new)| old != new).collect(),
            gone: before.iter().filter(|(key, _)| !after.contains_key(key)).map(|(_, old)| old).collect(),
        }
    }
}

const EVERYWHERE: Option<[&str; 0]> = None;

impl Asks<'_> {
    pub fn power(&self, area: Area, act: Act) -> Result<(), Fault> {
        let power = Power::new(area, act);
        match self.authority.is_super_admin() || self.held.powers().allows(power) {
            true => Ok(()),
            false => Err(Fault::Forbidden(Lack::Power(power, self.tenant.clone()))),
        }
    }

    /// A plan shows what there is of each kind of which the document speaks.
    pub fn may_look(&self, document: &TenantDocument) -> Result<(), Fault> {
        let speaks = [
            (Area::Role, document.roles.is_some()),
            (Area::Group, document.groups.is_some()),
            (Area::GroupMembership, document.groups.is_some()),
            (Area::ServiceAccount, document.accounts.is_some()),
            (Area::User, document.members.is_some()),
            (Area::Binding, document.bindings.is_some()),
            (Area::Key, document.keys.is_some() || document.issuers.is_some()),
            (Area::Service, document.change.options.is_some()),
        ];
        speaks.into_iter().filter(|(_, speaks)| *speaks).try_for_each(|(area, _)| self.power(area, Act::Read))
    }
}

/// The rights of a role, and the services to which they are limited.
type Given = (Rights, Option<Vec<Arc<str>>>);

impl Judge<'_> {
    /// Refuses the first thing that they may not.
    pub fn decide(&self) -> Result<(), Fault> {
        if self.asks.authority.is_super_admin() {
            return Ok(());
        }
        self.tenant()?;
        self.roles()?;
        self.plain(Area::ServiceAccount, &Delta::of(&self.before.accounts, &self.after.accounts))?;
        self.plain(Area::Group, &Delta::of(&self.before.groups, &self.after.groups))?;
        self.bindings()?;
        self.members()?;
        self.keys()
    }

    fn power(&self, area: Area, act: Act) -> Result<(), Fault> {
        self.asks.power(area, act)
    }

    fn cover(&self, rights: Rights) -> Result<(), Fault> {
        self.asks.authority.require_cover(&self.asks.held, rights, EVERYWHERE)
    }

    fn plain<T: PartialEq>(&self, area: Area, delta: &Delta<'_, T>) -> Result<(), Fault> {
        let acts = [
            (Act::Create, delta.made.is_empty()),
            (Act::Update, delta.changed.is_empty()),
            (Act::Delete, delta.gone.is_empty()),
        ];
        acts.into_iter().filter(|(_, none)| !none).try_for_each(|(act, _)| self.power(area, act))
    }

    fn tenant(&self) -> Result<(), Fault> {
        let (before, after) = (&self.before.tenant, &self.after.tenant);
        if before == after {
            return Ok(());
        }
        self.power(Area::Tenant, Act::Update)?;
        if (before.state, &before.options) != (after.state, &after.options) {
            return Err(Fault::Forbidden(Lack::SuperAdmin));
        }
        match after.default_role.filter(|role| before.default_role != Some(*role)) {
            Some(role) => self.cover(self.rights(role)),
            None => Ok(()),
        }
    }

    /// Only what a role gains has to be the caller's own.
    fn roles(&self) -> Result<(), Fault> {
        let delta = Delta::of(&self.before.roles, &self.after.roles);
        self.plain(Area::Role, &delta)?;
        delta.made.iter().try_for_each(|role| self.cover(role.rights))?;
        delta.changed.iter().try_for_each(|(old, new)| {
            let kept = Effective::everywhere(self.asks.held.everywhere.union(old.rights));
            self.asks.authority.require_cover(&kept, new.rights, EVERYWHERE)
        })
    }

    fn rights(&self, role: RoleId) -> Rights {
        match role {
            RoleId::Managed(role) => role.rights(),
            RoleId::Custom(id) => self.after.roles.get(&id).map_or(Rights::NONE, |role| role.rights),
        }
    }

    fn bindings(&self) -> Result<(), Fault> {
        for binding in self.bound() {
            self.power(Area::Binding, Act::Create)?;
            let services = binding.services.as_ref().map(|names| names.iter().map(String::as_str));
            self.asks.authority.require_cover(&self.asks.held, self.rights(binding.role), services)?;
        }
        let gone = Delta::of(&self.before.bindings, &self.after.bindings).gone;
        match gone.into_iter().any(|binding| self.stays(binding.subject)) {
            true => self.power(Area::Binding, Act::Delete),
            false => Ok(()),
        }
    }

    /// The bindings that are made because somebody asked.
    fn bound(&self) -> impl Iterator<Item = &Binding> {
        let made = Delta::of(&self.before.bindings, &self.after.bindings).made;
        made.into_iter().filter(|binding| !self.given.contains(&binding.id))
    }

    /// Whether somebody who was bound is in the tenant still; who leaves loses the bindings by that.
    fn stays(&self, subject: Subject) -> bool {
        match subject {
            Subject::User(id) => self.after.members.contains_key(&Principal::User(id)),
            Subject::ServiceAccount(id) => self.after.members.contains_key(&Principal::ServiceAccount(id)),
            Subject::Group(id) => self.after.groups.contains_key(&id),
        }
    }

    fn members(&self) -> Result<(), Fault> {
        let delta = Delta::of(&self.before.members, &self.after.members);
        let bound: HashSet<Id> = self.bound().map(|binding| binding.subject.id()).collect();
        let groups = self.groups();
        for member in delta.made {
            self.admitted(member, &bound)?;
            self.seated(None, member, &groups)?;
        }
        for (old, new) in delta.changed {
            self.seated(Some(old), new, &groups)?;
        }
        let account = |member: &&Member| match member.principal {
            Principal::ServiceAccount(id) => {
                self.before.accounts.contains_key(&id) && !self.after.accounts.contains_key(&id)
            }
            Principal::User(_) => false,
        };
        match delta.gone.iter().all(account) {
            true => Ok(()),
            false => self.power(Area::User, Act::Delete),
        }
    }

    /// Access comes by being made, by a binding and by a group, each with a power of its own.
    fn admitted(&self, member: &Member, bound: &HashSet<Id>) -> Result<(), Fault> {
        let id = member.principal.id();
        let made = self.after.accounts.contains_key(&id) && !self.before.accounts.contains_key(&id);
        match made || bound.contains(&id) || !member.groups.is_empty() {
            true => Ok(()),
            false => self.power(Area::User, Act::Create),
        }
    }

    /// Who is put into a group, or made its owner, gets no more than the caller has.
    fn seated(
        &self,
        old: Option<&Member>,
        new: &Member,
        groups: &HashMap<Id, Effective>,
    ) -> Result<(), Fault> {
        let none = BTreeMap::<Id, Membership>::new();
        let old = old.map_or(&none, |old| &old.groups);
        for (group, membership) in &new.groups {
            let act = match old.get(group) {
                Some(before) if before == membership => continue,
                Some(_) => Act::Update,
                None => Act::Create,
            };
            self.power(Area::GroupMembership, act)?;
            if let Some(rights) = groups.get(group) {
                self.asks.authority.require_cover_all(&self.asks.held, rights)?;
            }
        }
        let left = |group: &&Id| !new.groups.contains_key(group) && self.after.groups.contains_key(group);
        match old.keys().any(|group| left(&group)) {
            true => self.power(Area::GroupMembership, Act::Delete),
            false => Ok(()),
        }
    }

    /// What being in each group gives, where that is anything.
    fn groups(&self) -> HashMap<Id, Effective> {
        let mut groups: HashMap<Id, Vec<Given>> = HashMap::new();
        for binding in self.after.bindings.values() {
            let Subject::Group(group) = binding.subject else { continue };
            let services = binding.services.as_ref();
            let services = services.map(|names| names.iter().map(|name| name.as_str().into()).collect());
            groups.entry(group).or_default().push((self.rights(binding.role), services));
        }
        let sum = |roles: Vec<Given>| {
            Effective::of(roles.iter().map(|(rights, services)| (*rights, services.as_deref())))
        };
        groups.into_iter().map(|(group, roles)| (group, sum(roles))).collect()
    }

    /// Keys and issuers, whose tokens have a role.
    fn keys(&self) -> Result<(), Fault> {
        let keys = Delta::of(&self.before.keys, &self.after.keys);
        self.plain(Area::Key, &keys)?;
        for key in keys.made.into_iter().chain(keys.changed.into_iter().map(|(_, new)| new)) {
            self.cover(key.role.map_or(Rights::on_data(key.grants), |role| self.rights(role)))?;
        }
        let issuers = Delta::of(&self.before.issuers, &self.after.issuers);
        self.plain(Area::Key, &issuers)?;
        let written = issuers.made.into_iter().chain(issuers.changed.into_iter().map(|(_, new)| new));
        written.into_iter().try_for_each(|issuer| self.cover(self.rights(issuer.role)))
    }
}
