//! The program as people and scripts run it: help, usage, exit codes, what it writes where. The other
//! side of the admin API is a stub here, so that answers can be had which no gateway gives.

#[path = "cli/documents.rs"]
mod documents;
#[path = "cli/explained.rs"]
mod explained;
#[path = "cli/logins.rs"]
mod logins;
#[path = "cli/online.rs"]
mod online;
#[path = "cli/people.rs"]
mod people;
#[path = "cli/pipes.rs"]
mod pipes;
#[path = "cli/records.rs"]
mod records;
#[path = "cli/run.rs"]
mod run;
#[path = "cli/served.rs"]
mod served;
#[path = "cli/stub.rs"]
mod stub;
#[path = "cli/terminal.rs"]
mod terminal;

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use run::{Outcome, tenantry};
use stub::Stub;

/// The commands that talk to an admin port.
const ONLINE: [&str; 13] = [
    "tenants",
    "users",
    "service-accounts",
    "groups",
    "roles",
    "bindings",
    "access",
    "invitations",
    "api-tokens",
    "keys",
    "issuers",
    "audit",
    "me",
];

/// Every command, as the words that lead to it.
fn commands() -> Vec<(Vec<String>, clap::Command)> {
    fn walk(path: &[String], command: &clap::Command, found: &mut Vec<(Vec<String>, clap::Command)>) {
        found.push((path.to_vec(), command.clone()));
        for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
            walk(&[path, &[below.get_name().to_owned()]].concat(), below, found);
        }
    }
    let mut tree = tenantry::cli::tree();
    tree.build();
    let mut found = Vec::new();
    walk(&[], &tree, &mut found);
    found
}

#[test]
fn every_command_and_argument_has_help() {
    let commands = commands();
    assert!(commands.len() > 20, "{}", commands.len());
    for (path, command) in commands {
        assert!(command.get_about().is_some(), "{path:?} has no help");
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{path:?} {} has no help", argument.get_id());
        }
        let words: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
        let Outcome { code, out, .. } = tenantry(&words).end();
        assert_eq!(code, 0, "{words:?}");
        assert!(out.contains("Usage: tenantry"), "{words:?}: {out}");
    }
}

#[test]
fn leaves_show_an_example_and_online_ones_their_environment() {
    for (path, command) in commands() {
        let name = path.join(" ");
        let opstrace = name.starts_with("ta-");
        let leaf = command.get_subcommands().next().is_none();
        if !opstrace && path.len() >= 2 && leaf
            || ["serve", "check", "demo", "schema", "accept", "login", "man", "completions"]
                .contains(&name.as_str())
        {
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.contains("Example"), "{name} shows no example");
        }
    }
    for command in ONLINE {
        let words = [command, "--help"];
        let help = tenantry(&words).end().out;
        assert!(help.contains("TENANTRY_PASSWORD ") && help.contains("TENANTRY_TOKEN"), "{help}");
        assert!(help.contains("[env: TENANTRY_URL=]"), "{help}");
    }
    let top = tenantry(&["--help"]).end().out;
    assert!(top.contains("ta-pubkeys-remove"), "{top}");
}

#[test]
fn every_example_is_a_command_line_that_can_be_run() {
    let mut seen = 0;
    for (path, command) in commands() {
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for line in after.lines().filter_map(|line| line.strip_prefix("  ")?.split("  ").next()) {
            let shown = line
                .split("tenantry ")
                .skip(1)
                .map(|rest| words(rest.split(['|', '>', '<']).next().unwrap_or(rest)));
            for words in shown.filter(|_| line.starts_with("tenantry ") || line.contains("| tenantry ")) {
                let words = words.into_iter().take_while(|word| word != "&&");
                let read = tenantry::cli::tree()
                    .try_get_matches_from(["tenantry".to_owned()].into_iter().chain(words));
                assert!(read.is_ok(), "{path:?}: {line}: {}", read.expect_err("no match"));
                seen += 1;
            }
        }
    }
    assert!(seen > 80, "{seen}");
}

