//! Names that only one record of a kind may have. Knows which are taken, not what they mean.

use super::{Fault, Plan};
use crate::model::{Id, UserName};
use crate::store::{Change, Expect, RecordId, Store, Stored, TakenName, UniqueName};

/// Who has a name.
pub(super) fn holder(store: &Store, name: UniqueName) -> Result<Option<Stored<TakenName>>, Fault> {
    Ok(store.find(&RecordId::Name(name))?)
}

/// The name of a user, which nobody else has.
pub(super) fn of_user(name: &UserName) -> UniqueName {
    UniqueName::User(name.as_str().to_owned())
}

/// Takes `name` for the record of `id`, and gives up the one that it had `before`. Refuses a name
/// that another record has; `whose` says which kind of record that is, and where.
pub(super) fn take<T>(
    store: &Store,
    name: UniqueName,
    before: Option<UniqueName>,
    id: Id,
    whose: &str,
    plan: &mut Plan<T>,
) -> Result<(), Fault> {
    if let Some(taken) = holder(store, name.clone())? {
        return match taken.value.id == id {
            true => Ok(()),
            false => {
                let owner = taken.value.id;
                Err(Fault::Conflict(format!("{whose} has that name already: its id is {owner}")))
            }
        };
    }
    if let Some(before) = before {
        give_up(store, before, plan)?;
    }
    plan.expect.push((RecordId::Name(name.clone()), Expect::Absent));
    plan.changes.push(Change::Put(TakenName { name, id }.into()));
    Ok(())
}

/// Gives a name up: anybody may take it.
pub(super) fn give_up<T>(store: &Store, name: UniqueName, plan: &mut Plan<T>) -> Result<(), Fault> {
    if let Some(taken) = holder(store, name)? {
        plan.delete(RecordId::Name(taken.value.name), taken.version);
    }
    Ok(())
}
