//! What a closed standard output or standard error changes, and what it must not.

use std::io;
use std::process::Stdio;

use super::run::tenantry;
use super::stub::Stub;

/// The end of a pipe from which nobody reads.
fn closed() -> Stdio {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

const PLAN: &str = r#"{"plan":"p","changes":[{"tenant":"acme","action":"create","kind":"Tenant","name":"acme"}],
    "parts":[{"tenant":"acme","state":"done"}]}"#;

fn document() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("acme.yaml");
    std::fs::write(&file, "kind: Tenant\nid: acme\n").expect("a file");
    let file = file.to_str().expect("a plain path").to_owned();
    (folder, file)
}

#[test]
fn who_closes_the_plan_still_gets_what_was_asked_for() {
    let stub = Stub::scripted(&[("POST /api/v1/apply ", 200, "", PLAN)]);
    let (_folder, file) = document();
    let end = stub.tenantry(&["apply", "-f", &file, "--yes"]).output(closed()).end();
    assert_eq!((end.code, end.err.as_str()), (0, "tenant acme: done\n"));
    let bodies = stub.bodies("POST /api/v1/apply");
    assert_eq!(bodies.iter().map(|body| body["dryRun"] == false).collect::<Vec<_>>(), [false, true]);
    assert_eq!(stub.tenantry(&["diff", "-f", &file]).output(closed()).end().code, 1);
}

#[test]
fn a_secret_that_nobody_read_is_a_failure() {
    let stub = Stub::scripted(&[
        ("POST /api/v1/me/api-tokens ", 200, "", r#"{"fullToken":"tnt_1_2_3"}"#),
        ("POST /api/v1/acme/invitations ", 200, "", r#"{"link":"http://gw/tni_1_2_3"}"#),
        ("GET /api/v1/me ", 200, "", r#"{"profile":{"username":"ann"}}"#),
        ("GET /api/v1/auditlogs/export ", 200, "", "{}"),
    ]);
    for (words, expected) in [
        (&["api-tokens", "create", "laptop"][..], 1),
        (&["invitations", "create", "bob@example.com", "--tenant", "acme"], 1),
        (&["me"], 0),
        (&["audit", "export"], 0),
    ] {
        let end = stub.tenantry(words).output(closed()).end();
        assert_eq!(end.code, expected, "{words:?}: {}", end.err);
        assert_eq!(end.err.contains("is lost"), expected == 1, "{words:?}: {}", end.err);
    }
}

#[test]
fn what_nobody_hears_ends_nothing() {
    let stub = Stub::scripted(&[
        ("POST /api/v1/apply ", 200, "", PLAN),
        ("POST /api/v1/me/api-tokens ", 200, "", r#"{"fullToken":"tnt_1_2_3"}"#),
    ]);
    let (_folder, file) = document();
    let end = stub.tenantry(&["apply", "-f", &file, "--yes"]).errors(closed()).end();
    assert_eq!((end.code, stub.requests().len()), (0, 2));
    let end = stub.tenantry(&["api-tokens", "create", "laptop"]).errors(closed()).end();
    assert_eq!((end.code, end.out.as_str()), (0, "tnt_1_2_3\n"));
    assert_eq!(stub.tenantry(&["me"]).errors(closed()).end().code, 4);
    assert_eq!(tenantry(&["check"]).errors(closed()).end().code, 0);
}

#[test]
fn an_endless_answer_is_not_read_to_its_end() {
    let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(17 << 20));
    let stub = Stub::scripted(&[("GET /api/v1/tenants/acme ", 200, "", &long)]);
    let end = stub.tenantry(&["tenants", "get", "acme"]).end();
    assert!(end.code == 1 && end.err.contains("broke off"), "{}", end.err);
}
