//! What is held of an issuer's keys, and how the fetching of them stands on this node.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::refresh::merge;
use crate::control::{Authority, Control, Fault, Plan, find};
use crate::model::{HeldKey, Issuer, IssuerKeys, KeySet, Source, Timestamp};
use crate::snapshot::IssuerName;
use crate::store::{Change, Expect, RecordId, Recorded, Store, Stored};

/// How fetching has gone, on this node and since it started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// When the last good document came.
    pub fetched_at: Option<Timestamp>,
    /// Why the last attempt gave none; none when it gave one.
    pub error: Option<String>,
    /// Attempts that have failed since the last good one.
    pub failures: u32,
    /// Keys of the last good document that cannot be used, and why.
    pub skipped: Vec<String>,
}

/// The status of every issuer.
#[derive(Default)]
pub struct Board(Mutex<HashMap<IssuerName, Status>>);

/// What there is to know of an issuer besides its record.
#[derive(Clone, Debug)]
pub struct Standing {
    pub keys: Vec<HeldKey>,
    pub status: Status,
}

impl Board {
    pub(super) fn change(&self, name: &IssuerName, change: impl FnOnce(&mut Status)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(all.entry(name.clone()).or_default());
    }

    /// Forgets all but those for which `stays` says so.
    pub(super) fn retain(&self, stays: impl Fn(&IssuerName) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|name, _| stays(name));
    }

    fn read(&self, name: &IssuerName) -> Status {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned().unwrap_or_default()
    }
}

impl Control {
    /// The keys that are held of an issuer, and how their fetching stands.
    pub fn standing(&self, issuer: &Issuer) -> Standing {
        let name = (issuer.owner.clone(), issuer.id.clone());
        let mut status = self.board.read(&name);
        let snapshot = self.snapshot();
        let Some(compiled) = snapshot.keys.issuers().get(name.0.as_ref(), &name.1) else {
            return Standing { keys: Vec::new(), status };
        };
        // A node that has just started knows what is stored.
        status.fetched_at = status.fetched_at.max(compiled.fetched_at());
        Standing { keys: compiled.held().to_vec(), status }
    }

    /// Takes over a set that was fetched from `source` for an issuer. Writes nothing when that
    /// changes nothing.
    pub(super) async fn hold(
        &self,
        name: &IssuerName,
        source: &Source,
        set: KeySet,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let change = Taking { name: name.clone(), source: source.clone(), set, now };
        let look = change.clone();
        if self.read(move |store| look.plan(store)).await?.is_none() {
            return Ok(());
        }
        self.write(&Authority::system(), now, move |store| {
            let nothing = || Plan::new(());
            Ok(change.plan(store)?.unwrap_or_else(nothing))
        })
        .await?;
        Ok(())
    }
}

/// A set on its way in.
#[derive(Clone)]
struct Taking {
    name: IssuerName,
    source: Source,
    set: KeySet,
    now: Timestamp,
}

impl Taking {
    /// None when there is nothing to write.
    fn plan(&self, store: &Store) -> Result<Option<Plan<()>>, Fault> {
        let (owner, id) = self.name.clone();
        let this = RecordId::Issuer(owner.clone(), id.clone());
        let issuer = find::<Issuer>(store, &this)?;
        if issuer.value.source != self.source {
            return Err(Fault::Precondition(this));
        }
        let before = store.find::<IssuerKeys>(&RecordId::IssuerKeys(owner.clone(), id.clone()))?;
        let (expect, held) = match before {
            None => (Expect::Absent, None),
            Some(Stored { version, value }) => (Expect::Version(version), Some(value.keys)),
        };
        let known = held.clone().unwrap_or_default();
        let keys = merge(known, self.set.clone(), issuer.value.pace.grace(), self.now);
        if held.as_ref() == Some(&keys) {
            return Ok(None);
        }
        let record = IssuerKeys { owner, issuer: id, keys, fetched_at: self.now };
        Ok(Some(Plan {
            expect: vec![(this, Expect::Version(issuer.version)), (record.record_id(), expect)],
            changes: vec![Change::Put(record.into())],
            value: (),
        }))
    }
}
