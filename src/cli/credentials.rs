//! The logins of this user on this machine: a file of credentials, each for one admin port, that
//! nobody else can read. Knows no request.

use std::env;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context as _, anyhow};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::client::{Credential, Place};
use super::fault::Failure;
use super::whole::Whole;
use crate::model::{Secret, Timestamp};

/// The longest file that is read, in bytes.
const LONGEST: u64 = 1024 * 1024;

/// The credentials as they are written. Texts of secrets are wiped when it is dropped.
#[derive(Default, Deserialize, Serialize)]
pub struct Logins {
    credentials: Vec<Login>,
}

/// One login.
#[derive(Deserialize, Serialize)]
struct Login {
    /// The admin port's URL, exactly.
    url: String,
    /// Who signed in; for people.
    user: String,
    #[serde(flatten)]
    proof: Proof,
}

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Proof {
    Session {
        cookie: Zeroizing<String>,
        csrf: Zeroizing<String>,
        /// RFC 3339.
        expires_at: String,
    },
    Token {
        token: Zeroizing<String>,
    },
}

/// A session that a login has brought.
pub struct Session {
    pub cookie: Secret,
    pub csrf: Secret,
    /// RFC 3339.
    pub expires_at: String,
}

/// Where the credentials are kept; none for who has no home.
pub fn file() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let config = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(config.join("tenantry").join("credentials.json"))
}

impl Logins {
    /// Reads them; there are none without a file. Refuses a file that others could read or write.
    pub fn read(file: &Path) -> Result<Self, Failure> {
        let about = || format!("cannot read {}", file.display());
        let open = match File::open(file) {
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(Logins::default()),
            open => open.with_context(about)?,
        };
        private(&open.metadata().with_context(about)?, file)?;
        if let Some(folder) = file.parent() {
            private(&fs::metadata(folder).with_context(about)?, folder)?;
        }
        let mut text = Zeroizing::new(String::new());
        open.take(LONGEST).read_to_string(&mut text).with_context(about)?;
        let broken = || format!("{} holds no credentials: delete it and sign in again", file.display());
        Ok(serde_json::from_str(&text).with_context(broken)?)
    }

    /// Replaces the file, as a whole or not at all.
    pub fn write(&self, file: &Path) -> Result<(), Failure> {
        let folder = file.parent().ok_or_else(|| anyhow!("{} is in no folder", file.display()))?;
        let about = || format!("cannot write {}", file.display());
        if let Some(above) = folder.parent() {
            fs::create_dir_all(above).with_context(about)?;
        }
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(fault) if fault.kind() != io::ErrorKind::AlreadyExists => {
                return Err(fault).with_context(about)?;
            }
            _ => private(&fs::metadata(folder).with_context(about)?, folder)?,
        }
        let text = Zeroizing::new(serde_json::to_string_pretty(self).with_context(about)?);
        let mut new = Whole::begin(file).with_context(about)?;
        Ok(new.write_all(text.as_bytes()).and_then(|()| new.replace()).with_context(about)?)
    }

    /// The credential for exactly this admin port. One whose time is over is none.
    pub fn of(&self, place: &Place, now: Timestamp) -> Option<Credential> {
        let login = self.credentials.iter().find(|login| login.url == place.as_str())?;
        match &login.proof {
            Proof::Session { cookie, csrf, expires_at } => {
                let live = instant(expires_at).is_some_and(|end| now < end);
                let cookie = Secret::new(cookie.to_string());
                live.then(|| Credential::Session { cookie, csrf: Secret::new(csrf.to_string()) })
            }
            Proof::Token { token } => Some(Credential::Token(Secret::new(token.to_string()))),
        }
    }

    pub fn keep_session(&mut self, place: &Place, user: &str, session: &Session) {
        let Session { cookie, csrf, expires_at } = session;
        let [cookie, csrf] = [cookie, csrf].map(|secret| Zeroizing::new(secret.reveal().to_owned()));
        self.keep(place, user, Proof::Session { cookie, csrf, expires_at: expires_at.clone() });
    }

    pub fn keep_token(&mut self, place: &Place, user: &str, token: &Secret) {
        self.keep(place, user, Proof::Token { token: Zeroizing::new(token.reveal().to_owned()) });
    }

    fn keep(&mut self, place: &Place, user: &str, proof: Proof) {
        self.forget(place);
        self.credentials.push(Login { url: place.as_str().to_owned(), user: user.to_owned(), proof });
    }

    /// Whether there was one.
    pub fn forget(&mut self, place: &Place) -> bool {
        let before = self.credentials.len();
        self.credentials.retain(|login| login.url != place.as_str());
        self.credentials.len() < before
    }
}

