//! Connections to back ends that wait for a request, last used first. One pool a thread; a
//! connection is here only between two complete exchanges.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::SendRequest;

use crate::proxy::body::Upload;
use crate::snapshot::Backend;

/// How long a connection waits for its next request. Shorter than what common back ends allow, so
/// that it is mostly we who close.
const IDLE: Duration = Duration::from_secs(30);
/// Connections that wait, for one back end.
const MAX_IDLE: usize = 1024;
/// After a failed connection a back end is not the first to be asked, for this long.
const SHUNNED: Duration = Duration::from_secs(1);

/// All back ends of one thread.
#[derive(Default)]
pub struct Pool {
    sides: RefCell<HashMap<u64, Rc<Side>, RandomState>>,
    turn: Cell<usize>,
}

/// One back end.
struct Side {
    name: Arc<str>,
    idle: RefCell<Vec<Idle>>,
    shunned_until: Cell<Option<Instant>>,
}

struct Idle {
    sender: SendRequest<Upload>,
    since: Instant,
}

/// One connection while a request has it.
pub struct Lease {
    sender: SendRequest<Upload>,
    side: Rc<Side>,
}

impl Pool {
    /// Whose turn it is: round about, but not one that took no connection just now.
    pub fn turn(&self, backends: &[Backend]) -> usize {
        let count = backends.len();
        if count < 2 {
            return 0;
        }
        let turn = self.turn.get().wrapping_add(1);
        self.turn.set(turn);
        let now = Instant::now();
        let shunned =
            |at: &usize| self.side(&backends[*at]).shunned_until.get().is_some_and(|until| now < until);
        (0..count).map(|step| (turn + step) % count).find(|at| !shunned(at)).unwrap_or(turn % count)
    }

    /// A kept connection that can take a request now.
    pub fn take(&self, backend: &Backend) -> Option<Lease> {
        let side = self.side(backend);
        let sender = loop {
            let last = side.idle.borrow_mut().pop()?;
            if last.sender.is_ready() {
                break last.sender;
            }
        };
        Some(Lease { sender, side })
    }

    /// A connection that was just made.
    pub fn lease(&self, backend: &Backend, sender: SendRequest<Upload>) -> Lease {
        let side = self.side(backend);
        side.shunned_until.set(None);
        Lease { sender, side }
    }

    /// Notes that no connection could be made.
    pub fn failed(&self, backend: &Backend) {
        self.side(backend).shunned_until.set(Some(Instant::now() + SHUNNED));
    }

    /// Closes connections that have waited for too long, and forgets back ends without any.
    pub fn sweep(&self) {
        let now = Instant::now();
        self.sides.borrow_mut().retain(|_, side| {
            let mut idle = side.idle.borrow_mut();
            idle.retain(|kept| now.duration_since(kept.since) < IDLE && !kept.sender.is_closed());
            let shunned = side.shunned_until.get().is_some_and(|until| now < until);
            !idle.is_empty() || Rc::strong_count(side) > 1 || shunned
        });
    }

    fn side(&self, backend: &Backend) -> Rc<Side> {
        let mut sides = self.sides.borrow_mut();
        let side = sides.entry(backend.id).or_insert_with(|| {
            Rc::new(Side {
                name: backend.address.to_string().into(),
                idle: RefCell::default(),
                shunned_until: Cell::default(),
            })
        });
        side.clone()
    }
}

impl Side {
    fn keep(&self, sender: SendRequest<Upload>) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < MAX_IDLE {
            idle.push(Idle { sender, since: Instant::now() });
        }
    }
}

impl Lease {
    /// What logs call the back end.
    pub fn name(&self) -> &Arc<str> {
        &self.side.name
    }

    /// Sends a request; an error gives it back when it was not sent at all.
    pub fn send(
        &mut self,
        request: Request<Upload>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<Upload>>>> + use<> {
        self.sender.try_send_request(request)
    }

    /// The exchange is complete. The connection is kept as soon as it can take another request; one
    /// whose request is still on its way never can, and closes.
    pub fn give_back(self) {
        let Lease { mut sender, side } = self;
        if sender.is_ready() {
            side.keep(sender);
        } else if !sender.is_closed() {
            tokio::task::spawn_local(async move {
                if poll_fn(|cx| sender.poll_ready(cx)).await.is_ok() {
                    side.keep(sender);
                }
            });
        }
    }
}
