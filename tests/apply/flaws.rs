//! Documents that are wrong: all that is wrong is told, with its place, and nothing is done.

use reqwest::Method;
use serde_json::{Value, json};

use super::cast::{Done as _, Stage, acme};
use super::desk::{Desk as _, example, lines};

/// What is refused with which field, and says what.
async fn refuses(stage: &Stage, document: Value, field: &str, says: &str) {
    let before = stage.records();
    let good = json!({"kind": "Tenant", "id": "fresh"});
    let refused = stage.apply_as(&stage.boss, &json!([good, document]), json!({})).await;
    let message = refused.flaws(&[field]);
    assert!(message.contains(says), "{message}");
    assert_eq!(stage.records(), before, "{document}");
}

#[tokio::test]
async fn every_flaw_is_told_with_its_place() {
    let stage = Stage::set().await;
    let acme = |field: &str, value: Value| {
        let mut document = json!({"kind": "Tenant", "id": "acme"});
        document[field] = value;
        document
    };
    for (document, field, says) in [
        (json!(7), "documents[1]", "map of fields"),
        (json!({}), "documents[1].kind", "Tenant, User"),
        (json!({"kind": "Secret"}), "documents[1].kind", "Issuer"),
        (json!({"kind": "Tenant"}), "documents[1]", "missing field `id`"),
        (acme("id", json!("www")), "documents[1].id", "reserved"),
        (acme("colour", json!("red")), "documents[1].colour", "unknown field"),
        (acme("roles", json!({})), "documents[1].roles", "expected a sequence"),
        (acme("roles", json!([{"name": "x"}])), "documents[1].roles[0]", "permissions"),
        (
            acme("roles", json!([{"name": "x", "permissions": {"logs": ["read"], "metrics": ["look"]}}])),
            "documents[1].roles[0].permissions.metrics",
            "no permission",
        ),
        (
            acme("roles", json!([{"name": "Admin", "permissions": {"metrics": ["read"]}}])),
            "documents[1].roles[0].name",
            "managed",
        ),
        (
            acme("groups", json!([{"name": "a"}, {"name": "A"}])),
            "documents[1].groups[1]",
            "in the list already",
        ),
        (acme("members", json!([{}])), "documents[1].members[0]", "exactly one"),
        (acme("members", json!([{"user": "a b"}])), "documents[1].members[0].user", "user name"),
        (acme("members", json!([{"user": "nobody"}])), "documents[1].members[0].user", "no user nobody"),
        (
            acme("bindings", json!([{"user": "root", "group": "x", "role": "viewer"}])),
            "documents[1].bindings[0]",
            "exactly one",
        ),
        (
            acme("bindings", json!([{"user": "root", "role": "x"}])),
            "documents[1].bindings[0].role",
            "no role",
        ),
        (
            acme("bindings", json!([{"group": "x", "role": "viewer"}])),
            "documents[1].bindings[0].group",
            "no group",
        ),
        (
            acme("bindings", json!([{"user": "root", "role": "viewer", "services": []}])),
            "documents[1].bindings[0].services",
            "leave it out",
        ),
        (
            acme("bindings", json!([{"user": "root", "role": "viewer", "services": ["nowhere"]}])),
            "documents[1].bindings[0].services",
            "no such service",
        ),
        (acme("keys", json!([{"id": "k"}])), "documents[1].keys[0].public_key", "missing"),
        (acme("issuers", json!([{"id": "i"}])), "documents[1].issuers[0].issuer", "missing"),
        (
            acme("options", json!({"traces": {"max_body_bytes": 1}})),
            "documents[1].options.traces",
            "no such service",
        ),
        (acme("default_role", json!("boss")), "documents[1].default_role", "no role"),
        (json!({"kind": "User", "email": "a:b"}), "documents[1].email", "user name"),
        (json!({"kind": "User", "email": "ann", "password": "short"}), "documents[1].password", "at least 8"),
        (json!({"kind": "ServiceAccount", "name": "A"}), "documents[1].name", "a-z"),
        (json!({"kind": "Key", "public_key": "no"}), "documents[1].public_key", ""),
        (json!({"kind": "Tenant", "id": "fresh"}), "documents[1].id", "documents[0]"),
    ] {
        refuses(&stage, document, field, says).await;
    }
}

