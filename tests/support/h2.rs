//! Callers that speak HTTP/2 in the clear and say in pseudo-headers and headers what they like.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request};
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
