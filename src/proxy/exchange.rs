//! The book of one request: when it began, how far it is, what it cost. Whatever becomes of the
//! request, the book is closed once, when the last part that holds it is dropped: then the metrics
//! are counted and the access-log line is written.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode, Uri, Version};

use super::ids;
use super::reject::Refusal;
use super::worker::{Series, Worker};
use crate::auth::{Identity, Permit};
use crate::model::{Timeouts, Timestamp};
use crate::net::{Call, Timer};
use crate::snapshot::{Service, Tenant};
use crate::telemetry::{Entry, UpstreamFailure};

/// What the log says of a caller that went away before its answer was complete.
const CALLER_GONE: u16 = 499;

/// One request.
pub struct Exchange {
    pub worker: Rc<Worker>,
    pub call: Call,
    pub now: Timestamp,
    pub request_id: HeaderValue,
    pub began: Instant,
    timer: Timer,
    phase: Cell<Phase>,
    awaited: Cell<Awaited>,
    /// The whole request has been handed to the back end's connection.
    uploaded: Cell<bool>,
    early: Cell<bool>,
    status: Cell<u16>,
    reason: Cell<&'static str>,
    /// When the decision was made, and when the back end's answer began.
    decided: Cell<Option<Instant>>,
    answered: Cell<Option<Instant>>,
    bytes_in: Cell<u64>,
    bytes_out: Cell<u64>,
    /// The counters of the service, once it is known, and of the tenant, once that is.
    series: RefCell<Option<Rc<Series>>>,
    identity: OnceCell<Rc<Identity>>,
    /// The back end that it was last sent to.
    upstream: RefCell<Option<Arc<str>>>,
    timeouts: Cell<Timeouts>,
    in_flight: Cell<bool>,
    whole_due: Cell<u64>,
    /// The parts of the access-log line that the request itself brings; none when nobody reads it.
    log: Option<Box<Log>>,
}

struct Log {
    method: Method,
    uri: Uri,
    version: Version,
    host: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
}

/// Whom a request waits for before its answer begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// The caller has not sent what it announced.
    Caller,
    /// The back end takes the request, or has it all.
    BackEnd,
    /// The caller's body broke off.
    Nobody,
    /// The caller sent more than the tenant may.
    Less,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No answer yet.
    Waiting,
    Answering,
    /// The whole answer was handed over.
    Complete,
}

impl Exchange {
    /// Opens the book.
    pub fn begin(worker: &Rc<Worker>, call: Call, request: &Parts) -> Rc<Self> {
        let log = worker.logs().then(|| {
            Box::new(Log {
                method: request.method.clone(),
                uri: request.uri.clone(),
                version: request.version,
                host: request.headers.get(header::HOST).cloned(),
                user_agent: request.headers.get(header::USER_AGENT).cloned(),
            })
        });
        let timer = call.timers().timer();
        Rc::new(Exchange {
            worker: worker.clone(),
            now: Timestamp::now(),
            request_id: ids::sane(&request.headers).unwrap_or_else(|| worker.ids().next()),
            began: Instant::now(),
            phase: Cell::new(Phase::Waiting),
            awaited: Cell::new(Awaited::BackEnd),
            uploaded: Cell::new(false),
            early: Cell::new(false),
            status: Cell::new(CALLER_GONE),
            reason: Cell::new(""),
            decided: Cell::default(),
            answered: Cell::default(),
            bytes_in: Cell::default(),
            bytes_out: Cell::default(),
            series: RefCell::default(),
            identity: OnceCell::new(),
            upstream: RefCell::default(),
            timeouts: Cell::default(),
            in_flight: Cell::new(false),
            // A refusal is short: reading it has to take no longer than making progress.
            whole_due: Cell::new(timer.after(call.limits.body)),
            log,
            timer,
            call,
        })
    }

    /// The request is meant for this service; whose it is, nobody has shown yet. Finding out takes
    /// no longer than the service's exchanges.
    pub fn aimed_at(&self, service: &Arc<Service>) {
        self.whole_due.set(self.whole_due.get().min(self.timer.after(service.timeouts.whole)));
        self.series.replace(Some(self.worker.series(service, None)));
    }

    /// The caller is known, and its tenant exists.
    pub fn comes_from(&self, identity: &Rc<Identity>, service: &Arc<Service>, tenant: &Arc<Tenant>) {
        self.series.replace(Some(self.worker.series(service, Some(tenant))));
        // A request has one caller; the first one stays.
        let _ = self.identity.set(identity.clone());
    }

    /// The request goes on to the service's back ends.
    pub fn permitted(&self, permit: &Permit<'_>) {
        let timeouts = permit.service().timeouts;
        self.timeouts.set(timeouts);
        let now = Instant::now();
        // A password may have taken its time.
        let left = timeouts.whole.saturating_sub(now.duration_since(self.began));
        self.whole_due.set(self.timer.after(left));
        self.decided.set(Some(now));
        if let Some(series) = &*self.series.borrow() {
            series.service.started();
            self.in_flight.set(true);
        }
    }

    /// How long each phase of the exchange with the back end may take.
    pub fn timeouts(&self) -> Timeouts {
        self.timeouts.get()
    }

    /// Goes to this back end now.
    pub fn sent_to(&self, upstream: &Arc<str>) {
        self.upstream.replace(Some(upstream.clone()));
    }

    /// The last byte of the request has been handed over.
    pub fn uploaded(&self) {
        self.uploaded.set(true);
    }

    /// Whether the back end answered before it could know the whole request.
    pub fn answered_early(&self) -> bool {
        self.early.get()
    }

