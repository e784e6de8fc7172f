//! Names that only one record of a kind may have. Knows which are taken, not what they mean.

use super::{Fault, Plan};
use crate::model::Id;
use crate::store::{Change, Expect, RecordId, Store, TakenName, UniqueName};

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
    let record = RecordId::Name(name.clone());
    if let Some(taken) = store.find::<TakenName>(&record)? {
        return match taken.value.id == id {
            true => Ok(()),
            false => {
                let owner = taken.value.id;
                Err(Fault::Conflict(format!("{whose} has that name already: its id is {owner}")))
            }
        };
    }
    if let Some(before) = before {
        plan.changes.push(Change::Delete(RecordId::Name(before)));
    }
    plan.expect.push((record, Expect::Absent));
    plan.changes.push(Change::Put(TakenName { name, id }.into()));
    Ok(())
}
