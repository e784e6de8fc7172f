//! How many wrong guesses there have been, by address and by user, and who has to wait because of
//! them. Pure over the times it is given; knows no password, and not which users exist.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use quick_cache::unsync::Cache;

/// Addresses remembered, and users; the least busy are forgotten first.
const REMEMBERED: usize = 16_384;
/// Pairs of address and user remembered.
const PAIRS: usize = 32_768;

/// When guessing ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Failures within `window` that lock an address or a user; 0 is taken as 1. As many times are
    /// kept for each.
    pub failures: usize,
    /// A failure counts for less than this.
    pub window: Duration,
    /// How long a lock holds after the failure that caused it.
    pub lock: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Policy { failures: 10, window: Duration::from_mins(5), lock: Duration::from_mins(30) }
    }
}

/// Counts failures by network address (an IPv6 /64 is one) and by user name (regardless of case,
/// whether or not there is such a user).
///
/// A locked address has to wait. So has one that failed for a locked user; any other still has one
/// attempt for that user, so that nobody can lock out a user who is right from elsewhere.
pub struct Lockout {
    policy: Policy,
    names: RandomState,
    counts: Mutex<Counts>,
}

/// A hash of a user name: names are chosen by callers and may be long.
type User = u64;

struct Counts {
    addresses: Cache<IpAddr, Failures>,
    users: Cache<User, Failures>,
    /// The last failure of an address for a user, or the attempt that may become it.
    pairs: Cache<(IpAddr, User), Instant>,
}

/// The failures of an address or of a user.
#[derive(Default)]
struct Failures {
    /// The last ones, at most as many as lock.
    times: VecDeque<Instant>,
    /// The last one that locked.
    locked_at: Option<Instant>,
}

impl Lockout {
    pub fn new(policy: Policy) -> Self {
        let counts = Counts {
            addresses: Cache::new(REMEMBERED),
            users: Cache::new(REMEMBERED),
            pairs: Cache::new(PAIRS),
        };
        let policy = Policy { failures: policy.failures.max(1), ..policy };
        Lockout { policy, names: RandomState::new(), counts: Mutex::new(counts) }
    }

    /// How long an attempt of `address` for `user` has to wait; none when it need not.
    pub fn wait(&self, address: IpAddr, user: &str, now: Instant) -> Option<Duration> {
        let pair = (network(address), self.user(user));
        self.counts().wait(pair, &self.policy, now)
    }

    /// Like [`Lockout::wait`], for an attempt that is about to be made: it uses up the one attempt
    /// that the address has for a locked user, until it has [`Lockout::succeeded`].
    pub fn begin(&self, address: IpAddr, user: &str, now: Instant) -> Option<Duration> {
        let pair = (network(address), self.user(user));
        let mut counts = self.counts();
        let wait = counts.wait(pair, &self.policy, now);
        if wait.is_none() && counts.user_locked(pair.1, &self.policy, now).is_some() {
            counts.pairs.insert(pair, now);
        }
        wait
    }

    /// Counts a failure.
    pub fn failed(&self, address: IpAddr, user: &str, now: Instant) {
        let pair @ (network, user) = (network(address), self.user(user));
        let mut counts = self.counts();
        count(&mut counts.addresses, network, &self.policy, now);
        count(&mut counts.users, user, &self.policy, now);
        let last = counts.pairs.peek(&pair).map_or(now, |last| (*last).max(now));
        counts.pairs.insert(pair, last);
    }

    /// Forgets that the address failed for the user. It unlocks nobody else, and not the address:
    /// who has one right password may still be guessing others.
    pub fn succeeded(&self, address: IpAddr, user: &str) {
        let pair = (network(address), self.user(user));
        self.counts().pairs.remove(&pair);
    }

    /// Forgets the failures of a user. Addresses stay locked.
    pub fn unlock_user(&self, user: &str) {
        let user = self.user(user);
        self.counts().users.remove(&user);
    }

    /// Held for a few look-ups; nothing under it waits or grows with the number of callers.
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn user(&self, name: &str) -> User {
        let mut hasher = self.names.build_hasher();
        name.chars().flat_map(char::to_lowercase).for_each(|letter| letter.hash(&mut hasher));
        hasher.finish()
    }
}

impl Counts {
    fn wait(&self, pair: (IpAddr, User), policy: &Policy, now: Instant) -> Option<Duration> {
        let address = self.addresses.get(&pair.0).and_then(|failures| failures.locked(policy, now));
        let user = self.user_locked(pair.1, policy, now);
        // Either end will do: that of the user's lock, or that of the address's failure.
        let both = user.and_then(|user| Some(user.min(left(*self.pairs.get(&pair)?, policy.lock, now)?)));
        address.max(both)
    }

    fn user_locked(&self, user: User, policy: &Policy, now: Instant) -> Option<Duration> {
        self.users.get(&user)?.locked(policy, now)
    }
}

fn count<K: Hash + Eq>(counts: &mut Cache<K, Failures>, key: K, policy: &Policy, now: Instant) {
    if let Some(mut failures) = counts.get_mut(&key) {
        failures.count(policy, now);
        return;
    }
    let mut failures = Failures::default();
    failures.count(policy, now);
    counts.insert(key, failures);
}

impl Failures {
    fn locked(&self, policy: &Policy, now: Instant) -> Option<Duration> {
        left(self.locked_at?, policy.lock, now)
    }

    fn count(&mut self, policy: &Policy, now: Instant) {
        // Threads read the clock for themselves, so that times may come out of order.
        let now = self.times.back().map_or(now, |last| (*last).max(now));
        if self.times.len() == policy.failures {
            self.times.pop_front();
        }
        self.times.push_back(now);
        let first = self.times.front().filter(|_| self.times.len() == policy.failures);
        if first.is_some_and(|first| now.duration_since(*first) < policy.window) {
            self.locked_at = Some(now);
        }
    }
}

/// What is left of `whole` since then; none when it is over.
fn left(since: Instant, whole: Duration, now: Instant) -> Option<Duration> {
    whole.checked_sub(now.saturating_duration_since(since)).filter(|left| !left.is_zero())
}

/// Who holds one IPv6 address holds its /64.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests;
