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
fn a_password_goes_to_nobody_elses_name() {
    let body = session("2999-01-01T00:00:00Z");
    let stub = Stub::scripted(&[("POST /login ", 200, "set-cookie: a=b\r\n", &body), ME]);
    let home = Home::new();
    let admin = [("TENANTRY_USER", "admin"), ("TENANTRY_PASSWORD", "the-admins")];
    let end = home.run(stub.tenantry(&["login", "--user", "ann"]).envs(&admin).input("anns\n"));
    assert!(end.code == 0 && end.err.contains("TENANTRY_USER is set"), "{}", end.err);
    let sent = stub.bodies("POST /login");
    assert_eq!((&sent[0]["username"], &sent[0]["password"]), (&"ann".into(), &"anns".into()));
    let end = home.run(stub.tenantry(&["me", "--user", "ann"]).envs(&admin));
    assert!(end.code == 2 && end.err.contains("no password for ann"), "{}", end.err);
    assert_eq!(home.run(stub.tenantry(&["me"]).envs(&admin)).code, 0);

    let end = home.run(stub.tenantry(&["login", "--token"]).envs(&admin).input("tnt_1_2_3\n"));
    assert_eq!(end.code, 0, "the environment's user is not in the way: {}", end.err);
    let end = home.run(stub.tenantry(&["login", "--token", "--user", "ann"]).input("tnt_1_2_3\n"));
    assert_eq!(end.code, 2, "{}", end.err);
}

#[test]
fn whoever_can_listen_is_warned_of_before_a_password_goes_out() {
    // Nobody is there, nor ever will be: RFC 6761.
    for (url, words, warned) in [
        ("http://gw.invalid", &["login", "--user", "ann"][..], true),
        ("https://gw.invalid", &["login", "--user", "ann"], false),
    ] {
        let run = super::run::tenantry(words).envs(&[("TENANTRY_URL", url), ("TENANTRY_PASSWORD", "x")]);
        let end = Home::new().run(run);
        assert_eq!(end.err.contains("not encrypted"), warned, "{words:?}: {}", end.err);
    }
}

#[test]
fn a_session_is_forgotten_only_once_it_has_ended() {
    let body = session("2999-01-01T00:00:00Z");
    for (status, code) in [(500, 1), (401, 0)] {
        let ended = ("POST /logout ", status, "", r#"{"title":"No"}"#);
        let stub = Stub::scripted(&[("POST /login ", 200, "set-cookie: a=t1cket\r\n", &body), ended]);
        let home = Home::new();
        home.run(stub.tenantry(&["login", "--user", "ann"]).env("TENANTRY_PASSWORD", "x"));
        assert_eq!(home.run(stub.tenantry(&["logout"])).code, code);
        let kept = fs::read_to_string(home.file()).expect("the file").contains("t1cket");
        assert_eq!(kept, code == 1, "{status}");
    }
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
    assert!(!end.err.contains("No credential"), "{}", end.err);
    assert!(!home.file().exists());
}
