//! Lockouts at their boundaries, and against an oracle that remembers everything.

#![expect(
    clippy::unchecked_time_subtraction,
    reason = "every difference here is one of constants or of later times"
)]

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const NANO: Duration = Duration::from_nanos(1);
const WINDOW: Duration = Duration::from_mins(5);
const LOCK: Duration = Duration::from_mins(30);

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// The address of one of many.
fn nth(number: u32) -> IpAddr {
    IpAddr::V4((0x0a00_0000 + number).into())
}

fn lockout() -> Lockout {
    Lockout::new(Policy::default())
}

/// Locks `alice` from ten addresses that nobody else has.
fn locked_alice(start: Instant) -> Lockout {
    let lockout = lockout();
    (0..10).for_each(|number| lockout.failed(nth(number), "alice", start));
    lockout
}

#[test]
fn the_tenth_failure_locks_an_address_for_half_an_hour() {
    let (lockout, here, start) = (lockout(), address("192.0.2.1"), Instant::now());
    for number in 0..10 {
        assert_eq!(lockout.wait(here, "anyone", start), None, "failure {number}");
        lockout.failed(here, &format!("user-{number}"), start);
    }
    assert_eq!(lockout.wait(here, "anyone", start), Some(LOCK));
    assert_eq!(lockout.begin(here, "anyone", start), Some(LOCK), "a user never tried");
    assert_eq!(lockout.wait(here, "anyone", start + LOCK - NANO), Some(NANO));
    assert_eq!(lockout.wait(here, "anyone", start + LOCK), None);
    assert_eq!(lockout.wait(address("192.0.2.2"), "user-1", start), None, "others are unharmed");
}

#[test]
fn failures_count_for_less_than_the_window() {
    let (here, start) = (address("192.0.2.1"), Instant::now());
    for (last, locks) in [(WINDOW - NANO, true), (WINDOW, false)] {
        let lockout = lockout();
        (0..9).for_each(|_| lockout.failed(here, "alice", start));
        lockout.failed(here, "alice", start + last);
        assert_eq!(lockout.wait(here, "alice", start + last).is_some(), locks, "{last:?}");
        assert_eq!(lockout.wait(here, "other", start + last), locks.then_some(LOCK), "{last:?}");
    }
    let sliding = lockout();
    for number in 0..40 {
        sliding.failed(here, "alice", start + 34 * SECOND * number);
        assert_eq!(sliding.wait(here, "alice", start + 34 * SECOND * number), None, "{number}");
    }
}

#[test]
fn a_locked_user_has_one_attempt_from_each_address_that_has_not_failed() {
    let start = Instant::now();
    let (lockout, home) = (locked_alice(start), address("198.51.100.1"));
    assert_eq!(lockout.wait(nth(3), "alice", start), Some(LOCK), "it failed for her");
    assert_eq!(lockout.wait(nth(3), "bob", start), None);
    assert_eq!(lockout.wait(home, "alice", start), None);
    assert_eq!(lockout.begin(home, "alice", start + SECOND), None);
    assert_eq!(lockout.begin(home, "alice", start + SECOND), Some(LOCK - SECOND), "one at once");
    lockout.failed(home, "alice", start + SECOND);
    assert_eq!(lockout.wait(home, "alice", start + 2 * SECOND), Some(LOCK - SECOND), "her lock grew");
    assert_eq!(lockout.wait(home, "bob", start + SECOND), None);
    assert_eq!(lockout.wait(address("198.51.100.2"), "alice", start + SECOND), None, "another address");
}

#[test]
fn a_failure_outside_the_window_does_not_prolong_the_lock() {
    let start = Instant::now();
    let (lockout, home) = (locked_alice(start), address("198.51.100.1"));
    lockout.failed(home, "alice", start + WINDOW);
    assert_eq!(lockout.wait(home, "alice", start + WINDOW), Some(LOCK - WINDOW));
    assert_eq!(lockout.wait(home, "alice", start + LOCK), None);
}

