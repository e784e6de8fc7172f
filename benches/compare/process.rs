//! Programs that this run starts, and what the kernel says of them in /proc: CPU time, memory,
//! threads. Whatever happens to this process, they end with it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long a program may take to start or to end.
pub const PATIENCE: Duration = Duration::from_secs(10);

pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program on one core, with its output in a file of the folder. Must be called on the
    /// main thread: the kernel ties the child's life to the thread that started it.
    pub fn start(name: &str, core: usize, folder: &Path, command: &Command) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let child = pinned(core, command)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {name} by way of setpriv"))?;
        Ok(Process { name: name.to_owned(), child, log })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The program and all that descend from it.
    pub fn family(&self) -> Vec<u32> {
        let mut family = vec![self.id()];
        let mut next = 0;
        while let Some(id) = family.get(next) {
            for task in tasks(*id) {
                let children = fs::read_to_string(task.join("children")).unwrap_or_default();
                family.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
            }
            next += 1;
        }
        family
    }

    /// The folders in /proc of all threads of the family.
    pub fn threads(&self) -> Vec<PathBuf> {
        self.family().into_iter().flat_map(tasks).collect()
    }

    /// CPU time (user and system) of the whole family so far.
    pub fn cpu(&self) -> Result<Duration> {
        let mut total = 0;
        for task in self.threads() {
            let text = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
            total += text.split(' ').next().and_then(|nanos| nanos.parse::<u64>().ok()).unwrap_or(0);
        }
        if total == 0 {
            bail!(
                "{} has no CPU time in /proc/{}/task/*/schedstat{}",
                self.name,
                self.id(),
                self.last_words()
            );
        }
        Ok(Duration::from_nanos(total))
    }

    /// Resident memory of the whole family, in KiB.
    pub fn resident(&self) -> Result<u64> {
        let mut total = 0;
        for id in self.family() {
            let status = fs::read_to_string(format!("/proc/{id}/status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let text = line.and_then(|line| line.split_whitespace().next());
            total += text.and_then(|kib| kib.parse::<u64>().ok()).context("no VmRSS in /proc/PID/status")?;
        }
        Ok(total)
    }

    /// Fails, with the end of its output, when the program has ended by itself.
    pub fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} has ended ({status}){}", self.name, self.last_words()),
        }
    }

    pub fn signal(&self, signal: Signal) {
        // A process that is gone already is as good as signalled.
        let _ = kill(Pid::from_raw(self.id() as i32), signal);
    }

    /// Waits for the end; false when it did not come in time.
    pub fn ended(&mut self) -> bool {
        let late = Instant::now() + PATIENCE;
        while Instant::now() < late {
            match self.child.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(5)),
                Ok(Some(_)) | Err(_) => return true,
            }
        }
        false
    }

    fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().rev().take(10).collect();
        lines.iter().rev().map(|line| format!("\n  | {line}")).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::SIGTERM);
        if !self.ended() {
            for id in self.family() {
                let _ = kill(Pid::from_raw(id as i32), Signal::SIGKILL);
            }
            let _ = self.child.wait();
        }
    }
}

/// The command on one core, ending with its parent.
pub fn pinned(core: usize, command: &Command) -> Command {
    let mut whole = Command::new("setpriv");
    whole.args(["--pdeathsig", "TERM", "taskset", "-c", &core.to_string()]);
    whole.arg(command.get_program()).args(command.get_args());
    whole.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    whole
}

/// The folders of a process's threads.
fn tasks(id: u32) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(format!("/proc/{id}/task")) else { return Vec::new() };
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

/// Moves this process, with all threads, to one core.
pub fn move_to(core: usize) -> Result<()> {
    let id = std::process::id().to_string();
    let output = Command::new("taskset").args(["-acp", &core.to_string(), &id]).output();
    let output = output.context("cannot run taskset (Debian package util-linux)")?;
    if !output.status.success() {
        bail!("cannot move to core {core}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
