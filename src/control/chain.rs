//! The audit log's end: what a commit changes becomes entries, each the next link of the chain.
//! Knows which parts of a record nobody may read.

use serde_json::Value;

use super::{Authority, Fault};
use crate::model::{AuditEntry, Deed, Outcome, Timestamp};
use crate::store::{Change, Cut, Expect, Kind, Order, Record, RecordId, Store, StoreError};

/// The last entry that was written.
pub(super) struct Chain {
    number: u64,
    hash: String,
}

/// Fields of records that are secrets, or as good as one.
const SECRET: [&str; 2] = ["password_hash", "hash"];

impl Chain {
    /// Reads the end of the log.
    pub(super) fn read(store: &Store) -> Result<Self, StoreError> {
        let last =
            Cut { kind: Kind::Audit, within: None, order: Order::Descending, skip: 0, take: 1, wanted: None };
        let last = store.page(&last)?.items.pop();
        Ok(match last.map(|stored| stored.of::<AuditEntry>()).transpose()? {
            Some(entry) => Chain { number: entry.value.number, hash: entry.value.hash },
            None => Chain { number: 0, hash: AuditEntry::NOTHING.to_owned() },
        })
    }

    /// The entries that tell of `changes`, and the chain with them at its end.
    pub(super) fn tell(
        &self,
        store: &Store,
        authority: &Authority,
        changes: &[Change],
        now: Timestamp,
    ) -> Result<(Vec<AuditEntry>, Chain), Fault> {
        let mut entries = Vec::with_capacity(changes.len());
        let mut end = Chain { number: self.number, hash: self.hash.clone() };
        for change in changes.iter().filter(|change| told(change.id().kind())) {
            let id = change.id();
            let before = store.get(&id)?.map(|stored| public(&stored.value)).transpose()?;
            let after = match change {
                Change::Put(record) => Some(public(record)?),
                Change::Delete(_) => None,
            };
            let deed = match (&before, &after) {
                (None, Some(_)) => Deed::Create,
                (Some(_), Some(_)) => Deed::Update,
                (Some(_), None) => Deed::Delete,
                (None, None) => continue,
            };
            entries.push(end.link(AuditEntry { before, after, ..entry(authority, deed, &id, now) }));
        }
        Ok((entries, end))
    }

    /// The next entry of the chain, whose end it becomes.
    pub(super) fn link(&mut self, entry: AuditEntry) -> AuditEntry {
        let previous = std::mem::take(&mut self.hash);
        let entry = AuditEntry { number: self.number + 1, previous, ..entry }.sealed();
        self.number = entry.number;
        self.hash.clone_from(&entry.hash);
        entry
    }
}

/// What must hold for entries to be written, and the writing.
pub(super) fn append(entries: &[AuditEntry]) -> (Vec<(RecordId, Expect)>, Vec<Change>) {
    let expect = entries.iter().map(|entry| (RecordId::Audit(entry.number), Expect::Absent)).collect();
    (expect, entries.iter().map(|entry| Change::Put(Record::Audit(entry.clone()))).collect())
}

/// An entry without a place in the chain yet.
pub(super) fn entry(authority: &Authority, deed: Deed, id: &RecordId, now: Timestamp) -> AuditEntry {
    let key = id.key();
    let own = key.split_once('/').map_or(key.as_ref(), |(_, own)| own);
    AuditEntry {
        number: 0,
        at: now,
        actor: authority.actor().clone(),
        request_id: authority.request_id().to_owned(),
        deed,
        resource: id.kind().table().to_owned(),
        id: own.to_owned(),
        tenant: id.tenant().cloned(),
        before: None,
        after: None,
        outcome: Outcome::Done,
        detail: String::new(),
        previous: String::new(),
        hash: String::new(),
    }
}

/// Whether changes of such records are told of. The others follow from these, or are the log.
const fn told(kind: Kind) -> bool {
    match kind {
        Kind::Tenant
        | Kind::Key
        | Kind::Issuer
        | Kind::IssuerKeys
        | Kind::User
        | Kind::ServiceAccount
        | Kind::Role
        | Kind::Group
        | Kind::Member
        | Kind::Binding
        | Kind::Token
        | Kind::Invitation
        | Kind::Session => true,
        Kind::Org | Kind::TokenUse | Kind::Name | Kind::Audit => false,
    }
}

/// A record without what nobody may read.
fn public(record: &Record) -> Result<Value, Fault> {
    let mut json = record.json().map_err(|error| StoreError::Backend(error.to_string()))?;
    if let Some(fields) = json.as_object_mut() {
        SECRET.iter().for_each(|secret| drop(fields.remove(*secret)));
    }
    Ok(json)
}
