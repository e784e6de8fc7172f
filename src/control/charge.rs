//! Who is in charge of the instance: there is always a super admin left.

use super::{Fault, Plan, tokens};
use crate::model::{Id, Principal, ServiceAccount, User};
use crate::store::{Store, within};

/// Whether a user is one of those of whom there is always one left: who can sign in, and goes on to.
pub(super) fn leads(store: &Store, user: &User) -> Result<bool, Fault> {
    let able = user.super_admin && !user.disabled;
    Ok(able && (user.password_hash.is_some() || tokens::lasting(store, Principal::User(user.id))?))
}

/// The same of a service account.
pub(super) fn governs(store: &Store, account: &ServiceAccount) -> Result<bool, Fault> {
    let able = account.super_admin && !account.disabled;
    Ok(able && tokens::lasting(store, Principal::ServiceAccount(account.id))?)
}

/// Refuses what would leave no super admin but `this`.
pub(super) fn another_super_admin<T>(store: &Store, this: Id, plan: &mut Plan<T>) -> Result<(), Fault> {
    match another(store, |id| id == this, plan)? {
        true => Ok(()),
        false => Err(Fault::Conflict("this is the last super admin: make another one first".to_owned())),
    }
}

/// Whether there is a super admin, a user or a service account of the instance, besides `those`. The
/// one that is found is expected to stay.
pub(super) fn another<T>(
    store: &Store,
    those: impl Fn(Id) -> bool,
    plan: &mut Plan<T>,
) -> Result<bool, Fault> {
    // Nothing is built upon whom it cannot be told of.
    let user = |user: &User| !those(user.id) && leads(store, user).unwrap_or(false);
    if let Some(other) = store.first(None, 1, user)?.first() {
        plan.keep(other);
        return Ok(true);
    }
    let machine = |account: &ServiceAccount| !those(account.id) && governs(store, account).unwrap_or(false);
    let other = store.first(Some(&within(None)), 1, machine)?;
    for other in &other {
        plan.keep(other);
    }
    Ok(!other.is_empty())
}
