//! One check of a password, and everybody who waits for it. Knows not what checks it, nor when.

use std::collections::HashMap;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::checker::Refused;
use super::lockout::Lockout;
use crate::model::Secret;

/// The keyed hash of a user name and a password.
pub(super) type Digest = [u8; 32];

/// What makes two checks one: the same user and password, against the same version of the user
/// (none when there is no hash to check against).
pub(super) type Key = (Digest, Option<u64>);

/// What is checked.
pub(super) struct Question {
    pub(super) key: Key,
    pub(super) user: String,
    pub(super) password: Secret,
    /// The PHC string to check against: of the user, or of nobody.
    pub(super) hash: String,
}

/// A check that waits for its turn, has it, or is over.
pub(super) struct Check {
    pub(super) question: Question,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    /// Whether the callers' attempts have been begun.
    begun: bool,
    verdict: Option<Result<(), Refused>>,
    /// By network. Each has made one attempt, however often it asked the same: asking twice
    /// teaches nobody anything.
    callers: HashMap<IpAddr, Caller>,
    wakers: Vec<Waker>,
}

struct Caller {
    at: Instant,
    /// Set when the network was locked before this check had its turn.
    locked: Option<Duration>,
}

impl Check {
    pub(super) fn new(question: Question, network: IpAddr, at: Instant) -> Self {
        let callers = HashMap::from([(network, Caller { at, locked: None })]);
        Check { question, progress: Mutex::new(Progress { callers, ..Progress::default() }) }
    }

    /// Lets one more caller wait for the verdict; none when it has been spoken.
    pub(super) fn join(
        &self,
        lockout: &Lockout,
        network: IpAddr,
        at: Instant,
    ) -> Option<Result<(), Refused>> {
        let mut progress = self.progress();
        if progress.verdict.is_some() {
            return None;
        }
        if !progress.callers.contains_key(&network) {
            if progress.begun
                && let Some(retry_after) = lockout.begin(network, &self.question.user, at)
            {
                return Some(Err(Refused::Locked { retry_after }));
            }
            progress.callers.insert(network, Caller { at, locked: None });
        }
        Some(Ok(()))
    }

    /// Begins the attempts of all callers: other checks may have locked some since they came. When
    /// nobody is left to check for, the check is over, and this is false.
    pub(super) fn begin(&self, lockout: &Lockout) -> bool {
        let mut progress = self.progress();
        progress.begun = true;
        for (network, caller) in &mut progress.callers {
            caller.locked = lockout.begin(*network, &self.question.user, caller.at);
        }
        let left = progress.callers.values().any(|caller| caller.locked.is_none());
        if !left {
            Progress::speak(progress, Err(Refused::Wrong));
        }
        left
    }

    /// Speaks the verdict, and tells `each` about every network that it holds for.
    pub(super) fn finish(&self, verdict: Result<(), Refused>, each: impl Fn(IpAddr, Instant)) {
        let progress = self.progress();
        for (network, caller) in progress.callers.iter().filter(|(_, caller)| caller.locked.is_none()) {
            each(*network, caller.at);
        }
        Progress::speak(progress, verdict);
    }

    /// The verdict for a network that has joined.
    pub(super) async fn verdict(&self, network: IpAddr) -> Result<(), Refused> {
        let mut place = None;
        poll_fn(|context| self.progress().poll(network, &mut place, context)).await
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    fn speak(mut progress: MutexGuard<'_, Progress>, verdict: Result<(), Refused>) {
        progress.verdict = Some(verdict);
        let wakers = std::mem::take(&mut progress.wakers);
        // Whoever wakes looks at the progress.
        drop(progress);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// `place` is where the caller's waker stands, so that polling often does not pile them up.
    fn poll(
        &mut self,
        network: IpAddr,
        place: &mut Option<usize>,
        context: &Context<'_>,
    ) -> Poll<Result<(), Refused>> {
        if let Some(verdict) = self.verdict {
            let locked = self.callers.get(&network).and_then(|caller| caller.locked);
            return Poll::Ready(locked.map_or(verdict, |retry_after| Err(Refused::Locked { retry_after })));
        }
        match place.and_then(|place| self.wakers.get_mut(place)) {
            Some(waker) => waker.clone_from(context.waker()),
            None => {
                *place = Some(self.wakers.len());
                self.wakers.push(context.waker().clone());
            }
        }
        Poll::Pending
    }
}
