//! Resident memory: of a proxy at rest, and for each connection that is open without a request.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::load::{self, Target};
use crate::proxies::{Kind, Proxy, Setting};
use crate::request::Request;

/// Until allocators and timers have come to rest.
const REST: Duration = Duration::from_millis(1500);

#[derive(serde::Serialize)]
pub struct Memory {
    pub kind: Kind,
    /// MiB, after one request.
    pub idle: f64,
    /// KiB for each idle connection.
    pub connection: f64,
}

/// Starts a proxy anew, and opens connections that have had one request each.
pub async fn measure(kind: Kind, setting: &Setting, token: &str, connections: usize) -> Result<Memory> {
    let proxy = Proxy::start(kind, &format!("{}-memory", kind.name()), setting).await?;
    let target = Target { address: proxy.plain, tls: None };
    let request = Request::get("acme", Some(token), "/bench")?;
    let mut buffer = vec![0; 16 * 1024];
    let mut open = Vec::with_capacity(connections);
    let mut before = 0;
    for number in 0..=connections {
        let mut stream = load::connect(&target).await?;
        load::exchange(&mut *stream, &request.bytes, &mut buffer)
            .await
            .with_context(|| format!("connection {number} to {}", kind.name()))?;
        if number == 0 {
            drop(stream);
            tokio::time::sleep(REST).await;
            before = proxy.process.resident()?;
        } else {
            open.push(stream);
        }
    }
    tokio::time::sleep(REST).await;
    let after = proxy.process.resident()?;
    let connection = (after as f64 - before as f64) / connections as f64;
    Ok(Memory { kind, idle: before as f64 / 1024.0, connection })
}
