//! The program on both ends: `serve` and `demo`, and the commands that manage what they serve.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::run::{Outcome, tenantry};
use super::served::{Gateway, PASSWORD, Served};

fn json(outcome: &Outcome) -> Value {
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    serde_json::from_str(&outcome.out).expect("JSON")
}

#[test]
fn tenants_live_from_create_to_delete() {
    let gateway = Gateway::with_root();
    let run = |words: &[&str]| gateway.tenantry(words).end();
    let made = run(&["tenants", "create", "--tenant", "acme", "--name", "Acme", "--output", "json"]);
    assert_eq!(json(&made)["org_id"], "acme");
    let again = run(&["tenants", "create", "--tenant", "acme"]);
    assert!(again.code == 5 && again.err.contains("acme"), "{}", again.err);
    let reserved = run(&["tenants", "create", "--tenant", "www"]);
    assert!(reserved.code == 1 && reserved.err.contains("reserved"), "{}", reserved.err);

    let shown = run(&["tenants", "get", "acme"]).out;
    let etag = shown.lines().find_map(|line| line.strip_prefix("etag")).expect("its ETag").trim().to_owned();
    let changed =
        run(&["tenants", "update", "acme", "--name", "Acme Ltd", "--if-match", &etag, "-o", "json"]);
    assert_eq!(json(&changed)["name"], "Acme Ltd");
    let late = run(&["tenants", "update", "acme", "--description", "x", "--if-match", &etag]);
    assert_eq!(late.code, 5, "{}", late.err);

    assert_eq!(run(&["tenants", "delete", "acme", "--yes"]).code, 0);
    let gone = run(&["tenants", "get", "acme"]);
    assert!(gone.code == 4 && gone.err.contains("acme"), "{}", gone.err);
    let made = run(&["tenants", "create", "--tenant", "acme", "--output", "yaml"]);
    assert!(made.out.contains("org_id: acme-2"), "{}", made.out);
}

#[test]
fn lists_are_whole_or_by_page() {
    let gateway = Gateway::with_root();
    let run = |words: &[&str]| gateway.tenantry(words).end();
    for id in ["t1", "t2", "t3", "t4", "t5"] {
        assert_eq!(run(&["tenants", "create", "--tenant", id]).code, 0);
    }
    assert_eq!(run(&["tenants", "list", "-q"]).out, "t1\nt2\nt3\nt4\nt5\n");
    assert_eq!(run(&["tenants", "list", "-q", "--size", "2"]).out, "t1\nt2\nt3\nt4\nt5\n");
    assert_eq!(run(&["tenants", "list", "-q", "--size", "2", "--page", "2"]).out, "t3\nt4\n");
    assert_eq!(run(&["tenants", "list", "-q", "--query", "t4"]).out, "t4\n");
    let all = json(&run(&["tenants", "ls", "--size", "2", "--output", "json"]));
    assert_eq!((all["results"].as_array().map(Vec::len), &all["total"]), (Some(5), &Value::from(5)));
    let table = run(&["tenants", "list"]).out;
    assert!(table.starts_with("ID  NAME  STATE   ORG ID  CREATED\nt1  t1    ACTIVE  t1      20"), "{table}");
}

#[test]
fn keys_are_trusted_until_removed() {
    let gateway = Gateway::with_root();
    let run = |words: &[&str]| gateway.tenantry(words).end();
    let file = gateway.folder.path().join("acme.pem");
    let file = file.to_str().expect("a plain path");
    run(&["ta-create-keypair", file]);
    run(&["tenants", "create", "--tenant", "acme"]);
    let unknown = run(&["keys", "add", file, "--speaks-for", "nobody"]);
    assert!(unknown.code == 1 && unknown.err.contains("nobody"), "{}", unknown.err);
    let added = run(&[
        "keys",
        "add",
        file,
        "--speaks-for",
        "acme",
        "--grant",
        "metrics:read",
        "--leeway",
        "10s",
        "-o",
        "json",
    ]);
    let added = json(&added);
    assert_eq!((&added["tenants"][0], &added["leeway"]), (&Value::from("acme"), &Value::from(10)));
    let id = added["id"].as_str().expect("an id");

    let duplicate = run(&["ta-pubkeys-add", "aws", "showdown", file]);
    assert_eq!((duplicate.code, duplicate.err.as_str()), (5, "error: key already in key set\n"));
    assert_eq!(run(&["ta-pubkeys-list", "aws", "showdown"]).out, format!("{id}\n"));
    assert_eq!(json(&run(&["keys", "get", id, "-o", "json"]))["algorithm"], "RS256");
    assert_eq!(run(&["ta-pubkeys-remove", "aws", "showdown", id]).code, 0);
    let gone = run(&["ta-pubkeys-remove", "aws", "showdown", id]);
    assert_eq!((gone.code, gone.err.as_str()), (4, "error: key not present in key set\n"));

    let by_kid =
        run(&["keys", "add", file, "--kid", "a/b", "--claim", "org", "--no-require-exp", "-o", "json"]);
    assert_eq!(json(&by_kid)["claim"], serde_json::json!({"name": "org", "prefix": ""}));
    assert_eq!(run(&["keys", "list", "-q"]).out, "a/b\n");
    for (words, claim) in [
        (["--prefix", "t-"], ("org", "t-")),
        (["--claim", "sub"], ("sub", "t-")),
        (["--leeway", "1s"], ("sub", "t-")),
    ] {
        let changed = run(&[&["keys", "update", "a/b", "-o", "json"], &words[..]].concat());
        assert_eq!(json(&changed)["claim"], serde_json::json!({"name": claim.0, "prefix": claim.1}));
    }
    assert_eq!(json(&run(&["keys", "update", "a/b", "--fallback", "-o", "json"]))["fallback"], true);
    assert_eq!(json(&run(&["keys", "update", "a/b", "--no-fallback", "-o", "json"]))["fallback"], false);
    assert_eq!(run(&["keys", "remove", "a/b", "--yes"]).code, 0);
}

