//! The life of a listener and of its connections on one data-plane thread: accept, TLS handshake,
//! HTTP/1 or HTTP/2, time-outs, graceful end.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use super::conn::{Call, Conn};
use super::gather::Gather;
use super::guard::Guard;
use super::stream::Stream;
use super::timers::Timers;
use crate::model::Limits;
use crate::telemetry::HandshakeFailure;

/// How HTTP/2 begins when both sides know it beforehand (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const ALPN_H2: &[u8] = b"h2";
/// What one stream may send ahead of its reader, and one connection in all.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// What waits on one stream for a caller that does not read.
const SEND_BUFFER: usize = 64 * 1024;
/// After a raw refusal: how long the caller may take to read it.
const FAREWELL: Duration = Duration::from_secs(1);

const BAD_REQUEST: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n\
    content-length: 18\r\nconnection: close\r\n\r\nmalformed request\n";
const TIMED_OUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\ncontent-type: text/plain; charset=utf-8\r\n\
    content-length: 31\r\nconnection: close\r\n\r\nthe request took too long here\n";

/// One listener's socket of one thread.
pub struct Port {
    pub name: Arc<str>,
    pub listener: std::net::TcpListener,
    pub tls: Option<Arc<ServerConfig>>,
    pub limits: Limits,
    /// Connections open at once on this socket.
    pub connections: usize,
}

/// What happens to connections, for whoever counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Opened,
    Closed,
    HandshakeFailed(HandshakeFailure),
    /// A request ended before any handler saw it.
    Refused(Refused),
}

/// A request that was answered here, or not at all, because it could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub peer: SocketAddr,
    pub listener: Arc<str>,
    pub status: u16,
    pub reason: &'static str,
    /// Its framing could be read in more than one way.
    pub ambiguous: bool,
}

/// What all connections of a listener share.
struct Shared<H> {
    name: Arc<str>,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    timers: Timers,
    note: Rc<dyn Fn(Event)>,
    handle: H,
}

/// Serves one socket until [`Timers::stop`], then lets its connections finish.
pub async fn serve<H, F, B>(port: Port, timers: Timers, note: Rc<dyn Fn(Event)>, handle: H) -> io::Result<()>
where
    H: Fn(Request<Incoming>, Call) -> F + 'static,
    F: Future<Output = Response<B>> + 'static,
    B: Body<Data = Bytes, Error = io::Error> + 'static,
{
    let listener = TcpListener::from_std(port.listener)?;
    let room = Arc::new(Semaphore::new(port.connections));
    let tls = port.tls.map(TlsAcceptor::from);
    let shared = Rc::new(Shared { name: port.name, tls, limits: port.limits, timers, note, handle });
    let mut stopped = pin!(shared.timers.stopped());
    loop {
        let next = async {
            let place = room.clone().acquire_owned().await;
            (accept(&listener).await, place)
        };
        let (stream, peer, place) = tokio::select! {
            biased;
            () = &mut stopped => break,
            ((stream, peer), place) = next => (stream, peer, place),
        };
        let shared = shared.clone();
        tokio::task::spawn_local(async move {
            (shared.note)(Event::Opened);
            shared.connection(stream, peer).await;
            (shared.note)(Event::Closed);
            drop(place);
        });
    }
    drop(listener);
    let all = u32::try_from(port.connections).unwrap_or(u32::MAX);
    // Fails only when the semaphore is closed, and nobody closes it.
    let _ = room.acquire_many(all).await;
    Ok(())
}

/// The next connection. Errors are the caller's (it is gone already) or the machine's (out of file
/// descriptors); neither must end the listener.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

