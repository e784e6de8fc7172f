//! When an issuer's keys are fetched again, and what a new set leaves of the old one. A function of
//! time: it fetches nothing and reads no clock.

use std::cmp::Reverse;
use std::time::Duration;

use crate::model::{HeldKey, KeySet, MAX_KEYS, Pace, SetKey, Timestamp};

/// The schedule of one issuer. Two attempts are never closer than the pace's shortest interval,
/// whatever tokens name.
#[derive(Debug)]
pub struct Refresh {
    pace: Pace,
    /// The end of the last attempt.
    tried: Option<Timestamp>,
    next: Timestamp,
    /// Since the last success.
    failures: u32,
}

impl Refresh {
    /// For an issuer whose keys were last fetched at `fetched`; at once when they never were.
    pub fn new(pace: Pace, fetched: Option<Timestamp>, now: Timestamp) -> Self {
        // A time that lies ahead is a clock's that has been set back since.
        let tried = fetched.map(|fetched| fetched.min(now));
        let next = tried.map_or(now, |tried| after(tried, pace.interval()));
        Refresh { pace, tried, next, failures: 0 }
    }

    /// How long until the next attempt.
    pub fn wait(&self, now: Timestamp) -> Duration {
        // No wait is longer; more is the doing of a clock that was set back.
        between(now, self.next).min(self.pace.interval())
    }

    /// A token named a key that nobody knows: the issuer may have a new one. Brings the next
    /// attempt forward, to the end of the shortest interval since the last one.
    pub fn hint(&mut self, now: Timestamp) {
        let earliest = self.tried.map_or(now, |tried| after(tried.min(now), self.pace.min_interval()));
        self.next = self.next.min(earliest.max(now));
    }

    /// An attempt gave a set. `spread`, any number, keeps issuers and nodes from moving in step.
    pub fn succeeded(&mut self, now: Timestamp, spread: u32) {
        self.failures = 0;
        self.again(self.pace.interval(), now, spread);
    }

    /// An attempt gave none: waits twice as long after each, up to the interval.
    pub fn failed(&mut self, now: Timestamp, spread: u32) {
        let doubled = self.pace.min_interval().saturating_mul(1 << self.failures.min(20));
        self.failures = self.failures.saturating_add(1);
        self.again(doubled.min(self.pace.interval()), now, spread);
    }

    /// How many attempts have failed since the last success.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether the last attempt gave a set.
    pub fn has_succeeded(&self) -> bool {
        self.tried.is_some() && self.failures == 0
    }

    /// When the next attempt is due.
    pub fn next(&self) -> Timestamp {
        self.next
    }

    /// Goes on at another pace.
    pub fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
        if let Some(tried) = self.tried {
            self.next = self.next.min(after(tried, pace.interval()));
        }
    }

    /// Plans the next attempt, up to a tenth earlier than `wait` from now.
    fn again(&mut self, wait: Duration, now: Timestamp, spread: u32) {
        let share = 1.0 - f64::from(spread) / f64::from(u32::MAX) / 10.0;
        self.tried = Some(now);
        self.next = after(now, wait.mul_f64(share).max(self.pace.min_interval()));
    }
}

/// What is held when a new set has come: its keys, and for their grace those that it lacks. A new
/// key takes the place of an old one of its id at once.
pub fn merge(held: Vec<HeldKey>, set: KeySet, grace: Duration, now: Timestamp) -> Vec<HeldKey> {
    let mut gone = held;
    gone.retain_mut(|key| {
        let until = *key.until.get_or_insert(after(now, grace));
        now < until && set.keys.iter().all(|new| new.id != key.id)
    });
    // A provider with new keys each time fills no memory: the longest gone make room.
    gone.sort_by_key(|key| Reverse(key.until));
    gone.truncate(MAX_KEYS);
    let mut keys: Vec<HeldKey> = set.keys.into_iter().map(HeldKey::from).collect();
    keys.append(&mut gone);
    keys
}

impl From<SetKey> for HeldKey {
    fn from(key: SetKey) -> Self {
        HeldKey { id: key.id, public: key.public, algorithm: key.algorithm, until: None }
    }
}