#[tokio::test]
async fn all_documents_are_told_of_at_once() {
    let stage = Stage::set().await;
    let documents = json!([{"kind": "Tenant", "id": "A"}, {"kind": "User", "email": ""}, {"kind": "x"}]);
    let refused = stage.apply_as(&stage.boss, &documents, json!({})).await;
    refused.flaws(&["documents[0].id", "documents[1].email", "documents[2].kind"]);
    stage.apply_as(&stage.boss, &json!([]), json!({"prun": true})).await.refused(422);
    stage.call(&stage.boss, Method::POST, "/api/v1/apply", Some(&json!({}))).await.refused(422);
    stage.call(&stage.boss, Method::GET, "/api/v1/export?x=1", None).await.flaws(&["x"]);
    stage.call(&stage.boss, Method::GET, "/api/v1/export?tenant=none", None).await.refused(404);
}

#[tokio::test]
async fn what_is_told_does_not_grow_with_what_is_wrong() {
    let stage = Stage::set().await;
    let mut key = json!({"kind": "Key"});
    (0..5_000).for_each(|nth| key[format!("x{nth}")] = 0.into());
    let refused = stage.apply_as(&stage.boss, &json!([key]), json!({})).await;
    assert!(refused.refused(422).ends_with("; and 90 more"));
    assert_eq!(refused.json()["errors"].as_array().map(Vec::len), Some(100));
    let query: String = (0..500).map(|nth| format!("&x{nth}")).collect();
    let refused = stage.call(&stage.boss, Method::GET, &format!("/api/v1/tenants?{query}"), None).await;
    assert!(refused.refused(422).ends_with("; and 90 more"));
}

/// One bad binding among a hundred good records, and there is nothing of that tenant, nor of the others.
#[tokio::test]
async fn half_a_tenant_is_never_made() {
    let stage = Stage::set().await;
    let before = stage.records();
    let mut documents = example();
    let bindings = documents[3]["bindings"].as_array_mut().expect("bindings");
    bindings.push(json!({"user": "nobody@example.com", "role": "viewer"}));
    let refused = stage.apply_as(&stage.boss, &documents, json!({})).await;
    refused.flaws(&["documents[3].bindings[4].user"]);
    assert_eq!(stage.records(), before);
}

#[tokio::test]
async fn a_keys_material_is_another_key() {
    let stage = Stage::set().await;
    stage.apply(&example(), json!({})).await;
    let mut documents = example();
    let other = "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    documents[3]["keys"][0]["public_key"] =
        format!("-----BEGIN PUBLIC KEY-----\n{other}\n-----END PUBLIC KEY-----\n").into();
    let refused = stage.apply_as(&stage.boss, &documents, json!({})).await;
    refused.flaws(&["documents[3].keys[0].public_key"]);
    let misfit = json!({
        "kind": "Key", "id": "misfit", "algorithm": "RS256",
        "public_key": documents[3]["keys"][0]["public_key"].clone(),
    });
    let refused = stage.apply_as(&stage.boss, &json!([misfit]), json!({})).await;
    refused.flaws(&["documents[0].algorithm"]);
    let two = json!([
        {"kind": "Tenant", "id": "acme", "issuers": [
            {"id": "a", "issuer": "https://idp.example.com"}, {"id": "b", "issuer": "https://idp.example.com"}]}
    ]);
    stage.apply_as(&stage.boss, &two, json!({})).await.flaws(&["documents[0].issuers"]);
}

/// The instance's keys may name tenants of the same documents, and no others.
#[tokio::test]
async fn keys_of_the_instance_come_after_the_tenants() {
    let stage = Stage::set().await;
    let key = json!({
        "kind": "Key", "id": "all", "tenants": ["late"],
        "public_key": example()[3]["keys"][0]["public_key"].clone(),
    });
    let alone = json!([key.clone()]);
    stage.apply_as(&stage.boss, &alone, json!({})).await.flaws(&["documents[0].tenants"]);
    let both = json!([key, {"kind": "Tenant", "id": "late"}]);
    let applied = stage.apply(&both, json!({})).await;
    assert_eq!(lines(&applied), ["late: + Tenant late", "+ Key all"]);
    assert_eq!(lines(&stage.plan(&both).await), [""; 0]);
    stage.boss(Method::GET, &acme("roles"), None).await.done(200);
}
