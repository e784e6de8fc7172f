//! What goes with an account: access to tenants, bindings, tokens, sessions, a name. Knows not why
//! somebody leaves.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::members::{leave, memberships};
use super::{Fault, Plan, names, sessions, tokens};
use crate::model::Principal;
use crate::snapshot::{Published, Snapshot};
use crate::store::{Recorded, Store, Stored, UniqueName};

/// The published state with all in it that the store has now; blocks. For what the store could tell
/// only by reading all records of a kind. Whoever has the turn to write may rely on it: nothing is
/// written on this node until they are done.
pub(super) fn caught_up(store: &Store, published: &Published) -> Result<Arc<Snapshot>, Fault> {
    let revision = store.load(&[], |_| ())?;
    Handle::current().block_on(published.reached(revision));
    Ok(published.load())
}

/// Plans the end of an account, of its name and of all that it has.
pub(super) fn depart<A: Recorded>(
    store: &Store,
    published: &Published,
    account: &Stored<A>,
    principal: Principal,
    name: UniqueName,
) -> Result<Plan<()>, Fault> {
    let mut plan = Plan::new(());
    for member in memberships(store, &*caught_up(store, published)?, principal, usize::MAX)? {
        leave(store, &member, &mut plan)?;
    }
    tokens::forget_owner(store, principal, &mut plan)?;
    if let Principal::User(user) = principal {
        sessions::end_all(store, user, None, &mut plan)?;
    }
    plan.delete(account.value.record_id(), account.version);
    names::give_up(store, name, &mut plan)?;
    Ok(plan)
}

pub(super) fn delete<T: Recorded, V>(stored: &Stored<T>, plan: &mut Plan<V>) {
    plan.delete(stored.value.record_id(), stored.version);
}
