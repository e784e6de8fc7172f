//! Turns at looking through the audit log. Each takes a core for a while, so there are few at once; and
//! one at a time for each tenant, so that none keeps the others waiting. Knows nothing of entries.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Fault;
use super::logbook::Part;
use crate::model::OrgId;

const AT_ONCE: usize = 2;

/// For any number of callers, of whom the first comes first.
pub(super) struct Scans {
    all: Arc<Semaphore>,
    /// Those of tenants for whom somebody has a turn or waits for one.
    tenants: Mutex<HashMap<OrgId, Weak<Semaphore>>>,
}

/// While it lives, a few entries may be read and looked at.
pub(super) struct Turn {
    _of_all: OwnedSemaphorePermit,
    _of_tenant: Option<OwnedSemaphorePermit>,
}

impl Scans {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Scans { all: Arc::new(Semaphore::new(AT_ONCE)), tenants: Mutex::default() })
    }

    pub(super) async fn turn(&self, part: &Part) -> Result<Turn, Fault> {
        let of_tenant = match part {
            Part::Whole => None,
            Part::Tenant(org) => Some(acquire(self.of(org)).await?),
        };
        Ok(Turn { _of_all: acquire(self.all.clone()).await?, _of_tenant: of_tenant })
    }

    fn of(&self, org: &OrgId) -> Arc<Semaphore> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        tenants.retain(|_, turns| turns.strong_count() > 0);
        if let Some(turns) = tenants.get(org).and_then(Weak::upgrade) {
            return turns;
        }
        let turns = Arc::new(Semaphore::new(1));
        tenants.insert(org.clone(), Arc::downgrade(&turns));
        turns
    }
}

async fn acquire(turns: Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Fault> {
    turns.acquire_owned().await.map_err(|_| Fault::Broken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TenantId;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test(start_paused = true)]
    async fn a_tenant_that_asks_a_lot_keeps_nobody_waiting() {
        let scans = Scans::new();
        let org = |id: &str| OrgId::nth(&TenantId::parse(id).expect("an id"), 1);
        let acme = Part::Tenant(org("acme"));
        let soon = async |part: &Part| timeout(Duration::from_secs(1), scans.turn(part)).await.ok();
        let first = soon(&acme).await.expect("a turn");
        assert!(soon(&acme).await.is_none());
        let others = soon(&Part::Tenant(org("globex"))).await.expect("a turn");
        assert!(soon(&Part::Whole).await.is_none(), "two at once");
        drop(others);
        assert!(soon(&Part::Whole).await.is_some());
        drop(first);
        assert!(soon(&acme).await.is_some());
        scans.of(&org("globex"));
        assert_eq!(scans.tenants.lock().expect("no panic").len(), 1, "what nobody waits for is forgotten");
    }
}
