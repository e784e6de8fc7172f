//! Latencies as counts in log-linear buckets: exact below 64 ns, within 3 % above. Knows nothing of
//! what was timed.

use std::time::Duration;

/// Buckets per power of two.
const STEPS: u64 = 32;
/// The bucket of `u64::MAX`, and one more.
const BUCKETS: usize = 60 * STEPS as usize;

pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    pub fn new() -> Self {
        Histogram { counts: vec![0; BUCKETS], total: 0 }
    }

    pub fn record(&mut self, latency: Duration) {
        self.counts[bucket(latency.as_nanos() as u64)] += 1;
        self.total += 1;
    }

    /// How many latencies were recorded.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The latency that a share (0 to 1) of all does not exceed, as the floor of its bucket; zero
    /// of an empty histogram.
    pub fn quantile(&self, share: f64) -> Duration {
        let wanted = (share * self.total as f64).ceil() as u64;
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted.max(1) {
                return Duration::from_nanos(floor(index));
            }
        }
        Duration::ZERO
    }
}

fn bucket(nanos: u64) -> usize {
    let shift = (63 - u64::from(nanos.max(1).leading_zeros())).saturating_sub(u64::from(STEPS.ilog2()));
    (shift * STEPS + (nanos >> shift)) as usize
}

fn floor(index: usize) -> u64 {
    let shift = (index as u64 / STEPS).saturating_sub(1);
    (index as u64 - shift * STEPS) << shift
}
