//! The real program at work in the background: what it says is read as it comes, and it gets signals.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::run::{Outcome, Run, tenantry};

/// Longer than anything here takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running program; killed when dropped.
pub struct Served {
    child: Child,
    pub out: Lines,
    pub err: Lines,
}

/// What comes out of one of its pipes.
pub struct Lines {
    coming: Receiver<String>,
    /// All lines so far.
    pub seen: String,
}

impl Lines {
    fn of(pipe: impl Read + Send + 'static) -> Self {
        let (send, coming) = channel();
        thread::spawn(move || {
            let lines = BufReader::new(pipe).lines().map_while(Result::ok);
            // Nobody listens any more once the test is over.
            lines.map_while(|line| send.send(line).ok()).for_each(drop);
        });
        Lines { coming, seen: String::new() }
    }

    /// Waits for a line that has this in it.
    pub fn until(&mut self, text: &str) -> String {
        loop {
            let line = self.coming.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("no line with {text:?} came, but:\n{}", self.seen));
            self.seen += &format!("{line}\n");
            if line.contains(text) {
                return line;
            }
        }
    }

    fn rest(mut self) -> String {
        while let Ok(line) = self.coming.recv_timeout(PATIENCE) {
            self.seen += &format!("{line}\n");
        }
        self.seen
    }
}

impl Served {
    pub fn start(run: Run) -> Self {
        let mut command: Command = run.into();
        let mut child = command.stdin(Stdio::null()).spawn().expect("the program starts");
        let out = Lines::of(child.stdout.take().expect("piped"));
        let err = Lines::of(child.stderr.take().expect("piped"));
        Served { child, out, err }
    }

    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("process ids are small");
        kill(Pid::from_raw(id), signal).expect("it is ours, and not yet waited for");
    }

    /// Waits for its end, after a signal.
    pub fn end(mut self) -> Outcome {
        let nothing = || Lines { coming: channel().1, seen: String::new() };
        let out = std::mem::replace(&mut self.out, nothing()).rest();
        let err = std::mem::replace(&mut self.err, nothing()).rest();
        let status = self.child.wait().expect("it is ours");
        Outcome { code: status.code().unwrap_or(-1), out, err }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended; then there is nothing to kill.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A gateway with a store of its own, and one admin.
pub struct Gateway {
    pub served: Served,
    pub folder: tempfile::TempDir,
    url: String,
}

pub const PASSWORD: &str = "correct horse";
/// The environment of a gateway whose first admin is `root`.
pub const ROOT: [(&str, &str); 2] = [("TENANTRY_ADMIN_USER", "root"), ("TENANTRY_ADMIN_PASSWORD", PASSWORD)];

impl Gateway {
    pub fn start(variables: &[(&str, &str)]) -> Self {
        Gateway::serving("{}", variables)
    }

    /// With these services, in YAML.
    pub fn serving(services: &str, variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("tenantry.yaml");
        let ports = "listeners: [{address: '127.0.0.1:0'}]\nadmin: {address: '127.0.0.1:0'}";
        let config = format!("{ports}\nstore: {{path: data}}\nservices: {services}\n");
        std::fs::write(&file, config).expect("a file");
        let file = file.to_str().expect("a plain path");
        let mut served = Served::start(tenantry(&["serve", "--config", file]).envs(variables));
        let line = served.err.until("tenantry is ready");
        let address = line.split("admin=").nth(1).and_then(|rest| rest.split_whitespace().next());
        let url = format!("http://{}", address.expect("an address").trim_matches('"'));
        Gateway { served, folder, url }
    }

    /// A run of the program as the gateway's admin.
    pub fn tenantry(&self, words: &[&str]) -> Run {
        self.stranger(words).envs(&[("TENANTRY_USER", "root"), ("TENANTRY_PASSWORD", PASSWORD)])
    }

    /// A run of the program as nobody.
    pub fn stranger(&self, words: &[&str]) -> Run {
        tenantry(words).env("TENANTRY_URL", &self.url)
    }

    /// With `root` and [`PASSWORD`].
    pub fn with_root() -> Self {
        Gateway::start(&ROOT)
    }
}
