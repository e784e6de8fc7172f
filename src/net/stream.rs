//! The byte stream under one HTTP connection: feeds the guard, notes progress, and joins small
//! writes. Knows nothing of what the bytes mean.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::conn::Conn;
use super::guard::Guard;

/// Up to here head and body are copied into one write; above, a vectored write is cheaper.
const JOIN: usize = 4096;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(JOIN));
}

/// Writes several slices, as one when they are small.
fn write_joined<S: AsyncWrite>(
    io: Pin<&mut S>,
    cx: &mut Context<'_>,
    slices: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    if let [one] = slices {
        return io.poll_write(cx, one);
    }
    if slices.iter().map(|slice| slice.len()).sum::<usize>() > JOIN {
        return io.poll_write_vectored(cx, slices);
    }
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.clear();
        for slice in slices {
            scratch.extend_from_slice(slice);
        }
        io.poll_write(cx, scratch)
    })
}

/// A stream that joins small writes: for connections to back ends.
///
/// A back end may answer before it has a whole request, and close. Writing fails then while the
/// answer is still to be read, so the failure is left to the reading side to find.
pub struct Joined<S> {
    inner: S,
    deaf: bool,
}

impl<S> Joined<S> {
    pub fn new(inner: S) -> Self {
        Joined { inner, deaf: false }
    }

    fn heard(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.deaf = matches!(written, Poll::Ready(Err(_)));
        if self.deaf { Poll::Pending } else { written }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Joined<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Joined<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.deaf {
            return Poll::Pending;
        }
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.heard(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.deaf {
            return Poll::Pending;
        }
        let written = write_joined(Pin::new(&mut self.inner), cx, slices);
        self.heard(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// A stream that belongs to a [`Conn`].
pub(super) struct Stream<S> {
    inner: S,
    conn: Rc<Conn>,
    /// None for HTTP/2, which frames by itself.
    guard: Option<Guard>,
}

impl<S> Stream<S> {
    pub fn new(inner: S, conn: Rc<Conn>, guard: Option<Guard>) -> Self {
        Stream { inner, conn, guard }
    }

    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let new = &buf.filled()[before..];
        if new.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let Stream { conn, guard, .. } = &mut *self;
        conn.progressed();
        let Some(guard) = guard else { return Poll::Ready(Ok(())) };
        conn.head_began();
        Poll::Ready(guard.feed(new).map_err(|violation| {
            conn.violated(violation);
            io::Error::new(io::ErrorKind::InvalidData, violation)
        }))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, bytes));
        self.conn.progressed();
        Poll::Ready(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(write_joined(Pin::new(&mut self.inner), cx, slices));
        self.conn.progressed();
        Poll::Ready(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // After a violation the last word is still to be said.
        match self.conn.violation() {
            Some(_) => Poll::Ready(Ok(())),
            None => Pin::new(&mut self.inner).poll_shutdown(cx),
        }
    }
}
