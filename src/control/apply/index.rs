//! What a tenant has, found by what its documents call it: so that a long document costs as much as it
//! is long. Kept in step by whoever changes the holding.

use std::collections::{BTreeSet, HashMap};

use super::holding::Holding;
use crate::model::{Binding, Id, Principal, RoleId, Slug, Subject};

/// What two bindings that are the same agree in.
pub(super) type Terms = (Subject, RoleId, Option<BTreeSet<String>>);

#[derive(Default)]
pub(super) struct Index {
    roles: HashMap<String, Id>,
    groups: HashMap<String, Id>,
    accounts: HashMap<Slug, Id>,
    bindings: HashMap<Terms, Vec<Id>>,
    /// Who is in each group.
    seats: HashMap<Id, Vec<Principal>>,
}

impl Index {
    pub fn of(holding: &Holding) -> Self {
        let mut index = Index::default();
        holding.roles.values().for_each(|role| index.put_role(&role.name, role.id));
        holding.groups.values().for_each(|group| index.put_group(&group.name, group.id));
        holding.accounts.values().for_each(|account| index.put_account(account.name.clone(), account.id));
        holding.bindings.values().for_each(|binding| index.put_binding(binding));
        for (principal, member) in &holding.members {
            for group in member.groups.keys() {
                index.seats.entry(*group).or_default().push(*principal);
            }
        }
        index
    }

    pub fn role(&self, name: &str) -> Option<Id> {
        self.roles.get(&folded(name)).copied()
    }

    pub fn group(&self, name: &str) -> Option<Id> {
        self.groups.get(&folded(name)).copied()
    }

    pub fn account(&self, name: &Slug) -> Option<Id> {
        self.accounts.get(name).copied()
    }

    /// The bindings on the very same terms.
    pub fn bindings(&self, terms: &Terms) -> &[Id] {
        self.bindings.get(terms).map_or(&[], Vec::as_slice)
    }

    /// Takes it that these are in a group; gives back who was.
    pub fn reseat(&mut self, group: Id, now: Vec<Principal>) -> Vec<Principal> {
        self.seats.insert(group, now).unwrap_or_default()
    }

    pub fn put_role(&mut self, name: &str, id: Id) {
        self.roles.insert(folded(name), id);
    }

    pub fn put_group(&mut self, name: &str, id: Id) {
        self.groups.insert(folded(name), id);
    }

    pub fn put_account(&mut self, name: Slug, id: Id) {
        self.accounts.insert(name, id);
    }

    pub fn put_binding(&mut self, binding: &Binding) {
        let terms = (binding.subject, binding.role, binding.services.clone());
        self.bindings.entry(terms).or_default().push(binding.id);
    }
}

/// A name as the names of roles and groups are compared.
pub(super) fn folded(name: &str) -> String {
    name.to_lowercase()
}
