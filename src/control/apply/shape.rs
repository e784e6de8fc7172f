//! A tenant as its document wants it: names become ids, and records are changed in memory. Asks for
//! nobody's authority.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use super::document::{Holder, RoleName, TenantDocument, Who};
use super::holding::Holding;
use super::index::{Index, Terms};
use super::names::Names;
use crate::control::{Fault, Flaws, draw, tenants};
use crate::model::{Area, Binding, Id, Member, Principal, RoleId, Subject, Timestamp};
use crate::store::{Expect, RecordId};

/// A tenant on its way to what its document says.
pub(super) struct Shape<'a> {
    pub names: &'a Names<'a>,
    pub document: &'a TenantDocument,
    /// As what flaws are told of.
    pub at: &'a str,
    pub now: Timestamp,
    pub holding: Holding,
    /// Of the holding.
    pub index: Index,
    /// The names that were relied upon.
    pub expect: Vec<(RecordId, Expect)>,
    /// Bindings to the default role, which the tenant itself gives.
    pub given: BTreeSet<Id>,
    /// Those whom the document names: they are in the tenant.
    pub wanted: BTreeSet<Principal>,
    /// Where names stand for nobody: who may not write there is not told so.
    pub unknown: BTreeSet<Area>,
    pub flaws: Flaws,
}

impl Shape<'_> {
    /// Makes it what the document says; `services` are those that there are.
    pub fn mould(&mut self, prune: bool, services: &[String]) -> Result<(), Fault> {
        let document = self.document;
        let before = self.holding.clone();
        self.accounts(document.accounts.as_deref().unwrap_or_default())?;
        self.roles(document.roles.as_deref().unwrap_or_default())?;
        self.tenant(services)?;
        self.groups(document.groups.as_deref().unwrap_or_default())?;
        self.members(document.members.as_deref().unwrap_or_default())?;
        let bound = self.bindings(document.bindings.as_deref().unwrap_or_default(), services)?;
        self.keys()?;
        self.issuers();
        if prune {
            self.prune(&before, &bound);
        }
        self.holding.settle(Some(&before));
        self.unused_roles(&before);
        Ok(())
    }

    pub(super) fn flaw(&mut self, field: impl Display, message: impl Display) {
        self.flaws.add(&format!("{}.{field}", self.at), message);
    }

    fn tenant(&mut self, services: &[String]) -> Result<(), Fault> {
        let before = self.holding.tenant.clone();
        match tenants::amend(&mut self.holding.tenant, self.document.change.clone(), services) {
            Err(Fault::Invalid(flaws)) => self.flaws.add_all(&format!("{}.", self.at), flaws),
            amended => amended?,
        }
        match &self.document.default_role {
            Some(Some(name)) => {
                self.holding.tenant.default_role = self.role(name, "default_role");
            }
            Some(None) => self.holding.tenant.default_role = None,
            None => {}
        }
        if self.holding.tenant != before {
            self.holding.tenant.updated_at = self.now;
        }
        Ok(())
    }

    /// Gives somebody access who has none. A user gets the tenant's default role, unless the document
    /// says who is bound to what.
    pub(super) fn admit(&mut self, principal: Principal) -> Result<(), Fault> {
        if self.holding.members.contains_key(&principal) {
            return Ok(());
        }
        let tenant = self.holding.tenant.id.clone();
        let member = Member { tenant, principal, groups: BTreeMap::new(), created_at: self.now };
        self.holding.members.insert(principal, member);
        if let (Principal::User(user), Some(role), None) =
            (principal, self.holding.tenant.default_role, &self.document.bindings)
        {
            let id = self.bind((Subject::User(user), role, None))?;
            self.given.insert(id);
        }
        Ok(())
    }

    pub(super) fn bind(&mut self, (subject, role, services): Terms) -> Result<Id, Fault> {
        let (id, tenant) = (draw::id()?, self.holding.tenant.id.clone());
        let binding = Binding { tenant, id, subject, role, services, created_at: self.now };
        self.index.put_binding(&binding);
        self.holding.bindings.insert(id, binding);
        Ok(id)
    }

    pub(super) fn subject(&mut self, holder: &Holder, field: &str) -> Result<Option<Subject>, Fault> {
        let who = match holder {
            Holder::Who(who) => who,
            Holder::Group(name) => {
                let found = self.index.group(name).map(Subject::Group);
                if found.is_none() {
                    self.flaw(format_args!("{field}.group"), format_args!("there is no group {name:?}"));
                }
                return Ok(found);
            }
        };
        let Some(principal) = self.principal(who, Area::Binding, field)? else { return Ok(None) };
        self.admit(principal)?;
        Ok(Some(match principal {
            Principal::User(id) => Subject::User(id),
            Principal::ServiceAccount(id) => Subject::ServiceAccount(id),
        }))
    }

    /// Whom a name in a list of this area stands for; none, and a flaw, when for nobody.
    pub(super) fn principal(
        &mut self,
        who: &Who,
        area: Area,
        field: &str,
    ) -> Result<Option<Principal>, Fault> {
        let (word, named) = match who {
            Who::Account(name) => {
                let own = self.index.account(name);
                ("serviceAccount", own.map(|id| (Principal::ServiceAccount(id), None)))
            }
            Who::InstanceAccount(name) => {
                let found = self.names.account(name)?;
                ("instanceServiceAccount", found.map(|(id, name)| (Principal::ServiceAccount(id), name)))
            }
            Who::User(name) => {
                let found = self.names.user(name)?;
                ("user", found.map(|(id, name)| (Principal::User(id), name)))
            }
        };
        match named {
            Some((principal, relied)) => {
                self.expect.extend(relied);
                self.wanted.insert(principal);
                Ok(Some(principal))
            }
            None => {
                self.unknown.insert(area);
                self.flaw(format_args!("{field}.{word}"), format_args!("there is no {who}"));
                Ok(None)
            }
        }
    }

    /// The role of a name; none, and a flaw, when there is none.
    pub(super) fn role(&mut self, name: &RoleName, field: &str) -> Option<RoleId> {
        let custom = match name {
            RoleName::Managed(role) => return Some(RoleId::Managed(*role)),
            RoleName::Custom(name) => name,
        };
        let found = self.index.role(custom).map(RoleId::Custom);
        if found.is_none() {
            let message = "there is no role of that name: it is admin, editor, viewer, writer or one of the tenant's own";
            self.flaw(field, message);
        }
        found
    }
}
