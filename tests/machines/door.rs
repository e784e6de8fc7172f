//! Tokens at the front door.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::json;

use super::seed::{self, group};
use super::stage::{Stage, Who};

const READ: &str = "GET /t/acme/api/v1/query";
const WRITE: &str = "POST /t/acme/api/v1/push";
const DELETE: &str = "DELETE /t/acme/api/v1/rules/mine";

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Another last digit.
fn slip(token: &str) -> String {
    let last = if token.ends_with('0') { "1" } else { "0" };
    format!("{}{last}", &token[..token.len() - 1])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_taken_in_every_spelling_and_nothing_like_it_is() {
    let stage = Stage::start().await;
    let account = stage.machine("agent", &["editor"]).await;
    let (id, token) = stage.token(&account, json!({ "name": "ci" })).await;
    for spelling in [
        format!("Bearer {token}"),
        format!("bearer   {token}"),
        basic("whoever", &token),
        basic("acme", &token),
        basic("", &token),
    ] {
        assert_eq!(stage.ask(READ, &spelling).await, 200, "{spelling}");
        let seen = stage.upstream.last();
        assert_eq!(seen.header("x-scope-orgid"), ["acme"]);
        assert_eq!(seen.header("authorization"), Vec::<&str>::new());
    }
    let other_secret = seed::ticket(id.parse().expect("an id"), 7).0;
    let other_id = seed::ticket(seed::id(99), 7).0;
    for (what, wrong) in [
        ("another secret, well formed", other_secret),
        ("a token that nobody has", other_id),
        ("a slip of the pen", slip(&token)),
        ("cut short", token[..token.len() - 1].to_owned()),
        ("with more behind", format!("{token}0")),
        ("expired", seed::expired().1),
        ("another kind of ticket", token.replacen("tnt_", "tns_", 1)),
        ("its prefix", format!("tnt_{id}")),
    ] {
        assert_eq!(stage.bearer(READ, &wrong).await, 401, "{what}");
        assert_eq!(stage.ask(READ, &basic("acme", &wrong)).await, 401, "{what}");
    }
    assert_eq!(stage.bearer("GET /t/globex/api/v1/query", &token).await, 401, "no access to the tenant");
    assert_eq!(stage.bearer("GET /t/nobody/api/v1/query", &token).await, 401, "no such tenant");
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_open_what_they_say() {
    let stage = Stage::start().await;
    for (role, read, write, delete) in [
        ("viewer", 200, 403, 403),
        ("writer", 403, 200, 403),
        ("editor", 200, 200, 200),
        ("admin", 200, 200, 200),
    ] {
        let account = stage.machine(role, &[role]).await;
        let (_, token) = stage.token(&account, json!({ "name": "ci" })).await;
        for (request, expected) in [(READ, read), (WRITE, write), (DELETE, delete)] {
            for _ in 0..2 {
                assert_eq!(stage.bearer(request, &token).await, expected, "{role}: {request}");
            }
        }
    }
    let nobody = stage.machine("nobody", &[]).await;
    let (_, token) = stage.token(&nobody, json!({ "name": "ci" })).await;
    assert_eq!(stage.bearer(READ, &token).await, 403, "access without a role");
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_and_services_narrow() {
    let stage = Stage::start().await;
    let account = stage.machine("agent", &["viewer", "writer"]).await;
    let (_, narrow) = stage.token(&account, json!({ "name": "narrow", "scopes": ["metrics:write"] })).await;
    assert_eq!(stage.bearer(WRITE, &narrow).await, 200);
    assert_eq!(stage.bearer(READ, &narrow).await, 403);
    let (_, wide) = stage.token(&account, json!({ "name": "wide", "scopes": ["*"] })).await;
    assert_eq!(stage.bearer(READ, &wide).await, 200);
    assert_eq!(stage.bearer(DELETE, &wide).await, 403, "scopes never widen");

    let account = stage.machine("elsewhere", &["elsewhere"]).await;
    let (_, token) = stage.token(&account, json!({ "name": "ci" })).await;
    assert_eq!(stage.bearer("GET /o/acme/api/v1/query", &token).await, 200);
    assert_eq!(stage.bearer(READ, &token).await, 403, "its role holds at the service \"other\" alone");
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_one_tenant_opens_no_other() {
    let stage = Stage::start().await;
    let elsewhere = READ.replace("acme", "globex");
    let (_, everywhere) = stage.token_by(Who::Ann, "/me", json!({ "name": "everywhere" })).await;
    let (_, limited) = stage.token_by(Who::Ann, "/me", json!({ "name": "limited", "tenant": "acme" })).await;
    assert_eq!(stage.bearer(READ, &everywhere).await, 200);
    assert_eq!(stage.bearer(&elsewhere, &everywhere).await, 200);
    assert_eq!(stage.bearer(READ, &limited).await, 200);
    assert_eq!(stage.bearer(&elsewhere, &limited).await, 401);
    // Access alone opens nothing: known there, and allowed nothing.
    let body = json!({ "name": "roamer", "tenants": ["acme"] });
    let made = stage.call(Who::Root, Method::POST, "/service-accounts", Some(body)).await.of(200);
    let path = format!("/service-accounts/{}", made["id"].as_str().expect("an id"));
    let (_, token) = stage.token(&path, json!({ "name": "ci" })).await;
    assert_eq!(stage.bearer(READ, &token).await, 403);
    assert_eq!(stage.bearer(&elsewhere, &token).await, 401);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_is_live_at_once_in_warm_caches() {
    let stage = Stage::start().await;
    let account = stage.machine("agent", &["viewer"]).await;
    let (id, token) = stage.token(&account, json!({ "name": "ci" })).await;
    let (_, other) = stage.token(&account, json!({ "name": "other" })).await;
    // Each thread has a cache of its own; enough requests come to all of them.
    let all = async |request: &str, token: &str| {
        let mut statuses = std::collections::BTreeSet::new();
        for _ in 0..12 {
            statuses.insert(stage.bearer(request, token).await);
        }
        statuses.into_iter().collect::<Vec<_>>()
    };
    let put = async |body: serde_json::Value| {
        stage.call(Who::Root, Method::PUT, &account, Some(body)).await.of(200)
    };
    assert_eq!((all(READ, &token).await, all(WRITE, &token).await), (vec![200], vec![403]));
    put(json!({ "name": "agent", "groups": [group("writer")] })).await;
    assert_eq!((all(READ, &token).await, all(WRITE, &token).await), (vec![403], vec![200]));
    put(json!({ "name": "agent", "groups": [group("editor")] })).await;
    assert_eq!((all(READ, &token).await, all(WRITE, &token).await), (vec![200], vec![200]));
    put(json!({ "name": "agent", "disabled": true })).await;
    assert_eq!((all(READ, &token).await, all(WRITE, &other).await), (vec![401], vec![401]), "disabled");
    put(json!({ "name": "agent" })).await;
    assert_eq!(all(READ, &token).await, [401], "what is left out stays");
    put(json!({ "name": "agent", "disabled": false })).await;
    assert_eq!((all(READ, &token).await, all(WRITE, &other).await), (vec![200], vec![200]));
    let path = format!("{account}/api-tokens/{id}");
    assert_eq!(stage.call(Who::Root, Method::DELETE, &path, None).await.status, 204);
    assert_eq!((all(READ, &token).await, all(READ, &other).await), (vec![401], vec![200]), "one is revoked");
    assert_eq!(stage.call(Who::Root, Method::DELETE, &account, None).await.status, 200);
    assert_eq!(all(READ, &other).await, [401], "the account is gone");
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_tokens_are_told_of_and_those_that_keep_asking_do_not_fill_the_log() {
    let stage = Stage::start().await;
    let account = stage.machine("agent", &["viewer"]).await;
    let (id, token) = stage.token(&account, json!({ "name": "ci" })).await;
    assert_eq!(stage.bearer("GET /t/globex/api/v1/query", &token).await, 401);
    stage.call(Who::Root, Method::DELETE, &format!("{account}/api-tokens/{id}"), None).await.of(204);
    for _ in 0..500 {
        assert_eq!(stage.bearer(READ, &token).await, 401);
    }
    assert_eq!(stage.ask(READ, &basic("planted", &slip(&token))).await, 401);
    assert_eq!(stage.bearer(READ, "eyJhbGciOiJIUzI1NiJ9.e30.c2ln").await, 401);
    assert_eq!(stage.ask(READ, "Digest planted").await, 401);
    assert_eq!(stage.bearer("GET /t/nobody/api/v1/query", &token).await, 401);
    let _ = stage.running.http.get(format!("http://{}/t/acme/x", stage.running.proxy)).send().await;
    // What was refused last is written at the end.
    let stage = Stage::over(stage.stop().await).await;
    let found = stage.call(Who::Root, Method::GET, "/auditlogs/search?outcome=REFUSED&size=100", None);
    let found = found.await.of(200);
    let mut told = std::collections::BTreeMap::new();
    let entries = found["results"].as_array().expect("results");
    for entry in entries {
        assert_eq!((&entry["deed"], &entry["actor"]["address"]), (&json!("SIGN_IN"), &json!("127.0.0.1")));
        assert!(!entry.to_string().contains("planted") && !entry.to_string().contains(&token));
        let detail = entry["detail"].as_str().expect("a text");
        let (why, times) = match detail.rsplit_once(" (").filter(|(_, times)| times.ends_with(" times)")) {
            Some((why, times)) => (why, times.trim_end_matches(" times)").parse().expect("a number")),
            None => (detail, 1),
        };
        let key = (entry["tenant"].as_str(), entry["actor"]["via"].as_str().expect("a text"), why);
        *told.entry(key).or_insert(0) += times;
    }
    let revoked = "there is no such API token: it was revoked, or never given out";
    let expected = [
        ((None, "api_token", revoked), 1),
        ((Some("acme"), "api_token", revoked), 500),
        (
            (
                Some("acme"),
                "api_token",
                "the token is broken: a part is missing, or does not fit its check digits",
            ),
            1,
        ),
        (
            (
                Some("acme"),
                "jwt",
                "the token names no key (`kid`), and no key is the fallback for such tokens",
            ),
            1,
        ),
        (
            (
                Some("acme"),
                "none",
                "the credential is neither `Bearer TOKEN` nor `Basic` with a user and a password",
            ),
            1,
        ),
        (
            (
                Some("globex"),
                "api_token",
                "the credential is good, but gives no access to the tenant of this URL",
            ),
            1,
        ),
    ];
    assert_eq!(told, std::collections::BTreeMap::from(expected));
    assert!(entries.len() < 30, "{} entries", entries.len());
    stage.stop().await;
}
