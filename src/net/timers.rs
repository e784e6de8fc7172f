//! Deadlines of one data-plane thread. Setting one is a store into an array: no timer of the
//! runtime, no clock, no system call. One task looks at all of them ten times a second, which is
//! exact enough for time-outs of seconds.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior};

const TICK: Duration = Duration::from_millis(100);
const UNSET: u64 = u64::MAX;

/// The deadlines of one thread.
#[derive(Clone)]
pub struct Timers(Rc<Inner>);

/// One deadline; gives its place back when dropped.
pub struct Timer {
    timers: Timers,
    place: usize,
}

struct Inner {
    start: Instant,
    /// Milliseconds since `start`, as of the last tick.
    now: Cell<u64>,
    slots: RefCell<Vec<Slot>>,
    free: RefCell<Vec<usize>>,
    live: Cell<usize>,
    wanted: Notify,
    stopping: Cell<bool>,
    stop: Notify,
}

struct Slot {
    due: u64,
    waker: Option<Waker>,
}

impl Timers {
    pub fn new() -> Self {
        Timers(Rc::new(Inner {
            start: Instant::now(),
            now: Cell::new(0),
            slots: RefCell::default(),
            free: RefCell::default(),
            live: Cell::new(0),
            wanted: Notify::new(),
            stopping: Cell::new(false),
            stop: Notify::new(),
        }))
    }

    /// A deadline that is not set.
    pub fn timer(&self) -> Timer {
        let inner = &*self.0;
        if inner.live.replace(inner.live.get() + 1) == 0 {
            self.read_clock();
            inner.wanted.notify_one();
        }
        let mut slots = inner.slots.borrow_mut();
        let place = inner.free.borrow_mut().pop().unwrap_or_else(|| {
            slots.push(Slot { due: UNSET, waker: None });
            slots.len() - 1
        });
        Timer { timers: self.clone(), place }
    }

    /// Looks at all deadlines, over and over; `tick` is called each time. Sleeps while there is no
    /// timer at all.
    pub async fn run(&self, mut tick: impl FnMut()) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.read_clock();
            self.wake(|slot, now| slot.due <= now);
            tick();
            if self.0.live.get() == 0 {
                self.0.wanted.notified().await;
            }
        }
    }

    /// Tells every task that waits at a timer that the thread is to stop.
    pub fn stop(&self) {
        self.0.stopping.set(true);
        self.0.stop.notify_waiters();
        self.wake(|_, _| true);
    }

    /// Waits for [`Timers::stop`], for tasks that wait at no timer.
    pub async fn stopped(&self) {
        let notified = self.0.stop.notified();
        if !self.stopping() {
            notified.await;
        }
    }

    pub fn stopping(&self) -> bool {
        self.0.stopping.get()
    }

    fn read_clock(&self) {
        let elapsed = self.0.start.elapsed().as_millis();
        self.0.now.set(u64::try_from(elapsed).unwrap_or(UNSET - 1));
    }

    fn wake(&self, chosen: impl Fn(&Slot, u64) -> bool) {
        let now = self.0.now.get();
        let mut wakers = Vec::new();
        for slot in self.0.slots.borrow_mut().iter_mut() {
            if slot.waker.is_some() && chosen(slot, now) {
                wakers.extend(slot.waker.take());
            }
        }
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Default for Timers {
    fn default() -> Self {
        Self::new()
    }
}

impl Timer {
    /// Falls due after this time, at most two ticks later. Takes the place of an earlier setting.
    pub fn set(&self, after: Duration) {
        self.set_at(self.after(after));
    }

    /// Falls due at a moment that [`Timer::after`] gave.
    pub fn set_at(&self, due: u64) {
        self.timers.0.slots.borrow_mut()[self.place].due = due;
    }

    /// The moment that lies this long ahead.
    pub fn after(&self, after: Duration) -> u64 {
        let millis = u64::try_from(after.saturating_add(TICK).as_millis()).unwrap_or(UNSET);
        self.timers.0.now.get().saturating_add(millis).min(UNSET - 1)
    }

    /// The moment of the last tick.
    pub fn now(&self) -> u64 {
        self.timers.0.now.get()
    }

    pub fn clear(&self) {
        self.set_at(UNSET);
    }

    /// Ready once due. Also remembers the task for [`Timers::stop`].
    pub fn poll_due(&self, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.timers.0.now.get();
        let slot = &mut self.timers.0.slots.borrow_mut()[self.place];
        if slot.due <= now {
            return Poll::Ready(());
        }
        match &mut slot.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    pub fn timers(&self) -> &Timers {
        &self.timers
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let inner = &*self.timers.0;
        inner.slots.borrow_mut()[self.place] = Slot { due: UNSET, waker: None };
        inner.free.borrow_mut().push(self.place);
        inner.live.set(inner.live.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    #[tokio::test(start_paused = true, flavor = "current_thread")]
    async fn falls_due_once_its_time_has_passed_and_not_before() {
        let timers = Timers::new();
        let timer = timers.timer();
        timer.set(Duration::from_secs(3));
        let begun = Instant::now();
        tokio::select! {
            () = timers.run(|| {}) => unreachable!("it runs for ever"),
            () = poll_fn(|cx| timer.poll_due(cx)) => {}
        }
        let took = begun.elapsed();
        assert!(took >= Duration::from_secs(3) && took <= Duration::from_millis(3300), "{took:?}");
    }

    #[tokio::test(start_paused = true, flavor = "current_thread")]
    async fn a_cleared_timer_never_falls_due_and_stop_wakes_it() {
        let timers = Timers::new();
        let timer = timers.timer();
        timer.set(Duration::from_millis(1));
        timer.clear();
        let stopped = poll_fn(|cx| match timer.poll_due(cx) {
            Poll::Ready(()) => Poll::Ready(false),
            Poll::Pending if timers.stopping() => Poll::Ready(true),
            Poll::Pending => Poll::Pending,
        });
        let later = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            timers.stop();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = timers.run(|| {}) => unreachable!("it runs for ever"),
            () = later => unreachable!("it waits for ever"),
            woken_by_stop = stopped => assert!(woken_by_stop),
        }
    }
}
