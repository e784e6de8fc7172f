//! What a document lists of a tenant's records, put among those that there are. Takes nothing out.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{AccountDocument, BindingDocument, GroupDocument, RoleDocument, RoleName, Who};
use super::shape::Shape;
use crate::control::bindings::MOST;
use crate::control::options::unknown_service;
use crate::control::{Fault, Gives, draw};
use crate::model::{Area, Group, Id, Membership, Principal, Role, ServiceAccount, Subject};

impl Shape<'_> {
    pub(super) fn roles(&mut self, documents: &[RoleDocument]) -> Result<(), Fault> {
        for (nth, document) in documents.iter().enumerate() {
            let name = String::from(document.name.clone());
            if matches!(RoleName::of(name.clone()), RoleName::Managed(_)) {
                self.flaw(
                    format_args!("roles[{nth}].name"),
                    "is that of a managed role, which every tenant has",
                );
                continue;
            }
            let known = self.index.role(&name).and_then(|id| self.holding.roles.get(&id));
            let before = match known {
                Some(role) => role.clone(),
                None => Role {
                    tenant: self.holding.tenant.id.clone(),
                    id: draw::id()?,
                    name: name.clone(),
                    description: String::new(),
                    rights: document.rights,
                    created_at: self.now,
                    updated_at: self.now,
                },
            };
            let description = document.description.clone().map_or(before.description.clone(), String::from);
            let mut role = Role { name, description, rights: document.rights, ..before.clone() };
            if role != before {
                role.updated_at = self.now;
            }
            self.index.put_role(&role.name, role.id);
            self.holding.roles.insert(role.id, role);
        }
        Ok(())
    }

    pub(super) fn accounts(&mut self, documents: &[AccountDocument]) -> Result<(), Fault> {
        for document in documents {
            let known = self.index.account(&document.name).and_then(|id| self.holding.accounts.get(&id));
            let (new, before) = match known {
                Some(account) => (false, account.clone()),
                None => (true, self.machine(document)?),
            };
            let mut account = ServiceAccount {
                description: document.description.clone().map_or(before.description.clone(), String::from),
                disabled: document.disabled.unwrap_or(before.disabled),
                ..before.clone()
            };
            if account != before {
                account.updated_at = self.now;
            }
            if new {
                self.admit(Principal::ServiceAccount(account.id))?;
            }
            self.index.put_account(account.name.clone(), account.id);
            self.holding.accounts.insert(account.id, account);
        }
        Ok(())
    }

    fn machine(&self, document: &AccountDocument) -> Result<ServiceAccount, Fault> {
        Ok(ServiceAccount {
            id: draw::id()?,
            tenant: Some(self.holding.tenant.id.clone()),
            name: document.name.clone(),
            description: String::new(),
            super_admin: false,
            disabled: false,
            created_at: self.now,
            updated_at: self.now,
        })
    }

    pub(super) fn groups(&mut self, documents: &[GroupDocument]) -> Result<(), Fault> {
        for (nth, document) in documents.iter().enumerate() {
            let name = String::from(document.name.clone());
            let known = self.index.group(&name).and_then(|id| self.holding.groups.get(&id));
            let before = match known {
                Some(group) => group.clone(),
                None => Group {
                    tenant: self.holding.tenant.id.clone(),
                    id: draw::id()?,
                    name: name.clone(),
                    description: String::new(),
                    created_at: self.now,
                    updated_at: self.now,
                },
            };
            let description = document.description.clone().map_or(before.description.clone(), String::from);
            let mut group = Group { name, description, ..before.clone() };
            if group != before {
                group.updated_at = self.now;
            }
            let id = group.id;
            self.index.put_group(&group.name, id);
            self.holding.groups.insert(id, group);
            if let Some(members) = &document.members {
                self.seat(id, members, &format!("groups[{nth}].members"))?;
            }
        }
        Ok(())
    }

    /// Puts exactly these into a group.
    fn seat(&mut self, group: Id, members: &BTreeMap<Who, Membership>, field: &str) -> Result<(), Fault> {
        let mut seats = BTreeMap::new();
        for (nth, (who, membership)) in members.iter().enumerate() {
            if let Some(principal) = self.principal(who, Area::GroupMembership, &format!("{field}[{nth}]"))? {
                seats.insert(principal, *membership);
            }
        }
        for principal in self.index.reseat(group, seats.keys().copied().collect()) {
            if let Some(member) = self.holding.members.get_mut(&principal) {
                member.groups.remove(&group);
            }
        }
        for (principal, membership) in seats {
            self.admit(principal)?;
            if let Some(member) = self.holding.members.get_mut(&principal) {
                member.groups.insert(group, membership);
            }
        }
        Ok(())
    }

    /// Gives access to those who are listed.
    pub(super) fn members(&mut self, documents: &[Who]) -> Result<(), Fault> {
        for (nth, who) in documents.iter().enumerate() {
            if let Some(principal) = self.principal(who, Area::User, &format!("members[{nth}]"))? {
                self.admit(principal)?;
            }
        }
        Ok(())
    }

    /// Binds those who are not bound yet; gives the ids of all bindings that are listed.
    pub(super) fn bindings(
        &mut self,
        documents: &[BindingDocument],
        known_services: &[String],
    ) -> Result<BTreeSet<Id>, Fault> {
        let mut bound = BTreeSet::new();
        for (nth, BindingDocument { holder, role, services }) in documents.iter().enumerate() {
            let field = format!("bindings[{nth}]");
            let role = self.role(role, &format!("{field}.role"));
            let (Some(subject), Some(role)) = (self.subject(holder, &field)?, role) else { continue };
            let terms = (subject, role, services.clone());
            match self.index.bindings(&terms) {
                [] => {
                    if let Some(message) = unknown_service(services.as_ref(), known_services) {
                        self.flaw(format_args!("{field}.services"), message);
                    }
                    bound.insert(self.bind(terms)?);
                }
                known => bound.extend(known),
            }
        }
        self.few_each();
        Ok(bound)
    }

    /// Refuses more bindings of somebody than they can have.
    fn few_each(&mut self) {
        let mut counts: BTreeMap<Subject, usize> = BTreeMap::new();
        self.holding.bindings.values().for_each(|one| *counts.entry(one.subject).or_default() += 1);
        if counts.into_values().any(|count| count > MOST) {
            self.flaw("bindings", format_args!("somebody would have more than {MOST} of them"));
        }
    }

    /// Trusts the tenant's keys on the document's terms.
    pub(super) fn keys(&mut self) -> Result<(), Fault> {
        let owner = self.holding.tenant.id.clone();
        for (nth, document) in self.document.keys.iter().flatten().enumerate() {
            let field = format!("keys[{nth}]");
            let mut new = document.key.clone();
            if let Some(name) = &document.role {
                let role = self.role(name, &format!("{field}.role"));
                new.conditions.gives = role.map(Gives::Role);
            }
            let known = self.holding.keys.get(&new.id).cloned();
            let at = known.as_ref().map_or(self.now, |key| key.created_at);
            let key = match new.record(Some(&owner), at) {
                Err(Fault::Invalid(flaws)) => {
                    flaws
                        .0
                        .into_iter()
                        .for_each(|flaw| self.flaw(format_args!("{field}.{}", flaw.field), flaw.message));
                    continue;
                }
                key => key?,
            };
            if known.is_some_and(|known| (&known.public, known.algorithm) != (&key.public, key.algorithm)) {
                self.flaw(
                    format_args!("{field}.public_key"),
                    "cannot be changed: give the new key another id",
                );
            }
            self.holding.keys.insert(key.id.clone(), key);
        }
        Ok(())
    }

    /// Trusts the tenant's issuers on the document's terms.
    pub(super) fn issuers(&mut self) {
        let owner = self.holding.tenant.id.clone();
        for (nth, document) in self.document.issuers.iter().flatten().enumerate() {
            let mut terms = document.terms.clone();
            if let Some(name) = &document.role
                && let Some(role) = self.role(name, &format!("issuers[{nth}].role"))
            {
                terms.role = role;
            }
            let known = self.holding.issuers.get(&document.id);
            let at = known.map_or(self.now, |issuer| issuer.created_at);
            let issuer = terms.record(Some(owner.clone()), document.id.clone(), at);
            self.holding.issuers.insert(issuer.id.clone(), issuer);
        }
    }
}
