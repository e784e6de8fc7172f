//! Users: people, who belong to the instance.

use super::Plan;
use crate::model::User;
use crate::store::{Change, Expect, RecordId, Recorded, TakenName, UniqueName};

/// The writing of a user whose id and name nobody has.
pub(super) fn made(user: User) -> Plan<User> {
    let name = TakenName { name: UniqueName::User(user.name.as_str().to_owned()), id: user.id };
    Plan {
        expect: vec![(user.record_id(), Expect::Absent), (RecordId::Name(name.name.clone()), Expect::Absent)],
        changes: vec![Change::Put(user.clone().into()), Change::Put(name.into())],
        value: user,
    }
}
