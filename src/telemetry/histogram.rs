//! Durations counted in log-scaled buckets. Counted in nanoseconds by one thread; the bounds,
//! sums and running totals are made at scrape.

use std::time::Duration;

use super::cell::Count;

/// Upper bounds in nanoseconds: 1, 2.5, 5 per decade, from 10 µs to 10 s.
const BOUNDS: [u64; 19] = [
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// One worker's share of a histogram.
#[derive(Default)]
pub struct Histogram {
    /// One per bound and a last one for what is longer.
    buckets: [Count; BOUNDS.len() + 1],
    nanos: Count,
}

impl Histogram {
    /// Counts one duration; for the thread that owns the series.
    pub fn observe(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[BOUNDS.partition_point(|bound| *bound < nanos)].add(1);
        self.nanos.add(nanos);
    }
}

/// What several workers observed.
#[derive(Clone, Default)]
pub(super) struct Observed {
    buckets: [u64; BOUNDS.len() + 1],
    nanos: u64,
}

impl Observed {
    pub(super) fn add(&mut self, share: &Histogram) {
        for (total, bucket) in self.buckets.iter_mut().zip(&share.buckets) {
            *total += bucket.value();
        }
        self.nanos = self.nanos.wrapping_add(share.nanos.value());
    }

    /// Made of the buckets, so that it always equals the `+Inf` bucket.
    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    pub(super) fn sum_seconds(&self) -> f64 {
        seconds(self.nanos)
    }

    /// Upper bound in seconds and how many observations are not above it; `+Inf` left out.
    pub(super) fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        let running = self.buckets.iter().scan(0, |total, count| {
            *total += count;
            Some(*total)
        });
        BOUNDS.iter().map(|bound| seconds(*bound)).zip(running)
    }
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let histogram = Histogram::default();
        histogram.observe(Duration::from_micros(10));
        histogram.observe(Duration::from_nanos(10_001));
        histogram.observe(Duration::MAX);
        let mut all = Observed::default();
        all.add(&histogram);
        let buckets: Vec<_> = all.cumulative().collect();
        assert_eq!(buckets[0], (0.00001, 1));
        assert_eq!(buckets[1], (0.000_025, 2));
        assert_eq!(buckets[18], (10.0, 2));
        assert_eq!(all.count(), 3);
    }

    proptest! {
        #[test]
        fn buckets_sum_to_the_observations(
            left in prop::collection::vec(0u64..20_000_000_000, 0..200),
            right in prop::collection::vec(0u64..20_000_000_000, 0..200),
        ) {
            let mut all = Observed::default();
            for part in [&left, &right] {
                let histogram = Histogram::default();
                for nanos in part {
                    histogram.observe(Duration::from_nanos(*nanos));
                }
                all.add(&histogram);
            }
            let seen: Vec<u64> = left.iter().chain(&right).copied().collect();
            prop_assert_eq!(all.count(), seen.len() as u64);
            prop_assert_eq!(all.nanos, seen.iter().sum::<u64>());
            for ((_, count), bound) in all.cumulative().zip(BOUNDS) {
                prop_assert_eq!(count, seen.iter().filter(|nanos| **nanos <= bound).count() as u64);
            }
        }
    }
}
