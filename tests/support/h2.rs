//! Callers that speak HTTP/2 in the clear and say in pseudo-headers and headers what they like.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::raw::PATIENCE;

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

/// Sends a request without a body on a connection of its own; none when the stream is reset.
pub async fn send(address: SocketAddr, request: Request<()>) -> Option<Answer> {
    let work = async {
        let stream = TcpStream::connect(address).await.expect("it listens");
        let (mut requests, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        let driver = tokio::spawn(connection);
        let (response, _) = requests.send_request(request, true).expect("a request that can be said");
        let response = response.await.ok()?;
        let (parts, mut body) = response.into_parts();
        let mut all = Vec::new();
        while let Some(piece) = body.data().await {
            let piece: Bytes = piece.ok()?;
            let _ = body.flow_control().release_capacity(piece.len());
            all.extend_from_slice(&piece);
        }
        driver.abort();
        let body = String::from_utf8_lossy(&all).into_owned();
        Some(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    };
    timeout(PATIENCE, work).await.expect("an answer in time")
}

/// What becomes of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With this status, if it is one that HPACK has in its table; 0 for another.
    Answer(u16),
    Reset,
    Closed,
}

/// Sends a request of these fields as they are, byte by byte (RFC 9113 §6.2, RFC 7541 §6.2.2).
pub async fn send_fields(address: SocketAddr, fields: &[(String, String)]) -> Outcome {
    const END_STREAM_AND_HEADERS: u8 = 0x5;
    let block: Vec<u8> = fields.iter().flat_map(|(name, value)| literal(name, value)).collect();
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(0x4, 0, 0, &[]));
    bytes.extend(frame(0x1, END_STREAM_AND_HEADERS, 1, &block));
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    // The other side may close before it has read everything.
    let _ = stream.write_all(&bytes).await;
    timeout(PATIENCE, outcome(&mut stream)).await.expect("an answer in time")
}

async fn outcome(stream: &mut TcpStream) -> Outcome {
    loop {
        let mut head = [0; 9];
        if stream.read_exact(&mut head).await.is_err() {
            return Outcome::Closed;
        }
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        if stream.read_exact(&mut payload).await.is_err() {
            return Outcome::Closed;
        }
        match head[3] {
            // RFC 7541, appendix A: the indices 8 to 14.
            0x1 => {
                let known = [200, 204, 206, 304, 400, 404, 500];
                let status = payload[0].checked_sub(0x88).and_then(|index| known.get(usize::from(index)));
                return Outcome::Answer(status.copied().unwrap_or(0));
            }
            0x3 => return Outcome::Reset,
            0x7 => return Outcome::Closed,
            _ => {}
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a small frame").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A field that is never indexed nor compressed.
fn literal(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| [length(text.len()), text.as_bytes().to_vec()].concat();
    [vec![0], text(name), text(value)].concat()
}

/// An integer with a prefix of seven bits (RFC 7541 §5.1).
fn length(mut value: usize) -> Vec<u8> {
    let byte = |value: usize| u8::try_from(value).expect("less than 256");
    if value < 127 {
        return vec![byte(value)];
    }
    let mut bytes = vec![127];
    value -= 127;
    while value >= 128 {
        bytes.push(byte(value % 128) | 128);
        value /= 128;
    }
    bytes.push(byte(value));
    bytes
}