/// The words of a line as a shell splits them.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for character in line.chars() {
        match character {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

#[test]
fn shells_and_manuals_know_every_command() {
    let bash = tenantry(&["completions", "bash"]).end();
    assert!(bash.code == 0 && bash.out.contains("set-superadmin"), "{}", bash.err);
    let page = tenantry(&["man"]).end();
    assert!(page.code == 0 && page.out.contains(".TH tenantry 1"), "{}", page.out);
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("man1");
    assert_eq!(tenantry(&["man", "--dir", dir.to_str().expect("a plain path")]).end().code, 0);
    for (path, command) in commands().into_iter().filter(|(path, _)| {
        path[..].first().is_none_or(|first| first != "auths" && !first.starts_with("ta-"))
    }) {
        let name = [&["tenantry".to_owned()], &path[..]].concat().join("-");
        let page = fs::read_to_string(dir.join(format!("{name}.1"))).unwrap_or_default();
        assert!(page.contains(".TH"), "{name} ({}) has no page", command.get_name());
    }
}

#[test]
fn the_version_is_the_packages() {
    let shown = tenantry(&["--version"]).end();
    assert_eq!((shown.code, shown.out.trim()), (0, concat!("tenantry ", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn wrong_use_is_told_and_exits_with_2() {
    for (words, says) in [
        (&[][..], "Usage"),
        (&["frobnicate"], "frobnicate"),
        (&["tenants"], "Usage"),
        (&["tenants", "create"], "--tenant"),
        (&["tenants", "create", "acme", "--tenant", "acme"], "--tenant"),
        (&["tenants", "update", "acme"], "--name"),
        (&["tenants", "update", "acme", "--option", "metrics.colour=red"], "max_body_bytes"),
        (&["tenants", "delete", "acme"], "--yes"),
        (&["tenants", "list", "--page", "0"], "--page"),
        (&["tenants", "list", "-q", "--output", "json"], "--quiet"),
        (&["keys", "add"], "FILE"),
        (&["keys", "add", "k", "--speaks-for", "a", "--all-tenants"], "--all-tenants"),
        (&["keys", "add", "k", "--speaks-for", "a", "--tenant", "b"], "--tenant"),
        (&["keys", "add", "k", "--role", "viewer", "--grant", "*"], "--role"),
        (&["users", "create"], "EMAIL"),
        (&["users", "update", "ann@example.com"], "--email"),
        (&["users", "delete", "ann@example.com"], "--yes"),
        (&["keys", "delete", "k"], "--yes"),
        (&["issuers", "delete", "i"], "--yes"),
        (&["bindings", "delete", "b", "--tenant", "acme"], "--yes"),
        (&["access", "revoke", "ann", "--tenant", "acme"], "--yes"),
        (&["api-tokens", "revoke", "t"], "--yes"),
        (&["users", "create", "ann@example.com", "--group", "devs"], "--tenant"),
        (&["users", "set-password", "ann@example.com", "s3cret"], "unexpected"),
        (&["groups", "list"], "--tenant"),
        (&["groups", "members", "add", "devs", "--tenant", "acme"], "WHO"),
        (&["roles", "create", "r", "--tenant", "acme"], "--permission"),
        (&["roles", "create", "r", "--permission", "metrics"], "metrics:read"),
        (&["roles", "update", "r", "--tenant", "acme"], "--add"),
        (&["bindings", "create", "--role", "Editor", "--tenant", "acme"], "--for-user"),
        (&["service-accounts", "create", "a", "--group", "g"], "--tenant"),
        (&["service-accounts", "create", "a", "--tenant", "acme", "--super-admin"], "--super-admin"),
        (&["api-tokens", "create", "t", "--extended"], "--max-age"),
        (&["api-tokens", "list", "--tenant", "acme"], "--only-tenant"),
        (&["audit", "list", "--limit", "0"], "--limit"),
        (&["login"], "--user"),
        (&["completions", "tcsh"], "bash"),
        (&["keys", "add", "k", "--leeway", "61s"], "60s"),
        (&["keys", "add", "k", "--leeway", "500ms"], "60s"),
        (&["keys", "add", "k", "--grant", "metrics"], "metrics"),
        (&["keys", "add", "k", "--algorithm", "HS256"], "HS256"),
        (&["me", "--url", "gw.example.com"], "http://HOST:PORT"),
        (&["me", "--url", "http://root:hunter2@gw"], "TENANTRY_USER"),
        (&["me", "--user", "root"], "TENANTRY_PASSWORD"),
        (&["token", "create", "--key", "k", "--tenant", "Acme"], "Acme"),
        (&["ta-pubkeys-list", "azure", "showdown"], "azure"),
        (&["ta-pubkeys-list", "aws", "X"], "instance"),
        (
            &["ta-pubkeys-remove", "aws", "showdown", "abc"],
            "unexpected key ID: expecting a string with 40 characters",
        ),
        (&["demo", "--port", "65536"], "65536"),
    ] {
        let Outcome { code, out, err } = tenantry(words).end();
        assert_eq!((code, out.as_str()), (2, ""), "{words:?}: {err}");
        assert!(err.contains(says), "{words:?}: {err}");
        assert!(!err.contains("hunter2"), "{err}");
    }
}

#[test]
fn key_pairs_and_tokens_need_no_gateway() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("acme.pem");
    let file = file.to_str().expect("a plain path");
    assert_eq!(tenantry(&["keypair", "create", file, "--type", "p256"]).end().code, 0);
    assert_eq!(fs::metadata(file).expect("the file").permissions().mode() & 0o777, 0o600);
    let again = tenantry(&["keypair", "create", file]).end();
    assert!(again.code == 1 && again.err.contains(file), "{}", again.err);

    let token = tenantry(&["token", "create", "--tenant", "acme", "--key", file]).end();
    assert_eq!(token.code, 0, "{}", token.err);
    assert_eq!(token.out.lines().count(), 1, "the token is alone on standard output");
    let seen = tenantry(&["token", "inspect", "--key", file]).input(&token.out).end();
    assert!(seen.code == 0 && seen.out.contains("tenant-acme"), "{}{}", seen.out, seen.err);
    let changed = token.out.trim().to_owned() + "A";
    assert_eq!(tenantry(&["token", "inspect", "--key", file, &changed]).end().code, 1);
}

#[test]
fn opstrace_spellings_make_opstrace_tokens() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("custom-keypair.pem");
    let file = file.to_str().expect("a plain path");
    let made = tenantry(&["ta-create-keypair", file]).end();
    assert_eq!((made.code, made.out.as_str()), (0, ""));
    let token = tenantry(&["ta-create-token", "showdown", "newtenant", file]).end();
    assert!(token.code == 0 && !token.out.ends_with('\n'), "{:?}", token.out);
    let seen = tenantry(&["token", "inspect", &token.out]).end().out;
    for part in ["opstrace-cluster-showdown", "opstrace-cli", "tenant-newtenant", "RS256"] {
        assert!(seen.contains(part), "{seen}");
    }
    assert_ne!(tenantry(&["ta-create-token", "S", "newtenant", file]).end().code, 0);
}

#[test]
fn a_configuration_is_checked_and_described() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tenantry.yaml");
    fs::write(&file, "listener: []\nworkers: many\n").expect("a file");
    let path = file.to_str().expect("a plain path");
    let bad = tenantry(&["check", "--config", path]).end();
    assert_eq!(bad.code, 1, "{}", bad.err);
    for says in [":1:", ":2:", "listeners", "workers"] {
        assert!(bad.err.contains(says), "{}", bad.err);
    }
    let documents = tenantry(&["check", "--config", "config/tenants.yaml"]).end();
    assert!(documents.code != 0 && documents.err.contains("`tenantry apply`"), "{}", documents.err);
    fs::write(&file, "workers: 1\n").expect("a file");
    assert_eq!(tenantry(&["check"]).env("TENANTRY_CONFIG", path).end().code, 0);
    assert_eq!(tenantry(&["check", "--config", "/nonexistent.yaml"]).end().code, 1);
    let schema = tenantry(&["schema"]).end();
    let schema: serde_json::Value = serde_json::from_str(&schema.out).expect("JSON");
    assert!(schema["properties"]["listeners"].is_object());
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    for words in [&["schema"][..], &["--help"]] {
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        let end = tenantry(words).output(Stdio::from(writer)).end();
        assert_eq!((end.code, end.err.as_str()), (0, ""), "{words:?}");
    }
}

#[test]
fn serve_refuses_a_bad_file_with_all_its_problems() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tenantry.yaml");
    fs::write(&file, "listener: []\nworkers: many\n").expect("a file");
    let end = tenantry(&["serve", "--config", file.to_str().expect("a plain path")]).end();
    assert_eq!(end.code, 1, "{}", end.err);
    assert!(end.err.contains("listeners") && end.err.contains("workers"), "{}", end.err);
}

#[test]
fn a_busy_port_is_named_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("a port").port().to_string();
    for (words, option) in [
        (["demo", "--admin-port", "0", "--port", &port], "--port 0"),
        (["demo", "--port", "0", "--admin-port", &port], "--admin-port 0"),
    ] {
        let end = tenantry(&words).end();
        assert_eq!((end.code, end.out.as_str()), (1, ""));
        assert!(end.err.contains(&port) && end.err.contains(option), "{}", end.err);
    }
}

