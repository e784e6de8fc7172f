//! The real program as a child process: its ports by what it logs, signals by name.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use super::gateway::{ADMIN, PASSWORD, client};
use super::raw::PATIENCE;

/// A running `tenantry serve`. Killed when dropped.
pub struct Process {
    child: Child,
    pid: Pid,
    log: Arc<Mutex<Vec<String>>>,
    lines: watch::Receiver<usize>,
    pub http: reqwest::Client,
}

/// `tenantry` with these words, in a directory, without this process's environment.
pub fn command(dir: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenantry"));
    command.args(words).current_dir(dir).env_clear().kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// `tenantry serve` over `tenantry.yaml` in this directory, with the first admin that
/// [`super::gateway`] knows.
pub fn serve(dir: &Path) -> Command {
    let mut command = command(dir, &["serve", "--config", "tenantry.yaml"]);
    command.env("TENANTRY_ADMIN_USER", ADMIN).env("TENANTRY_ADMIN_PASSWORD", PASSWORD);
    command
}

impl Process {
    /// Starts it and waits until it serves.
    pub async fn start(mut command: Command) -> Process {
        let mut child = command.spawn().expect("the program starts");
        let pid = Pid::from_raw(i32::try_from(child.id().expect("it runs")).expect("a process id"));
        let errors = child.stderr.take().expect("piped");
        let (log, (count, lines)) = (Arc::<Mutex<Vec<String>>>::default(), watch::channel(0));
        let book = log.clone();
        tokio::spawn(async move {
            let mut errors = BufReader::new(errors).lines();
            while let Ok(Some(line)) = errors.next_line().await {
                book.lock().expect("not poisoned").push(line);
                count.send_modify(|count| *count += 1);
            }
        });
        let process = Process { child, pid, log, lines, http: client() };
        process.logged("tenantry is ready").await;
        process
    }

    /// All of its log so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("not poisoned").join("\n")
    }

    /// Waits for a line of the log that holds a text.
    pub async fn logged(&self, text: &str) -> String {
        let mut lines = self.lines.clone();
        let found = async {
            loop {
                lines.borrow_and_update();
                let found =
                    self.log.lock().expect("not poisoned").iter().find(|line| line.contains(text)).cloned();
                match found {
                    Some(line) => return Some(line),
                    None if lines.changed().await.is_err() => return None,
                    None => {}
                }
            }
        };
        let line = timeout(PATIENCE, found).await.ok().flatten();
        line.unwrap_or_else(|| panic!("never logged {text:?}: {}", self.log()))
    }

    /// The address of a listener, from the log.
    pub async fn listener(&self, name: &str) -> SocketAddr {
        address(&self.logged("tenantry is ready").await, &format!("{name}\\\", "))
    }

    pub async fn admin(&self) -> SocketAddr {
        address(&self.logged("tenantry is ready").await, "admin=")
    }

    /// One call of the admin API as the first admin.
    pub async fn api(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let url = format!("http://{}/api/v1{path}", self.admin().await);
        let mut request = self.http.request(method, url).basic_auth(ADMIN, Some(PASSWORD));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.expect("the admin port answers");
        (response.status(), response.json().await.unwrap_or(Value::Null))
    }

    pub fn signal(&self, signal: Signal) {
        signal::kill(self.pid, signal).expect("it runs");
    }

    /// Waits for its end.
    pub async fn end(&mut self) -> ExitStatus {
        let ended = timeout(PATIENCE, self.child.wait()).await;
        ended.unwrap_or_else(|_| panic!("it goes on: {}", self.log())).expect("a status")
    }
}

/// The address that follows a mark in a line.
fn address(line: &str, mark: &str) -> SocketAddr {
    let (_, rest) = line.split_once(mark).unwrap_or_else(|| panic!("no {mark:?} in {line:?}"));
    let end = rest.find(|c: char| !c.is_ascii_digit() && !".:[]".contains(c)).unwrap_or(rest.len());
    rest[..end].parse().unwrap_or_else(|_| panic!("no address after {mark:?} in {line:?}"))
}
