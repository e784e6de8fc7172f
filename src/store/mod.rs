//! Durable, ordered changes to records. Knows no rule about what a record may say; that is
//! `control`'s. One backend so far, embedded; a second one makes this a trait.

mod codec;
mod embedded;
mod lock;
mod page;
mod record;
#[cfg(test)]
mod torn;

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;

pub use embedded::Store;
pub use page::{Cut, Order, Page};
pub use record::{Kind, Record, RecordId, Recorded, TakenName, UniqueName, names_within, within};

/// Counts commits from 1; an empty store is at 0. Also the version of the records that a commit
/// wrote, and so their ETag.
pub type Revision = u64;

/// A record and the revision that last wrote it.
#[derive(Clone)]
pub struct Stored<T> {
    pub version: Revision,
    pub value: T,
}

impl Stored<Record> {
    /// The same, as what it is. Fails where an id has led to a record of another kind.
    pub fn of<T: Recorded>(self) -> Result<Stored<T>, StoreError> {
        let (version, id) = (self.version, self.value.id());
        match T::from_record(self.value) {
            Some(value) => Ok(Stored { version, value }),
            None => Err(StoreError::Corrupt(format!("{id} is no {}", T::KIND.noun()))),
        }
    }
}

/// One step of a commit.
#[derive(Clone)]
pub enum Change {
    Put(Box<Record>),
    Delete(RecordId),
}

impl Change {
    pub fn id(&self) -> RecordId {
        match self {
            Change::Put(record) => record.id(),
            Change::Delete(id) => id.clone(),
        }
    }
}

/// What must hold of a record for a commit to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    Absent,
    Version(Revision),
}

/// A commit as followers see it: in order, without gaps. Its revision is the version of every
/// record that it put.
#[derive(Clone)]
pub struct Committed {
    pub revision: Revision,
    pub changes: Arc<[Change]>,
}

/// The commits that a follower is sent.
pub type Commits = UnboundedReceiver<Committed>;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// An expectation did not hold; nothing was written.
    #[error("{id} {}, which is not what was expected", standing(*found))]
    Conflict { id: RecordId, found: Option<Revision> },
    /// What is on disk is not what we wrote, or is from a later version of the program. The text
    /// names what it is and what to do.
    #[error("the store cannot be read: {0}")]
    Corrupt(String),
    /// Another process has the store open.
    #[error("the store {0} is in use by another process: stop that one, or use another directory")]
    InUse(String),
    #[error("the store failed: {0}")]
    Backend(String),
}

fn standing(found: Option<Revision>) -> String {
    match found {
        Some(version) => format!("is at version {version}"),
        None => "does not exist".to_owned(),
    }
}
