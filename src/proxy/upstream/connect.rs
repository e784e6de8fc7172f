//! New connections to back ends: HTTP/1.1 over TCP. The place where TLS and HTTP/2 will branch off.

use std::io;

use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::net::Joined;
use crate::proxy::body::Upload;
use crate::snapshot::Backend;
use crate::telemetry::UpstreamFailure;

/// The head of an answer may be as large as that of a request.
const MAX_HEAD: usize = 64 * 1024;

/// Connects, and leaves the connection's reading and writing to a task of this thread.
pub async fn connect(backend: &Backend) -> Result<SendRequest<Upload>, UpstreamFailure> {
    let address = &backend.address;
    let connected = TcpStream::connect((address.host.as_str(), address.port)).await;
    let stream = connected.map_err(|error| {
        tracing::warn!(upstream = %address, %error, "cannot connect to a back end");
        failure(&error)
    })?;
    // The head of a request must not wait for the acknowledgement of the one before.
    stream.set_nodelay(true).map_err(|error| failure(&error))?;
    let (sender, connection) = http1::Builder::new()
        .max_header_size(MAX_HEAD)
        .handshake(TokioIo::new(Joined::new(stream)))
        .await
        .map_err(|_| UpstreamFailure::ConnectFailed)?;
    tokio::task::spawn_local(async move {
        // Its errors reach the request that it carries.
        let _ = connection.await;
    });
    Ok(sender)
}

fn failure(error: &io::Error) -> UpstreamFailure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => UpstreamFailure::ConnectRefused,
        io::ErrorKind::TimedOut => UpstreamFailure::ConnectTimeout,
        _ => UpstreamFailure::ConnectFailed,
    }
}
