//! What the control side knows of the whole process: the store's revision, key set,
//! certificates, reloads. Set by any thread; nothing here is on the way of a request.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Default)]
pub(super) struct Node {
    pub(super) revision: AtomicU64,
    pub(super) tenants: AtomicU64,
    pub(super) keys: AtomicU64,
    /// Unix seconds; 0 while no key set was ever seen.
    pub(super) keys_changed: AtomicU64,
    pub(super) ready: AtomicBool,
    pub(super) password_checks: Mutex<Vec<Arc<AtomicU64>>>,
    pub(super) config_reloads: Reloads,
    certificates: Mutex<BTreeMap<String, Certificate>>,
}

/// How reloads of one thing ended.
#[derive(Default)]
pub(super) struct Reloads {
    ok: AtomicU64,
    failed: AtomicU64,
}

impl Reloads {
    pub(super) fn count(&self, ok: bool) {
        let ended = if ok { &self.ok } else { &self.failed };
        ended.fetch_add(1, Ordering::Relaxed);
    }

    /// The `result` label and its count.
    pub(super) fn results(&self) -> [(&'static str, u64); 2] {
        [("ok", self.ok.load(Ordering::Relaxed)), ("failed", self.failed.load(Ordering::Relaxed))]
    }
}

/// The certificate of one listener.
#[derive(Default)]
pub(super) struct Certificate {
    /// Unix seconds.
    pub(super) not_after: Option<i64>,
    pub(super) reloads: Reloads,
}

impl Node {
    /// The certificates by listener, under their lock.
    pub(super) fn certificates<R>(&self, f: impl FnOnce(&mut BTreeMap<String, Certificate>) -> R) -> R {
        f(&mut self.certificates.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
