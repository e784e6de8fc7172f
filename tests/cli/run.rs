//! One run of the real program, with nothing of this process's environment that it listens to.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// A run that has not begun.
pub struct Run {
    command: Command,
    input: String,
}

/// A run that has ended.
pub struct Outcome {
    /// The exit code; -1 when a signal ended it.
    pub code: i32,
    pub out: String,
    pub err: String,
}

pub fn tenantry(words: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenantry"));
    command.args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::piped());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TENANTRY_")) {
        command.env_remove(name);
    }
    // No login of whoever runs the tests is used, and none is kept.
    command.env("XDG_CONFIG_HOME", "/nonexistent");
    Run { command, input: String::new() }
}

impl Run {
    pub fn env(self, name: &str, value: &str) -> Self {
        self.envs(&[(name, value)])
    }

    pub fn envs(mut self, variables: &[(&str, &str)]) -> Self {
        self.command.envs(variables.iter().copied());
        self
    }

    pub fn input(mut self, text: &str) -> Self {
        text.clone_into(&mut self.input);
        self
    }

    pub fn output(mut self, to: Stdio) -> Self {
        self.command.stdout(to);
        self
    }

    pub fn errors(mut self, to: Stdio) -> Self {
        self.command.stderr(to);
        self
    }

    /// Runs it to its end.
    pub fn end(mut self) -> Outcome {
        let mut child = self.command.spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("piped");
        // A program that reads nothing may have gone already.
        drop(stdin.write_all(self.input.as_bytes()));
        drop(stdin);
        let output = child.wait_with_output().expect("the program ends");
        Outcome {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).expect("text"),
            err: String::from_utf8(output.stderr).expect("text"),
        }
    }
}

impl From<Run> for Command {
    /// What [`Run::end`] would have started.
    fn from(run: Run) -> Command {
        run.command
    }
}
