//! What is asked of the person at the terminal: a yes, and secrets, which are not shown. Also how
//! secrets come without a person: from a file or standard input, never from the arguments.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, anyhow};
use nix::sys::termios::{self, LocalFlags, SetArg, Termios};
use zeroize::Zeroizing;

use super::fault::Failure;
use super::show::say;
use crate::model::Secret;

/// The longest secret that is read, in bytes.
const LONGEST: usize = 4096;
/// The longest token, in bytes.
const LONGEST_TOKEN: usize = 1024 * 1024;

/// Asks for a yes. Without a person at the terminal the answer is no.
pub fn confirm(question: &str) -> Result<(), Failure> {
    if !somebody() {
        return Err(Failure::usage(format!("{question} There is nobody to ask: say --yes")));
    }
    let mut answer = String::new();
    let asked = write!(io::stderr(), "{question} [y/N] ").and_then(|()| io::stderr().flush());
    asked.and_then(|()| io::stdin().read_line(&mut answer)).context("cannot ask")?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::Other(anyhow!("not done"))),
    }
}

/// Whether there is a person who reads questions and can answer them.
pub fn somebody() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// A secret from the person at the terminal, or all of standard input when it is none.
pub fn secret(what: &str) -> Result<Secret, Failure> {
    if somebody() { asked(what) } else { bounded(io::stdin().lock(), "standard input") }
}

/// As [`secret`], but a person says it twice: nobody sees what they type.
pub fn new_secret(what: &str) -> Result<Secret, Failure> {
    let first = secret(what)?;
    if somebody() && asked(&format!("{what}, once more"))?.reveal() != first.reveal() {
        return Err(Failure::Other(anyhow!("these were not the same: nothing is done")));
    }
    Ok(first)
}

/// Warns of a secret that stood in the arguments.
pub fn overheard(what: &str, better: &str) {
    say!("warning: others on this machine could read the {what} in the arguments: better {better}");
}

/// A token from standard input; blanks around it are not part of it.
pub fn token_in() -> Result<Secret, Failure> {
    let mut text = Zeroizing::new(String::with_capacity(LONGEST_TOKEN + 1));
    let read = io::stdin().lock().take(LONGEST_TOKEN as u64 + 1).read_to_string(&mut text);
    read.context("cannot read a token from standard input")?;
    match text.len() > LONGEST_TOKEN {
        true => Err(Failure::usage(format!(
            "standard input holds more than {LONGEST_TOKEN} bytes: that is no token"
        ))),
        false => Ok(Secret::new(text.trim().to_owned())),
    }
}

/// The secret in a file, `-` for standard input; one newline at its end is not part of it.
pub fn secret_in(file: &Path) -> Result<Secret, Failure> {
    if file.as_os_str() == "-" {
        return bounded(io::stdin().lock(), "standard input");
    }
    let from = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    bounded(from, &file.display().to_string())
}

fn bounded(from: impl io::Read, name: &str) -> Result<Secret, Failure> {
    let mut text = Zeroizing::new(String::with_capacity(LONGEST + 1));
    from.take(LONGEST as u64 + 1).read_to_string(&mut text).with_context(|| format!("cannot read {name}"))?;
    if text.len() > LONGEST {
        return Err(Failure::usage(format!("{name} holds more than {LONGEST} bytes: that is no secret")));
    }
    stripped(text).ok_or_else(|| Failure::usage(format!("{name} is empty")))
}

fn stripped(mut text: Zeroizing<String>) -> Option<Secret> {
    if text.ends_with('\n') {
        text.pop();
    }
    (!text.is_empty()).then(|| Secret::new(std::mem::take(&mut *text)))
}

/// The terminal is asked itself, so that a prompt is seen wherever the output goes.
fn asked(what: &str) -> Result<Secret, Failure> {
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").context("cannot ask")?;
    let quiet = Quiet::of(&terminal).context("cannot ask without showing the answer")?;
    write!(&terminal, "{what}: ").context("cannot ask")?;
    let line = line(&terminal).context("cannot ask")?;
    drop(quiet);
    // A key that would have ended the program is a character while nothing is shown.
    if line.trim_end_matches('\n').chars().any(char::is_control) {
        return Err(Failure::Other(anyhow!("cancelled")));
    }
    stripped(line).ok_or_else(|| Failure::Other(anyhow!("nothing was said")))
}

/// A terminal gives one line at a time.
fn line(mut terminal: &File) -> io::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new([0; LONGEST]);
    let length = terminal.read(&mut *bytes)?;
    let text = std::str::from_utf8(&bytes[..length]).map_err(io::Error::other)?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Quiet<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn of(terminal: &'a File) -> nix::Result<Self> {
        let before = termios::tcgetattr(terminal)?;
        let mut quiet = before.clone();
        quiet.local_flags.remove(LocalFlags::ECHO | LocalFlags::ISIG);
        quiet.local_flags.insert(LocalFlags::ECHONL);
        termios::tcsetattr(terminal, SetArg::TCSAFLUSH, &quiet)?;
        Ok(Quiet { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // A terminal that has gone needs no echo any more.
        let _ = termios::tcsetattr(self.terminal, SetArg::TCSAFLUSH, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, Failure> {
        bounded(text.as_bytes(), "it").map(|secret| secret.reveal().to_owned())
    }

    #[test]
    fn one_newline_is_not_part_of_a_secret() {
        assert_eq!(read("s3cret\n").ok().as_deref(), Some("s3cret"));
        assert_eq!(read(" s3cret \n\n").ok().as_deref(), Some(" s3cret \n"));
        assert!(read("").is_err() && read("\n").is_err());
        assert!(read(&"x".repeat(4096)).is_ok() && read(&"x".repeat(4097)).is_err());
    }
}
