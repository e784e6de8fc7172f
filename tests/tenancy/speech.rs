//! Whom a tenant's own key speaks for on the data plane, and what its tokens may do there.

use reqwest::Method;
use serde_json::{Value, json};
use tenantry::cli::keypair::KeypairKind;
use tenantry::cli::signer::Signer;
use tenantry::model::KeyId;

use crate::support::gateway::{self, Running, now};
use crate::support::upstream::Upstream;
use crate::support::wire::Setup;

struct Speech {
    running: Running,
    _upstream: Upstream,
}

/// A signer whose tokens name `kid`.
fn signer(kid: &str) -> Signer {
    let signer = Signer::generate(KeypairKind::P256).expect("a key");
    signer.with_key_id(KeyId::parse(kid))
}

impl Speech {
    async fn start() -> Speech {
        let upstream = Upstream::ok().await;
        let running = gateway::start(&Setup::to(upstream.address).yaml()).await;
        for id in ["acme", "beta"] {
            running.create_tenant(id).await;
        }
        Speech { running, _upstream: upstream }
    }

    /// Trusts a key: of the instance, or of a tenant.
    async fn trust(&self, owner: &str, kid: &str, signer: &Signer, more: Value) {
        let mut body = json!({"id": kid, "public_key": signer.public().pem()});
        body.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("an object"));
        let (status, body) = self.running.api(Method::POST, &format!("{owner}/keys"), Some(body)).await;
        assert_eq!(status, 201, "{body}");
    }

    /// The status of a request to a tenant, with a token of these claims.
    async fn status(&self, method: Method, tenant: &str, signer: &Signer, claims: Value) -> u16 {
        let mut all = json!({"exp": now() + 600});
        all.as_object_mut().expect("an object").extend(claims.as_object().cloned().expect("an object"));
        let token = signer.sign(&all).expect("a token");
        let url = format!("http://{}/t/{tenant}/x", self.running.proxy);
        let sent = self.running.http.request(method, url).bearer_auth(token).send().await;
        sent.expect("an answer").status().as_u16()
    }

    async fn get(&self, tenant: &str, signer: &Signer, claims: Value) -> u16 {
        self.status(Method::GET, tenant, signer, claims).await
    }
}

fn of(tenant: &str) -> Value {
    json!({"sub": format!("tenant-{tenant}")})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_key_speaks_for_that_tenant_alone() {
    let speech = Speech::start().await;
    let own = signer("own");
    speech.trust("/acme", "own", &own, json!({"claim": {"name": "org"}})).await;
    assert_eq!(speech.get("acme", &own, json!({"org": "acme"})).await, 200);
    for claims in
        [json!({"org": "beta"}), json!({"org": "beta", "sub": "tenant-beta"}), of("beta"), json!({})]
    {
        for tenant in ["acme", "beta"] {
            assert_eq!(speech.get(tenant, &own, claims.clone()).await, 401, "{claims} at {tenant}");
        }
    }
    // Beta's own key of the same name, with the other's signature.
    let other = signer("own");
    speech.trust("/beta", "own", &other, json!({"claim": {"name": "org"}})).await;
    assert_eq!(speech.get("beta", &own, json!({"org": "beta"})).await, 401);
    assert_eq!(speech.get("beta", &other, json!({"org": "beta"})).await, 200);
    assert_eq!(speech.get("acme", &own, json!({"org": "acme"})).await, 200);
    let nameless = Signer::generate(KeypairKind::P256).expect("a key").with_key_id(None);
    speech.trust("/acme", "nameless", &nameless, json!({})).await;
    assert_eq!(speech.get("acme", &nameless, of("acme")).await, 401, "no tenant's key is a fallback");
    speech.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_keys_of_one_name_the_tenants_own_counts() {
    let speech = Speech::start().await;
    let (instance, own) = (signer("k"), signer("k"));
    speech.trust("", "k", &instance, json!({})).await;
    assert_eq!(speech.get("acme", &instance, of("acme")).await, 200);
    speech.trust("/acme", "k", &own, json!({})).await;
    assert_eq!(speech.get("acme", &own, of("acme")).await, 200);
    assert_eq!(speech.get("acme", &instance, of("acme")).await, 401);
    assert_eq!(speech.get("beta", &instance, of("beta")).await, 200, "elsewhere nothing has changed");
    let (status, _) = speech.running.api(Method::DELETE, "/acme/keys/k", None).await;
    assert_eq!(status, 204);
    assert_eq!(speech.get("acme", &own, of("acme")).await, 401);
    assert_eq!(speech.get("acme", &instance, of("acme")).await, 200);
    speech.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_narrow_a_role_and_a_change_of_role_is_live() {
    let speech = Speech::start().await;
    let (text, list) = (signer("text"), signer("list"));
    speech.trust("/acme", "text", &text, json!({"scopes_claim": "scope"})).await;
    speech.trust("/acme", "list", &list, json!({"scopes_claim": "scp", "role": "viewer"})).await;
    let with = |claim: &str, scopes: Value| {
        let mut claims = of("acme");
        claims[claim] = scopes;
        claims
    };
    for (signer, claims, read, write) in [
        (&text, with("scope", json!("openid data:read")), 200, 403),
        (&text, with("scope", json!("data:read data:write")), 200, 200),
        (&text, with("scope", json!("")), 403, 403),
        (&text, of("acme"), 403, 403),
        (&text, with("scope", json!(7)), 401, 401),
        (&list, with("scp", json!(["data:read", "data:write", "*"])), 200, 403),
        (&list, with("scp", json!(["logs:read"])), 403, 403),
    ] {
        assert_eq!(speech.get("acme", signer, claims.clone()).await, read, "{claims}");
        assert_eq!(speech.status(Method::POST, "acme", signer, claims.clone()).await, write, "{claims}");
    }
    let plain = signer("plain");
    speech.trust("/acme", "plain", &plain, json!({})).await;
    for (role, write) in [("editor", 200), ("viewer", 403), ("writer", 200)] {
        let path = "/acme/keys/plain";
        let (status, body) = speech.running.api(Method::PUT, path, Some(json!({ "role": role }))).await;
        assert_eq!(status, 200, "{body}");
        assert_eq!(speech.status(Method::POST, "acme", &plain, of("acme")).await, write, "{role}");
    }
    assert_eq!(speech.get("acme", &plain, of("acme")).await, 403, "a writer reads nothing");
    speech.running.stop().await;
}
