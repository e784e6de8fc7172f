//! The checker as its callers see it: one thread, many threads with a runtime each, and callers
//! that hang up. Checks are watched, and held back, by taking the place of Argon2.

use std::pin::Pin;
use std::sync::{Barrier, Condvar, LazyLock, Mutex};
use std::task::{Context, Poll, Waker};

use super::*;

const LOCKED: Result<(), Refused> = Err(Refused::Locked { retry_after: Duration::from_mins(30) });
const WRONG: Result<(), Refused> = Err(Refused::Wrong);

/// When everything happens.
static NOW: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Stands for Argon2: finds right what is its own hash. Counts, and waits until it is opened.
#[derive(Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    open: bool,
    checks: usize,
    now: usize,
    most: usize,
}

impl Gate {
    fn pass(&self, password: &Secret, hash: &str) -> bool {
        self.change(|state| {
            state.checks += 1;
            state.now += 1;
            state.most = state.most.max(state.now);
        });
        self.wait(|state| state.open);
        self.change(|state| state.now -= 1);
        assert_ne!(password.reveal(), "panic", "as asked for");
        password.reveal() == hash
    }

    fn open(&self) {
        self.change(|state| state.open = true);
    }

    fn checks(&self) -> usize {
        self.state.lock().expect("nobody panics with it").checks
    }

    fn most(&self) -> usize {
        self.state.lock().expect("nobody panics with it").most
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().expect("nobody panics with it"));
        self.changed.notify_all();
    }

    fn wait(&self, until: impl Fn(&State) -> bool) {
        let state = self.state.lock().expect("nobody panics with it");
        drop(self.changed.wait_while(state, |state| !until(state)).expect("nobody panics with it"));
    }
}

/// A checker whose checks wait for the gate, with room for as many.
fn closed(at_once: usize, waiting: usize) -> (Arc<Gate>, Arc<Checker>) {
    let gate = Arc::new(Gate::default());
    let verify = gate.clone();
    let verify = Box::new(move |password: &Secret, hash: &str| verify.pass(password, hash));
    (gate, Arc::new(Checker::with(Policy::default(), Capacity { at_once, waiting }, verify)))
}

fn open() -> (Arc<Gate>, Arc<Checker>) {
    let (gate, checker) = closed(2, 64);
    gate.open();
    (gate, checker)
}

/// Somebody who sends credentials of `alice`, whose password is `right`, or of others.
#[derive(Clone)]
struct Somebody {
    user: String,
    password: Secret,
    address: IpAddr,
    version: Option<u64>,
    now: Instant,
}

impl Somebody {
    fn new(password: &str, last: u8) -> Self {
        let password = Secret::new(password.to_owned());
        let address = IpAddr::from([192, 0, 2, last]);
        Somebody { user: "alice".to_owned(), password, address, version: Some(1), now: *NOW }
    }

    fn attempt(&self) -> Attempt<'_> {
        let expected = self.version.map(|version| Expected { hash: "right", version });
        let Somebody { user, password, address, now, .. } = self;
        Attempt { user, password, expected, address: *address, now: *now }
    }

    async fn check(self, checker: Arc<Checker>) -> Result<(), Refused> {
        checker.check(self.attempt()).await
    }
}

type Pending = Pin<Box<dyn Future<Output = Result<(), Refused>> + Send>>;

/// Begins a check, so that it is in the line or already refused.
fn begin(checker: &Arc<Checker>, who: Somebody) -> Result<Pending, Result<(), Refused>> {
    let mut check: Pending = Box::pin(who.check(checker.clone()));
    match check.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Pending => Ok(check),
        Poll::Ready(verdict) => Err(verdict),
    }
}

fn waits(checker: &Arc<Checker>, who: Somebody) -> Pending {
    match begin(checker, who) {
        Ok(pending) => pending,
        Err(verdict) => panic!("it does not wait: {verdict:?}"),
    }
}

fn block<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

