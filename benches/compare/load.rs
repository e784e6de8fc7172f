//! The load generator: a fixed number of connections in a closed loop on one thread, with requests
//! whose bytes were made before. It reads no more of a response than shows that it is whole and
//! 200. HTTP/2 is [`load_h2`](super::load_h2)'s.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use crate::backend::header;
use crate::histogram::Histogram;
use crate::load_h2;
use crate::request::Request;

/// Room for one response with its head.
const BUFFER: usize = 16 * 1024;

/// Where the load goes, and how it gets there.
#[derive(Clone)]
pub struct Target {
    pub address: SocketAddr,
    pub tls: Option<Arc<ClientConfig>>,
}

/// What a connection is used for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// One request after the other.
    KeepAlive,
    /// One request, then the next connection.
    Once,
    /// HTTP/2 with so many requests at once.
    Streams(usize),
}

/// When to stop: not before either is reached.
#[derive(Clone, Copy)]
pub struct Until {
    pub time: Duration,
    pub requests: usize,
}

/// What came of it.
pub struct Tally {
    pub latencies: Histogram,
    pub elapsed: Duration,
}

/// The state that the connections of one load share.
pub struct Shared {
    requests: Vec<Request>,
    issued: Cell<usize>,
    enough: Cell<usize>,
    deadline: Cell<Instant>,
    latencies: RefCell<Histogram>,
}

impl Shared {
    /// The next request in rotation; none when it is time to stop.
    pub fn next(&self, now: Instant) -> Option<&Request> {
        let issued = self.issued.get();
        if now >= self.deadline.get() && issued >= self.enough.get() {
            return None;
        }
        self.issued.set(issued + 1);
        Some(&self.requests[issued % self.requests.len()])
    }

    /// Notes a request's end; the time of it.
    pub fn done(&self, start: Instant) -> Instant {
        let end = Instant::now();
        self.latencies.borrow_mut().record(end - start);
        end
    }
}

pub trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

enum Connection {
    KeepAlive(Box<dyn Stream>),
    Once(Target),
    Streams(load_h2::Sender, usize),
}

/// Open connections, ready to be driven again and again.
pub struct Load {
    connections: Vec<Connection>,
    shared: Rc<Shared>,
}

impl Load {
    pub async fn open(target: &Target, how: Use, connections: usize, requests: Vec<Request>) -> Result<Self> {
        let mut open = Vec::with_capacity(connections);
        for _ in 0..connections {
            open.push(match how {
                Use::KeepAlive => Connection::KeepAlive(connect(target).await?),
                Use::Once => Connection::Once(target.clone()),
                Use::Streams(count) => {
                    Connection::Streams(load_h2::handshake(connect(target).await?).await?, count)
                }
            });
        }
        let shared = Shared {
            requests,
            issued: Cell::new(0),
            enough: Cell::new(0),
            deadline: Cell::new(Instant::now()),
            latencies: RefCell::new(Histogram::new()),
        };
        Ok(Load { connections: open, shared: Rc::new(shared) })
    }

    /// Sends requests on all connections until it is time, and waits for what is under way.
    pub async fn drive(&mut self, until: Until) -> Result<Tally> {
        let start = Instant::now();
        let shared = &self.shared;
        shared.deadline.set(start + until.time);
        shared.enough.set(shared.issued.get() + until.requests);
        shared.latencies.replace(Histogram::new());
        let mut tasks = Vec::new();
        for connection in self.connections.drain(..) {
            match connection {
                Connection::Streams(sender, count) => {
                    let more = (1..count).map(|_| spawn(Connection::Streams(sender.clone(), 0), shared));
                    tasks.extend(more.collect::<Vec<_>>());
                    tasks.push(spawn(Connection::Streams(sender, count), shared));
                }
                other => tasks.push(spawn(other, shared)),
            }
        }
        for task in tasks {
            match task.await.context("a connection's task failed")?? {
                Connection::Streams(_, 0) => {}
                connection => self.connections.push(connection),
            }
        }
        let latencies = self.shared.latencies.replace(Histogram::new());
        Ok(Tally { latencies, elapsed: start.elapsed() })
    }
}

fn spawn(connection: Connection, shared: &Rc<Shared>) -> JoinHandle<Result<Connection>> {
    let shared = shared.clone();
    tokio::task::spawn_local(async move {
        match connection {
            Connection::KeepAlive(mut stream) => {
                keep_alive(&mut *stream, &shared).await?;
                Ok(Connection::KeepAlive(stream))
            }
            Connection::Once(target) => {
                once(&target, &shared).await?;
                Ok(Connection::Once(target))
            }
            Connection::Streams(sender, count) => {
                Ok(Connection::Streams(load_h2::stream(sender, &shared).await?, count))
            }
        }
    })
}

async fn keep_alive(stream: &mut dyn Stream, shared: &Shared) -> Result<()> {
    let mut buffer = vec![0; BUFFER];
    let mut start = Instant::now();
    while let Some(request) = shared.next(start) {
        exchange(stream, &request.bytes, &mut buffer).await?;
        start = shared.done(start);
    }
    Ok(())
}

async fn once(target: &Target, shared: &Shared) -> Result<()> {
    let mut buffer = vec![0; BUFFER];
    let mut start = Instant::now();
    while let Some(request) = shared.next(start) {
        let mut stream = connect(target).await?;
        exchange(&mut *stream, &request.bytes, &mut buffer).await?;
        shared.done(start);
        // The proxy closes, as it was asked to; how it does is of no matter.
        let _ = stream.read(&mut buffer).await;
        start = Instant::now();
    }
    Ok(())
}

/// A connection, with its TLS handshake done if the target wants one.
pub async fn connect(target: &Target) -> Result<Box<dyn Stream>> {
    let stream = TcpStream::connect(target.address).await.context("cannot connect to the proxy")?;
    stream.set_nodelay(true)?;
    let Some(config) = &target.tls else { return Ok(Box::new(stream)) };
    let name = ServerName::try_from(format!("acme.{}", crate::material::DOMAIN))?;
    let stream = TlsConnector::from(config.clone()).connect(name, stream).await;
    Ok(Box::new(stream.context("the TLS handshake failed")?))
}

/// Sends a request and reads its response into the buffer. The response's length in bytes.
pub async fn exchange(stream: &mut dyn Stream, request: &[u8], buffer: &mut [u8]) -> Result<usize> {
    stream.write_all(request).await?;
    stream.flush().await?;
    let mut filled = 0;
    loop {
        match stream.read(&mut buffer[filled..]).await? {
            0 => bail!("the proxy closed the connection within a response"),
            read => filled += read,
        }
        match length(&buffer[..filled])? {
            Some(whole) if filled == whole => return Ok(whole),
            Some(whole) if filled > whole => bail!("more bytes than the response has"),
            _ => {}
        }
    }
}

/// The length of a whole response, as soon as its head is there.
fn length(bytes: &[u8]) -> Result<Option<usize>> {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let head = &bytes[..end];
    if !head.starts_with(b"HTTP/1.1 200") {
        bail!("instead of 200:\n{}", String::from_utf8_lossy(bytes));
    }
    let value = header(head, b"content-length:").context("a response without Content-Length")?;
    Ok(Some(end + 4 + std::str::from_utf8(value)?.trim().parse::<usize>()?))
}
