//! Durable, ordered changes to records. Knows no rule about what a record may say; that is
//! `control`'s. One backend so far, embedded; a second one makes this a trait.

mod codec;
mod embedded;
mod page;
#[cfg(test)]
mod torn;

use std::fmt;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::model::{Admin, KeyId, OrgId, OrgRecord, Tenant, TenantId, TrustedKey};

pub use codec::Kind;
pub use embedded::Store;
pub use page::{Cut, Order, Page};

/// Counts commits from 1; an empty store is at 0. Also the version of the records that a commit
/// wrote, and so their ETag.
pub type Revision = u64;

/// Names one record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordId {
    Tenant(TenantId),
    Org(OrgId),
    Key(KeyId),
    Admin(String),
}

/// As people read it: `tenant "acme"`.
impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, key) = self.address();
        write!(f, "{} {key:?}", kind.noun())
    }
}

/// One record's content.
#[derive(Clone, PartialEq, Eq)]
pub enum Record {
    Tenant(Tenant),
    Org(OrgRecord),
    Key(TrustedKey),
    Admin(Admin),
}

impl Record {
    pub fn id(&self) -> RecordId {
        match self {
            Record::Tenant(tenant) => RecordId::Tenant(tenant.id.clone()),
            Record::Org(org) => RecordId::Org(org.org_id.clone()),
            Record::Key(key) => RecordId::Key(key.id.clone()),
            Record::Admin(admin) => RecordId::Admin(admin.name.clone()),
        }
    }
}

/// A record and the revision that last wrote it.
#[derive(Clone)]
pub struct Stored<T> {
    pub version: Revision,
    pub value: T,
}

/// One step of a commit.
#[derive(Clone)]
pub enum Change {
    Put(Record),
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
