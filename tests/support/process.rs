//! Other programs as children of a test: on ports of the kernel's choice, their output in files, and
//! gone when the test is, also when it panics or is killed.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::peers;

/// Longer than any program takes to start or to stop on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at what another process does.
const PAUSE: Duration = Duration::from_millis(25);

/// A child; killed when dropped. Shows the end of its output when the test fails.
pub struct Process {
    name: String,
    child: Child,
    output: PathBuf,
}

/// A command whose process the kernel kills when the thread that started it ends: a test that is
/// killed drops nothing. Start it from the test's own thread, not from a task.
pub fn bound(program: &Path) -> Command {
    let Some(setpriv) = peers::path("setpriv") else { return Command::new(program) };
    let mut command = Command::new(setpriv);
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// Asks again and again until there is an answer.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < end, "waited {PATIENCE:?} in vain: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}

impl Process {
    /// Starts a command; its output goes to a file named after it in `dir`.
    pub fn start(name: &str, mut command: Command, dir: &Path) -> Process {
        let output = dir.join(format!("{name}.out"));
        let file = File::create(&output).expect("a file for the output");
        let errors = file.try_clone().expect("the same file");
        command.stdin(Stdio::null()).stdout(file).stderr(errors);
        let child = command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Process { name: name.to_owned(), child, output }
    }

    /// Starts a server that cannot say which port the kernel gave it: it gets one that was free a
    /// moment ago, or another when somebody was faster. Returns when it answers 200 at `ready`.
    pub async fn serve(
        name: &str,
        dir: &Path,
        ready: &str,
        command: impl Fn(SocketAddr) -> Command,
    ) -> (Process, SocketAddr) {
        for _ in 0..5 {
            let address = free();
            let mut process = Process::start(name, command(address), dir);
            if process.answers(&format!("http://{address}{ready}")).await {
                return (process, address);
            }
            eprintln!("{name} ended on {address}:\n{}", process.output());
        }
        panic!("{name} found no port");
    }

    /// Whether it answers 200; false when it ends instead.
    async fn answers(&mut self, url: &str) -> bool {
        let http = super::gateway::client();
        let what = format!("{} to be ready", self.name);
        until(&what, async || {
            if self.child.try_wait().expect("a child").is_some() {
                return Some(false);
            }
            let answer = http.get(url).send().await.ok()?;
            answer.status().is_success().then_some(true)
        })
        .await
    }

    /// All that it has written.
    pub fn output(&self) -> String {
        fs::read_to_string(&self.output).expect("its output")
    }

    /// Asks it to stop, by SIGTERM, and waits for it.
    pub fn stop(mut self) -> ExitStatus {
        let id = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(id), Signal::SIGTERM).expect("a child");
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(Instant::now() < end, "{} does not stop", self.name);
            thread::sleep(PAUSE);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has ended and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let output = fs::read_to_string(&self.output).unwrap_or_default();
            let lines: Vec<&str> = output.lines().collect();
            let last = &lines[lines.len().saturating_sub(15)..];
            eprintln!("--- the last of {}:\n{}", self.name, last.join("\n"));
        }
    }
}

/// An address that nobody listens on.
fn free() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("its address")
}
