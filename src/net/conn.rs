//! What one open connection is doing, and until when it may. Shared by the stream below HTTP, which
//! sees bytes, and the handler above, which sees requests; both live on one thread.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::ops::Deref;
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
    /// Requests whose answer has not begun.
    waiting: Cell<u32>,
    /// When those answers have to be done, and the first of these moments.
    dues: RefCell<Vec<u64>>,
    ceiling: Cell<u64>,
    /// At least one request has been answered.
    served: Cell<bool>,
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
            dues: RefCell::default(),
            ceiling: Cell::new(u64::MAX),
            served: Cell::new(false),
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

    /// Nothing to send for now, and that is not the caller's doing.
    pub fn starved(&self) {
        self.until(u64::MAX);
    }

    /// Bytes moved, or there are some to move.
    pub fn progressed(&self) {
        if self.quiet() {
            // The last of an answer may still be on its way out.
            if !self.in_head.get() && self.served.get() {
                self.timer.set(self.limits.idle);
            }
        } else if self.waiting.get() == 0 {
            self.until(self.timer.after(self.limits.body));
        }
    }

    /// Sets the deadline, and not beyond the end of what is being answered: however steadily a
    /// caller reads, and whatever else it asks meanwhile, an answer has an end.
    fn until(&self, due: u64) {
        self.timer.set_at(due.min(self.ceiling.get()));
    }

    /// Waits for the next request, if nothing else is going on.
    fn rest(&self) {
        if self.quiet() {
            self.served.set(true);
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
        self.waiting.get() == 0 && self.dues.borrow().is_empty()
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

/// One request on a connection. Its time is the handler's until the answer begins; dropping it ends
/// the answer, or gives the request up when there is none.
pub struct Call {
    conn: Rc<Conn>,
    /// When the answer has to be done; none before it has begun.
    due: Cell<Option<u64>>,
}

impl Call {
    /// A request's head is complete.
    pub(super) fn begin(conn: &Rc<Conn>) -> Call {
        conn.in_head.set(false);
        conn.waiting.set(conn.waiting.get() + 1);
        conn.until(u64::MAX);
        Call { conn: conn.clone(), due: Cell::new(None) }
    }

    /// The handler has an answer; what follows must make progress, and be done at `due` (a moment
    /// of [`Timer::after`]). Does nothing the second time.
    pub fn answer_began(&self, due: u64) {
        if self.due.get().is_some() {
            return;
        }
        self.due.set(Some(due));
        let conn = &self.conn;
        conn.waiting.set(conn.waiting.get() - 1);
        conn.abandoned.set(conn.abandoned.get().saturating_sub(1));
        conn.dues.borrow_mut().push(due);
        conn.ceiling.set(conn.ceiling.get().min(due));
        conn.progressed();
    }
}

impl Deref for Call {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let conn = &self.conn;
        match self.due.get() {
            Some(due) => {
                let mut dues = conn.dues.borrow_mut();
                if let Some(place) = dues.iter().position(|other| *other == due) {
                    dues.swap_remove(place);
                }
                conn.ceiling.set(dues.iter().copied().min().unwrap_or(u64::MAX));
            }
            None => {
                conn.waiting.set(conn.waiting.get() - 1);
                conn.abandoned.set(conn.abandoned.get() + 1);
            }
        }
        conn.rest();
    }
}

/// IPv4 in IPv6's clothes is shown as IPv4.
fn peer_text(peer: SocketAddr) -> HeaderValue {
    let text = peer.ip().to_canonical().to_string();
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("unknown"))
}
