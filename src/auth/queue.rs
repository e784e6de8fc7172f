//! Checks that wait for their turn, in order, and the count of threads that take them. Knows not
//! what a check is about.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::check::{Check, Key, Question};
use super::checker::{Capacity, Refused};
use super::lockout::Lockout;

pub(super) struct Queue {
    capacity: Capacity,
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<Arc<Check>>,
    /// Those that wait and those that are being checked.
    under_way: HashMap<Key, Arc<Check>>,
    threads: usize,
}

impl Queue {
    pub(super) fn new(capacity: Capacity) -> Self {
        let capacity = Capacity { at_once: capacity.at_once.max(1), ..capacity };
        Queue { capacity, line: Mutex::default() }
    }

    /// Finds the check that asks the same, or puts one at the end of the line. `start` begins a
    /// thread that calls [`Queue::next`] until it says none.
    pub(super) fn join<E>(
        &self,
        lockout: &Lockout,
        (network, at): (IpAddr, Instant),
        key: Key,
        question: impl FnOnce() -> Question,
        start: impl FnOnce() -> Result<(), E>,
    ) -> Result<Arc<Check>, Refused> {
        let mut line = self.line();
        if let Some(check) = line.under_way.get(&key)
            && let Some(joined) = check.join(lockout, network, at)
        {
            return joined.map(|()| check.clone());
        }
        if line.under_way.len() >= self.capacity.at_once.saturating_add(self.capacity.waiting) {
            return Err(Refused::Busy);
        }
        if line.threads < self.capacity.at_once {
            match start() {
                Ok(()) => line.threads += 1,
                // Those that run take this check as well, later.
                Err(_) if line.threads > 0 => {}
                Err(_) => return Err(Refused::Broken),
            }
        }
        let check = Arc::new(Check::new(question(), network, at));
        line.under_way.insert(key, check.clone());
        line.waiting.push_back(check.clone());
        Ok(check)
    }

    /// The check whose turn it is; none when the thread that asks has to end.
    pub(super) fn next(&self) -> Option<Arc<Check>> {
        let mut line = self.line();
        let next = line.waiting.pop_front();
        if next.is_none() {
            line.threads -= 1;
        }
        next
    }

    /// Frees the place of a check that has been made, or is over.
    pub(super) fn done(&self, check: &Arc<Check>) {
        let mut line = self.line();
        // If it is over, a later one may stand in its place.
        if line.under_way.get(&check.question.key).is_some_and(|other| Arc::ptr_eq(other, check)) {
            line.under_way.remove(&check.question.key);
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::lockout::Policy;
    use crate::model::Secret;

    #[test]
    fn without_threads_a_check_is_broken_and_leaves_nothing_behind() {
        let queue = Queue::new(Capacity { at_once: 1, waiting: 0 });
        let lockout = Lockout::new(Policy::default());
        let (caller, key) = ((IpAddr::from([192, 0, 2, 1]), Instant::now()), ([0; 32], Some(1)));
        let text = String::new;
        let question = || Question { key, user: text(), password: Secret::new(text()), hash: text() };
        let join = |start| queue.join(&lockout, caller, key, question, || start);
        assert_eq!(join(Err(())).err(), Some(Refused::Broken));
        let check = join(Ok(())).expect("there is a place");
        let next = queue.next().expect("it waits");
        assert!(Arc::ptr_eq(&check, &next));
        queue.done(&next);
        assert!(queue.next().is_none());
        assert!(join(Ok(())).is_ok_and(|again| !Arc::ptr_eq(&again, &check)));
    }

    #[test]
    fn a_check_that_is_over_is_joined_by_nobody_and_does_not_free_the_place_of_the_next() {
        let queue = Queue::new(Capacity { at_once: 2, waiting: 0 });
        let lockout = Lockout::new(Policy { failures: 1, ..Policy::default() });
        let at = Instant::now();
        let (locked, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let (key, text) = (([0; 32], Some(1)), String::new);
        let question = || Question { key, user: text(), password: Secret::new(text()), hash: text() };
        let join = |network| queue.join(&lockout, (network, at), key, question, || Ok::<_, ()>(()));
        let first = join(locked).expect("there is a place");
        lockout.failed(locked, "another", at);
        assert!(!first.begin(&lockout), "nobody is left to check for");
        let second = join(other).expect("there is a place");
        assert!(!Arc::ptr_eq(&first, &second));
        queue.done(&first);
        assert!(join(other).is_ok_and(|third| Arc::ptr_eq(&third, &second)));
    }
}
