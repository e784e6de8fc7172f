//! What a person at a terminal is asked, and what the terminal shows of the answers.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command};

use nix::pty::openpty;

use super::run::Run;
use super::stub::Stub;

/// A program on a terminal of its own.
struct Session {
    child: Child,
    terminal: File,
    shown: String,
}

impl Session {
    /// `setsid` (util-linux) makes the terminal the program's own, as a login does.
    fn start(run: Run) -> Self {
        let run: Command = run.into();
        let ends = openpty(None, None).expect("a terminal");
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait"]).arg(run.get_program()).args(run.get_args());
        for (name, value) in run.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let end = || ends.slave.try_clone().expect("a copy");
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().expect("setsid of util-linux");
        Session { child, terminal: File::from(ends.master), shown: String::new() }
    }

    /// Waits until the terminal shows this.
    fn until(&mut self, text: &str) {
        while !self.shown.contains(text) {
            let mut part = [0; 1024];
            let length = self.terminal.read(&mut part).unwrap_or(0);
            assert!(length > 0, "{text:?} never came: {}", self.shown);
            self.shown.push_str(&String::from_utf8_lossy(&part[..length]));
        }
    }

    fn say(&mut self, line: &str) {
        self.terminal.write_all(line.as_bytes()).expect("the terminal is there");
    }

    /// The exit code, and all that was shown.
    fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().expect("it is ours").code();
        let mut part = [0; 1024];
        // A terminal without a program on it gives an error where a file ends.
        while let Ok(length @ 1..) = self.terminal.read(&mut part) {
            self.shown.push_str(&String::from_utf8_lossy(&part[..length]));
        }
        (code, self.shown)
    }
}

fn port() -> Stub {
    Stub::scripted(&[
        ("GET /api/v1/users?", 200, "", r#"{"results":[{"id":"u1"}],"total":1}"#),
        ("PATCH /api/v1/users/u1/password ", 200, "", r#"{"id":"u1"}"#),
        ("DELETE /api/v1/tenants/acme ", 204, "", ""),
    ])
}

#[test]
fn a_new_password_is_asked_for_twice_and_not_shown() {
    let stub = port();
    let ask = |again: &str| {
        let mut session = Session::start(stub.tenantry(&["users", "set-password", "ann"]));
        session.until("New password of ann: ");
        session.say("hunter2!\n");
        session.until("once more: ");
        session.say(again);
        session.end()
    };
    let (code, shown) = ask("hunter2!\n");
    assert!(code == Some(0) && !shown.contains("hunter2"), "{code:?} {shown}");
    assert_eq!(stub.bodies("PATCH "), [serde_json::json!({"password": "hunter2!"})]);
    let (code, shown) = ask("hunter3!\n");
    assert!(code == Some(1) && shown.contains("not the same"), "{code:?} {shown}");
    let (code, shown) = ask("\u{3}\n");
    assert!(code == Some(1) && shown.contains("cancelled"), "{code:?} {shown}");
    assert_eq!(stub.bodies("PATCH ").len(), 1, "nothing more was changed");
}

#[test]
fn deleting_asks_first() {
    let stub = port();
    for (answer, code) in [("n\n", 1), ("\n", 1), ("y\n", 0)] {
        let mut session = Session::start(stub.tenantry(&["tenants", "delete", "acme"]));
        session.until("[y/N] ");
        assert!(session.shown.contains("acme"), "{}", session.shown);
        assert!(stub.requests().is_empty(), "{:?}", stub.requests());
        session.say(answer);
        assert_eq!(session.end().0, Some(code), "{answer:?}");
    }
    assert_eq!(stub.requests().len(), 1);
}
