//! Back ends that record every request as it came, byte for byte, and answer what they are told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The request line and the headers, as sent.
    pub head: String,
    /// The body without its framing, and the raw trailer lines of a chunked one.
    pub body: Vec<u8>,
    pub trailers: String,
    /// Which connection it came over, counted from 0.
    pub connection: usize,
}

impl Seen {
    /// All values of a header, in order.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }

    pub fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }
}

/// A recording back end.
pub struct Upstream {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Upstream {
    /// Answers every request with what `answer` gives: a whole HTTP/1.1 response, raw.
    pub async fn start(answer: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static) -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (book, answer) = (seen.clone(), Arc::new(answer));
        let task = tokio::spawn(async move {
            for connection in 0.. {
                let Ok((stream, _)) = listener.accept().await else { return };
                tokio::spawn(serve(stream, connection, book.clone(), answer.clone()));
            }
        });
        Upstream { address, seen, task }
    }

    /// Answers 200 with the body `ok`.
    pub async fn ok() -> Upstream {
        Upstream::start(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec()).await
    }

    /// All requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("not poisoned").clone()
    }

    /// The last request.
    pub fn last(&self) -> Seen {
        self.seen().last().expect("a request came").clone()
    }
}

async fn serve<A>(mut stream: TcpStream, connection: usize, book: Arc<Mutex<Vec<Seen>>>, answer: Arc<A>)
where
    A: Fn(&Seen) -> Vec<u8>,
{
    let mut buffer = Vec::new();
    while let Some(mut seen) = read_request(&mut stream, &mut buffer).await {
        seen.connection = connection;
        let bytes = answer(&seen);
        book.lock().expect("not poisoned").push(seen);
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// Reads one request; none when the connection ends before it does.
pub async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Seen> {
    let head = take_until(stream, buffer, b"\r\n\r\n").await?;
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut seen = Seen { head, body: Vec::new(), trailers: String::new(), connection: 0 };
    if let Some(length) = seen.header("content-length").first().and_then(|text| text.parse().ok()) {
        seen.body = take(stream, buffer, length).await?;
    } else if !seen.header("transfer-encoding").is_empty() {
        loop {
            let line = take_until(stream, buffer, b"\r\n").await?;
            let line = String::from_utf8_lossy(&line).into_owned();
            let size = usize::from_str_radix(line.trim().split(';').next()?, 16).ok()?;
            if size == 0 {
                break;
            }
            seen.body.extend(take(stream, buffer, size).await?);
            take(stream, buffer, 2).await?;
        }
        loop {
            let line = take_until(stream, buffer, b"\r\n").await?;
            if line == b"\r\n" {
                break;
            }
            seen.trailers.push_str(&String::from_utf8_lossy(&line));
        }
    }
    Some(seen)
}

async fn take_until(stream: &mut TcpStream, buffer: &mut Vec<u8>, mark: &[u8]) -> Option<Vec<u8>> {
    loop {
        if let Some(at) = buffer.windows(mark.len()).position(|window| window == mark) {
            return Some(buffer.drain(..at + mark.len()).collect());
        }
        fill(stream, buffer).await?;
    }
}

async fn take(stream: &mut TcpStream, buffer: &mut Vec<u8>, count: usize) -> Option<Vec<u8>> {
    while buffer.len() < count {
        fill(stream, buffer).await?;
    }
    Some(buffer.drain(..count).collect())
}

async fn fill(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let mut piece = [0; 16 * 1024];
    match stream.read(&mut piece).await {
        Ok(0) | Err(_) => None,
        Ok(count) => {
            buffer.extend_from_slice(&piece[..count]);
            Some(())
        }
    }
}
