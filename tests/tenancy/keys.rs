//! A tenant's own keys as records: who manages them, and what they can give.

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use reqwest::Method;
use serde_json::{Value, json};
use tenantry::model::{ManagedRole, RoleId};

use crate::control::{PASSWORD, Port, USER};
use crate::people::{Caller, role};

const KEYS: &str = "/api/v1/acme/keys";

fn key(id: &str, more: Value) -> Value {
    let pem = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key").public_key_pem();
    let mut key = json!({"id": id, "public_key": pem});
    key.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("an object"));
    key
}

async fn with_tenants() -> Port {
    let port = Port::start().await;
    for id in ["acme", "beta"] {
        assert_eq!(port.post("/api/v1/tenants", &json!({ "id": id })).await.status, 200);
    }
    port
}

#[tokio::test]
async fn an_admin_keeps_the_keys_of_a_tenant() {
    let port = with_tenants().await;
    let ann = Caller::admin(&port, "ann", "acme").await;
    let added = ann.post(KEYS, &key("k/1", json!({}))).await;
    assert_eq!(added.status, 201, "{}", added.text);
    assert_eq!(added.header("location"), "/api/v1/acme/keys/k%2F1");
    let own = added.json();
    assert_eq!((&own["tenants"], &own["role"]), (&json!(["acme"]), &json!("editor_acme")));
    assert!(own.get("grants").is_none() && own["fallback"] == false, "{own}");
    assert!(port.published.load().keys.get(Some("acme"), "k/1").is_some(), "live when answered");

    let path = added.header("location");
    assert_eq!(ann.get(path).await.json(), own);
    assert_eq!(ann.get(KEYS).await.json(), json!({"results": [own], "total": 1}));
    assert_eq!(port.get("/api/v1/keys").await.json()["total"], 0, "it is not the instance's");
    assert_eq!(ann.put(path, &own).await.json(), own, "what was read can be written back");
    let narrow = ann.put(path, &json!({"role": "viewer", "scopesClaim": "scp"})).await.json();
    assert_eq!((&narrow["role"], &narrow["scopes_claim"]), (&json!("viewer_acme"), &json!("scp")));
    let granted = ann.put(path, &json!({"grants": ["metrics:write"]})).await.json();
    assert_eq!((granted.get("role"), &granted["grants"]), (None, &json!(["metrics:write"])));

    ann.post(KEYS, &key("k/1", json!({}))).await.refused(409);
    for other in ["/api/v1/beta/keys", "/api/v1/keys"] {
        assert_eq!(port.post(other, &key("k/1", json!({}))).await.status, 201, "{other}: another owner's");
    }
    let stale = port.anonymous(Method::PUT, path).basic_auth(USER, Some(PASSWORD));
    port.send(stale.header("if-match", added.etag()).json(&json!({}))).await.refused(412);
    assert_eq!(ann.delete(path).await.status, 204);
    ann.delete(path).await.refused(404);
    ann.get(path).await.refused(404);
    ann.put(path, &json!({})).await.refused(404);
    assert!(port.published.load().keys.get(Some("acme"), "k/1").is_none(), "gone when answered");
    assert!(port.published.load().keys.get(None, "k/1").is_some(), "the instance's stays");
}

#[tokio::test]
async fn a_tenants_key_breaks_rules_that_are_named() {
    let port = with_tenants().await;
    for (more, fields) in [
        (json!({"tenants": "all"}), vec!["tenants"]),
        (json!({"tenants": ["acme", "beta"]}), vec!["tenants"]),
        (json!({"tenants": ["beta"], "fallback": true}), vec!["tenants", "fallback"]),
        (json!({"role": "viewer_beta"}), vec!["role"]),
        (json!({"role": "2XDKrmqyHDkoGnU11wlj87"}), vec!["role"]),
        (json!({"role": "viewer", "grants": ["*"]}), vec!["grants"]),
        (json!({"grants": ["BINDING:CREATE"]}), vec!["grants"]),
        (json!({"scopes_claim": ""}), vec!["scopes_claim"]),
    ] {
        port.post(KEYS, &key("k", more)).await.flaws(&fields);
    }
    assert_eq!(port.post(KEYS, &key("k", json!({"tenants": ["acme"]}))).await.status, 201);
    let (own, made) = role("acme", &["logs:read"]);
    port.commit(vec![made]).await;
    port.post("/api/v1/keys", &key("k", json!({"role": own.to_string()}))).await.flaws(&["role"]);
    let at_instance = port.post("/api/v1/keys", &key("k", json!({"role": "writer"}))).await;
    assert_eq!((at_instance.status.as_u16(), &at_instance.json()["role"]), (201, &json!("writer")));
    port.post("/api/v1/nobody/keys", &key("k", json!({}))).await.refused(404);
    port.get("/api/v1/NOBODY/keys").await.refused(404);
    port.get("/api/v1/acme/keys/%20").await.refused(404);
}

