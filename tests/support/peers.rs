//! Other people's programs that tests run against: finds them, installs nothing.

use std::env;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Set to 1 where every test has to run: a missing program then fails it.
const REQUIRE: &str = "TENANTRY_REQUIRE_PEERS";
/// Where Debian has servers; seldom in a user's PATH.
const SERVERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// The path of a program that comes with a Debian package. When it is not there, says how to get it
/// and gives none, so that the test can end as "not run".
pub fn find(program: &str, package: &str) -> Option<PathBuf> {
    let found = path(program);
    if found.is_none() {
        let missing = format!("{program} is not installed; get it with: apt-get install {package}");
        assert!(!env::var(REQUIRE).is_ok_and(|value| value == "1"), "{missing} ({REQUIRE} is 1)");
        eprintln!("not run: {missing}");
    }
    found
}

/// The path of a program, if it is installed.
pub fn path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(SERVERS.map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|file| runs(file))
}

fn runs(file: &Path) -> bool {
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
