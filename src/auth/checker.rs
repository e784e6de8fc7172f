//! The passwords of users, checked so that guessing is slow, being right often is fast, and no
//! answer tells which users exist. Knows neither where users are stored nor who asks for what; runs
//! its checks on threads of its own, so that any number of runtimes may share it.

use std::io;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use quick_cache::sync::Cache;

use super::check::{Check, Digest, Question};
use super::lockout::{Lockout, Policy, network};
use super::password;
use super::queue::Queue;
use crate::model::Secret;

/// Right passwords that are remembered, and as many of them with the networks they came from.
const REMEMBERED: usize = 16_384;

/// A user name and a password, and whence they come.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// As the caller gave it, whether or not there is such a user.
    pub user: &'a str,
    pub password: &'a Secret,
    /// None when there is no such user, or it may not use a password: it costs the same and is
    /// [`Refused::Wrong`].
    pub expected: Option<Expected<'a>>,
    pub address: IpAddr,
    pub now: Instant,
}

/// What a user's password is checked against.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    /// A PHC string, from [`password::hash`].
    pub hash: &'a str,
    /// Has to differ whenever the user, the password or the policy does: what was found right under
    /// another version is forgotten.
    pub version: u64,
}

/// Why a password was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the user name or the password is wrong")]
    Wrong,
    #[error("there were too many wrong passwords; try again in {} s", retry_after.as_millis().div_ceil(1000))]
    Locked { retry_after: Duration },
    #[error("too many passwords are being checked; try again in a moment")]
    Busy,
    #[error("the password could not be checked; try again, and see the log of the gateway")]
    Broken,
}

/// How many passwords are checked at once, and how many may wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Each takes a core for tens of milliseconds and 19 MiB; 0 is taken as 1.
    pub at_once: usize,
    pub waiting: usize,
}

impl Default for Capacity {
    /// Half as many at once as there are cores, and at least 1: requests need the others.
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Capacity { at_once: (cores / 2).max(1), waiting: 64 }
    }
}

/// Checks passwords; for any number of threads.
pub struct Checker(Arc<Shared>);

type Verify = dyn Fn(&Secret, &str) -> bool + Send + Sync;

struct Shared {
    /// Drawn per process, so that what is remembered is worth nothing elsewhere.
    key: hmac::Key,
    /// What was found right, under which version of the user.
    right: Cache<Digest, u64>,
    /// The same, from where. Only this passes a locked network: otherwise it could guess as fast as
    /// it can ask at what others have been right with.
    right_from: Cache<(Digest, IpAddr), u64>,
    lockout: Lockout,
    queue: Queue,
    verify: Box<Verify>,
    /// Argon2 checks that were made.
    made: Arc<AtomicU64>,
}

impl Checker {
    pub fn new(policy: Policy, capacity: Capacity) -> Self {
        Checker::with(policy, capacity, Box::new(password::verify))
    }

    /// The verdict that costs no check, if there is one: `Ok` for what was right before, or
    /// [`Refused::Locked`]. Takes a keyed hash and a few look-ups.
    pub fn known(&self, attempt: &Attempt<'_>) -> Option<Result<(), Refused>> {
        self.0.known(attempt, &self.0.digest(attempt))
    }

    /// Checks a password. Whoever was right from the same network with the same version of the user
    /// pays a hash. Others pay one Argon2 check, which all who ask the same at the same time share,
    /// and which goes on when the caller hangs up: neither its turn nor its failure ends with it.
    pub async fn check(&self, attempt: Attempt<'_>) -> Result<(), Refused> {
        let digest = self.0.digest(&attempt);
        if let Some(verdict) = self.0.known(&attempt, &digest) {
            return verdict;
        }
        let check = self.0.join(&attempt, digest)?;
        check.verdict(network(attempt.address)).await
    }

    /// Forgets the failures of a user.
    pub fn unlock(&self, user: &str) {
        self.0.lockout.unlock_user(user);
    }

    /// How many checks were made, those that cost a hash aside; goes on counting.
    pub fn made(&self) -> Arc<AtomicU64> {
        self.0.made.clone()
    }

