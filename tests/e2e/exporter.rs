//! What the agents scrape: per tenant one counter that counts its own scrapes, so that a lost sample
//! is a missing number.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::support::upstream::Upstream;

/// The counter's name.
pub const METRIC: &str = "e2e_scrapes_total";

/// Serves `/TENANT/metrics` for the tenants it was started with.
pub struct Exporter {
    upstream: Upstream,
    counters: Arc<[(&'static str, AtomicU64)]>,
}

impl Exporter {
    pub async fn start(tenants: impl IntoIterator<Item = &'static str>) -> Exporter {
        let counters: Arc<[_]> = tenants.into_iter().map(|tenant| (tenant, AtomicU64::new(0))).collect();
        let counted = Arc::clone(&counters);
        let upstream = Upstream::start(move |seen| {
            let tenant = seen.target().split('/').nth(1).unwrap_or_default();
            let (_, counter) = counted.iter().find(|(name, _)| *name == tenant).expect("a tenant");
            let number = counter.fetch_add(1, Ordering::Relaxed) + 1;
            let page = format!("# TYPE {METRIC} counter\n{METRIC} {number}\n");
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: ";
            format!("{head}{}\r\n\r\n{page}", page.len()).into_bytes()
        })
        .await;
        Exporter { upstream, counters }
    }

    pub fn address(&self) -> SocketAddr {
        self.upstream.address
    }

    /// How often a tenant has been scraped.
    pub fn scrapes(&self, tenant: &str) -> u64 {
        let counter = self.counters.iter().find(|(name, _)| *name == tenant).expect("a tenant");
        counter.1.load(Ordering::Relaxed)
    }
}
