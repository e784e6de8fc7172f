//! What was refused, on its way into the audit log: joined, counted and written once a second at
//! most. Whoever is refused can make the log neither wait nor grow as fast as they ask.

use std::future::Future;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::repeats::Repeats;
use super::{Authority, Control, Fault, Plan, blocking, chain, commit};
use crate::auth::{RefusedSignIn, Reporter, Reports, reports};
use crate::model::{AuditEntry, Deed, Incident, TenantId, Timestamp};

/// Incidents on their way; more are counted only.
const ON_THE_WAY: usize = 1024;
const WRITTEN_EVERY: Duration = Duration::from_secs(1);
/// Entries about incidents that may come at once.
const BURST: u64 = 1000;
/// One more entry is allowed after each of these, in milliseconds: 24,000 a day.
const EVERY: u64 = 3600;

/// Where incidents are handed in, and where they come out.
pub(super) struct Incidents {
    reporter: Reporter,
    /// Until somebody keeps them.
    reports: Mutex<Option<Reports>>,
}

/// A write that was refused to somebody who was recognised.
#[derive(Clone, Debug)]
pub struct RefusedWrite {
    pub deed: Deed,
    pub resource: String,
    pub id: String,
    pub tenant: Option<TenantId>,
    pub reason: String,
}

impl Incidents {
    pub(super) fn new() -> Self {
        let (reporter, reports) = reports(ON_THE_WAY);
        Incidents { reporter, reports: Mutex::new(Some(reports)) }
    }
}

impl Control {
    /// Where the data plane hands in what it refused.
    pub fn reporter(&self) -> Reporter {
        self.incidents.reporter.clone()
    }

    /// Takes note of a credential that was refused.
    pub fn refused_sign_in(&self, refused: &RefusedSignIn<'_>, now: Timestamp) {
        self.incidents.reporter.report(refused.incident(&self.snapshot(), now));
    }

    /// Whether a caller has no access to a tenant, or there is none.
    pub fn is_foreign(&self, authority: &Authority, tenant: Option<&TenantId>) -> bool {
        tenant.is_some_and(|tenant| authority.rights(&self.snapshot(), tenant).is_none())
    }

    /// Takes note of a write that was refused. Only who has access to a tenant is told of in its part
    /// of the log; others in the instance's.
    pub fn refused_write(&self, authority: &Authority, refused: RefusedWrite, now: Timestamp) {
        let RefusedWrite { deed, resource, id, tenant, reason } = refused;
        let (tenant, id) = match tenant {
            Some(foreign) if self.is_foreign(authority, Some(&foreign)) => (None, format!("{foreign}/{id}")),
            tenant => (tenant, id),
        };
        self.incidents.reporter.report(Incident {
            at: now,
            actor: authority.actor().clone(),
            request_id: authority.request_id().to_owned(),
            deed,
            resource,
            id,
            tenant,
            reason,
        });
    }

    /// Writes what was refused to the audit log, once a second. When `stop` is done, writes what there
    /// is and returns. To be called once: there is nothing for a second one.
    pub async fn keep_incidents(&self, clock: fn() -> Timestamp, stop: impl Future<Output = ()>) {
        let reports = self.incidents.reports.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(reports) = reports else { return };
        let mut batches = Batches::new(reports, clock());
        let mut stop = pin!(stop);
        let mut write = interval(WRITTEN_EVERY);
        write.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let last = tokio::select! {
                _ = write.tick() => false,
                () = &mut stop => true,
            };
            let batch = batches.next(clock(), last);
            if !batch.is_empty()
                && let Err(error) = self.tell(batch).await
            {
                tracing::warn!(%error, "refusals are missing from the audit log");
            }
            if last {
                return;
            }
        }
    }

    /// Appends entries of their own to the audit log.
    pub(super) async fn tell(&self, entries: Vec<AuditEntry>) -> Result<(), Fault> {
        let (store, turn) = (self.store.clone(), self.turn.clone());
        blocking(move || {
            let mut chain = turn.lock().unwrap_or_else(PoisonError::into_inner);
            let alone = || Plan { expect: Vec::new(), changes: Vec::new(), value: () };
            commit(&store, &mut chain, |_| Ok((alone(), entries.clone()))).map(drop)
        })
        .await
    }
}

