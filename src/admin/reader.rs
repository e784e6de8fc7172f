//! A connection whose other side has to read: whoever lets answers stand is cut off, as they would
//! keep others out for ever. Knows nothing of HTTP.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long [`ENOUGH`], or all that there is to be read, may take.
const READ_IN: Duration = Duration::from_secs(30);
/// In bytes.
const ENOUGH: usize = 16 * 1024;

/// Fails with [`io::ErrorKind::TimedOut`] when the other side reads too slowly.
pub(super) struct Reader<I> {
    io: I,
    /// While something waits to be read.
    wait: Option<Wait>,
}

struct Wait {
    end: Pin<Box<Sleep>>,
    read: usize,
}

impl<I: AsyncWrite + Unpin> Reader<I> {
    pub(super) fn new(io: I) -> Self {
        Reader { io, wait: None }
    }

    /// What has come of a write, in time.
    fn judge(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => {
                if let Some(wait) = &mut self.wait {
                    wait.read += bytes;
                }
                self.wait.take_if(|wait| wait.read >= ENOUGH);
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                let wait = self.wait.get_or_insert_with(|| Wait { end: Box::pin(sleep(READ_IN)), read: 0 });
                ready!(wait.end.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Reader<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Reader<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.judge(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.judge(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    /// Called when all that there is has been written. TLS may have some of it still.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx).map_ok(|()| ENOUGH);
        self.judge(cx, flushed).map_ok(drop)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.io).poll_shutdown(cx).map_ok(|()| ENOUGH);
        self.judge(cx, shut).map_ok(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    const ANSWER: usize = 10 * ENOUGH;

    /// What becomes of an answer of which the other side reads `some` every twenty seconds.
    async fn read(some: usize) -> io::Result<()> {
        let (io, mut other) = duplex(64);
        let mut reader = Reader::new(io);
        let write = async {
            reader.write_all(&[0; ANSWER]).await?;
            reader.flush().await
        };
        let read = async {
            let mut buffer = vec![0; some];
            loop {
                sleep(Duration::from_secs(20)).await;
                other.read_exact(&mut buffer).await?;
            }
        };
        tokio::select! {
            written = write => written,
            stopped = read => stopped,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_does_not_read_is_cut_off() {
        for few in [1, ENOUGH / 4] {
            let error = read(few).await.expect_err("too slow");
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        }
        read(ENOUGH).await.expect("this is quick enough");
    }

    #[tokio::test(start_paused = true)]
    async fn time_without_anything_to_read_does_not_count() {
        let (io, mut other) = duplex(64);
        let mut reader = Reader::new(io);
        let mut buffer = vec![0; 128];
        for _ in 0..3 {
            let answer = async {
                reader.write_all(&[0; 128]).await.expect("a reader");
                reader.flush().await.expect("a reader");
            };
            tokio::join!(answer, async { other.read_exact(&mut buffer).await.expect("bytes") });
            sleep(2 * READ_IN).await;
        }
    }
}
