//! What goes from a tenant, as its document speaks of its kind and does not list it.

use std::collections::BTreeSet;

use super::holding::Holding;
use super::shape::{Shape, same};
use crate::model::{Id, Principal, RoleId};

impl Shape<'_> {
    /// Takes out what is of a kind of which the document speaks, and not in it.
    pub(super) fn prune(&mut self, before: &Holding, bound: &BTreeSet<Id>) {
        let (document, holding, wanted) = (self.document, &mut self.holding, &self.wanted);
        if let Some(roles) = &document.roles {
            let named = |name: &str| roles.iter().any(|one| same(one.name.as_str(), name));
            holding.roles.retain(|_, role| named(&role.name));
        }
        if let Some(groups) = &document.groups {
            let named = |name: &str| groups.iter().any(|one| same(one.name.as_str(), name));
            holding.groups.retain(|_, group| named(&group.name));
        }
        if let Some(accounts) = &document.accounts {
            holding.accounts.retain(|_, account| accounts.iter().any(|named| named.name == account.name));
        }
        if let Some(keys) = &document.keys {
            holding.keys.retain(|id, _| keys.iter().any(|named| named.key.id == *id));
        }
        if let Some(issuers) = &document.issuers {
            holding.issuers.retain(|id, _| issuers.iter().any(|named| named.id == *id));
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
            let bindings = holding.bindings.values().filter(|binding| binding.role == id).count();
            let keys = holding.keys.values().filter(|key| key.role == Some(id)).count();
            let issuers = holding.issuers.values().filter(|issuer| issuer.role == id).count();
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
}