#[tokio::test]
async fn nobody_gives_by_a_key_what_they_do_not_have() {
    let port = with_tenants().await;
    let (keeper, make) = role("acme", &["KEY:*", "logs:write"]);
    let (writer, other) = role("acme", &["logs:write"]);
    port.commit(vec![make, other]).await;
    let keeper = Caller::new(&port, "keeper", &[("acme", keeper)]).await;
    keeper.post(KEYS, &key("k", json!({}))).await.refused(403);
    keeper.post(KEYS, &key("k", json!({"role": "admin"}))).await.refused(403);
    keeper.post(KEYS, &key("k", json!({"grants": ["logs:*"]}))).await.refused(403);
    assert_eq!(keeper.post(KEYS, &key("k", json!({"role": writer.to_string()}))).await.status, 201);
    assert_eq!(keeper.post(KEYS, &key("l", json!({"grants": ["logs:write"]}))).await.status, 201);
    keeper.put(&format!("{KEYS}/l"), &json!({"role": "editor"})).await.refused(403);
    assert_eq!(port.get(&format!("{KEYS}/l")).await.json()["grants"], json!(["logs:write"]));
}

#[tokio::test]
async fn a_role_that_a_key_or_an_issuer_gives_stays() {
    let port = with_tenants().await;
    let (given, make) = role("acme", &["logs:read"]);
    port.commit(vec![make]).await;
    let (given, free) = (given.to_string(), port.get("/api/v1/acme/roles").await.json()["total"].clone());
    let path = format!("/api/v1/acme/roles/{given}");
    let issuer = json!({"id": "idp", "issuer": "https://idp.invalid", "role": given});
    for (list, one, form) in
        [("keys", "key", key("k", json!({ "role": given }))), ("issuers", "issuer", issuer)]
    {
        let added = port.post(&format!("/api/v1/acme/{list}"), &form).await;
        assert_eq!(added.status, 201, "{}", added.text);
        let message = port.delete(&path).await.refused(409);
        assert_eq!(message, format!("1 {one} gives this role: delete it first"));
        let id = form["id"].as_str().expect("an id");
        assert_eq!(port.delete(&format!("/api/v1/acme/{list}/{id}")).await.status, 204);
    }
    assert_eq!(port.get("/api/v1/acme/roles").await.json()["total"], free);
    assert_eq!(port.delete(&path).await.status, 204);
}

#[tokio::test]
async fn others_may_not_and_strangers_may_not_even_know() {
    let port = with_tenants().await;
    assert_eq!(port.post(KEYS, &key("k", json!({}))).await.status, 201);
    let viewer = Caller::new(&port, "vic", &[("acme", RoleId::Managed(ManagedRole::Viewer))]).await;
    let foreign = Caller::admin(&port, "fay", "beta").await;
    let one = format!("{KEYS}/k");
    let before = port.get(&one).await.json();
    for (caller, status) in [(&viewer, 403), (&foreign, 404)] {
        for (method, path) in [(Method::GET, KEYS), (Method::GET, &one), (Method::DELETE, &one)] {
            caller.call(method, path, None).await.refused(status);
        }
        caller.post(KEYS, &key("l", json!({}))).await.refused(status);
        caller.put(&one, &json!({})).await.refused(status);
        caller.get("/api/v1/keys").await.refused(403);
        caller.post("/api/v1/keys", &key("l", json!({}))).await.refused(403);
    }
    assert_eq!(port.get(&one).await.json(), before, "what was refused changed nothing");
}