    fn with(policy: Policy, capacity: Capacity, verify: Box<Verify>) -> Self {
        let mut key = [0; 32];
        getrandom::fill(&mut key).expect("the operating system gives randomness, or nothing here is safe");
        Checker(Arc::new(Shared {
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            right: Cache::new(REMEMBERED),
            right_from: Cache::new(REMEMBERED),
            lockout: Lockout::new(policy),
            queue: Queue::new(capacity),
            verify,
            made: Arc::default(),
        }))
    }
}

impl Shared {
    fn known(&self, attempt: &Attempt<'_>, digest: &Digest) -> Option<Result<(), Refused>> {
        let version = attempt.expected.map(|expected| expected.version);
        let network = network(attempt.address);
        if version.is_some() && self.right_from.get(&(*digest, network)) == version {
            return Some(Ok(()));
        }
        if let Some(retry_after) = self.lockout.wait(network, attempt.user, attempt.now) {
            return Some(Err(Refused::Locked { retry_after }));
        }
        let version = version.filter(|version| self.right.get(digest) == Some(*version))?;
        self.right_from.insert((*digest, network), version);
        self.lockout.succeeded(network, attempt.user);
        Some(Ok(()))
    }

    fn join(self: &Arc<Self>, attempt: &Attempt<'_>, digest: Digest) -> Result<Arc<Check>, Refused> {
        let key = (digest, attempt.expected.map(|expected| expected.version));
        let question = || Question {
            key,
            user: attempt.user.to_owned(),
            password: attempt.password.clone(),
            hash: attempt.expected.map_or(password::DECOY, |expected| expected.hash).to_owned(),
        };
        let caller = (network(attempt.address), attempt.now);
        self.queue.join(&self.lockout, caller, key, question, || self.start())
    }

    /// Starts a thread that ends with the last check that waits: starting one costs a thousandth of
    /// a check, and idle ones would cost memory.
    fn start(self: &Arc<Self>) -> io::Result<()> {
        let shared = self.clone();
        let work = move || {
            while let Some(check) = shared.queue.next() {
                shared.run(&check);
            }
        };
        thread::Builder::new().name("password".to_owned()).spawn(work).map(drop).inspect_err(|error| {
            tracing::error!(%error, "no thread to check passwords");
        })
    }

    /// Blocks for the time of a check.
    fn run(&self, check: &Arc<Check>) {
        if !check.begin(&self.lockout) {
            self.queue.done(check);
            return;
        }
        // A check without an end would leave its callers waiting, and its thread counted, for ever.
        let verdict = catch_unwind(AssertUnwindSafe(|| self.decide(&check.question)));
        let verdict = verdict.unwrap_or(Err(Refused::Broken));
        // Before the verdict is spoken: whoever hears it finds the place free.
        self.queue.done(check);
        let Question { key: (digest, version), user, .. } = &check.question;
        check.finish(verdict, |network, at| match (verdict, version) {
            (Ok(()), Some(version)) => {
                self.right_from.insert((*digest, network), *version);
                self.lockout.succeeded(network, user);
            }
            (Err(Refused::Wrong), _) => self.lockout.failed(network, user, at),
            (Ok(()), None) | (Err(Refused::Locked { .. } | Refused::Busy | Refused::Broken), _) => {}
        });
    }

    fn decide(&self, question: &Question) -> Result<(), Refused> {
        let (digest, version) = question.key;
        // Others may have done this work in the meantime.
        if version.is_some() && self.right.get(&digest) == version {
            return Ok(());
        }
        self.made.fetch_add(1, Ordering::Relaxed);
        let right = (self.verify)(&question.password, &question.hash);
        match version.filter(|_| right) {
            Some(version) => {
                self.right.insert(digest, version);
                Ok(())
            }
            None => Err(Refused::Wrong),
        }
    }

    fn digest(&self, attempt: &Attempt<'_>) -> Digest {
        let mut context = hmac::Context::with_key(&self.key);
        // The length keeps "ab" + "c" from being "a" + "bc".
        context.update(&(attempt.user.len() as u64).to_be_bytes());
        context.update(attempt.user.as_bytes());
        context.update(attempt.password.reveal().as_bytes());
        let tag = context.sign();
        let mut digest = [0; 32];
        digest.copy_from_slice(tag.as_ref());
        digest
    }
}

#[cfg(test)]
mod tests;