#[test]
fn an_address_may_try_again_when_its_failure_is_old() {
    let start = Instant::now();
    let (lockout, home) = (lockout(), address("198.51.100.1"));
    lockout.failed(home, "alice", start);
    let later = start + LOCK - SECOND;
    (0..10).for_each(|number| lockout.failed(nth(number), "alice", later));
    assert_eq!(lockout.wait(home, "alice", later), Some(SECOND));
    assert_eq!(lockout.begin(home, "alice", later + SECOND), None);
    assert_eq!(lockout.wait(home, "alice", later + SECOND), Some(LOCK - SECOND), "the attempt is used up");
}

#[test]
fn a_success_clears_its_own_address_only() {
    let start = Instant::now();
    let (lockout, home) = (locked_alice(start), address("198.51.100.1"));
    assert_eq!(lockout.begin(home, "alice", start), None);
    lockout.succeeded(home, "alice");
    assert_eq!(lockout.begin(home, "alice", start), None);
    assert_eq!(lockout.wait(nth(3), "alice", start), Some(LOCK));
    (0..10).for_each(|_| lockout.failed(home, "bob", start));
    lockout.succeeded(home, "bob");
    assert_eq!(lockout.wait(home, "bob", start), Some(LOCK), "an account of one's own frees no guesses");
}

#[test]
fn an_unlocked_user_is_free_everywhere() {
    let start = Instant::now();
    let lockout = locked_alice(start);
    lockout.unlock_user("Alice");
    assert_eq!(lockout.wait(nth(3), "alice", start), None);
    assert_eq!(lockout.begin(nth(3), "alice", start), None);
    assert_eq!(lockout.begin(nth(3), "alice", start), None, "nothing is used up");
}

#[test]
fn names_are_one_in_any_case_and_networks_in_any_form() {
    let (lockout, start) = (lockout(), Instant::now());
    for (number, name) in ["ÄDA@x", "äda@X"].iter().cycle().take(10).enumerate() {
        lockout.failed(address(&format!("2001:db8:0:{number:x}::1")), name, start);
    }
    assert_eq!(lockout.wait(address("2001:db8::ffff"), "äda@x", start), Some(LOCK));
    assert_eq!(lockout.wait(address("2001:db8:0:10::1"), "äda@x", start), None);
    (0..10).for_each(|last| lockout.failed(address(&format!("2001:db8:1::{last:x}")), "x", start));
    assert!(lockout.wait(address("2001:db8:1::ffff"), "y", start).is_some());
    assert_eq!(lockout.wait(address("2001:db8:1:1::1"), "y", start), None);
    assert_eq!(network(address("::ffff:192.0.2.1")), address("192.0.2.1"));
}

#[test]
fn times_out_of_order_do_no_harm() {
    let (lockout, here, start) = (lockout(), address("192.0.2.1"), Instant::now());
    (1..=10).rev().for_each(|late| lockout.failed(here, "alice", start + late * SECOND));
    assert_eq!(lockout.wait(here, "alice", start), Some(LOCK));
    assert_eq!(lockout.wait(here, "alice", start + 10 * SECOND), Some(LOCK));
    let endless = Lockout::new(Policy { failures: 0, window: Duration::MAX, lock: Duration::MAX });
    endless.failed(here, "alice", start);
    assert_eq!(endless.wait(here, "alice", start + SECOND), Some(Duration::MAX - SECOND));
}

#[test]
fn memory_is_bounded_and_the_busy_are_remembered() {
    let (lockout, here, start) = (lockout(), address("192.0.2.1"), Instant::now());
    (0..10).for_each(|_| lockout.failed(here, "alice", start));
    for number in 0..100_000 {
        lockout.failed(nth(number), &format!("user-{number}"), start);
        assert_eq!(lockout.wait(here, "alice", start), Some(LOCK), "after {number}");
    }
    let counts = lockout.counts();
    assert!(counts.addresses.len() <= REMEMBERED && counts.users.len() <= REMEMBERED);
    assert!(counts.pairs.len() <= PAIRS);
}