#[test]
fn an_admin_port_that_is_not_there_is_named() {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    let url = format!("http://127.0.0.1:{port}");
    let end = tenantry(&["tenants", "list"]).env("TENANTRY_URL", &url).end();
    assert_eq!((end.code, end.out.as_str()), (1, ""));
    assert!(end.err.contains(&url) && end.err.contains("TENANTRY_URL"), "{}", end.err);
    assert!(end.err.contains("refused"), "{}", end.err);
}

#[test]
fn refusals_have_exit_codes_and_reasons() {
    let problem =
        r#"{"title":"T","status":0,"message":"it is so","errors":[{"field":"name","message":"too long"}]}"#;
    for (status, code) in
        [(400, 1), (401, 3), (403, 3), (404, 4), (409, 5), (412, 5), (429, 3), (500, 1), (503, 1)]
    {
        let stub = Stub::answering(status, "application/problem+json", problem);
        let end = stub.tenantry(&["tenants", "get", "acme"]).end();
        assert_eq!(end.code, code, "{status}: {}", end.err);
        assert!(end.err.contains("it is so\n  name: too long"), "{}", end.err);
        assert_eq!(end.err.contains("TENANTRY_PASSWORD"), status == 401, "{}", end.err);
    }
}

#[test]
fn what_is_no_admin_port_is_not_believed() {
    for (status, says) in [(200, "TENANTRY_URL"), (404, "TENANTRY_URL"), (502, "TENANTRY_URL")] {
        let end = Stub::answering(status, "text/html", "<h1>hello</h1>").tenantry(&["me"]).end();
        assert!(end.code == 1 && end.err.contains(says), "{status}: {}", end.err);
    }
    let stub = Stub::moved("http://127.0.0.1:9/");
    let end = stub.tenantry(&["me"]).env("TENANTRY_TOKEN", "t").end();
    assert!(end.code == 1 && end.err.contains("not followed"), "{}", end.err);
    assert_eq!(stub.requests().len(), 1);
}

