//! Callers that speak raw bytes.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than anything that is waited for in a test.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Sends bytes and reads until the other side closes. Add `Connection: close` to a good request.
pub async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    // The other side may refuse before it has read everything.
    let _ = stream.write_all(bytes).await;
    read_to_end(&mut stream).await
}

/// Everything until the other side closes.
pub async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        match timeout(PATIENCE, stream.read(&mut piece)).await.expect("it closes in time") {
            Ok(0) | Err(_) => return String::from_utf8_lossy(&answer).into_owned(),
            Ok(count) => answer.extend_from_slice(&piece[..count]),
        }
    }
}

/// Reads until `mark` has come; gives all that has come.
pub async fn read_until(stream: &mut TcpStream, mark: &str) -> String {
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while !String::from_utf8_lossy(&answer).contains(mark) {
        match timeout(PATIENCE, stream.read(&mut piece)).await.expect("it answers in time") {
            Ok(0) | Err(_) => panic!("closed before {mark:?}: {:?}", String::from_utf8_lossy(&answer)),
            Ok(count) => answer.extend_from_slice(&piece[..count]),
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status of an answer's first line; 0 when there is none.
pub fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}
