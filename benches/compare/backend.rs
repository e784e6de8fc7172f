//! The back end behind every proxy: HTTP/1.1 by hand on one thread. `/echo` answers with the head
//! that arrived, everything else with the same 1 KiB. Knows nothing of proxies.

use std::cell::RefCell;
use std::io::ErrorKind::WouldBlock;
use std::io::Write as _;
use std::rc::Rc;

use anyhow::{Context as _, Result, bail};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

/// Bytes of an answer's body.
const BODY: usize = 1024;
/// Bytes of a request's head at most.
const HEAD: usize = 16 * 1024;
/// Read at a time; one buffer for all connections, so that it stays in the near caches.
const SCRATCH: usize = 128 * 1024;
/// How chunked bodies end.
const LAST: &[u8] = b"\r\n0\r\n\r\n";

/// Serves until it is stopped, on a port of 127.0.0.1 that it prints first.
pub async fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen on 127.0.0.1")?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    let answer: Rc<[u8]> = answer(&[b'x'; BODY]).into();
    let scratch = Rc::new(RefCell::new(vec![0; SCRATCH]));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (answer, scratch) = (answer.clone(), scratch.clone());
        tokio::task::spawn_local(async move {
            // A proxy may drop its connection at any time; that is no fault of this side.
            let _ = converse(stream, &answer, &scratch).await;
        });
    }
}

fn answer(body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

async fn converse(mut stream: TcpStream, fixed: &[u8], scratch: &RefCell<Vec<u8>>) -> Result<()> {
    let mut incoming = Incoming::default();
    loop {
        stream.readable().await?;
        match incoming.read(&stream, &mut scratch.borrow_mut())? {
            Progress::Closed => return Ok(()),
            Progress::Part => continue,
            Progress::Whole => {}
        }
        let echo = incoming.head.split(|b| *b == b' ').nth(1) == Some(b"/echo");
        let echoed = echo.then(|| answer(&incoming.head));
        stream.write_all(echoed.as_deref().unwrap_or(fixed)).await?;
        incoming.restart();
    }
}

/// What has come of a request so far; of its body only how much is still to come.
#[derive(Default)]
struct Incoming {
    head: Vec<u8>,
    /// None until the head is there.
    body: Option<Body>,
}

enum Progress {
    Part,
    Whole,
    Closed,
}

impl Incoming {
    /// Takes what the socket has.
    fn read(&mut self, stream: &TcpStream, scratch: &mut [u8]) -> Result<Progress> {
        match stream.try_read(scratch) {
            Ok(0) => Ok(Progress::Closed),
            Ok(read) if self.take(&scratch[..read])? => Ok(Progress::Whole),
            Ok(_) => Ok(Progress::Part),
            Err(error) if error.kind() == WouldBlock => Ok(Progress::Part),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the next bytes; whether the request is whole.
    fn take(&mut self, bytes: &[u8]) -> Result<bool> {
        let mut rest = bytes;
        if self.body.is_none() {
            let before = self.head.len();
            self.head.extend_from_slice(&bytes[..bytes.len().min(HEAD)]);
            let Some(end) = memchr::memmem::find(&self.head, b"\r\n\r\n") else {
                return if self.head.len() > HEAD { bail!("the head is too long") } else { Ok(false) };
            };
            self.head.truncate(end + 4);
            rest = &bytes[end + 4 - before..];
            self.body = Some(body(&self.head)?);
        }
        Ok(match &mut self.body {
            Some(Body::Known(left)) => {
                *left = left.checked_sub(rest.len()).context("more than the request has")?;
                *left == 0
            }
            Some(Body::Chunked(tail)) => {
                tail.extend_from_slice(&rest[rest.len().saturating_sub(LAST.len())..]);
                tail.drain(..tail.len().saturating_sub(LAST.len()));
                tail.as_slice() == LAST
            }
            None => false,
        })
    }

    fn restart(&mut self) {
        self.head.clear();
        self.body = None;
    }
}

enum Body {
    /// So many bytes are still to come.
    Known(usize),
    /// The last bytes so far; no chunk that is sent here holds what looks like the end.
    Chunked(Vec<u8>),
}

fn body(head: &[u8]) -> Result<Body> {
    match header(head, b"content-length:") {
        Some(value) => Ok(Body::Known(std::str::from_utf8(value)?.trim().parse()?)),
        None if header(head, b"transfer-encoding:").is_some() => Ok(Body::Chunked(Vec::new())),
        None => Ok(Body::Known(0)),
    }
}

/// The value of a header, given its lower-case name with the colon.
pub fn header<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    head.split(|b| *b == b'\n')
        .find(|line| line.len() >= name.len() && line[..name.len()].eq_ignore_ascii_case(name))
        .map(|line| &line[name.len()..])
}
