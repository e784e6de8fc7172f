//! The one way by which a generated password reaches a person: the terminal, else a file that only its
//! owner can read. Never the log.

use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::model::Secret;

/// The file's name in the store's directory.
const FILE: &str = "first-admin-password";

/// Where a password went.
#[derive(Debug, PartialEq, Eq)]
pub enum Handed {
    Terminal,
    File(PathBuf),
}

/// Shows the first admin's password on standard error if that is a terminal. A log is none, so else
/// the password goes into a new file beside the store.
pub fn hand_over(user: &str, password: &Secret, store: &Path) -> anyhow::Result<Handed> {
    if io::stderr().is_terminal() {
        let text = Secret::new(format!(
            "The store was empty, so a first admin was made. The password is shown this once only.\n\
             \n    user      {user}\n    password  {}\n\n",
            password.reveal()
        ));
        io::stderr().write_all(text.reveal().as_bytes()).context("cannot write to the terminal")?;
        return Ok(Handed::Terminal);
    }
    let file = store.join(FILE);
    write(&file, password).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(Handed::File(file))
}

/// A file of an earlier, deleted store may still be there; its password opens nothing.
fn write(file: &Path, password: &Secret) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
        _ => {}
    }
    let mut new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    new.write_all(password.reveal().as_bytes())?;
    new.write_all(b"\n")?;
    new.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_password_file_is_its_owners_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(FILE);
        for password in ["old", "new"] {
            write(&file, &Secret::new(password.to_owned())).expect("a file");
            assert_eq!(fs::read_to_string(&file).expect("a file"), format!("{password}\n"));
            assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
        }
    }
}
