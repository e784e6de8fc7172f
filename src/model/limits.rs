//! What one caller's connection may take.

use std::time::Duration;

/// What a caller's connection may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For the TLS handshake; the connection closes after.
    pub handshake: Duration,
    /// From the first byte of a request to the end of its head; 408 after.
    pub header: Duration,
    /// Without a request on an open connection; closes after.
    pub idle: Duration,
    /// Without progress on a request's body (408 after) or on its answer (the connection is cut).
    pub body: Duration,
    /// A request's whole head, in bytes; 431 above.
    pub header_bytes: usize,
    /// Open connections per listener, over all workers; more wait in the kernel's queue.
    pub connections: usize,
    /// Requests at once on one HTTP/2 connection.
    pub streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            handshake: Duration::from_secs(10),
            header: Duration::from_secs(10),
            idle: Duration::from_secs(120),
            body: Duration::from_secs(30),
            header_bytes: 64 * 1024,
            connections: 100_000,
            streams: 200,
        }
    }
}