fn now(checker: &Arc<Checker>, password: &str, last: u8) -> Result<(), Refused> {
    block(Somebody::new(password, last).check(checker.clone()))
}

#[test]
fn a_right_password_is_checked_once_for_each_version_of_the_user() {
    let (gate, checker) = open();
    let who = Somebody::new("right", 1);
    assert_eq!(checker.known(&who.attempt()), None);
    for version in [1, 1, 2, 2] {
        let who = Somebody { version: Some(version), ..who.clone() };
        assert_eq!(block(who.clone().check(checker.clone())), Ok(()));
        assert_eq!(checker.known(&who.attempt()), Some(Ok(())));
    }
    assert_eq!(gate.checks(), 2);
    assert_eq!(checker.known(&who.attempt()), None, "version 1 is forgotten");
    let bob = Somebody { user: "bob".to_owned(), version: Some(2), ..who.clone() };
    assert_eq!(checker.known(&bob.attempt()), None, "another user has the same version");
    let longer = Somebody { user: "alicer".to_owned(), password: Secret::new("ight".to_owned()), ..who };
    assert_eq!(checker.known(&longer.attempt()), None);
}

#[test]
fn argon2_checks_unless_a_test_takes_its_place() {
    let checker = Checker::new(Policy::default(), Capacity::default());
    let hash = password::hash(&Secret::new("right".to_owned())).expect("randomness");
    for (password, verdict) in [("wrong", WRONG), ("right", Ok(()))] {
        let who = Somebody::new(password, 1);
        let attempt = Attempt { expected: Some(Expected { hash: &hash, version: 1 }), ..who.attempt() };
        assert_eq!(block(checker.check(attempt)), verdict);
    }
}

#[test]
fn nobody_costs_a_check_and_is_never_right() {
    let checks = Arc::new(Mutex::new(Vec::new()));
    let seen = checks.clone();
    let verify = Box::new(move |_: &Secret, hash: &str| {
        seen.lock().expect("nobody panics with it").push(hash.to_owned());
        true
    });
    let checker = Arc::new(Checker::with(Policy::default(), Capacity::default(), verify));
    let nobody = Somebody { version: None, ..Somebody::new("right", 1) };
    for _ in 0..10 {
        assert_eq!(block(nobody.clone().check(checker.clone())), WRONG);
    }
    assert_eq!(*checks.lock().expect("nobody panics with it"), [password::DECOY; 10]);
    assert_eq!(block(nobody.check(checker)), LOCKED, "and is counted like anybody");
}

#[test]
fn the_same_asked_at_once_on_many_runtimes_is_checked_once() {
    let (gate, checker) = closed(4, 0);
    let joined = Barrier::new(5);
    thread::scope(|scope| {
        for thread in 0..4_u8 {
            let (checker, joined) = (&checker, &joined);
            scope.spawn(move || {
                let asked = (0..25).map(|_| waits(checker, Somebody::new("right", thread)));
                let asked = asked.collect::<Vec<_>>();
                joined.wait();
                let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
                let tasks = asked.into_iter().map(|check| runtime.spawn(check)).collect::<Vec<_>>();
                for task in tasks {
                    assert_eq!(runtime.block_on(task).expect("no panic"), Ok(()));
                }
            });
        }
        joined.wait();
        gate.open();
    });
    assert_eq!(gate.checks(), 1);
    assert_eq!(checker.known(&Somebody::new("right", 3).attempt()), Some(Ok(())), "known from each");
}

