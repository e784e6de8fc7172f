//! What is written when a service account comes, changes and goes: its own record, its name, its
//! access to tenants. Asks for nobody's authority.

use std::collections::{BTreeMap, BTreeSet};

use super::accounts::AccountChange;
use super::charge::another_super_admin;
use super::{Fault, Plan, find, tokens};
use crate::model::{
    Binding, Group, Id, Member, Membership, Principal, ServiceAccount, Slug, Subject, Tenant, TenantId,
    Timestamp,
};
use crate::snapshot::Snapshot;
use crate::store::{Change, Expect, RecordId, Recorded, Store, Stored, TakenName, UniqueName, within};

/// Somebody who gets access to tenants.
pub(super) struct Joining {
    pub principal: Principal,
    pub now: Timestamp,
}

impl Joining {
    /// Plans access to a tenant, with these groups. Not with the tenant's default role: who may make
    /// service accounts would have it by that.
    pub(super) fn join<T>(
        &self,
        store: &Store,
        tenant: &TenantId,
        groups: &BTreeSet<Id>,
        plan: &mut Plan<T>,
    ) -> Result<(), Fault> {
        let record = RecordId::Tenant(tenant.clone());
        let found = find::<Tenant>(store, &record)?;
        plan.expect.push((record, Expect::Version(found.version)));
        let groups = joined(store, tenant, groups, &BTreeMap::new(), plan)?;
        let member =
            Member { tenant: tenant.clone(), principal: self.principal, groups, created_at: self.now };
        plan.expect.push((member.record_id(), Expect::Absent));
        plan.changes.push(Change::Put(member.into()));
        Ok(())
    }
}

/// The groups as a member has them: in those where they were something, they stay it.
fn joined<T>(
    store: &Store,
    tenant: &TenantId,
    groups: &BTreeSet<Id>,
    before: &BTreeMap<Id, Membership>,
    plan: &mut Plan<T>,
) -> Result<BTreeMap<Id, Membership>, Fault> {
    let mut joined = BTreeMap::new();
    for group in groups {
        let record = RecordId::Group(tenant.clone(), *group);
        let version = find::<Group>(store, &record)?.version;
        plan.expect.push((record, Expect::Version(version)));
        joined.insert(*group, before.get(group).copied().unwrap_or(Membership::Member));
    }
    Ok(joined)
}

/// The writing of a new service account whose name is free.
pub(super) fn made(store: &Store, account: &ServiceAccount) -> Result<Plan<ServiceAccount>, Fault> {
    let mut plan = Plan {
        expect: vec![(account.record_id(), Expect::Absent)],
        changes: vec![Change::Put(account.clone().into())],
        value: account.clone(),
    };
    take_name(store, account, &mut plan)?;
    Ok(plan)
}

/// The writing of what shall change about one.
pub(super) fn changed(
    store: &Store,
    before: Stored<ServiceAccount>,
    member: Option<Stored<Member>>,
    change: &AccountChange,
    now: Timestamp,
) -> Result<Plan<ServiceAccount>, Fault> {
    let Stored { version, value: account } = before;
    let next = ServiceAccount {
        name: change.name.clone().unwrap_or(account.name.clone()),
        description: change.description.clone().map_or(account.description.clone(), String::from),
        super_admin: change.super_admin.unwrap_or(account.super_admin),
        disabled: change.disabled.unwrap_or(account.disabled),
        updated_at: now,
        ..account.clone()
    };
    let mut plan = Plan {
        expect: vec![(account.record_id(), Expect::Version(version))],
        changes: vec![Change::Put(next.clone().into())],
        value: next.clone(),
    };
    if governs(&account) && !governs(&next) {
        another_super_admin(store, account.id, &mut plan)?;
    }
    if next.name != account.name {
        plan.changes.push(Change::Delete(RecordId::Name(name_of(&account))));
        take_name(store, &next, &mut plan)?;
    }
    if let (Some(tenant), Some(groups)) = (&account.tenant, &change.groups) {
        match member {
            Some(Stored { version, value: mut member }) => {
                member.groups = joined(store, tenant, groups, &member.groups, &mut plan)?;
                plan.expect.push((member.record_id(), Expect::Version(version)));
                plan.changes.push(Change::Put(member.into()));
            }
            // Somebody has taken its access away: being in a group gives it back.
            None if groups.is_empty() => {}
            None => {
                let joining = Joining { principal: Principal::ServiceAccount(account.id), now };
                joining.join(store, tenant, groups, &mut plan)?;
            }
        }
    }
    Ok(plan)
}

/// The end of one, of its name and of its tokens; its access to tenants is for [`leave_all`].
pub(super) fn gone(store: &Store, account: &Stored<ServiceAccount>) -> Result<Plan<()>, Fault> {
    let Stored { version, value: account } = account;
    let record = account.record_id();
    let changes = vec![Change::Delete(record.clone()), Change::Delete(RecordId::Name(name_of(account)))];
    let mut plan = Plan { expect: vec![(record, Expect::Version(*version))], changes, value: () };
    if governs(account) {
        another_super_admin(store, account.id, &mut plan)?;
    }
    tokens::forget_owner(store, Principal::ServiceAccount(account.id), &mut plan)?;
    Ok(plan)
}

/// Plans that a service account has no access to any tenant, as far as `snapshot` knows of it.
pub(super) fn leave_all<T>(
    store: &Store,
    snapshot: &Snapshot,
    id: Id,
    plan: &mut Plan<T>,
) -> Result<(), Fault> {
    for tenant in snapshot.member_of.get(&id).into_iter().flat_map(|tenants| tenants.iter()) {
        plan.changes.push(Change::Delete(RecordId::Member(tenant.clone(), Principal::ServiceAccount(id))));
        let bindings = store.all::<Binding>(Some(&within(Some(tenant))))?;
        let theirs = bindings.iter().filter(|binding| binding.value.subject == Subject::ServiceAccount(id));
        plan.changes.extend(theirs.map(|binding| Change::Delete(binding.value.record_id())));
    }
    Ok(())
}

/// Whether it counts as a super admin.
pub(super) fn governs(account: &ServiceAccount) -> bool {
    account.super_admin && !account.disabled
}

fn name_of(account: &ServiceAccount) -> UniqueName {
    UniqueName::ServiceAccount(account.tenant.clone(), Slug::as_str(&account.name).to_owned())
}

/// Plans that a name is taken, which nobody else has.
fn take_name<T>(store: &Store, account: &ServiceAccount, plan: &mut Plan<T>) -> Result<(), Fault> {
    let name = name_of(account);
    let record = RecordId::Name(name.clone());
    if store.get(&record)?.is_some() {
        return Err(Fault::Conflict(format!(
            "there is a service account called \"{}\" already",
            account.name
        )));
    }
    plan.expect.push((record, Expect::Absent));
    plan.changes.push(Change::Put(TakenName { name, id: account.id }.into()));
    Ok(())
}
