//! Who is in charge of the instance: there is always a super admin left.

use super::{Fault, Plan};
use crate::model::{Id, ServiceAccount, User};
use crate::store::{Cut, Expect, Kind, Order, Record, Recorded, Store, within};

/// Whether a user is one of those of whom there is always one left.
pub(super) fn leads(user: &User) -> bool {
    user.super_admin && !user.disabled
}

/// The same of a service account.
pub(super) fn governs(account: &ServiceAccount) -> bool {
    account.super_admin && !account.disabled
}

/// Refuses what would leave no super admin but `this`: an enabled user, or a service account of the
/// instance. The one that is found is expected to stay.
pub(super) fn another_super_admin<T>(store: &Store, this: Id, plan: &mut Plan<T>) -> Result<(), Fault> {
    let users = |record: &Record| User::of_record(record).is_some_and(|user| leads(user) && user.id != this);
    let machines = |record: &Record| {
        ServiceAccount::of_record(record).is_some_and(|account| governs(account) && account.id != this)
    };
    let instance = within(None);
    let first = |kind, within, wanted| {
        let cut = Cut { kind, within, order: Order::Ascending, skip: 0, take: 1, wanted: Some(wanted) };
        store.page(&cut).map(|page| page.items.into_iter().next())
    };
    let other = match first(Kind::User, None, &users)? {
        Some(user) => Some(user),
        None => first(Kind::ServiceAccount, Some(instance.as_str()), &machines)?,
    };
    match other {
        Some(other) => {
            plan.expect.push((other.value.id(), Expect::Version(other.version)));
            Ok(())
        }
        None => Err(Fault::Conflict("this is the last super admin: make another one first".to_owned())),
    }
}
