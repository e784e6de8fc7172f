//! What one data-plane thread has for itself: its view of the snapshot, its cache of tokens, its
//! connections to back ends, its counters. Nothing here is shared, so nothing here is locked.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use foldhash::fast::RandomState;
use http::HeaderValue;
use tokio::sync::mpsc::Sender;

use super::ids::RequestIds;
use super::reject::Refusal;
use super::upstream::Pool;
use crate::auth::{self, Basis, Cache, Checker, Failure, Identity, Reading, Reporter, Unchecked};
use crate::model::{Incident, TenantId, Timestamp, TokenUse};
use crate::net::{Event, Refused};
use crate::snapshot::{Account, Current, Reader, Service, Tenant};
use crate::telemetry::{self, AccessWriter, Entry, ServiceSeries, Traffic};

/// Verified tokens that a thread remembers.
const CACHED_TOKENS: usize = 65_536;
/// Pairs of service and tenant whose counters a thread keeps at hand.
const MAX_SERIES: usize = 16_384;

/// Uses of API tokens that wait for the next tick; of more, the times are lost.
const MAX_USES: usize = 4096;

/// Ticks between looks at idle connections to back ends.
const SWEEP: u64 = 10;

/// One thread's data plane.
pub struct Worker {
    reader: RefCell<Reader>,
    cache: RefCell<Cache>,
    checker: Arc<Checker>,
    reporter: Reporter,
    pool: Pool,
    ids: RequestIds,
    counters: telemetry::Worker,
    strangers: Arc<Traffic>,
    access: Option<RefCell<AccessWriter>>,
    /// Uses of API tokens to be written down, and where they are handed in.
    used: RefCell<Vec<TokenUse>>,
    uses: Sender<TokenUse>,
    ticks: Cell<u64>,
    /// By the addresses of the service and of the tenant's id; an entry holds both, so that no other can
    /// move in. All versions of a tenant share its id, and none of them is held.
    series: RefCell<HashMap<(usize, usize), Rc<Series>, RandomState>>,
}

/// What a worker is made of.
pub struct WorkerParts {
    pub reader: Reader,
    pub counters: telemetry::Worker,
    pub access: Option<AccessWriter>,
    pub uses: Sender<TokenUse>,
    pub checker: Arc<Checker>,
    /// Where refused passwords are handed in for the audit log.
    pub reporter: Reporter,
}

/// The counters of one tenant at one service, or of its callers whose tenant is not known.
pub struct Series {
    pub service_name: Arc<str>,
    tenant: Option<TenantId>,
    pub traffic: Arc<Traffic>,
    pub service: Arc<ServiceSeries>,
    /// Keeps the address that this is found by.
    _service: Arc<Service>,
}

impl Series {
    /// Empty where the tenant is not known.
    pub fn tenant_name(&self) -> &str {
        self.tenant.as_ref().map(TenantId::as_str).unwrap_or_default()
    }
}

impl Worker {
    /// Fails only when the machine has no randomness to give.
    pub fn new(parts: WorkerParts) -> Result<Rc<Self>, getrandom::Error> {
        let WorkerParts { reader, counters, access, uses, checker, reporter } = parts;
        Ok(Rc::new(Worker {
            reader: RefCell::new(reader),
            cache: RefCell::new(Cache::new(CACHED_TOKENS)?),
            checker,
            reporter,
            pool: Pool::default(),
            ids: RequestIds::new()?,
            strangers: counters.traffic(&Arc::from(""), ""),
            counters,
            access: access.map(RefCell::new),
            used: RefCell::default(),
            uses,
            ticks: Cell::new(0),
            series: RefCell::default(),
        }))
    }

    /// The snapshot of this moment.
    pub fn snapshot(&self) -> Rc<Current> {
        self.reader.borrow_mut().now()
    }