    pub fn is_complete(&self) -> bool {
        self.phase.get() == Phase::Complete
    }

    /// The back end's answer begins.
    pub fn answered(&self, status: StatusCode) {
        self.early.set(!self.uploaded.get());
        let now = Instant::now();
        self.answered.set(Some(now));
        if let (Some(series), Some(decided)) = (&*self.series.borrow(), self.decided.get()) {
            series.service.overhead.observe(decided.duration_since(self.began));
            series.service.upstream.observe(now.duration_since(decided));
        }
        self.begin_answer(status, "");
    }

    /// We answer ourselves.
    pub fn refused(&self, refusal: Refusal) {
        if let Refusal::Upstream(failure) = refusal {
            self.count_failure(failure);
        }
        self.begin_answer(refusal.status(), refusal.reason());
    }

    /// The answer broke off at the back end.
    pub fn broke(&self, failure: UpstreamFailure) {
        self.reason.set(failure.label());
        self.count_failure(failure);
    }

    pub fn received(&self, bytes: usize) {
        self.bytes_in.set(self.bytes_in.get() + bytes as u64);
    }

    pub fn delivered(&self, bytes: usize) {
        self.bytes_out.set(self.bytes_out.get() + bytes as u64);
    }

    pub fn completed(&self) {
        self.phase.set(Phase::Complete);
    }

    /// Notes who keeps the request waiting. Once the answer has begun, the answer's time counts.
    pub fn waits_for(&self, awaited: Awaited) {
        self.awaited.set(awaited);
        if self.phase.get() == Phase::Waiting {
            self.allow(match awaited {
                Awaited::Caller => self.call.limits.body,
                Awaited::BackEnd | Awaited::Nobody | Awaited::Less => self.timeouts().first_byte,
            });
        }
    }

    pub fn awaited(&self) -> Awaited {
        self.awaited.get()
    }

    /// Gives the next step this long, and not beyond the whole exchange's end.
    pub fn allow(&self, time: Duration) {
        self.timer.set_at(self.timer.after(time).min(self.whole_due.get()));
    }

    /// Ready when the current step, or the whole, took too long.
    pub fn poll_late(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.timer.poll_due(cx)
    }

    pub fn whole_time_is_up(&self) -> bool {
        self.whole_due.get() <= self.timer.now()
    }

    fn count_failure(&self, failure: UpstreamFailure) {
        if let Some(series) = &*self.series.borrow() {
            series.service.upstream_failure(failure);
        }
    }

    fn begin_answer(&self, status: StatusCode, reason: &'static str) {
        self.status.set(status.as_u16());
        self.reason.set(reason);
        self.phase.set(Phase::Answering);
        self.timer.set_at(self.whole_due.get());
        self.call.answer_began(self.whole_due.get());
    }

    fn write_log(&self, log: &Log, status: u16, reason: &str) {
        let end = Instant::now();
        let (series, upstream) = (self.series.borrow(), self.upstream.borrow());
        let upstream_us = match (self.decided.get(), self.answered.get()) {
            (Some(decided), Some(answered)) => micros(answered.duration_since(decided)),
            _ => 0,
        };
        self.worker.log(&Entry {
            time_millis: self.now.millis(),
            request_id: self.request_id.to_str().unwrap_or_default(),
            peer: self.call.peer,
            listener: &self.call.listener,
            method: log.method.as_str(),
            host: log.host(),
            path: log.uri.path().as_bytes(),
            version: version(log.version),
            service: series.as_ref().map(|series| &*series.service_name).unwrap_or_default(),
            tenant: series.as_ref().map(|series| series.tenant_name()).unwrap_or_default(),
            key: self.identity.get().map(|identity| &*identity.credential).unwrap_or_default(),
            status,
            reason,
            upstream: upstream.as_deref().unwrap_or_default(),
            bytes_in: self.bytes_in.get(),
            bytes_out: self.bytes_out.get(),
            duration_us: micros(end.duration_since(self.began)),
            overhead_us: micros(self.decided.get().unwrap_or(end).duration_since(self.began)),
            upstream_us,
            user_agent: log.user_agent.as_ref().map(HeaderValue::as_bytes).unwrap_or_default(),
        });
    }

    /// What became of the request, and why.
    fn verdict(&self) -> (u16, &'static str) {
        match self.phase.get() {
            Phase::Waiting => (CALLER_GONE, "caller_gone"),
            Phase::Answering if self.reason.get().is_empty() => {
                // Whoever noticed first, this side or the connection below.
                let late = self.whole_time_is_up();
                (self.status.get(), if late { UpstreamFailure::Timeout.label() } else { "caller_gone" })
            }
            Phase::Answering | Phase::Complete => (self.status.get(), self.reason.get()),
        }
    }
}

impl Log {
    /// The host as the caller wrote it.
    fn host(&self) -> &[u8] {
        match (self.uri.authority(), &self.host) {
            (Some(authority), _) => authority.as_str().as_bytes(),
            (None, Some(host)) => host.as_bytes(),
            (None, None) => b"",
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let (status, reason) = self.verdict();
        match &*self.series.borrow() {
            Some(series) => {
                if self.in_flight.get() {
                    series.service.finished();
                }
                series.traffic.request(status, self.bytes_in.get(), self.bytes_out.get());
            }
            None => self.worker.count_stranger(status),
        }
        if let Some(log) = &self.log {
            self.write_log(log, status, reason);
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_2 => "HTTP/2",
        Version::HTTP_10 => "HTTP/1.0",
        _ => "HTTP/1.1",
    }
}
