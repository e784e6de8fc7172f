//! The end of old entries of the audit log. What is removed leaves an entry that names the last one,
//! so that the rest can still be verified.

use std::future::Future;
use std::pin::pin;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::{Authority, Control, Fault, Plan, blocking, chain, commit};
use crate::model::{AuditEntry, Deed, Pruned, Timestamp};
use crate::store::{Change, Order, RecordId, Recorded, Store, StoreError};

/// Entries of one commit: a write by somebody else waits for no more than these.
const AT_ONCE: usize = 1000;
const EVERY: Duration = Duration::from_hours(24);

impl Control {
    /// Removes entries that are older than `retention`, now and once a day until `stop` is done.
    pub async fn keep_retention(
        &self,
        retention: Duration,
        clock: fn() -> Timestamp,
        stop: impl Future<Output = ()>,
    ) {
        let mut stop = pin!(stop);
        let mut daily = interval(EVERY);
        daily.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = daily.tick() => {}
                () = &mut stop => return,
            }
            let pruned = tokio::select! {
                pruned = self.prune_audit(retention, clock()) => pruned,
                () = &mut stop => return,
            };
            match pruned {
                Ok(0) => {}
                Ok(entries) => tracing::info!(entries, "old entries of the audit log were removed"),
                Err(error) => tracing::warn!(%error, "old entries of the audit log are still there"),
            }
        }
    }

    /// Removes the entries that are older than `retention`; says how many. Others write between its
    /// commits.
    pub async fn prune_audit(&self, retention: Duration, now: Timestamp) -> Result<u64, Fault> {
        let retention = u64::try_from(retention.as_millis()).unwrap_or(u64::MAX);
        let oldest = Timestamp::from_millis(now.millis().saturating_sub(retention));
        let mut removed = 0;
        loop {
            let (store, turn) = (self.store.clone(), self.turn.clone());
            let batch = blocking(move || {
                let mut chain = turn.lock().unwrap_or_else(PoisonError::into_inner);
                let old = older(&store, oldest)?;
                let Some(pruned) = pruned(&old) else { return Ok(0) };
                commit(&store, &mut chain, |_| {
                    let plan = Plan { expect: Vec::new(), changes: removal(&old), value: () };
                    Ok((plan, vec![told(&pruned, now)?]))
                })?;
                Ok(pruned.entries)
            })
            .await?;
            removed += batch;
            if batch == 0 {
                return Ok(removed);
            }
        }
    }
}

/// The oldest entries, as far as they are from before a moment.
fn older(store: &Store, oldest: Timestamp) -> Result<Vec<AuditEntry>, StoreError> {
    let all = (&RecordId::Audit(0), &RecordId::Audit(u64::MAX));
    let entries = store.span::<AuditEntry>(all, Order::Ascending, AT_ONCE)?;
    Ok(entries.into_iter().map(|entry| entry.value).take_while(|entry| entry.at < oldest).collect())
}

fn pruned(old: &[AuditEntry]) -> Option<Pruned> {
    let last = old.last()?;
    Some(Pruned { entries: old.len() as u64, through: last.number, hash: last.hash.clone() })
}

fn removal(old: &[AuditEntry]) -> Vec<Change> {
    let marks = old.iter().filter_map(|entry| entry.place.clone()).map(RecordId::AuditMark);
    old.iter().map(Recorded::record_id).chain(marks).map(Change::Delete).collect()
}

fn told(pruned: &Pruned, now: Timestamp) -> Result<AuditEntry, StoreError> {
    let after = serde_json::to_value(pruned).map_err(|error| StoreError::Backend(error.to_string()))?;
    let id = RecordId::Audit(pruned.through);
    let entry = chain::entry(&Authority::system(), Deed::Prune, &id, now);
    let detail = format!("{} entries up to number {} were removed", pruned.entries, pruned.through);
    Ok(AuditEntry { id: pruned.through.to_string(), after: Some(after), detail, ..entry })
}
