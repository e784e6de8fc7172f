//! Credentials on the data plane, through real sockets: what is believed, what is refused, and how
//! fast a change of keys or tenants takes hold.

mod support;

#[path = "tokens/answers.rs"]
mod answers;
#[path = "tokens/claims.rs"]
mod claims;
#[path = "tokens/forged.rs"]
mod forged;
#[path = "tokens/live.rs"]
mod live;

use serde_json::json;
use support::gateway::{self, token};
use support::upstream::Upstream;
use tenantry::cli::keypair::KeypairKind;
use tenantry::cli::signer::Signer;

/// The status of a GET as `tenant` with this Authorization value.
async fn get(running: &gateway::Running, tenant: &str, authorization: Option<&str>) -> (u16, String) {
    let mut request = running.http.get(format!("http://{}/t/{tenant}/x", running.proxy));
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    let response = request.send().await.expect("an answer");
    (response.status().as_u16(), response.text().await.expect("a text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_its_own_tenant_and_no_other() {
    let upstream = Upstream::ok().await;
    let running = gateway::start(&gateway::yaml(upstream.address, "read-write", "", "")).await;
    let signer = running.with_tenants(&["acme", "globex"]).await;
    let acme = format!("Bearer {}", token(&signer, "acme"));
    assert_eq!(get(&running, "acme", Some(&acme)).await.0, 200);
    assert_eq!(upstream.last().header("x-scope-orgid"), ["acme"]);
    let (status, body) = get(&running, "acme", None).await;
    assert_eq!((status, body.trim()), (401, "Authorization header missing"));
    for other in ["globex", "nobody"] {
        let (status, body) = get(&running, other, Some(&acme)).await;
        assert_eq!((status, body.trim()), (401, "bad authentication token"));
    }
    // Known, but gone: only its own token tells.
    let ghost = format!("Bearer {}", token(&signer, "ghost"));
    assert_eq!(get(&running, "ghost", Some(&ghost)).await.0, 404);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_a_key_kills_its_tokens_at_once_cached_or_not() {
    let upstream = Upstream::ok().await;
    let running = gateway::start(&gateway::yaml(upstream.address, "read-write", "", "")).await;
    let signer = running.with_tenants(&["acme"]).await;
    let other = Signer::generate(KeypairKind::Rsa2048).expect("a key");
    running.trust(&other, json!({})).await;
    let (first, second) = (token(&signer, "acme"), token(&other, "acme"));
    for _ in 0..8 {
        assert_eq!(get(&running, "acme", Some(&format!("Bearer {first}"))).await.0, 200);
    }
    let id = signer.key_id().expect("an id").to_string();
    let (status, _) = running.api(reqwest::Method::DELETE, &format!("/keys/{id}"), None).await;
    assert_eq!(status, 204);
    for _ in 0..8 {
        assert_eq!(get(&running, "acme", Some(&format!("Bearer {first}"))).await.0, 401);
        assert_eq!(get(&running, "acme", Some(&format!("Bearer {second}"))).await.0, 200);
    }
    running.stop().await;
}