#[test]
fn credentials_come_from_environment_or_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("password");
    fs::write(&file, "s3cret:x\n").expect("a file");
    let file = file.to_str().expect("a plain path");
    let root = [("TENANTRY_USER", "root"), ("TENANTRY_PASSWORD", "s3cret:x")];
    let by_file = [("TENANTRY_USER", "root"), ("TENANTRY_PASSWORD_FILE", file)];
    let token = [("TENANTRY_TOKEN", "a.b.c"), ("TENANTRY_USER", "")];
    let both = [("TENANTRY_TOKEN", "a.b.c"), root[0], root[1]];
    let basic = "authorization: Basic cm9vdDpzM2NyZXQ6eA==";
    for (variables, header) in
        [(&root[..], basic), (&by_file, basic), (&token, "authorization: Bearer a.b.c"), (&both, basic)]
    {
        let stub = Stub::answering(200, "application/json", r#"{"name":"root"}"#);
        let end = stub.tenantry(&["me", "--output", "yaml"]).envs(variables).end();
        assert_eq!((end.code, end.out.as_str()), (0, "name: root\n"), "{}", end.err);
        assert!(stub.requests()[0].contains(header), "{:?}", stub.requests());
    }
}

#[test]
fn of_a_private_key_only_the_public_half_is_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("acme.pem");
    let path = file.to_str().expect("a plain path");
    tenantry(&["keypair", "create", path, "--type", "ed25519"]).end();
    let pem = fs::read_to_string(&file).expect("the file");
    for (words, input) in [
        (&["keys", "add", path, "--speaks-for", "acme", "--speaks-for", "b", "--leeway", "10s"][..], ""),
        (
            &["keys", "add", "-", "--claim", "org", "--grant", "metrics:read", "--no-require-exp"],
            pem.as_str(),
        ),
        (&["ta-pubkeys-add", "aws", "showdown", path], ""),
    ] {
        let stub = Stub::answering(201, "application/json", r#"{"id":"x"}"#);
        let end = stub.tenantry(words).input(input).end();
        assert_eq!(end.code, 0, "{words:?}: {}", end.err);
        let everywhere = words[2] == "-";
        assert_eq!(end.err.contains("speak for every tenant"), everywhere, "{words:?}: {}", end.err);
        let sent = stub.requests().join("");
        assert!(sent.contains("BEGIN PUBLIC KEY") && !sent.contains("PRIVATE"), "{sent}");
        assert!(!sent.contains(pem.lines().nth(1).expect("a body")), "{sent}");
        let body: serde_json::Value =
            serde_json::from_str(sent.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON");
        match words[1] {
            "aws" => assert_eq!(body.as_object().map(serde_json::Map::len), Some(1), "{body}"),
            _ if words[2] == "-" => {
                assert_eq!(body["claim"], serde_json::json!({"name": "org", "prefix": ""}));
                assert_eq!(body["grants"], serde_json::json!(["metrics:read"]));
                assert_eq!(body["require_exp"], false);
            }
            _ => {
                assert_eq!(body["tenants"], serde_json::json!(["acme", "b"]));
                assert_eq!(body["leeway"], 10);
            }
        }
    }
}

#[test]
fn opstrace_spellings_have_opstrace_messages() {
    let problem = r#"{"title":"no","message":"ours"}"#;
    let kid = "a".repeat(40);
    let gone = Stub::answering(404, "application/problem+json", problem)
        .tenantry(&["ta-pubkeys-remove", "gcp", "showdown", &kid])
        .end();
    assert_eq!((gone.code, gone.err.as_str()), (4, "error: key not present in key set\n"));
    let stub = Stub::answering(200, "application/json", r#"{"results":[{"id":"k1"},{"id":"k2"}],"total":2}"#);
    assert_eq!(stub.tenantry(&["ta-pubkeys-list", "aws", "showdown"]).end().out, "k1\nk2\n");
}

#[test]
fn a_private_authority_is_believed_when_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let (stub, authority) = Stub::secure(r#"{"name":"root"}"#);
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, authority).expect("a file");
    let ca = ca.to_str().expect("a plain path");
    let good = stub.tenantry(&["me", "--ca", ca, "--output", "json"]).end();
    assert!(good.code == 0 && good.out.contains("root"), "{}", good.err);
    let (other, _) = Stub::secure("{}");
    let bad = other.tenantry(&["me", "--ca", ca]).env("TENANTRY_TOKEN", "secret").end();
    assert!(bad.code == 1 && bad.err.contains("certificate") && bad.err.contains("--ca"), "{}", bad.err);
    assert!(other.requests().is_empty(), "nothing is sent to a stranger");
}
