//! What one data-plane thread counts. Made by `Metrics::worker` for each thread and used by that
//! thread alone: counting is a load and a store.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;

use super::cell::{Count, Counts, Level};
use super::failure::HandshakeFailure;
use super::series::{Series, ServiceSeries, Traffic};

/// A thread's counters. It can be moved to its thread, but not shared between threads.
pub struct Worker {
    index: usize,
    sheet: Arc<Sheet>,
    series: Arc<Series>,
    one_thread: PhantomData<Cell<()>>,
}

/// A worker's unlabelled counters, on cache lines of their own.
#[repr(align(128))]
pub(super) struct Sheet {
    pub(super) outcomes: Counts,
    pub(super) handshake_failures: [Count; HandshakeFailure::ALL.len()],
    pub(super) connections: Count,
    pub(super) connections_open: Level,
    pub(super) cache_hits: Level,
    pub(super) cache_misses: Level,
    pub(super) cache_entries: Level,
    pub(super) guard_violations: Count,
}

impl Sheet {
    pub(super) fn new(outcomes: usize) -> Self {
        Sheet {
            outcomes: Counts::new(outcomes),
            handshake_failures: Default::default(),
            connections: Count::default(),
            connections_open: Level::default(),
            cache_hits: Level::default(),
            cache_misses: Level::default(),
            cache_entries: Level::default(),
            guard_violations: Count::default(),
        }
    }
}

impl Worker {
    pub(super) fn new(index: usize, sheet: Arc<Sheet>, series: Arc<Series>) -> Self {
        Worker { index, sheet, series, one_thread: PhantomData }
    }

    /// This thread's share of a tenant's traffic to a service. Takes locks: keep what it returns
    /// for as long as the tenant lives. `tenant` is `""` where none is known; tenants beyond the
    /// cap share one series.
    pub fn traffic(&self, service: &Arc<str>, tenant: &str) -> Arc<Traffic> {
        self.series.traffic(self.index, service, tenant)
    }

    /// This thread's share of a service's series. Takes a lock: ask once.
    pub fn service(&self, service: &Arc<str>) -> Arc<ServiceSeries> {
        self.series.service(self.index, service)
    }

    /// Counts an authentication; `outcome` indexes the list given to `Metrics::new`.
    pub fn auth(&self, outcome: usize) {
        if let Some(count) = self.sheet.outcomes.at(outcome) {
            count.add(1);
        }
    }

    pub fn connection_opened(&self) {
        self.sheet.connections.add(1);
        self.sheet.connections_open.up();
    }

    pub fn connection_closed(&self) {
        self.sheet.connections_open.down();
    }

    pub fn handshake_failed(&self, failure: HandshakeFailure) {
        self.sheet.handshake_failures[failure as usize].add(1);
    }

    /// What this thread's cache of verified tokens came to: look-ups since it was made, and entries
    /// now.
    pub fn set_cache(&self, hits: u64, misses: u64, entries: u64) {
        self.sheet.cache_hits.set(hits);
        self.sheet.cache_misses.set(misses);
        self.sheet.cache_entries.set(entries);
    }

    /// A connection was closed because its HTTP/1 framing could be read in more than one way.
    pub fn guard_violation(&self) {
        self.sheet.guard_violations.add(1);
    }
}