#[test]
fn who_may_not_is_told_so() {
    let gateway = Gateway::with_root();
    assert!(gateway.tenantry(&["me"]).end().out.contains("root"));
    let nobody = gateway.stranger(&["tenants", "list"]).end();
    assert!(nobody.code == 3 && nobody.err.contains("TENANTRY_USER"), "{}", nobody.err);
    let wrong = gateway.tenantry(&["me"]).env("TENANTRY_PASSWORD", "wrong horse").end();
    assert!(wrong.code == 3 && !wrong.err.contains("wrong horse"), "{}", wrong.err);
}

#[test]
fn signals_reload_and_stop() {
    let mut gateway = Gateway::with_root();
    let file = gateway.folder.path().join("tenantry.yaml");
    let good = fs::read_to_string(&file).expect("the file");
    fs::write(&file, good.clone() + "workers: many\nlistener: 1\n").expect("a file");
    gateway.served.signal(Signal::SIGHUP);
    let problems = [
        gateway.served.err.until("configuration refused"),
        gateway.served.err.until("configuration refused"),
    ];
    assert!(problems[0].contains("workers") && problems[1].contains("listener"), "{problems:?}");
    assert_eq!(gateway.tenantry(&["me"]).end().code, 0);
    fs::write(&file, good.clone() + "drain: 5s\n").expect("a file");
    gateway.served.signal(Signal::SIGHUP);
    let refused = gateway.served.err.until("configuration refused");
    assert!(refused.contains("drain") && refused.contains("restart"), "{refused}");
    let service = "services: {a: {match: [{path: '/t/{tenant}'}], upstream: ['http://127.0.0.1:9'], api: read-write}}\n";
    let rest = good.lines().filter(|line| !line.starts_with("services:")).map(|line| line.to_owned() + "\n");
    fs::write(&file, rest.collect::<String>() + service).expect("a file");
    gateway.served.signal(Signal::SIGHUP);
    gateway.served.err.until("configuration read again");
    gateway.served.signal(Signal::SIGTERM);
    let end = gateway.served.end();
    assert_eq!(end.code, 0, "{}", end.err);
    assert!(!end.err.contains(PASSWORD) && !end.out.contains(PASSWORD));
}

#[test]
fn a_generated_password_goes_to_a_file_and_no_log() {
    let mut gateway = Gateway::start(&[]);
    gateway.served.err.until("first admin made");
    let file = gateway.folder.path().join("data/first-admin-password");
    assert_eq!(fs::metadata(&file).expect("the file").permissions().mode() & 0o777, 0o600);
    let password = fs::read_to_string(&file).expect("the file");
    let file = file.to_str().expect("a plain path");
    let me = gateway.stranger(&["me", "--user", "admin", "--password-file", file]).end();
    assert_eq!(me.code, 0, "{}", me.err);
    gateway.served.signal(Signal::SIGINT);
    let end = gateway.served.end();
    assert!(end.code == 0 && password.trim().len() > 15, "{}", end.err);
    assert!(!end.err.contains(password.trim()) && !end.out.contains(password.trim()));
}

#[test]
fn the_demo_does_what_it_says_and_cleans_up() {
    let home = tempfile::tempdir().expect("a folder");
    let place = home.path().to_str().expect("a plain path");
    let run = tenantry(&["demo", "--port", "0", "--admin-port", "0"]).env("TMPDIR", place);
    let mut demo = Served::start(run);
    demo.out.until("Ctrl-C ends");
    let shown = demo.out.seen.clone();
    assert!(shown.matches("(ok)").count() >= 6 && !shown.contains("FAILED"), "{shown}");

    for (line, status) in pasted(&shown) {
        let Some(answer) = shell(&line) else {
            eprintln!("curl is missing (apt-get install curl): its lines were not run");
            break;
        };
        assert!(answer.contains(&format!(" {status} ")), "{line}\n{answer}");
    }
    let export = shown.lines().find(|line| line.contains("export TENANTRY_URL")).expect("a line");
    let list = shown.lines().find(|line| line.ends_with("tenants list")).expect("a line");
    let listed = shell(&format!("{export}\n{list}")).expect("a shell");
    assert!(listed.contains("acme") && listed.contains("globex"), "{listed}");

    demo.signal(Signal::SIGINT);
    let end = demo.end();
    assert_eq!((end.code, end.err.as_str()), (0, ""));
    assert_eq!(fs::read_dir(home.path()).expect("the folder").count(), 0, "all of it is removed");
}

/// Each `curl` line, and the status that the line above it promises.
fn pasted(shown: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> = shown.lines().map(str::trim).collect();
    let pairs = lines.windows(2).filter(|pair| pair[1].starts_with("curl "));
    let status = |comment: &str| comment.split(": ").nth(1).map(|rest| rest[..3].to_owned());
    pairs.filter_map(|pair| Some((pair[1].to_owned(), status(pair[0])?))).collect()
}

/// What a pasted line prints; none when the machine has no such program.
fn shell(line: &str) -> Option<String> {
    let output = Command::new("sh").args(["-c", line]).output().expect("a shell");
    (output.status.code() != Some(127)).then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
