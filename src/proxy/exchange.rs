//! The book of one request: when it began, how far it is, what it cost. Whatever becomes of the
//! request, the book is closed once, when the last part that holds it is dropped: then the metrics
//! are counted and the access-log line is written.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode, Uri, Version};

use super::headers::REQUEST_ID;
use super::reject::Refusal;
use super::worker::{Series, Worker};
use crate::auth::{Identity, Permit};
use crate::model::{Timeouts, Timestamp};
use crate::net::{Conn, Timer};
use crate::telemetry::{Entry, UpstreamFailure};

/// What the log says of a caller that went away before its answer was complete.
const CALLER_GONE: u16 = 499;

/// One request.
pub struct Exchange {
    pub worker: Rc<Worker>,
    pub conn: Rc<Conn>,
    pub now: Timestamp,
    began: Instant,
    timer: Timer,
    phase: Cell<Phase>,
    awaited: Cell<Awaited>,
    status: Cell<u16>,
    reason: Cell<&'static str>,
    /// When the request was sent on, and when its answer began.
    sent: Cell<Option<Instant>>,
    answered: Cell<Option<Instant>>,
    bytes_in: Cell<u64>,
    bytes_out: Cell<u64>,
    /// Known once permitted.
    party: OnceCell<Party>,
    whole_due: Cell<u64>,
    request_id: OnceCell<HeaderValue>,
    /// The parts of the access-log line that the request itself brings; none when nobody reads it.
    log: Option<Box<Log>>,
}

/// Who sends to whom.
struct Party {
    series: Rc<Series>,
    identity: Rc<Identity>,
    timeouts: Timeouts,
    upstream: OnceCell<Arc<str>>,
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
    pub fn begin(worker: &Rc<Worker>, conn: Rc<Conn>, request: &Parts) -> Rc<Self> {
        let log = worker.logs().then(|| {
            Box::new(Log {
                method: request.method.clone(),
                uri: request.uri.clone(),
                version: request.version,
                host: request.headers.get(header::HOST).cloned(),
                user_agent: request.headers.get(header::USER_AGENT).cloned(),
            })
        });
        Rc::new(Exchange {
            timer: conn.timers().timer(),
            worker: worker.clone(),
            conn,
            now: Timestamp::now(),
            began: Instant::now(),
            phase: Cell::new(Phase::Waiting),
            awaited: Cell::new(Awaited::BackEnd),
            status: Cell::new(CALLER_GONE),
            reason: Cell::new(""),
            sent: Cell::default(),
            answered: Cell::default(),
            bytes_in: Cell::default(),
            bytes_out: Cell::default(),
            party: OnceCell::new(),
            whole_due: Cell::new(u64::MAX),
            request_id: OnceCell::new(),
            log,
        })
    }

    /// The request may go on as what `permit` says.
    pub fn permitted(&self, permit: &Permit<'_>, request: &Parts) {
        let series = self.worker.series(permit.service(), permit.tenant());
        series.service.started();
        let timeouts = permit.service().timeouts;
        self.whole_due.set(self.timer.after(timeouts.whole));
        let party =
            Party { series, identity: permit.identity().clone(), timeouts, upstream: OnceCell::new() };
        let fresh = self.party.set(party).is_ok();
        debug_assert!(fresh, "a request is permitted once");
        if let Some(id) = request.headers.get(REQUEST_ID) {
            self.request_id.get_or_init(|| id.clone());
        }
    }

    /// The request's id: the caller's, or ours.
    pub fn request_id(&self) -> &HeaderValue {
        self.request_id.get_or_init(|| self.worker.ids().next())
    }

    /// How long each phase of the exchange with the back end may take.
    pub fn timeouts(&self) -> Timeouts {
        self.party.get().map_or_else(Timeouts::default, |party| party.timeouts)
    }

    /// Goes to this back end now.
    pub fn sent_to(&self, upstream: &Arc<str>) {
        self.sent.set(Some(Instant::now()));
        if let Some(party) = self.party.get() {
            let _ = party.upstream.set(upstream.clone());
        }
    }

    /// The back end's answer begins.
    pub fn answered(&self, status: StatusCode) {
        let now = Instant::now();
        self.answered.set(Some(now));
        if let (Some(party), Some(sent)) = (self.party.get(), self.sent.get()) {
            party.series.service.overhead.observe(sent.duration_since(self.began));
            party.series.service.upstream.observe(now.duration_since(sent));
        }
        self.begin_answer(status, "");
    }

    /// We answer ourselves.
    pub fn refused(&self, refusal: Refusal) {
        if let (Refusal::Upstream(failure), Some(party)) = (refusal, self.party.get()) {
            party.series.service.upstream_failure(failure);
        }
        self.begin_answer(refusal.status(), refusal.reason());
    }

    /// The answer broke off at the back end.
    pub fn broke(&self, failure: UpstreamFailure) {
        self.reason.set(failure.label());
        if let Some(party) = self.party.get() {
            party.series.service.upstream_failure(failure);
        }
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
                Awaited::Caller => self.conn.limits.body,
                Awaited::BackEnd | Awaited::Nobody => self.timeouts().first_byte,
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

    fn begin_answer(&self, status: StatusCode, reason: &'static str) {
        self.status.set(status.as_u16());
        self.reason.set(reason);
        self.phase.set(Phase::Answering);
        self.timer.set_at(self.whole_due.get());
        self.conn.answer_began(self.whole_due.get());
    }

    fn write_log(&self, log: &Log, status: u16, reason: &str) {
        let end = Instant::now();
        let (party, sent) = (self.party.get(), self.sent.get());
        let upstream_us = match (sent, self.answered.get()) {
            (Some(sent), Some(answered)) => micros(answered.duration_since(sent)),
            _ => 0,
        };
        self.worker.log(&Entry {
            time_millis: self.now.millis(),
            request_id: self.request_id().to_str().unwrap_or_default(),
            peer: self.conn.peer,
            listener: &self.conn.listener,
            method: log.method.as_str(),
            host: log.host(),
            path: log.uri.path().as_bytes(),
            version: version(log.version),
            service: party.map(|party| &*party.series.name).unwrap_or_default(),
            tenant: party.map(|party| party.series.tenant.id.as_str()).unwrap_or_default(),
            key: party.map(|party| party.identity.key.record.id.as_str()).unwrap_or_default(),
            status,
            reason,
            upstream: party.and_then(|party| party.upstream.get()).map(|name| &**name).unwrap_or_default(),
            bytes_in: self.bytes_in.get(),
            bytes_out: self.bytes_out.get(),
            duration_us: micros(end.duration_since(self.began)),
            overhead_us: micros(sent.unwrap_or(end).duration_since(self.began)),
            upstream_us,
            user_agent: log.user_agent.as_ref().map(HeaderValue::as_bytes).unwrap_or_default(),
        });
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
        let (status, reason) = match self.phase.get() {
            Phase::Waiting => {
                self.conn.request_dropped();
                (CALLER_GONE, "caller_gone")
            }
            phase => {
                self.conn.answer_ended();
                let cut = phase == Phase::Answering && self.reason.get().is_empty();
                let why = match cut {
                    // Whoever noticed first, this side or the connection below.
                    true if self.whole_time_is_up() => UpstreamFailure::Timeout.label(),
                    true => "caller_gone",
                    false => self.reason.get(),
                };
                (self.status.get(), why)
            }
        };
        match self.party.get() {
            Some(party) => {
                party.series.service.finished();
                party.series.traffic.request(status, self.bytes_in.get(), self.bytes_out.get());
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