    /// Finds out who sends a credential from `address` to a tenant, and counts the outcome if there
    /// is one yet.
    pub fn authenticate(
        &self,
        snapshot: &Current,
        credential: Result<&HeaderValue, Failure>,
        tenant: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Reading, Refusal> {
        let mut cache = self.cache.borrow_mut();
        let reading = credential.and_then(|credential| {
            auth::authenticate(snapshot, &mut cache, credential.as_bytes(), tenant, address, now)
        });
        match reading {
            Ok(Reading::Known(identity)) => {
                self.note_use(&identity, now);
                Ok(Reading::Known(self.known(identity)))
            }
            Ok(unchecked @ Reading::Password(_)) => Ok(unchecked),
            Err(failure) => Err(self.unknown(failure)),
        }
    }

    /// Has a password checked. The outcome is not counted yet.
    pub async fn sign_in(
        &self,
        snapshot: &Current,
        unchecked: &Unchecked,
        now: Instant,
    ) -> Result<Arc<Account>, auth::Refused> {
        let Unchecked { user, password, address, .. } = unchecked;
        auth::sign_in(&self.checker, snapshot, user, password, *address, now).await
    }

    /// Finds out what a user whose password was right is to a tenant, and counts the outcome.
    pub fn admit(
        &self,
        snapshot: &Current,
        checked: &Unchecked,
        account: Arc<Account>,
        tenant: &str,
    ) -> Result<Rc<Identity>, Refusal> {
        let admitted = auth::admit(snapshot, &mut self.cache.borrow_mut(), checked, account, tenant);
        admitted.map(|identity| self.known(identity)).map_err(|failure| self.unknown(failure))
    }

    /// Counts a caller who is known.
    fn known(&self, identity: Rc<Identity>) -> Rc<Identity> {
        self.counters.auth(0);
        identity
    }

    /// Counts a caller who is not known.
    pub fn unknown(&self, failure: Failure) -> Refusal {
        self.counters.auth(failure.outcome());
        Refusal::Unauthenticated(failure)
    }

    /// Hands in what the audit log shall tell of. Waits for nothing.
    pub fn report(&self, incident: Incident) {
        self.reporter.report(incident);
    }

    /// Takes note that a caller's API token was used. Nothing waits for that to be written.
    fn note_use(&self, identity: &Identity, now: Timestamp) {
        if let Basis::Token { token, .. } = &identity.basis
            && token.note(now)
        {
            let mut used = self.used.borrow_mut();
            if used.len() < MAX_USES {
                used.push(TokenUse { token: token.id, at: now });
            }
        }
    }

    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    pub fn ids(&self) -> &RequestIds {
        &self.ids
    }

    /// The counters of a tenant at a service.
    pub fn series(&self, service: &Arc<Service>, tenant: Option<&Arc<Tenant>>) -> Rc<Series> {
        let id = tenant.map(|tenant| &tenant.id);
        let place = (Arc::as_ptr(service) as usize, id.map_or(0, |id| id.as_str().as_ptr() as usize));
        let mut all = self.series.borrow_mut();
        if let Some(series) = all.get(&place) {
            return series.clone();
        }
        if all.len() >= MAX_SERIES {
            all.clear();
        }
        let series = Rc::new(Series {
            service_name: service.name.clone(),
            tenant: id.cloned(),
            traffic: self.counters.traffic(&service.name, id.map_or("", TenantId::as_str)),
            service: self.counters.service(&service.name),
            _service: service.clone(),
        });
        all.insert(place, series.clone());
        series
    }

    /// Counts a request that never had a known tenant.
    pub fn count_stranger(&self, status: u16) {
        self.strangers.request(status, 0, 0);
    }

    /// Whether anybody reads the access log.
    pub fn logs(&self) -> bool {
        self.access.is_some()
    }

    pub fn log(&self, entry: &Entry<'_>) {
        if let Some(access) = &self.access {
            access.borrow_mut().write(entry);
        }
    }

    /// Counts what happens to connections.
    pub fn note(&self, event: Event) {
        match event {
            Event::Opened => self.counters.connection_opened(),
            Event::Closed => self.counters.connection_closed(),
            Event::HandshakeFailed(failure) => self.counters.handshake_failed(failure),
            Event::Refused(refused) => {
                if refused.ambiguous {
                    self.counters.guard_violation();
                }
                self.count_stranger(refused.status);
                self.log(&unread(&refused, self.ids.next().to_str().unwrap_or_default()));
            }
        }
    }

    /// Ten times a second: what is collected goes on, what is stale goes.
    pub fn tick(&self) {
        let cache = self.cache.borrow();
        self.counters.set_cache(cache.hits, cache.misses, cache.len() as u64);
        if self.ticks.replace(self.ticks.get() + 1).is_multiple_of(SWEEP) {
            self.pool.sweep();
        }
        if let Some(access) = &self.access {
            access.borrow_mut().flush();
        }
        for used in self.used.borrow_mut().drain(..) {
            // Where nobody keeps up, the time of one use is lost; the next is a minute away.
            let _ = self.uses.try_send(used);
        }
    }
}

/// The line of a request that no handler saw: all that is known is who sent it.
fn unread<'a>(refused: &'a Refused, request_id: &'a str) -> Entry<'a> {
    Entry {
        time_millis: Timestamp::now().millis(),
        request_id,
        peer: refused.peer,
        listener: &refused.listener,
        method: "",
        host: b"",
        path: b"",
        version: "HTTP/1.1",
        service: "",
        tenant: "",
        key: "",
        status: refused.status,
        reason: refused.reason,
        upstream: "",
        bytes_in: 0,
        bytes_out: 0,
        duration_us: 0,
        overhead_us: 0,
        upstream_us: 0,
        user_agent: b"",
    }
}