/// Makes entries of incidents, no more than the log can bear.
struct Batches {
    reports: Reports,
    repeats: Repeats,
    /// Entries that may be written now, and when that was counted.
    budget: (u64, Timestamp),
    /// Incidents of which no entry tells yet.
    left_out: u64,
}

impl Batches {
    fn new(reports: Reports, now: Timestamp) -> Self {
        Batches { reports, repeats: Repeats::default(), budget: (BURST, now), left_out: 0 }
    }

    /// The entries for what was handed in since the last batch. The last one leaves nothing untold.
    fn next(&mut self, now: Timestamp, last: bool) -> Vec<AuditEntry> {
        let (incidents, lost) = self.reports.take();
        self.left_out += lost;
        self.refill(now);
        let mut entries = Vec::new();
        for (incident, times) in self.repeats.due(incidents, last) {
            // One is kept back for the entry that tells of the rest.
            if self.budget.0 > 1 {
                self.budget.0 -= 1;
                entries.push(chain::refused(incident, times));
            } else {
                self.left_out += times;
            }
        }
        if self.left_out > 0 && (self.budget.0 > 0 || last) {
            self.budget.0 = self.budget.0.saturating_sub(1);
            entries.push(chain::refused(rest(self.left_out, now), 1));
            self.left_out = 0;
        }
        entries
    }

    fn refill(&mut self, now: Timestamp) {
        let (left, at) = self.budget;
        let more = now.millis().saturating_sub(at.millis()) / EVERY;
        if left + more >= BURST {
            self.budget = (BURST, now);
        } else {
            self.budget = (left + more, Timestamp::from_millis(at.millis() + more * EVERY));
        }
    }
}

/// Tells of incidents that have no entry of their own.
fn rest(left_out: u64, now: Timestamp) -> Incident {
    Incident {
        at: now,
        actor: Authority::system().actor().clone(),
        request_id: String::new(),
        deed: Deed::SignIn,
        resource: "sessions".to_owned(),
        id: String::new(),
        tenant: None,
        reason: format!("{left_out} refusals were left out: more came than are written down"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incident(address: &str) -> Incident {
        let at = Timestamp::from_seconds(100);
        Incident { request_id: "r".to_owned(), reason: format!("from {address}"), ..rest(1, at) }
    }

    fn batches() -> (Reporter, Batches) {
        let (reporter, reports) = reports(ON_THE_WAY);
        (reporter, Batches::new(reports, Timestamp::from_seconds(100)))
    }

    fn details(entries: &[AuditEntry]) -> Vec<&str> {
        entries.iter().map(|entry| entry.detail.as_str()).collect()
    }

    #[test]
    fn the_same_again_is_one_entry_with_a_count() {
        let (reporter, mut batches) = batches();
        let now = Timestamp::from_seconds(101);
        assert!(batches.next(now, false).is_empty());
        for address in ["a", "b", "a", "a"] {
            reporter.report(incident(address));
        }
        assert_eq!(details(&batches.next(now, false)), ["from a (3 times)", "from b"]);
        assert!(batches.next(now, true).is_empty());
    }

    #[test]
    fn what_does_not_fit_is_told_in_one_entry() {
        let (reporter, mut batches) = batches();
        (0..2 * ON_THE_WAY).for_each(|nth| reporter.report(incident(&nth.to_string())));
        let first = batches.next(Timestamp::from_seconds(101), false);
        assert_eq!(first.len() as u64, BURST);
        let rest = 2 * ON_THE_WAY as u64 - (BURST - 1);
        assert!(first.last().is_some_and(|entry| entry.detail.starts_with(&format!("{rest} refusals"))));
    }

    #[test]
    fn a_flood_that_lasts_makes_the_log_grow_slowly() {
        let (reporter, mut batches) = batches();
        let mut written = 0;
        let seconds = 3600;
        for second in 0..seconds {
            (0..50).for_each(|nth| reporter.report(incident(&format!("{second} {nth}"))));
            written += batches.next(Timestamp::from_seconds(100 + second), false).len() as u64;
        }
        assert!(written <= BURST + seconds * 1000 / EVERY, "{written} entries in an hour");
        (0..50).for_each(|nth| reporter.report(incident(&nth.to_string())));
        let last = batches.next(Timestamp::from_seconds(100 + seconds), true);
        assert!(last.iter().any(|entry| entry.detail.contains("left out")), "nothing is untold");
    }
}
