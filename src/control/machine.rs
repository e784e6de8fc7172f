//! What is written when a service account comes and changes: its own record, its name, its access to
//! tenants. Asks for nobody's authority.

use super::accounts::AccountChange;
use super::charge::{another_super_admin, governs};
use super::members::seat;
use super::{Fault, Plan, names};
use crate::model::{Principal, ServiceAccount, Slug, Timestamp};
use crate::store::{Change, Expect, Recorded, Store, Stored, UniqueName};

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
    is_member: bool,
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
    if governs(store, &account)? && !governs(store, &next)? {
        another_super_admin(store, account.id, &mut plan)?;
    }
    if next.name != account.name {
        take_name(store, &next, Some(name_of(&account)), &mut plan)?;
    }
    if let (Some(tenant), Some(groups)) = (&account.tenant, &change.groups) {
        // When somebody has taken its access away, being in a group gives it back.
        if is_member || !groups.is_empty() {
            let principal = Principal::ServiceAccount(account.id);
            seat(store, tenant.clone(), principal, groups, now, &mut plan)?;
        }
    }
    Ok(plan)
}

pub(super) fn name_of(account: &ServiceAccount) -> UniqueName {
    UniqueName::ServiceAccount(account.tenant.clone(), Slug::as_str(&account.name).to_owned())
}

/// Plans that an account has its name, which nobody else has, and the one `before` no longer.
fn take_name<T>(
    store: &Store,
    account: &ServiceAccount,
    before: Option<UniqueName>,
    plan: &mut Plan<T>,
) -> Result<(), Fault> {
    names::take(store, name_of(account), before, account.id, "another service account", plan)
}
