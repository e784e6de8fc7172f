//! Writes of one pass, gathered into one: HTTP/2 writes each answer on its own, though several are
//! often ready at once. The first flush lets the other tasks of the thread have their turn; the
//! second one writes what has come together.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is gathered at most; also what a write takes at most before the socket has to.
const ROOM: usize = 64 * 1024;

/// The buffer that stays between writes.
const KEPT: usize = 16 * 1024;

/// A stream whose small writes wait for each other.
pub(super) struct Gather<S> {
    inner: S,
    waiting: Vec<u8>,
    /// How much of `waiting` the socket has.
    written: usize,
    /// The others have had their turn since the last write.
    yielded: bool,
}

impl<S> Gather<S> {
    pub fn new(inner: S) -> Self {
        Gather { inner, waiting: Vec::new(), written: 0, yielded: false }
    }
}

impl<S: AsyncWrite + Unpin> Gather<S> {
    /// Hands over everything that waits.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.waiting.len() {
            let rest = &self.waiting[self.written..];
            match ready!(Pin::new(&mut self.inner).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        self.waiting.clear();
        // An idle connection keeps no large buffer; a busy one need not make its own again and again.
        if self.waiting.capacity() > KEPT {
            self.waiting.shrink_to(KEPT);
        }
        self.written = 0;
        self.yielded = false;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gather<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gather<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.waiting.len() >= ROOM {
            ready!(self.poll_drain(cx))?;
        }
        let mut taken = 0;
        for slice in slices {
            let room = ROOM - self.waiting.len();
            let piece = &slice[..slice.len().min(room)];
            self.waiting.extend_from_slice(piece);
            taken += piece.len();
        }
        Poll::Ready(Ok(taken))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.waiting.is_empty() && !self.yielded {
            self.yielded = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn everything_arrives_in_order_and_nothing_before_a_flush() {
        let (near, mut far) = tokio::io::duplex(1000);
        let mut gather = Gather::new(near);
        let sent: Vec<u8> = (0..200_000u32).map(|n| n.to_le_bytes()[0]).collect();
        let expected = sent.clone();
        let reader = tokio::spawn(async move {
            let mut read = Vec::new();
            far.read_to_end(&mut read).await.map(|_| read)
        });
        for piece in sent.chunks(777) {
            gather.write_all(piece).await.expect("written");
        }
        gather.flush().await.expect("flushed");
        assert!(gather.waiting.is_empty());
        gather.shutdown().await.expect("shut down");
        drop(gather);
        assert_eq!(reader.await.expect("it ran").expect("it read"), expected);
    }
}
