//! Bodies on their way through: frames are passed on as they come, one at a time, so that a slow
//! reader on one side slows the writer on the other.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::exchange::{Awaited, Exchange};
use super::headers;
use super::upstream::Lease;
use crate::snapshot::Current;
use crate::telemetry::UpstreamFailure;

/// An answer's body.
pub enum Answer {
    /// Ours, and short.
    Text {
        text: Option<Bytes>,
        exchange: Rc<Exchange>,
    },
    Relay(Relay),
}

/// A back end's body, and the connection that it comes over.
pub struct Relay {
    incoming: Incoming,
    /// Given back once the body has ended.
    lease: Option<Lease>,
    exchange: Rc<Exchange>,
}

impl Answer {
    pub fn text(text: Bytes, exchange: Rc<Exchange>) -> Self {
        Answer::Text { text: Some(text), exchange }
    }

    pub fn relay(incoming: Incoming, lease: Lease, exchange: Rc<Exchange>) -> Self {
        let mut relay = Relay { incoming, lease: Some(lease), exchange };
        if relay.incoming.is_end_stream() {
            relay.end();
        }
        Answer::Relay(relay)
    }
}

impl Relay {
    /// Only a connection whose request was out before its answer began is kept: what the caller
    /// sends after an early answer could be read there as the next request, and be another tenant's.
    fn end(&mut self) {
        if let Some(lease) = self.lease.take().filter(|_| !self.exchange.answered_early()) {
            lease.give_back();
        }
        self.exchange.completed();
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.exchange.delivered(frame.data_ref().map_or(0, Bytes::len));
                self.exchange.call.progressed();
                self.exchange.allow(Duration::MAX);
                if self.incoming.is_end_stream() {
                    self.end();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(_))) => self.fail(UpstreamFailure::Truncated),
            Poll::Ready(None) => {
                self.end();
                Poll::Ready(None)
            }
            Poll::Pending => {
                // The caller is not to blame for this silence; the back end has its own limit.
                self.exchange.call.starved();
                if self.exchange.poll_late(cx).is_ready() {
                    return self.fail(UpstreamFailure::Timeout);
                }
                self.exchange.allow(self.exchange.timeouts().first_byte);
                Poll::Pending
            }
        }
    }

    fn fail(&mut self, failure: UpstreamFailure) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.exchange.broke(failure);
        Poll::Ready(Some(Err(io::Error::other(failure.label()))))
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut *self {
            Answer::Text { text, exchange } => {
                exchange.completed();
                let text = text.take();
                exchange.delivered(text.as_ref().map_or(0, Bytes::len));
                Poll::Ready(text.map(|text| Ok(Frame::data(text))))
            }
            Answer::Relay(relay) => relay.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Answer::Text { text, .. } => text.is_none(),
            Answer::Relay(relay) => relay.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Answer::Text { text, .. } => SizeHint::with_exact(text.as_ref().map_or(0, Bytes::len) as u64),
            Answer::Relay(relay) => relay.incoming.size_hint(),
        }
    }
}

/// A request's body on its way to the back end.
pub struct Upload {
    incoming: Incoming,
    exchange: Rc<Exchange>,
    /// What the request was decided upon.
    snapshot: Rc<Current>,
    /// How many bytes more may come.
    left: u64,
}

impl Upload {
    /// At most `most` bytes of data go through.
    pub fn new(incoming: Incoming, exchange: Rc<Exchange>, snapshot: Rc<Current>, most: u64) -> Self {
        if incoming.is_end_stream() {
            exchange.uploaded();
        }
        Upload { incoming, exchange, snapshot, left: most }
    }

    /// The frame, without those trailers that callers may not send as headers either.
    fn permitted(&self, frame: Frame<Bytes>) -> Frame<Bytes> {
        match frame.into_trailers() {
            Ok(mut trailers) => {
                headers::strip_trailers(&mut trailers, &self.snapshot.routes);
                Frame::trailers(trailers)
            }
            Err(frame) => frame,
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.exchange.is_complete() {
            // The answer is done, and with it the exchange: nothing more goes up.
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
        }
        let polled = Pin::new(&mut self.incoming).poll_frame(cx);
        match &polled {
            Poll::Pending => self.exchange.waits_for(Awaited::Caller),
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                self.exchange.received(bytes);
                let Some(left) = self.left.checked_sub(bytes as u64) else {
                    self.exchange.waits_for(Awaited::Less);
                    return Poll::Ready(Some(Err(io::ErrorKind::FileTooLarge.into())));
                };
                self.left = left;
                self.exchange.waits_for(Awaited::BackEnd);
            }
            Poll::Ready(Some(Err(_))) => self.exchange.waits_for(Awaited::Nobody),
            Poll::Ready(None) => self.exchange.waits_for(Awaited::BackEnd),
        }
        if matches!(polled, Poll::Ready(None)) || self.incoming.is_end_stream() {
            self.exchange.uploaded();
        }
        polled.map_ok(|frame| self.permitted(frame)).map_err(io::Error::other)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
