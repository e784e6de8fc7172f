//! What is written when a service account comes, changes and goes: its own record, its name, its
//! access to tenants. Asks for nobody's authority.

use std::collections::{BTreeMap, BTreeSet};

use super::accounts::AccountChange;
use super::charge::another_super_admin;
use super::departure::depart;
use super::{Fault, Plan, find, members, names};
use crate::model::{Group, Id, Membership, Principal, ServiceAccount, Slug, Tenant, TenantId, Timestamp};
use crate::snapshot::Snapshot;
use crate::store::{Change, Expect, RecordId, Recorded, Store, Stored, UniqueName};

/// Plans that a service account is in these groups of a tenant and in no others there; with access to
/// the tenant, which is new to an account that is.
pub(super) fn join<T>(
    store: &Store,
    (tenant, principal): (&TenantId, Principal),
    groups: &BTreeSet<Id>,
    now: Timestamp,
    plan: &mut Plan<T>,
) -> Result<(), Fault> {
    let record = RecordId::Tenant(tenant.clone());
    let tenant = find::<Tenant>(store, &record)?;
    plan.expect.push((record, Expect::Version(tenant.version)));
    let mut found = members::found(store, &tenant.value, principal, now)?;
    let groups = joined(store, &tenant.value.id, groups, &found.member.groups, plan)?;
    if !found.is_new() && groups == found.member.groups {
        return Ok(());
    }
    found.member.groups = groups;
    members::put(&tenant.value, found, now, plan)
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
    take_name(store, account, None, &mut plan)?;
    Ok(plan)
}

/// The writing of what shall change about one.
pub(super) fn changed(
    store: &Store,
    before: Stored<ServiceAccount>,
    has_access: bool,
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
        take_name(store, &next, Some(name_of(&account)), &mut plan)?;
    }
    if let (Some(tenant), Some(groups)) = (&account.tenant, &change.groups) {
        // Where somebody has taken its access away, only a group gives it back.
        if has_access || !groups.is_empty() {
            let whom = (tenant, Principal::ServiceAccount(account.id));
            join(store, whom, groups, now, &mut plan)?;
        }
    }
    Ok(plan)
}

/// The end of one, with all it has. `live` has all that is in the store.
pub(super) fn gone(
    store: &Store,
    live: &Snapshot,
    account: &Stored<ServiceAccount>,
) -> Result<Plan<()>, Fault> {
    let Stored { version, value: account } = account;
    let record = account.record_id();
    let changes = vec![Change::Delete(record.clone()), Change::Delete(RecordId::Name(name_of(account)))];
    let mut plan = Plan { expect: vec![(record, Expect::Version(*version))], changes, value: () };
    if governs(account) {
        another_super_admin(store, account.id, &mut plan)?;
    }
    depart(store, live, Principal::ServiceAccount(account.id), &mut plan)?;
    Ok(plan)
}

/// Whether it counts as a super admin.
pub(super) fn governs(account: &ServiceAccount) -> bool {
    account.super_admin && !account.disabled
}

fn name_of(account: &ServiceAccount) -> UniqueName {
    UniqueName::ServiceAccount(account.tenant.clone(), Slug::as_str(&account.name).to_owned())
}

/// Plans that an account has its name, which nobody else has, and no longer the one `before`.
fn take_name<T>(
    store: &Store,
    account: &ServiceAccount,
    before: Option<UniqueName>,
    plan: &mut Plan<T>,
) -> Result<(), Fault> {
    let whose = match &account.tenant {
        Some(tenant) => format!("another service account of tenant \"{tenant}\""),
        None => "another service account of the instance".to_owned(),
    };
    names::take(store, name_of(account), before, account.id, &whose, plan)
}
