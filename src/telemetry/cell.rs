//! Numbers that one thread writes and any thread reads. A plain load and store take the place of
//! a locked read-modify-write, which costs several times as much; a second writer would lose
//! counts, never memory safety.

use std::sync::atomic::{AtomicU64, Ordering};

/// Only grows.
#[derive(Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    pub(super) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Goes up and down.
#[derive(Default)]
pub(super) struct Level(AtomicU64);

impl Level {
    pub(super) fn up(&self) {
        self.set(self.value() + 1);
    }

    /// Stays at zero: a level that was never raised has nothing to give back.
    pub(super) fn down(&self) {
        self.set(self.value().saturating_sub(1));
    }

    pub(super) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(super) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts by index, on cache lines that no other worker writes to.
pub(super) struct Counts(Box<[Lane]>);

const LANE: usize = 16;

#[derive(Default)]
#[repr(align(128))]
struct Lane([Count; LANE]);

impl Counts {
    pub(super) fn new(len: usize) -> Self {
        Counts((0..len.div_ceil(LANE)).map(|_| Lane::default()).collect())
    }

    /// None past the end of the last lane.
    pub(super) fn at(&self, index: usize) -> Option<&Count> {
        self.0.get(index / LANE).map(|lane| &lane.0[index % LANE])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_never_go_below_zero() {
        let level = Level::default();
        level.up();
        level.down();
        level.down();
        assert_eq!(level.value(), 0);
        level.up();
        assert_eq!(level.value(), 1);
    }

    #[test]
    fn counts_are_apart() {
        let counts = Counts::new(LANE + 1);
        counts.at(0).expect("the first").add(2);
        counts.at(LANE).expect("the last").add(3);
        assert_eq!(counts.at(0).map(Count::value), Some(2));
        assert_eq!(counts.at(1).map(Count::value), Some(0));
        assert_eq!(counts.at(LANE).map(Count::value), Some(3));
        assert!(counts.at(2 * LANE).is_none());
    }
}
