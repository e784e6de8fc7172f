//! The current snapshot, for all who read it. Readers never wait; writers take turns.

use std::ops::Deref;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::Snapshot;
use crate::store::Revision;

/// Where the current snapshot stands.
pub struct Published {
    current: ArcSwap<Snapshot>,
    /// Writers only: two changes must not start from the same snapshot.
    turn: Mutex<()>,
    revision: watch::Sender<Revision>,
}

impl Published {
    pub fn new(first: Snapshot) -> Arc<Self> {
        let (revision, _) = watch::channel(first.revision);
        Arc::new(Published { current: ArcSwap::from_pointee(first), turn: Mutex::new(()), revision })
    }

    /// The current snapshot, for work outside the data plane.
    pub fn load(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Replaces the snapshot by what `change` makes of it.
    pub fn update(&self, change: impl FnOnce(&Snapshot) -> Snapshot) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let next = change(&self.current.load());
        let revision = next.revision;
        self.current.store(Arc::new(next));
        self.revision.send_replace(revision);
    }

    /// Waits until a commit is in the current snapshot.
    pub async fn reached(&self, revision: Revision) {
        let mut seen = self.revision.subscribe();
        // Fails only when the sender is gone, and that is part of `self`.
        let _ = seen.wait_for(|at| *at >= revision).await;
    }

    /// Tells of every change, whatever changed.
    pub fn changes(&self) -> watch::Receiver<Revision> {
        self.revision.subscribe()
    }

    /// A reader for one thread.
    pub fn reader(self: &Arc<Self>) -> Reader {
        let held = Rc::new(Current(self.load()));
        Reader { published: self.clone(), held }
    }
}

/// One thread's view of the current snapshot: hands out references that are counted on this thread
/// alone, so that requests on several cores do not fight over one counter.
pub struct Reader {
    published: Arc<Published>,
    held: Rc<Current>,
}

/// A snapshot as held by one thread.
pub struct Current(Arc<Snapshot>);

impl Reader {
    /// The snapshot of this moment.
    pub fn now(&mut self) -> Rc<Current> {
        let current = self.published.current.load();
        if !Arc::ptr_eq(&current, &self.held.0) {
            self.held = Rc::new(Current(Arc::clone(&current)));
        }
        self.held.clone()
    }
}

impl Deref for Current {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.0
    }
}
