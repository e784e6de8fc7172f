//! What goes from a tenant, as its document speaks of its kind and does not list it.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::holding::Holding;
use super::index::folded;
use super::shape::Shape;
use crate::model::{Id, KeyId, Principal, RoleId, Slug};

impl Shape<'_> {
    /// Takes out what is of a kind of which the document speaks, and not in it.
    pub(super) fn prune(&mut self, before: &Holding, bound: &BTreeSet<Id>) {
        let (document, holding, wanted) = (self.document, &mut self.holding, &self.wanted);
        if let Some(roles) = &document.roles {
            let named: HashSet<_> = roles.iter().map(|one| folded(one.name.as_str())).collect();
            holding.roles.retain(|_, role| named.contains(&folded(&role.name)));
        }
        if let Some(groups) = &document.groups {
            let named: HashSet<_> = groups.iter().map(|one| folded(one.name.as_str())).collect();
            holding.groups.retain(|_, group| named.contains(&folded(&group.name)));
        }
        if let Some(accounts) = &document.accounts {
            let named: HashSet<&Slug> = accounts.iter().map(|one| &one.name).collect();
            holding.accounts.retain(|_, account| named.contains(&account.name));
        }
        if let Some(keys) = &document.keys {
            let named: HashSet<&KeyId> = keys.iter().map(|one| &one.key.id).collect();
            holding.keys.retain(|id, _| named.contains(id));
        }
        if let Some(issuers) = &document.issuers {
            let named: HashSet<&Slug> = issuers.iter().map(|one| &one.id).collect();
            holding.issuers.retain(|id, _| named.contains(id));
        }
        if document.bindings.is_some() {
            holding.bindings.retain(|id, _| bound.contains(id));
        }
        if document.members.is_some() {
            let own = |principal: &Principal| match principal {
                Principal::ServiceAccount(id) => before.accounts.contains_key(id),
                Principal::User(_) => false,
            };
            let new = |principal: &Principal| !before.members.contains_key(principal);
            holding.members.retain(|who, _| wanted.contains(who) || own(who) || new(who));
        }
    }

    /// A role goes only when nothing gives it any more.
    pub(super) fn unused_roles(&mut self, before: &Holding) {
        let given = self.given_by();
        for role in before.roles.values() {
            if self.holding.roles.contains_key(&role.id) {
                continue;
            }
            let id = RoleId::Custom(role.id);
            let holding = &mut self.holding;
            if holding.tenant.default_role == Some(id) {
                holding.tenant.default_role = None;
                holding.tenant.updated_at = self.now;
            }
            let [bindings, keys, issuers] = given.get(&id).copied().unwrap_or_default();
            if bindings + keys + issuers > 0 {
                let message = format!(
                    "cannot lose {:?}: {bindings} bindings, {keys} keys and {issuers} issuers give it; \
                     let the document speak of those too",
                    role.name
                );
                self.flaw("roles", message);
            }
        }
    }

    /// By how many bindings, keys and issuers each role is given.
    fn given_by(&self) -> HashMap<RoleId, [usize; 3]> {
        let holding = &self.holding;
        let bindings = holding.bindings.values().map(|binding| (0, binding.role));
        let keys = holding.keys.values().filter_map(|key| Some((1, key.role?)));
        let issuers = holding.issuers.values().map(|issuer| (2, issuer.role));
        let mut given: HashMap<RoleId, [usize; 3]> = HashMap::new();
        for (kind, role) in bindings.chain(keys).chain(issuers) {
            given.entry(role).or_default()[kind] += 1;
        }
        given
    }
}