#[test]
fn runtimes_race_for_few_turns_and_all_get_their_own_answer() {
    let (gate, checker) = closed(2, 64);
    gate.open();
    thread::scope(|scope| {
        for thread in 0..8_u8 {
            let checker = &checker;
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
                for round in 0..40_u8 {
                    let ask = |password: &str, last| Somebody {
                        user: format!("user-{thread}-{round}"),
                        version: Some(u64::from(round / 20)),
                        ..Somebody::new(password, last)
                    };
                    let right = runtime.spawn(ask("right", thread).check(checker.clone()));
                    let wrong = ask("wrong", 100 + thread * 5 + round / 8);
                    let wrong = runtime.spawn(wrong.check(checker.clone()));
                    assert_eq!(runtime.block_on(right).expect("no panic"), Ok(()));
                    assert_eq!(runtime.block_on(wrong).expect("no panic"), WRONG);
                }
            });
        }
    });
    assert!(gate.most() <= 2);
}

#[test]
fn turns_and_places_are_bounded() {
    let (gate, checker) = closed(2, 3);
    let guess = |number: u8| Somebody::new(&format!("guess-{number}"), number);
    let pending = (0..5).map(|number| waits(&checker, guess(number))).collect::<Vec<_>>();
    assert_eq!(begin(&checker, guess(5)).err(), Some(Err(Refused::Busy)));
    let same = waits(&checker, guess(4));
    gate.wait(|state| state.now == 2);
    gate.open();
    for check in pending.into_iter().chain([same]) {
        assert_eq!(block(check), WRONG);
    }
    assert_eq!(gate.checks(), 5);
    assert_eq!(gate.most(), 2);
    assert_eq!(now(&checker, "right", 9), Ok(()), "there are places again");
}

#[test]
fn who_hangs_up_keeps_the_turn_and_the_failure() {
    let (gate, checker) = closed(1, 1);
    let address = |number: u8| Somebody { user: format!("user-{number}"), ..Somebody::new("wrong", 1) };
    drop(waits(&checker, address(0)));
    let second = waits(&checker, address(1));
    assert_eq!(begin(&checker, address(2)).err(), Some(Err(Refused::Busy)), "the turn is still taken");
    gate.open();
    assert_eq!(block(second), WRONG);
    for number in 2..10 {
        assert_eq!(block(address(number).check(checker.clone())), WRONG, "failure {number}");
    }
    assert_eq!(block(address(10).check(checker.clone())), LOCKED, "ten with the one that hung up");
}

#[test]
fn others_get_the_verdict_of_one_who_hung_up_with_the_runtime() {
    let (gate, checker) = closed(1, 0);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let first = runtime.spawn(waits(&checker, Somebody::new("right", 1)));
    let second = waits(&checker, Somebody::new("right", 2));
    drop((first, runtime));
    gate.open();
    assert_eq!(block(second), Ok(()));
    assert_eq!(gate.checks(), 1);
}

#[test]
fn who_is_right_and_known_here_is_never_locked() {
    let (gate, checker) = open();
    assert_eq!(now(&checker, "right", 1), Ok(()));
    for number in 0..10 {
        assert_eq!(now(&checker, &format!("guess-{number}"), 1), WRONG);
    }
    assert_eq!(now(&checker, "guess-10", 1), LOCKED);
    assert_eq!(now(&checker, "right", 1), Ok(()), "known from here");
    let checks = gate.checks();
    assert_eq!(now(&checker, "right", 2), Ok(()), "right from elsewhere, though the user is locked");
    assert_eq!(gate.checks(), checks, "and known");
    assert_eq!(now(&checker, "guess-11", 3), WRONG, "one attempt from any address");
    assert_eq!(now(&checker, "right", 3), LOCKED, "and no more, even if others were right with it");
    assert_eq!(gate.checks(), checks + 1);
    checker.unlock("ALICE");
    assert_eq!(now(&checker, "right", 3), Ok(()));
    assert_eq!(now(&checker, "guess-12", 1), LOCKED, "addresses stay locked");
}

