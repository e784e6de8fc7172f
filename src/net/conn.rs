//! What one open connection is doing, and until when it may. Shared by the stream below HTTP, which
//! sees bytes, and the handler above, which sees requests; both live on one thread.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::HeaderValue;

use super::guard::Violation;
use super::timers::{Timer, Timers};
use crate::model::Limits;

/// So many more requests given up than answered is no use but a flood: each has cost a judgement and
/// a place at a back end (CVE-2023-44487).
const MAX_ABANDONED: u32 = 200;

/// One connection.
pub struct Conn {
    pub peer: SocketAddr,
    /// The peer's address alone, for headers.
    pub peer_text: HeaderValue,
    pub tls: bool,
    /// The name of the listener.
    pub listener: Arc<str>,
    pub limits: Limits,
    timer: Timer,
    /// Requests whose answer has not begun, and answers under way. HTTP/1 has one of them at most.
    waiting: Cell<u32>,
    answering: Cell<u32>,
    /// When the last of those answers has to be done, however steadily its caller reads.
    latest: Cell<u64>,
    /// Bytes of a request's head have come, and not its end.
    in_head: Cell<bool>,
    violation: Cell<Option<Violation>>,
    /// Requests that the caller gave up before their answers, less those that were answered.
    abandoned: Cell<u32>,
}

impl Conn {
    pub(super) fn new(
        peer: SocketAddr,
        tls: bool,
        listener: Arc<str>,
        limits: Limits,
        timers: &Timers,
    ) -> Rc<Self> {
        let conn = Conn {
            peer,
            peer_text: peer_text(peer),
            tls,
            listener,
            limits,
            timer: timers.timer(),
            waiting: Cell::new(0),
            answering: Cell::new(0),
            latest: Cell::new(0),
            in_head: Cell::new(false),
            violation: Cell::new(None),
            abandoned: Cell::new(0),
        };
        conn.timer.set(limits.handshake);
        Rc::new(conn)
    }

    pub fn timers(&self) -> &Timers {
        self.timer.timers()
    }

    /// A request's head is complete. Its time is the handler's until the answer begins.
    pub fn request_began(&self) {
        self.in_head.set(false);
        self.waiting.set(self.waiting.get() + 1);
        self.timer.clear();
    }

    /// The handler has an answer; what follows must make progress, and be done at `due` (a moment
    /// of [`Timer::after`]).
    pub fn answer_began(&self, due: u64) {
        self.waiting.set(self.waiting.get() - 1);
        self.answering.set(self.answering.get() + 1);
        self.latest.set(self.latest.get().max(due));
        self.abandoned.set(self.abandoned.get().saturating_sub(1));
        self.progressed();
    }

    /// The answer has no more to say, or nobody listens to it any longer.
    pub fn answer_ended(&self) {
        self.answering.set(self.answering.get() - 1);
        self.rest();
    }

    /// The handler gave up before it had an answer: the caller has gone.
    pub fn request_dropped(&self) {
        self.waiting.set(self.waiting.get() - 1);
        self.abandoned.set(self.abandoned.get() + 1);
        self.rest();
    }

    /// Nothing to send for now, and that is not the caller's doing.
    pub fn starved(&self) {
        self.timer.clear();
    }

    /// Bytes moved, or there are some to move.
    pub fn progressed(&self) {
        if self.waiting.get() == 0 && self.answering.get() > 0 {
            self.timer.set_at(self.timer.after(self.limits.body).min(self.latest.get()));
        }
    }

    /// Waits for the next request, if nothing else is going on.
    fn rest(&self) {
        if self.quiet() {
            self.latest.set(0);
            self.timer.set(self.limits.idle);
        }
    }

    /// TLS and the choice of protocol are done: a request is due.
    pub(super) fn opened(&self) {
        self.timer.set(self.limits.header);
    }

    /// Bytes came while no request was under way: a head begins.
    pub(super) fn head_began(&self) {
        if self.quiet() && !self.in_head.replace(true) {
            self.timer.set(self.limits.header);
        }
    }

    pub(super) fn violated(&self, violation: Violation) {
        self.violation.set(Some(violation));
    }

    pub(super) fn violation(&self) -> Option<Violation> {
        self.violation.get()
    }

    /// Whether a raw answer may be written: no other one is under way.
    pub(super) fn quiet(&self) -> bool {
        self.waiting.get() == 0 && self.answering.get() == 0
    }

    pub(super) fn in_head(&self) -> bool {
        self.in_head.get()
    }

    pub(super) fn allow(&self, time: Duration) {
        self.timer.set(time);
    }

    /// Ready when the connection has had its time, or has been nothing but a flood.
    pub(super) fn poll_expired(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.abandoned.get() > MAX_ABANDONED {
            return Poll::Ready(());
        }
        self.timer.poll_due(cx)
    }
}

/// IPv4 in IPv6's clothes is shown as IPv4.
fn peer_text(peer: SocketAddr) -> HeaderValue {
    let text = peer.ip().to_canonical().to_string();
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("unknown"))
}
