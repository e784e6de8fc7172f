//! The load generator's HTTP/2 side: many requests at once on one connection.

use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use h2::client::{Builder, SendRequest};

use crate::load::{Shared, Stream};

pub type Sender = SendRequest<Bytes>;

/// Wide enough that window updates are rare.
const WINDOW: u32 = 16 * 1024 * 1024;

/// Opens HTTP/2 on a connection and keeps it going in a task of its own.
pub async fn handshake(stream: Box<dyn Stream>) -> Result<Sender> {
    let mut builder = Builder::new();
    builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW);
    let (sender, connection) = builder.handshake(stream).await.context("the HTTP/2 handshake failed")?;
    tokio::task::spawn_local(async move {
        // The requests that fail with it say so.
        let _ = connection.await;
    });
    Ok(sender)
}

/// One request after the other until it is time to stop.
pub async fn stream(mut sender: Sender, shared: &Shared) -> Result<Sender> {
    let mut start = Instant::now();
    while let Some(request) = shared.next(start) {
        sender = sender.ready().await.context("the proxy closed an HTTP/2 connection")?;
        let (response, _) = sender.send_request(request.message.clone(), true)?;
        let response = response.await?;
        if response.status() != http::StatusCode::OK {
            bail!("instead of 200 over HTTP/2: {response:?}");
        }
        let mut body = response.into_body();
        while let Some(chunk) = body.data().await {
            let length = chunk?.len();
            body.flow_control().release_capacity(length)?;
        }
        start = shared.done(start);
    }
    Ok(sender)
}