impl<H, F, B> Shared<H>
where
    H: Fn(Request<Incoming>, Call) -> F + 'static,
    F: Future<Output = Response<B>> + 'static,
    B: Body<Data = Bytes, Error = io::Error> + 'static,
{
    async fn connection(&self, stream: TcpStream, peer: SocketAddr) {
        // Without it the first answer on a new TLS connection waits for a delayed ACK.
        let _ = stream.set_nodelay(true);
        let tls = self.tls.is_some();
        let conn = Conn::new(peer, tls, self.name.clone(), self.limits, &self.timers);
        match self.tls.clone() {
            None => match opening(&conn, prefers_http2(&stream)).await {
                Some(Ok(true)) => self.http2(stream, conn).await,
                Some(Ok(false)) => self.http1(stream, conn).await,
                Some(Err(_)) | None => {}
            },
            Some(acceptor) => match opening(&conn, acceptor.accept(stream)).await {
                Some(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(ALPN_H2) => {
                    self.http2(stream, conn).await;
                }
                Some(Ok(stream)) => self.http1(stream, conn).await,
                Some(Err(error)) => (self.note)(Event::HandshakeFailed(handshake_failure(&error))),
                None if self.timers.stopping() => {}
                None => (self.note)(Event::HandshakeFailed(HandshakeFailure::Timeout)),
            },
        }
    }

    async fn http1<S: AsyncRead + AsyncWrite + Unpin + 'static>(&self, io: S, conn: Rc<Conn>) {
        conn.opened();
        let stream = TokioIo::new(Stream::new(io, conn.clone(), Some(Guard::new(self.limits.header_bytes))));
        let service = service_fn(|request| self.answer(request, &conn));
        let mut http = http1::Builder::new()
            .header_read_timeout(None)
            .max_header_size(self.limits.header_bytes)
            .serve_connection(stream, service);
        let mut draining = false;
        let end = poll_fn(|cx| {
            if let Poll::Ready(result) = Pin::new(&mut http).poll(cx) {
                return Poll::Ready(Some(result));
            }
            if !draining && self.timers.stopping() {
                draining = true;
                Pin::new(&mut http).graceful_shutdown();
                cx.waker().wake_by_ref();
            }
            conn.poll_expired(cx).map(|()| None)
        });
        let ended = end.await;
        let raw = match &ended {
            // Also after Ok: to hyper, an error before the first byte of a request is a plain end.
            Some(_) => conn.violation().map(|_| BAD_REQUEST),
            None => conn.in_head().then_some(TIMED_OUT),
        };
        if let Some(refused) = refused(&conn, ended.as_ref()) {
            (self.note)(Event::Refused(refused));
        }
        if let Some(text) = raw.filter(|_| conn.quiet()) {
            let io = http.into_parts().io.into_inner().into_inner();
            conn.allow(FAREWELL);
            before_expiry(&conn, farewell(io, text)).await;
        }
    }

    async fn http2<S: AsyncRead + AsyncWrite + Unpin + 'static>(&self, io: S, conn: Rc<Conn>) {
        conn.opened();
        let stream = TokioIo::new(Gather::new(Stream::new(io, conn.clone(), None)));
        let service = service_fn(|request| self.answer(request, &conn));
        let header_bytes = u32::try_from(self.limits.header_bytes).unwrap_or(u32::MAX);
        let http = http2::Builder::new(Local)
            .max_header_list_size(header_bytes)
            .max_concurrent_streams(self.limits.streams)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            .serve_connection(stream, service);
        // Boxed: it is large, and a connection's memory is that of its largest state.
        let mut http = Box::pin(http);
        let mut draining = false;
        poll_fn(|cx| {
            if http.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            let expired = conn.poll_expired(cx).is_ready();
            // An idle caller is told, so that a request that crosses the news can go elsewhere.
            if !draining && (self.timers.stopping() || (expired && conn.quiet())) {
                draining = true;
                http.as_mut().graceful_shutdown();
                if expired {
                    conn.allow(FAREWELL);
                }
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if expired { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn answer(
        &self,
        request: Request<Incoming>,
        conn: &Rc<Conn>,
    ) -> impl Future<Output = Result<Response<B>, Infallible>> + use<H, F, B> {
        // Boxed: hyper moves what it gets here from hand to hand, and keeps room for it while idle.
        let answer = Box::pin((self.handle)(request, Call::begin(conn)));
        async { Ok(answer.await) }
    }
}

/// Spawns the streams of HTTP/2 connections on this thread.
#[derive(Clone, Copy)]
struct Local;

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

/// What became of a request that no handler saw, if the connection's end was one: refused by the
/// guard, by hyper's own parser (which has answered already), or because its head took too long.
fn refused(conn: &Conn, ended: Option<&hyper::Result<()>>) -> Option<Refused> {
    if !conn.quiet() {
        return None;
    }
    let (status, reason) = match ended {
        _ if conn.violation().is_some() => (400, "bad_framing"),
        None if conn.in_head() => (408, "slow_head"),
        Some(Err(error)) if error.is_parse_too_large() => (431, "large_head"),
        Some(Err(error)) if error.is_parse() => (400, "malformed"),
        _ => return None,
    };
    let ambiguous = conn.violation().is_some();
    Some(Refused { peer: conn.peer, listener: conn.listener.clone(), status, reason, ambiguous })
}

fn handshake_failure(error: &io::Error) -> HandshakeFailure {
    use rustls::Error;
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::InvalidMessage(_)) => HandshakeFailure::NotTls,
        Some(Error::PeerIncompatible(_) | Error::NoApplicationProtocol) => HandshakeFailure::NoAgreement,
        Some(Error::AlertReceived(_)) => HandshakeFailure::CertificateRefused,
        Some(_) => HandshakeFailure::Other,
        None => HandshakeFailure::Closed,
    }
}

/// As [`before_expiry`], and none as well once the thread is to stop: before its first request, a
/// connection has nothing to finish.
async fn opening<T>(conn: &Conn, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if conn.timers().stopping() => Poll::Ready(None),
        Poll::Pending => conn.poll_expired(cx).map(|()| None),
    })
    .await
}

/// The result of `work`, or none when the connection's deadline comes first.
async fn before_expiry<T>(conn: &Conn, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => conn.poll_expired(cx).map(|()| None),
    })
    .await
}

/// Whether a cleartext caller begins with HTTP/2's preface. Looks at the bytes and leaves them.
async fn prefers_http2(stream: &TcpStream) -> io::Result<bool> {
    /// As many bytes of the preface as no HTTP/1 request shares.
    const DECISIVE: usize = 4;
    let mut seen = [0; PREFACE.len()];
    let mut pause = Duration::from_millis(20);
    loop {
        let count = stream.peek(&mut seen).await?;
        if count == 0 || !PREFACE.starts_with(&seen[..count]) {
            return Ok(false);
        }
        if count >= DECISIVE {
            return Ok(true);
        }
        // The socket stays readable, so there is nothing to wait for but time.
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}

/// Says a last word and lets the caller read it: closing with unread bytes would reset the
/// connection and take the word back.
async fn farewell(mut io: impl AsyncRead + AsyncWrite + Unpin, text: &[u8]) {
    if io.write_all(text).await.is_err() || io.shutdown().await.is_err() {
        return;
    }
    let mut rest = [0; 4096];
    while matches!(io.read(&mut rest).await, Ok(1..)) {}
}
