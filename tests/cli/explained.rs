//! `explain` as its readers see it: each step in a line, the one that refuses marked, and the end.

use super::run::Outcome;
use super::served::{Gateway, ROOT};

const SERVICES: &str = "{metrics: {match: [{host: 'cortex.{tenant}.example.com'}], upstream: 'http://127.0.0.1:9', api: cortex}}";
const ACME: &str = "http://cortex.acme.example.com";

/// A gateway with one tenant; `agent` may write to acme, and has a token.
fn stage() -> (Gateway, String) {
    let gateway = Gateway::serving(SERVICES, &ROOT);
    let run = |line: &str| {
        let end = gateway.tenantry(&line.split(' ').collect::<Vec<_>>()).end();
        assert_eq!(end.code, 0, "{line}: {}", end.err);
        end.out.trim().to_owned()
    };
    run("tenants create acme");
    run("service-accounts create agent --tenant acme");
    run("bindings create --tenant acme --role Writer --for-service-account agent");
    let token = run("api-tokens create laptop --for-service-account agent --tenant acme");
    (gateway, token)
}

#[test]
fn what_is_refused_says_where_and_why() {
    let (gateway, token) = stage();
    let explain = |path: &str, words: &[&str]| -> Outcome {
        let url = format!("{ACME}{path}");
        let end = gateway.tenantry(&[&["explain", "--url", &url], words].concat()).end();
        assert_eq!(end.code, 0, "{}", end.err);
        assert!(!end.out.contains(&token), "no secret is shown");
        end
    };
    let write = ["--method", "POST", "--token", &token];
    let allowed = explain("/api/v1/push", &write).out;
    assert!(allowed.ends_with("allowed\n") && !allowed.contains('!'), "{allowed}");
    let broken = &token[..token.len() - 1];
    for (path, words, step, end) in [
        ("/config", vec!["--token", &token], "target", "refused: 404 (unlisted)"),
        ("/api/v1/push", vec!["--token", &token], "target", "refused: 405 (method)"),
        ("/api/v1/query", vec![], "credential", "refused: 401 (missing)"),
        ("/api/v1/query", vec!["--token", broken], "identity", "refused: 401 (malformed)"),
        ("/api/v1/query", vec!["--token", &token], "permission", "refused: 403 (forbidden)"),
    ] {
        let told = explain(path, &words).out;
        assert!(told.ends_with(&format!("{end}\n")), "{path}: {told}");
        let marked: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("! ")).collect();
        assert!(marked.len() == 1 && marked[0].starts_with(step), "{path}: {told}");
    }
    let read = gateway.tenantry(&["explain", "--url", ACME, "--token", "-"]).input(&token).end();
    assert!(read.code == 0 && read.out.contains("refused: 404"), "{} {}", read.out, read.err);
    let stranger = gateway.stranger(&["explain", "--url", ACME]).end();
    assert_eq!(stranger.code, 3, "{}", stranger.err);
}