fn instant(text: &str) -> Option<Timestamp> {
    let since = humantime::parse_rfc3339(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::from_millis(u64::try_from(since.as_millis()).ok()?))
}

/// Credentials that others can read are stolen already, and in a folder that others can write they may
/// be somebody else's.
fn private(found: &fs::Metadata, path: &Path) -> Result<(), Failure> {
    let own = found.uid() == nix::unistd::geteuid().as_raw();
    let others = found.mode() & 0o077;
    if own && others == 0 {
        return Ok(());
    }
    let mode = if found.is_dir() { "700" } else { "600" };
    Err(Failure::Other(anyhow!(
        "{} can be used by others, so no credential in it is trusted: make it yours alone \
         (chmod {mode}), or delete it and sign in again",
        path.display()
    )))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn place(url: &str) -> Place {
        Place::parse(url).expect("a URL")
    }

    #[test]
    fn a_login_is_for_one_place_and_for_its_time() {
        let mut logins = Logins::default();
        let secret = |text: &str| Secret::new(text.to_owned());
        let session =
            Session { cookie: secret("a=b"), csrf: secret("c"), expires_at: "2026-01-01T00:00:00Z".into() };
        let [here, there] = ["http://127.0.0.1:9080", "http://127.0.0.1:9081"].map(place);
        logins.keep_session(&here, "ann", &session);
        let at = |text: &str| instant(text).expect("a time");
        let (before, after) = (at("2025-12-31T23:59:59Z"), at("2026-01-01T00:00:00Z"));
        assert!(matches!(logins.of(&here, before), Some(Credential::Session { .. })));
        assert!(logins.of(&here, after).is_none() && logins.of(&there, before).is_none());
        logins.keep_token(&here, "ann", &secret("t"));
        assert!(matches!(logins.of(&here, after), Some(Credential::Token(_))));
        assert!(logins.forget(&here) && !logins.forget(&here));
    }

    #[test]
    fn the_file_is_its_owners_alone() {
        let home = tempfile::tempdir().expect("a folder");
        let file = home.path().join("config/tenantry/credentials.json");
        let mut logins = Logins::read(&file).expect("there is none yet");
        logins.keep_token(&place("http://gw"), "ann", &Secret::new("t0ken".to_owned()));
        logins.write(&file).expect("a file");
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        let folder = file.parent().expect("a folder");
        assert_eq!((mode(&file), mode(folder)), (0o600, 0o700));
        assert_eq!(fs::read_dir(folder).expect("a folder").count(), 1, "nothing is left beside it");
        let at = Timestamp::from_seconds(0);
        assert!(Logins::read(&file).expect("a file").of(&place("http://gw"), at).is_some());
        for (path, open, closed) in [(file.as_path(), 0o640, 0o600), (folder, 0o705, 0o700)] {
            fs::set_permissions(path, fs::Permissions::from_mode(open)).expect("ours");
            assert!(Logins::read(&file).is_err(), "{} {open:o}", path.display());
            fs::set_permissions(path, fs::Permissions::from_mode(closed)).expect("ours");
            assert!(Logins::read(&file).is_ok());
        }
    }
}
