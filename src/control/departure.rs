//! What goes with somebody: access to tenants, bindings, tokens, sessions, a name. Knows not why
//! they leave.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::bindings::subject;
use super::{Fault, Plan, sessions, tokens};
use crate::model::{Binding, Member, Principal};
use crate::snapshot::{Published, Snapshot};
use crate::store::{Change, Expect, RecordId, Recorded, Store, Stored, within};

/// The published state with all in it that the store has now; blocks. For what the store could tell
/// only by reading all records of a kind. Whoever has the turn to write may rely on it: nothing is
/// written on this node until they are done.
pub(super) fn caught_up(store: &Store, published: &Published) -> Result<Arc<Snapshot>, Fault> {
    let revision = store.load(&[], |_| ())?;
    Handle::current().block_on(published.reached(revision));
    Ok(published.load())
}

/// Somebody's access to tenants, as the store has it.
pub(super) fn memberships(
    store: &Store,
    snapshot: &Snapshot,
    principal: Principal,
) -> Result<Vec<Stored<Member>>, Fault> {
    let tenants = snapshot.member_of.get(&principal.id());
    let ids = tenants.into_iter().flat_map(|tenants| tenants.iter());
    let ids = ids.map(|tenant| RecordId::Member(tenant.clone(), principal));
    Ok(ids.filter_map(|id| store.find(&id).transpose()).collect::<Result<_, _>>()?)
}

/// Plans to take somebody's access to a tenant, and what they are bound to there.
pub(super) fn leave<T>(store: &Store, member: &Stored<Member>, plan: &mut Plan<T>) -> Result<(), Fault> {
    let Member { tenant, principal, .. } = &member.value;
    delete(member, plan);
    let bindings = store.all::<Binding>(Some(&within(Some(tenant))))?;
    let theirs = bindings.iter().filter(|binding| binding.value.subject == subject(*principal));
    theirs.for_each(|binding| delete(binding, plan));
    Ok(())
}

/// Plans to delete all that somebody has, besides their own record and name.
pub(super) fn depart<T>(
    store: &Store,
    snapshot: &Snapshot,
    principal: Principal,
    plan: &mut Plan<T>,
) -> Result<(), Fault> {
    for member in memberships(store, snapshot, principal)? {
        leave(store, &member, plan)?;
    }
    tokens::forget_owner(store, principal, plan)?;
    match principal {
        Principal::User(user) => sessions::end_all(store, user, None, plan),
        Principal::ServiceAccount(_) => Ok(()),
    }
}

pub(super) fn delete<T: Recorded, V>(stored: &Stored<T>, plan: &mut Plan<V>) {
    let id = stored.value.record_id();
    plan.expect.push((id.clone(), Expect::Version(stored.version)));
    plan.changes.push(Change::Delete(id));
}