/// What happened, for the oracle: who, for whom, when.
#[derive(Clone, Copy, Debug)]
enum Event {
    Failed(u32, usize, Duration),
    Began(u32, usize, Duration),
    Succeeded(u32, usize),
    Unlocked(usize),
}

/// Looks through everything that ever happened.
struct Oracle {
    policy: Policy,
    events: Vec<Event>,
}

impl Oracle {
    fn wait(&self, address: u32, user: usize, now: Duration) -> Option<Duration> {
        let of_address = self.events.iter().filter_map(|event| match event {
            Event::Failed(a, _, at) if *a == address => Some(*at),
            _ => None,
        });
        let of_pair = self.events.iter().fold(None, |last, event| match event {
            Event::Failed(a, u, at) | Event::Began(a, u, at) if (*a, *u) == (address, user) => Some(*at),
            Event::Succeeded(a, u) if (*a, *u) == (address, user) => None,
            _ => last,
        });
        let address = self.locked(&of_address.collect::<Vec<_>>(), now);
        let user = self.user(user, now);
        let pair = of_pair.map(|at| (at + self.policy.lock).saturating_sub(now));
        let longest = address.max(user.min(pair.unwrap_or_default()));
        (!longest.is_zero()).then_some(longest)
    }

    fn user(&self, user: usize, now: Duration) -> Duration {
        let unlocked =
            self.events.iter().rposition(|event| matches!(event, Event::Unlocked(u) if *u == user));
        let since = &self.events[unlocked.map_or(0, |at| at + 1)..];
        let failures = since.iter().filter_map(|event| match event {
            Event::Failed(_, u, at) if *u == user => Some(*at),
            _ => None,
        });
        self.locked(&failures.collect::<Vec<_>>(), now)
    }

    fn locked(&self, failures: &[Duration], now: Duration) -> Duration {
        let Policy { failures: enough, window, lock } = self.policy;
        let before = |at: Duration, nth: usize| {
            failures[..=nth].iter().filter(|other| at - **other < window).count() >= enough
        };
        let locking = failures.iter().enumerate().filter(|(nth, at)| before(**at, *nth));
        locking.map(|(_, at)| (*at + lock).saturating_sub(now)).max().unwrap_or_default()
    }
}

const USERS: [&str; 3] = ["alice", "bob", "nobody"];

proptest! {
    #[test]
    fn whoever_waits_waits_as_the_oracle_says(
        failures in 1..5_usize,
        steps in prop::collection::vec((0..8_u8, 0..4_u32, 0..3_usize, 0..40_u64), 1..80),
    ) {
        let policy = Policy { failures, window: 60 * SECOND, lock: 120 * SECOND };
        let (lockout, start) = (Lockout::new(policy), Instant::now());
        let mut oracle = Oracle { policy, events: Vec::new() };
        let mut now = Duration::ZERO;
        for (what, address, user, later) in steps {
            now += Duration::from_secs(later);
            match what {
                0..4 => {
                    lockout.failed(nth(address), USERS[user], start + now);
                    oracle.events.push(Event::Failed(address, user, now));
                }
                4..6 => {
                    let expected = oracle.wait(address, user, now);
                    if expected.is_none() && !oracle.user(user, now).is_zero() {
                        oracle.events.push(Event::Began(address, user, now));
                    }
                    prop_assert_eq!(lockout.begin(nth(address), USERS[user], start + now), expected);
                }
                6 => {
                    lockout.succeeded(nth(address), USERS[user]);
                    oracle.events.push(Event::Succeeded(address, user));
                }
                _ => {
                    lockout.unlock_user(USERS[user]);
                    oracle.events.push(Event::Unlocked(user));
                }
            }
            for (address, user) in (0..4).flat_map(|address| (0..3).map(move |user| (address, user))) {
                let found = lockout.wait(nth(address), USERS[user], start + now);
                prop_assert_eq!(found, oracle.wait(address, user, now), "{} {}", address, user);
            }
        }
    }
}