fn after(time: Timestamp, wait: Duration) -> Timestamp {
    let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    Timestamp::from_millis(time.millis().saturating_add(millis))
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_millis(to.millis().saturating_sub(from.millis()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Algorithm, KeyId, PublicKey};
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;

    /// Interval an hour, at least a minute, grace ten minutes.
    fn pace() -> Pace {
        Pace::default()
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(1_000_000 + seconds)
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_new_issuer_is_fetched_at_once_and_then_by_the_interval() {
        let mut refresh = Refresh::new(pace(), None, at(0));
        assert_eq!(refresh.wait(at(0)), Duration::ZERO);
        refresh.succeeded(at(1), 0);
        assert_eq!(refresh.wait(at(1)), seconds(3600));
        assert_eq!(refresh.wait(at(3600)), seconds(1));
        assert_eq!(refresh.wait(at(4000)), Duration::ZERO);
        refresh.succeeded(at(4000), u32::MAX);
        assert_eq!(refresh.wait(at(4000)), seconds(3240));
    }

    #[test]
    fn after_a_restart_it_goes_on_where_it_was() {
        assert_eq!(Refresh::new(pace(), Some(at(0)), at(600)).wait(at(600)), seconds(3000));
        assert_eq!(Refresh::new(pace(), Some(at(0)), at(9000)).wait(at(9000)), Duration::ZERO);
        // The clock was set back.
        assert_eq!(Refresh::new(pace(), Some(at(9000)), at(0)).wait(at(0)), seconds(3600));
        let hinted = |elapsed| {
            let mut refresh = Refresh::new(pace(), Some(at(0)), at(elapsed));
            refresh.hint(at(elapsed));
            refresh.wait(at(elapsed))
        };
        assert_eq!([0, 59, 60, 600].map(hinted), [60, 1, 0, 0].map(seconds));
    }

    #[test]
    fn failures_wait_twice_as_long_each_time() {
        let mut refresh = Refresh::new(pace(), None, at(0));
        for wait in [60, 120, 240, 480, 960, 1920, 3600, 3600] {
            refresh.failed(at(0), 0);
            assert_eq!(refresh.wait(at(0)), seconds(wait));
        }
        for _ in 0..100 {
            refresh.failed(at(0), u32::MAX);
        }
        assert_eq!((refresh.wait(at(0)), refresh.failures()), (seconds(3240), 108));
        refresh.succeeded(at(0), 0);
        refresh.failed(at(0), u32::MAX);
        assert_eq!((refresh.wait(at(0)), refresh.failures()), (seconds(60), 1));
    }

    #[test]
    fn hints_bring_one_attempt_forward() {
        let mut refresh = Refresh::new(pace(), None, at(0));
        refresh.succeeded(at(0), 0);
        (0..10_000).for_each(|_| refresh.hint(at(10)));
        assert_eq!(refresh.wait(at(10)), seconds(50));
        refresh.hint(at(20));
        assert_eq!(refresh.wait(at(20)), seconds(40));
        assert_eq!(refresh.wait(at(61)), Duration::ZERO);
        // Nor does a provider that fails get more of them; nor less.
        refresh.failed(at(61), 0);
        refresh.failed(at(130), 0);
        assert_eq!(refresh.wait(at(130)), seconds(120));
        refresh.hint(at(135));
        assert_eq!(refresh.wait(at(135)), seconds(55));
        // A clock that was set back silences no hint, and no refresh.
        refresh.succeeded(at(100_000), 0);
        assert_eq!(refresh.wait(at(0)), seconds(3600));
        refresh.hint(at(0));
        assert_eq!(refresh.wait(at(0)), seconds(60));
    }

    #[test]
    fn a_shorter_pace_counts_from_the_last_attempt() {
        let [interval, shortest] = [300, 30].map(seconds);
        let quick = Pace::new(interval, shortest, seconds(0)).expect("a pace");
        let mut refresh = Refresh::new(pace(), None, at(0));
        refresh.set_pace(quick);
        assert_eq!(refresh.wait(at(0)), Duration::ZERO);
        refresh.set_pace(pace());
        assert!(!refresh.has_succeeded());
        refresh.succeeded(at(0), 0);
        assert!(refresh.has_succeeded());
        refresh.set_pace(quick);
        assert_eq!(refresh.wait(at(100)), seconds(200));
        refresh.set_pace(pace());
        assert_eq!(refresh.wait(at(100)), seconds(200));
    }

    proptest! {
        #[test]
        fn attempts_keep_their_distance_and_never_cease(
            events in prop::collection::vec((0..200_u64, any::<(bool, bool)>(), any::<u32>()), 1..400),
        ) {
            let mut refresh = Refresh::new(pace(), None, at(0));
            let (mut clock, mut last) = (0, None);
            for (elapsed, (hint, good), spread) in events {
                clock += elapsed;
                let before = refresh.wait(at(clock));
                if hint {
                    refresh.hint(at(clock));
                    let earliest = last.map_or(0, |last: u64| (last + 60).saturating_sub(clock));
                    prop_assert_eq!(refresh.wait(at(clock)), before.min(seconds(earliest)));
                }
                if refresh.wait(at(clock)).is_zero() {
                    prop_assert!(last.is_none_or(|last| clock - last >= 60));
                    match good {
                        true => refresh.succeeded(at(clock), spread),
                        false => refresh.failed(at(clock), spread),
                    }
                    last = Some(clock);
                }
                let wait = refresh.wait(at(clock));
                prop_assert!(wait <= seconds(3600));
                prop_assert!(clock + wait.as_secs() <= last.expect("the first was at once") + 3600);
            }
        }
    }

    fn key(id: &str) -> SetKey {
        let pair = Ed25519KeyPair::generate().expect("randomness");
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#);
        let public = PublicKey::read(&jwk).expect("a key").key;
        SetKey { id: KeyId::parse(id).expect("an id"), public, algorithm: Algorithm::EdDSA }
    }

    fn set(keys: &[&SetKey]) -> KeySet {
        KeySet { keys: keys.iter().copied().cloned().collect(), skipped: Vec::new() }
    }

    fn view(held: &[HeldKey]) -> Vec<(&str, Option<u64>)> {
        let until = |key: &HeldKey| key.until.map(|until| until.seconds() - at(0).seconds());
        held.iter().map(|key| (key.id.as_str(), until(key))).collect()
    }

    #[test]
    fn withdrawn_keys_have_their_grace_and_no_more() {
        let (a, b, c, grace) = (key("a"), key("b"), key("c"), seconds(600));
        let held = merge(Vec::new(), set(&[&a, &b]), grace, at(0));
        assert_eq!(view(&held), [("a", None), ("b", None)]);
        // Long after the last fetch: the grace begins when the key is missed.
        let held = merge(held, set(&[&b, &c]), grace, at(3600));
        assert_eq!(view(&held), [("b", None), ("c", None), ("a", Some(4200))]);
        let held = merge(held, set(&[&c]), grace, at(4199));
        assert_eq!(view(&held), [("c", None), ("b", Some(4799)), ("a", Some(4200))]);
        // One is over, one comes back.
        let held = merge(held, set(&[&b]), grace, at(4200));
        assert_eq!(view(&held), [("b", None), ("c", Some(4800))]);
        // Another key of the same id has none beside it.
        let other = key("b");
        let held = merge(held, set(&[&other]), grace, at(4201));
        assert_eq!(view(&held), [("b", None), ("c", Some(4800))]);
        assert_eq!(held[0].public, other.public);
        // Withdrawn all of them; and without any grace, at once.
        assert_eq!(view(&merge(held.clone(), set(&[]), grace, at(4202)))[0], ("b", Some(4802)));
        assert_eq!(view(&merge(held, set(&[]), seconds(0), at(4800))), []);
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut held = Vec::new();
        for round in 0..5 {
            let keys: Vec<SetKey> = (0..MAX_KEYS).map(|nth| key(&format!("{round}-{nth}"))).collect();
            held = merge(held, set(&keys.iter().collect::<Vec<_>>()), seconds(600), at(round));
        }
        assert_eq!(held.len(), 2 * MAX_KEYS);
        assert!(held[MAX_KEYS..].iter().all(|key| key.id.as_str().starts_with("3-")));
    }
}
