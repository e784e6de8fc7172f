//! How fast a change of keys, tenants and time takes hold of tokens that were believed a moment ago.

use reqwest::Method;
use serde_json::json;
use tenantry::cli::keypair::KeypairKind;

use crate::support::door::Door;
use crate::support::forge::{Forge, good};
use crate::support::gateway::now;
use crate::support::raw::status;

/// Enough connections of their own that every thread of the data plane gets some.
const CONNECTIONS: usize = 16;

/// The statuses of requests with a token over many connections; all must be alike.
async fn everywhere(door: &Door, tenant: &str, token: &str) -> (u16, String) {
    let mut all = Vec::new();
    for _ in 0..CONNECTIONS {
        let bearer = format!("Authorization: Bearer {token}\r\n");
        let answer = door.ask(&format!("GET /t/{tenant}/x"), "a", &bearer).await;
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.trim().to_owned());
        all.push((status(&answer), body.unwrap_or_default()));
    }
    assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
    all.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_tenants_cached_token_ends_at_once() {
    let forge = Forge::new(KeypairKind::P256);
    let door = Door::with(&forge, &["acme", "globex"]).await;
    let token = forge.claims(&good("acme").to_string());
    let other = forge.claims(&good("globex").to_string());
    for _ in 0..3 {
        assert_eq!(everywhere(&door, "acme", &token).await.0, 200);
        door.api(Method::DELETE, "/tenants/acme", None).await;
        let seen = door.upstream.seen().len();
        assert_eq!(everywhere(&door, "acme", &token).await, (404, "tenant not found".to_owned()));
        assert_eq!(door.upstream.seen().len(), seen);
        assert_eq!(everywhere(&door, "globex", &other).await.0, 200);
        door.running.create_tenant("acme").await;
    }
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_made_again_never_meets_what_it_left() {
    let forge = Forge::new(KeypairKind::P256);
    let door = Door::with(&forge, &["acme"]).await;
    let token = |tenant: &str| forge.claims(&good(tenant).to_string());
    let acme = token("acme");
    let org = async |tenant: &str, token: &str| {
        assert_eq!(everywhere(&door, tenant, token).await.0, 200);
        door.upstream.last().header("x-scope-orgid").join(" and ")
    };
    assert_eq!(org("acme", &acme).await, "acme");
    let bound = Forge::new(KeypairKind::P256);
    door.trust(&bound, json!({ "tenants": ["acme"] })).await;
    let theirs = bound.claims(&good("acme").to_string());
    assert_eq!(org("acme", &theirs).await, "acme");
    door.api(Method::DELETE, "/tenants/acme", None).await;
    door.running.create_tenant("acme").await;
    assert_eq!(org("acme", &acme).await, "acme-2");
    // Who spoke for the old one by name does not speak for the new one.
    assert_eq!(everywhere(&door, "acme", &theirs).await.0, 401);
    // A tenant whose id looks like a taken org id gets one of its own.
    door.running.create_tenant("acme-2").await;
    assert_eq!(org("acme-2", &token("acme-2")).await, "acme-2-2");
    door.running.create_tenant("acme-3").await;
    assert_eq!(org("acme-3", &token("acme-3")).await, "acme-3");
    door.api(Method::DELETE, "/tenants/acme", None).await;
    door.running.create_tenant("acme").await;
    assert_eq!(org("acme", &acme).await, "acme-4");
    assert_eq!(org("acme-2", &token("acme-2")).await, "acme-2-2");
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_of_a_key_hold_for_cached_tokens_at_once() {
    let forge = Forge::new(KeypairKind::P256);
    let door = Door::with(&forge, &["acme", "globex"]).await;
    let path = format!("/keys/{}", forge.kid());
    let token = forge.claims(&good("acme").to_string());
    for (condition, expected) in [
        (json!({ "audience": "someone" }), 401),
        (json!({ "issuer": "someone" }), 401),
        (json!({ "tenants": ["globex"] }), 401),
        (json!({ "claim": { "name": "org" } }), 401),
        (json!({ "claim": { "name": "sub", "prefix": "" } }), 401),
        (json!({ "grants": ["metrics:read"] }), 403),
        (json!({ "description": "new words" }), 200),
    ] {
        door.api(Method::PUT, &path, Some(json!({}))).await;
        assert_eq!(everywhere(&door, "acme", &token).await.0, 200, "before {condition}");
        door.api(Method::PUT, &path, Some(condition.clone())).await;
        assert_eq!(everywhere(&door, "acme", &token).await.0, expected, "{condition}");
    }
    door.api(Method::DELETE, &path, None).await;
    assert_eq!(everywhere(&door, "acme", &token).await.0, 401, "removed");
    // Another key under the same id is another key.
    let successor = Forge::new(KeypairKind::P256);
    door.trust(&successor, json!({ "id": forge.kid() })).await;
    assert_eq!(everywhere(&door, "acme", &token).await.0, 401, "succeeded");
    let theirs = successor.token(&forge.header().to_string(), &good("acme").to_string());
    assert_eq!(everywhere(&door, "acme", &theirs).await.0, 200);
    door.api(Method::DELETE, &path, None).await;
    door.trust(&forge, json!({})).await;
    assert_eq!(everywhere(&door, "acme", &theirs).await.0, 401);
    assert_eq!(everywhere(&door, "acme", &token).await.0, 200, "trusted again");
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cached_token_dies_with_its_time() {
    let forge = Forge::new(KeypairKind::P256);
    let door = Door::with(&forge, &["acme"]).await;
    let exp = now() + 2;
    let mut payload = good("acme");
    payload["exp"] = exp.into();
    let token = forge.claims(&payload.to_string());
    door.admits("acme", &token, "fresh").await;
    loop {
        let before = now();
        let answer = door.bearer("acme", &token).await;
        if before >= exp {
            answer.is_bad_token("expired");
            break;
        }
        assert!(answer.status == 200 || now() >= exp, "too early");
    }
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cached_token_is_worth_nothing_at_another_tenant_or_in_another_form() {
    let forge = Forge::new(KeypairKind::P256);
    let door = Door::with(&forge, &["acme", "globex"]).await;
    let token = forge.claims(&good("acme").to_string());
    assert_eq!(everywhere(&door, "acme", &token).await.0, 200);
    for tenant in ["globex", "nobody"] {
        assert_eq!(everywhere(&door, tenant, &token).await, (401, "bad authentication token".to_owned()));
    }
    for changed in [format!("{token}A"), token[..token.len() - 1].to_owned(), token.to_uppercase()] {
        assert_eq!(everywhere(&door, "acme", &changed).await.0, 401);
    }
    assert_eq!(everywhere(&door, "acme", &token).await.0, 200);
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cache_counts_what_it_holds() {
    const TOKENS: u64 = 50;
    let forge = Forge::new(KeypairKind::Ed25519);
    let door = Door::with(&forge, &["acme"]).await;
    for nth in 0..TOKENS {
        let mut payload = good("acme");
        payload["jti"] = nth.into();
        let token = forge.claims(&payload.to_string());
        door.admits("acme", &token, "first").await;
        door.admits("acme", &token, "again").await;
        // What is refused takes no place.
        payload["exp"] = 1.into();
        door.refuses("acme", &forge.claims(&payload.to_string()), "expired").await;
    }
    let value = |page: &str, name: &str| -> u64 {
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name}")).parse().expect("a number")
    };
    // Threads hand their numbers over from time to time.
    let mut page = String::new();
    for _ in 0..200 {
        page = door.running.metrics().await;
        let known =
            ["hits", "misses"].map(|kind| value(&page, &format!("tenantry_token_cache_{kind}_total")));
        if known.iter().sum::<u64>() == 3 * TOKENS {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let hits = value(&page, "tenantry_token_cache_hits_total");
    assert_eq!(hits + value(&page, "tenantry_token_cache_misses_total"), 3 * TOKENS);
    assert!((1..=TOKENS).contains(&hits), "{hits}");
    let entries = value(&page, "tenantry_token_cache_entries");
    assert!((TOKENS..=2 * TOKENS).contains(&entries), "{entries}");
    door.running.stop().await;
}

/// An operator sees which service refuses, and in the log why.
#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_counted_and_logged_where_they_happen() {
    let forge = Forge::new(KeypairKind::Ed25519);
    let door = Door::with(&forge, &["acme"]).await;
    assert_eq!(door.get("acme", None).await.status, 401);
    // A request that nobody can read is told as well.
    assert!(door.raw("GET / HTTP/1.1\nHost: a\n\n").await.starts_with("HTTP/1.1 400"));
    let log = door.running.log(2).await;
    let of =
        |reason: &str| log.iter().find(|line| line["reason"] == reason).unwrap_or_else(|| panic!("{log:?}"));
    assert_eq!((&of("missing")["service"], &of("missing")["status"]), (&"metrics".into(), &401.into()));
    assert_eq!(of("bad_framing")["status"], 400);
    let page = door.running.metrics().await;
    let counted = page.lines().find(|line| {
        ["tenantry_requests_total{", "service=\"metrics\"", "tenant=\"\"", "4xx"]
            .iter()
            .all(|part| line.contains(part))
    });
    assert!(counted.is_some_and(|line| line.ends_with(" 1")), "{page}");
}
