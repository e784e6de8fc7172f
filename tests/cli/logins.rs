//! `login`, what it leaves on the disk, and who may use it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::run::{Outcome, Run};
use super::stub::Stub;

const ME: (&str, u16, &str, &str) = ("GET /api/v1/me ", 200, "", r#"{"profile":{"username":"ann"}}"#);

fn session(expires: &str) -> String {
    format!(r#"{{"username":"ann","csrfToken":"c5rf","expiresAt":"{expires}"}}"#)
}

/// Somebody's configuration folder.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Home(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("tenantry/credentials.json")
    }

    fn run(&self, run: Run) -> Outcome {
        run.env("XDG_CONFIG_HOME", self.0.path().to_str().expect("a plain path")).end()
    }
}

#[test]
fn a_login_is_kept_for_its_url_alone_and_ends() {
    let body = session("2999-01-01T00:00:00Z");
    let cookie = "set-cookie: tenantry=t1cket; Path=/; HttpOnly\r\n";
    let stub = Stub::scripted(&[
        ("POST /login ", 200, cookie, &body),
        ("POST /logout ", 204, "", ""),
        ME,
        ("PATCH /api/v1/tenants/acme ", 200, "", r#"{"id":"acme"}"#),
    ]);
    let home = Home::new();
    let words = ["login", "--user", "ann"];
    let end = home.run(stub.tenantry(&words).env("TENANTRY_PASSWORD", "hunter2"));
    assert_eq!((end.code, end.out.as_str()), (0, ""), "{}", end.err);
    assert!(end.err.contains("ann") && end.err.contains("2999"), "{}", end.err);
    assert_eq!(stub.bodies("POST /login")[0]["password"], "hunter2");
    let mode = |path: PathBuf| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(home.file()), mode(home.0.path().join("tenantry"))), (0o600, 0o700));
    let kept = fs::read_to_string(home.file()).expect("the file");
    assert!(kept.contains("t1cket") && !kept.contains("hunter2"), "{kept}");

    assert_eq!(home.run(stub.tenantry(&["tenants", "suspend", "acme"])).code, 0);
    let sent = stub.requests().pop().expect("a request");
    assert!(sent.contains("cookie: tenantry=t1cket") && sent.contains("x-csrf-token: c5rf"), "{sent}");
    assert!(!sent.contains("authorization"), "{sent}");

    let named = home.run(stub.tenantry(&["me"]).env("TENANTRY_TOKEN", "a.b.c"));
    let sent = stub.requests().pop().expect("a request");
    assert!(named.code == 0 && sent.contains("Bearer a.b.c") && !sent.contains("t1cket"), "{sent}");
    let other = Stub::scripted(&[ME]);
    home.run(other.tenantry(&["me"]));
    assert!(!other.requests()[0].contains("t1cket"), "{:?}", other.requests());

    assert_eq!(home.run(stub.tenantry(&["logout"])).code, 0);
    assert!(stub.requests().pop().expect("a request").contains("POST /logout"));
    assert!(!fs::read_to_string(home.file()).expect("the file").contains("t1cket"));
    let again = home.run(stub.tenantry(&["logout"]));
    assert!(again.code == 0 && again.err.contains("nobody"), "{}", again.err);
}

#[test]
fn a_session_that_is_over_is_not_sent() {
    let body = session("2020-01-01T00:00:00Z");
    let stub = Stub::scripted(&[("POST /login ", 200, "set-cookie: a=t1cket\r\n", &body), ME]);
    let home = Home::new();
    home.run(stub.tenantry(&["login", "--user", "ann"]).env("TENANTRY_PASSWORD", "x"));
    home.run(stub.tenantry(&["me"]));
    let sent = stub.requests().pop().expect("a request");
    assert!(sent.starts_with("GET /api/v1/me") && !sent.contains("t1cket"), "{sent}");
}

#[test]
fn a_refused_session_is_told_from_other_refusals() {
    let body = session("2999-01-01T00:00:00Z");
    let refused = ("GET /api/v1/me ", 401, "", r#"{"title":"Unauthorized"}"#);
    let stub = Stub::scripted(&[("POST /login ", 200, "set-cookie: a=b\r\n", &body), refused]);
    let home = Home::new();
    home.run(stub.tenantry(&["login", "--user", "ann"]).env("TENANTRY_PASSWORD", "x"));
    let end = home.run(stub.tenantry(&["me"]));
    assert!(end.code == 3 && end.err.contains("tenantry login"), "{}", end.err);
}

#[test]
fn a_token_is_tried_before_it_is_kept() {
    let stub = Stub::scripted(&[ME]);
    let home = Home::new();
    let end = home.run(stub.tenantry(&["login", "--token"]).input("tnt_1_2_3\n"));
    assert!(end.code == 0 && end.err.contains("ann"), "{}", end.err);
    home.run(stub.tenantry(&["me"]));
    assert!(stub.requests().pop().expect("a request").contains("Bearer tnt_1_2_3"));

    let stub = Stub::scripted(&[("GET /api/v1/me ", 401, "", r#"{"title":"Unauthorized"}"#)]);
    let home = Home::new();
    assert_eq!(home.run(stub.tenantry(&["login", "--token"]).input("tnt_1_2_3\n")).code, 3);
    assert!(!home.file().exists());
}

#[test]
fn a_file_that_others_can_read_is_refused() {
    let stub = Stub::scripted(&[ME]);
    let home = Home::new();
    home.run(stub.tenantry(&["login", "--token"]).input("tnt_1_2_3\n"));
    fs::set_permissions(home.file(), Permissions::from_mode(0o644)).expect("ours");
    let before = stub.requests().len();
    for words in [&["me"][..], &["login", "--token"], &["logout"]] {
        let end = home.run(stub.tenantry(words).input("tnt_4_5_6\n"));
        assert!(end.code == 1 && end.err.contains("chmod 600"), "{words:?}: {}", end.err);
    }
    assert_eq!(stub.requests().len(), before, "nothing is sent");
}

#[test]
fn a_wrong_password_keeps_nothing() {
    let refused = r#"{"title":"Unauthorized","message":"the user name or the password is wrong"}"#;
    let stub = Stub::scripted(&[("POST /login ", 401, "", refused)]);
    let home = Home::new();
    let end = home.run(stub.tenantry(&["login", "--user", "ann"]).env("TENANTRY_PASSWORD", "x"));
    assert!(end.code == 3 && end.err.contains("password is wrong"), "{}", end.err);
    assert!(!home.file().exists());
}
