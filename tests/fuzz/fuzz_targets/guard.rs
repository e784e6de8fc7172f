//! The guard beside hyper: of a stream that both accept, both must say alike whether its last request
//! is whole. Otherwise they differ on where a request ends, which is how requests are smuggled.

#![no_main]

use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, Version, header};
use libfuzzer_sys::fuzz_target;
use tenantry::net::{Guard, Violation};

/// The most bytes of a head: as the data plane has it where nothing is said.
const HEAD: usize = 64 * 1024;

/// A caller that sends these bytes and then no more.
struct Caller<'a>(&'a [u8]);

impl Read for Caller<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let (now, later) = self.0.split_at(self.0.len().min(buf.remaining()));
        buf.put_slice(now);
        self.0 = later;
        Poll::Ready(Ok(()))
    }
}

impl Write for Caller<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What hyper made of a stream.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// Whole requests and nothing behind them.
    Whole,
    /// It waits for more.
    Unfinished,
    /// It refused the stream, or stopped reading at a request that asks for it.
    Other,
}

/// Whether the connection may go on after this request.
fn goes_on(request: &Request<Incoming>) -> bool {
    let ends = [header::CONNECTION, header::UPGRADE, header::EXPECT];
    request.version() == Version::HTTP_11
        && request.method() != Method::CONNECT
        && !ends.iter().any(|name| request.headers().contains_key(name))
}

fn hyper_reads(stream: &[u8]) -> Reading {
    let (broken, stopped) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
    let service = service_fn(|request: Request<Incoming>| {
        let (broken, stopped) = (broken.clone(), stopped.clone());
        async move {
            stopped.set(stopped.get() || !goes_on(&request));
            broken.set(broken.get() || request.into_body().collect().await.is_err());
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    let connection = http1::Builder::new().half_close(true).serve_connection(Caller(stream), service);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let result = runtime.block_on(connection);
    match result {
        _ if stopped.get() => Reading::Other,
        Ok(()) if !broken.get() => Reading::Whole,
        Err(error) if error.is_incomplete_message() => Reading::Unfinished,
        Ok(()) | Err(_) => Reading::Other,
    }
}

/// The outcome of feeding pieces of these lengths, over and over.
fn guard_reads(stream: &[u8], lengths: [usize; 2]) -> Result<bool, Violation> {
    let (mut guard, mut rest) = (Guard::new(HEAD), stream);
    for length in lengths.into_iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, later) = rest.split_at(length.clamp(1, rest.len()));
        guard.feed(piece)?;
        rest = later;
    }
    Ok(guard.between_requests())
}

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (one, other, stream) = input;
    let whole = guard_reads(stream, [usize::MAX; 2]);
    let pieces = guard_reads(stream, [one.into(), other.into()]);
    // A line that is too long may be found before or after another fault of the same line.
    assert_eq!(whole.is_ok(), pieces.is_ok(), "it matters how the stream is cut: {whole:?}, {pieces:?}");
    let Ok(between) = whole else { return };
    assert_eq!(pieces, Ok(between), "it matters how the stream is cut");
    match hyper_reads(stream) {
        // hyper skips a CR between requests before it has seen whether a LF follows.
        Reading::Whole => assert!(between || stream.ends_with(b"\r"), "hyper is done, the guard is not"),
        Reading::Unfinished => assert!(!between, "the guard is done, hyper is not"),
        Reading::Other => {}
    }
});
