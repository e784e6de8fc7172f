//! A back end that does nothing by itself: the test takes its connections and moves their bytes.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::raw::PATIENCE;
use super::upstream::{self, Seen};

pub struct Hand {
    pub address: SocketAddr,
    listener: TcpListener,
}

/// One connection to the back end.
pub struct Line {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

impl Hand {
    pub async fn new() -> Hand {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Hand { address: listener.local_addr().expect("an address"), listener }
    }

    /// The next connection that the gateway opens.
    pub async fn accept(&self) -> Line {
        let accepted = timeout(PATIENCE, self.listener.accept()).await.expect("the gateway connects");
        Line { stream: accepted.expect("a connection").0, buffer: Vec::new() }
    }
}

impl Line {
    /// One whole request.
    pub async fn request(&mut self) -> Seen {
        let read = upstream::read_request(&mut self.stream, &mut self.buffer);
        timeout(PATIENCE, read).await.expect("a request comes").expect("a whole request")
    }

    /// The head of a request; what of its body has come is kept for [`Line::rest`].
    pub async fn head(&mut self) -> String {
        loop {
            if let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = self.buffer.drain(..at + 4).collect();
                return String::from_utf8(head).expect("text");
            }
            assert!(self.fill().await > 0, "closed within a head");
        }
    }

    /// Reads until the body holds `count` bytes in all; gives their number, less if it ended before.
    pub async fn count(&mut self, count: usize) -> usize {
        let mut read = std::mem::take(&mut self.buffer).len();
        while read < count {
            match self.fill().await {
                0 => break,
                more => read += more,
            }
            self.buffer.clear();
        }
        read
    }

    /// Reads a body until `mark` has come, and keeps nothing of it.
    pub async fn request_body_until(&mut self, mark: &str) {
        while !self.buffer.ends_with(mark.as_bytes()) {
            assert!(self.fill().await > 0, "closed within a body");
            let old = self.buffer.len().saturating_sub(mark.len());
            self.buffer.drain(..old);
        }
        self.buffer.clear();
    }

    /// Everything until the gateway closes.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.fill().await > 0 {}
        std::mem::take(&mut self.buffer)
    }

    pub async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.expect("the gateway takes it");
    }

    /// Ends the connection by a reset.
    pub fn reset(self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(std::time::Duration::ZERO)).expect("a socket");
    }

    /// Bytes that came; 0 at the end, however it came about.
    async fn fill(&mut self) -> usize {
        let read = self.stream.read_buf(&mut self.buffer);
        timeout(PATIENCE, read).await.expect("something comes").unwrap_or(0)
    }
}