#[test]
fn what_waits_is_refused_when_the_failures_before_it_lock() {
    let (gate, checker) = closed(1, 64);
    let guess = |number: u8| waits(&checker, Somebody::new(&format!("guess-{number}"), 1));
    let first = (0..10).map(guess).collect::<Vec<_>>();
    let others = (10..30).map(guess).collect::<Vec<_>>();
    let right = waits(&checker, Somebody::new("right", 1));
    let elsewhere = waits(&checker, Somebody::new("right", 2));
    gate.open();
    assert!(first.into_iter().all(|check| block(check) == WRONG));
    assert!(others.into_iter().all(|check| block(check) == LOCKED));
    assert_eq!(block(right), LOCKED, "though it is the check of another, too");
    assert_eq!(block(elsewhere), Ok(()));
    assert_eq!(gate.checks(), 11);
}

#[test]
fn one_attempt_for_a_locked_user_is_one_when_made_at_once() {
    let (gate, checker) = closed(4, 64);
    (0..10).for_each(|last| checker.0.lockout.failed([198, 51, 100, last].into(), "alice", *NOW));
    let guesses = (0..4).map(|number| begin(&checker, Somebody::new(&format!("guess-{number}"), 1)));
    let guesses = guesses.collect::<Vec<_>>();
    gate.open();
    // Those after the first wait for their turn, or are refused at once if the first has had its own.
    let verdicts = guesses.into_iter().map(|guess| guess.map_or_else(|refused| refused, block));
    let verdicts = verdicts.collect::<Vec<_>>();
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == WRONG).count(), 1, "{verdicts:?}");
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == LOCKED).count(), 3, "{verdicts:?}");
    assert_eq!(gate.checks(), 1);
}

#[test]
fn what_was_found_right_on_the_way_into_the_line_is_not_checked_again() {
    let (gate, checker) = open();
    let late = Somebody::new("right", 2);
    let digest = checker.0.digest(&late.attempt());
    assert_eq!(checker.known(&late.attempt()), None);
    assert_eq!(now(&checker, "right", 1), Ok(()));
    let check = checker.0.join(&late.attempt(), digest).expect("there is a place");
    assert_eq!(block(check.verdict(late.address)), Ok(()));
    assert_eq!(gate.checks(), 1);
}

#[test]
fn all_who_joined_a_wrong_check_have_failed_once() {
    let (gate, checker) = closed(1, 0);
    let joined = (0..2).flat_map(|last| (0..20).map(move |_| Somebody::new("wrong", last)));
    let joined = joined.map(|who| waits(&checker, who)).collect::<Vec<_>>();
    gate.open();
    assert!(joined.into_iter().all(|check| block(check) == WRONG));
    for last in 0..2 {
        let other = |number: usize| Somebody {
            user: format!("user-{last}-{number}"),
            ..Somebody::new(&format!("guess-{number}"), last)
        };
        for number in 0..9 {
            assert_eq!(block(other(number).check(checker.clone())), WRONG, "{last} {number}");
        }
        assert_eq!(block(other(9).check(checker.clone())), LOCKED, "{last}");
    }
    assert_eq!(gate.checks(), 1 + 2 * 9);
}

#[test]
fn who_joins_a_check_that_runs_has_used_up_the_one_attempt() {
    let (gate, checker) = closed(1, 1);
    (0..10).for_each(|last| checker.0.lockout.failed([198, 51, 100, last].into(), "alice", *NOW));
    let first = waits(&checker, Somebody::new("guess-0", 1));
    gate.wait(|state| state.now == 1);
    let second = waits(&checker, Somebody::new("guess-0", 2));
    assert_eq!(begin(&checker, Somebody::new("guess-1", 2)).err(), Some(LOCKED));
    gate.open();
    assert_eq!((block(first), block(second)), (WRONG, WRONG));
    assert_eq!(gate.checks(), 1);
}

#[test]
fn a_check_that_panics_is_over_and_counts_for_nobody() {
    let (gate, checker) = open();
    for _ in 0..12 {
        assert_eq!(now(&checker, "panic", 1), Err(Refused::Broken));
    }
    assert_eq!(now(&checker, "right", 1), Ok(()));
    assert_eq!(gate.checks(), 13);
}
