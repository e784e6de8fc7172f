//! How many failed attempts an address has left: a token bucket per address. Knows not what was
//! attempted.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use quick_cache::unsync::Cache;

/// Failures that may come at once.
const BURST: u32 = 10;
/// One more failure is allowed after each of these.
const EVERY: Duration = Duration::from_secs(3);
/// How far ahead of the clock a bucket may be: each failure is worth [`EVERY`].
const AHEAD: Duration = Duration::from_secs(EVERY.as_secs() * (BURST as u64 - 1));
/// Addresses remembered; the least busy are forgotten first.
const ADDRESSES: usize = 10_000;

/// Token buckets, each as the one time at which it will be full again.
pub(super) struct Throttle {
    full_at: Mutex<Cache<IpAddr, Instant>>,
}

impl Throttle {
    pub(super) fn new() -> Self {
        Throttle { full_at: Mutex::new(Cache::new(ADDRESSES)) }
    }

    /// How long an address has to wait before its next attempt; none when it need not.
    pub(super) fn wait(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let ahead = buckets.get(&network(address))?.saturating_duration_since(now);
        ahead.checked_sub(AHEAD).filter(|wait| !wait.is_zero())
    }

    /// Counts a failure.
    pub(super) fn failed(&self, address: IpAddr, now: Instant) {
        let mut buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let network = network(address);
        let from = buckets.get(&network).map_or(now, |full_at| (*full_at).max(now));
        buckets.insert(network, from + EVERY);
    }
}

/// Who holds one IPv6 address holds its /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn ten_failures_then_one_in_three_seconds() {
        let (throttle, here, start) = (Throttle::new(), address("192.0.2.1"), Instant::now());
        for nth in 0..BURST {
            assert_eq!(throttle.wait(here, start), None, "failure {nth}");
            throttle.failed(here, start);
        }
        assert_eq!(throttle.wait(here, start), Some(3 * SECOND));
        assert_eq!(throttle.wait(here, start + 2 * SECOND), Some(SECOND));
        assert_eq!(throttle.wait(here, start + 3 * SECOND), None);
        throttle.failed(here, start + 3 * SECOND);
        assert_eq!(throttle.wait(here, start + 3 * SECOND), Some(3 * SECOND));
        assert_eq!(throttle.wait(here, start + 60 * SECOND), None);
        assert_eq!(throttle.wait(address("192.0.2.2"), start), None, "others are unharmed");
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let (throttle, start) = (Throttle::new(), Instant::now());
        for last in 0..BURST {
            throttle.failed(address(&format!("2001:db8::{last:x}")), start);
        }
        assert!(throttle.wait(address("2001:db8::ffff"), start).is_some());
        assert_eq!(throttle.wait(address("2001:db8:0:1::1"), start), None);
        assert_eq!(network(address("::ffff:192.0.2.1")), address("192.0.2.1"));
    }
}
