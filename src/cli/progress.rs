//! How far a long command is, for the person who waits: one line on standard error, if that is a
//! terminal. Nothing is written when it is over soon.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_millis(500);

/// A line that is written over and over, and gone when this is dropped.
pub struct Progress {
    terminal: bool,
    next: Instant,
    shown: bool,
}

impl Progress {
    pub fn begin() -> Self {
        Progress { terminal: io::stderr().is_terminal(), next: Instant::now() + PATIENCE, shown: false }
    }

    pub fn tell(&mut self, text: impl FnOnce() -> String) {
        let now = Instant::now();
        if self.terminal && now >= self.next {
            self.next = now + PATIENCE;
            self.shown = true;
            overwrite(&text());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            overwrite("");
        }
    }
}

fn overwrite(text: &str) {
    // Progress that cannot be told is no reason to stop.
    drop(write!(io::stderr(), "\r\x1b[K{text}").and_then(|()| io::stderr().flush()));
}
