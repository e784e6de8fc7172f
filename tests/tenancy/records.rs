//! Tenants as records: their fields, who sees and changes which, and who becomes Admin.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tenantry::model::{ManagedRole, RoleId};

use crate::control::Port;
use crate::people::{Caller, role};

const ACME: &str = "/api/v1/tenants/acme";

async fn with_tenants(ids: &[&str]) -> Port {
    let port = Port::start().await;
    for id in ids {
        assert_eq!(port.post("/api/v1/tenants", &json!({ "id": id })).await.status, 200);
    }
    port
}

#[tokio::test]
async fn what_kestra_does_not_know_survives_its_puts() {
    let port = Port::start().await;
    let body = json!({"id": "acme", "state": "SUSPENDED", "labels": {"tier": "gold", "empty": ""},
        "default_role": "viewer_acme"});
    let made = port.post("/api/v1/tenants", &body).await.json();
    for (field, value) in body.as_object().expect("an object") {
        assert_eq!(&made[field], value);
    }
    let put = port.put(ACME, &json!({"id": "acme", "name": "Acme"})).await.json();
    assert_eq!((&put["name"], &put["state"]), (&json!("Acme"), &json!("SUSPENDED")));
    assert_eq!((&put["labels"], &put["default_role"]), (&made["labels"], &made["default_role"]));
    assert_eq!(port.put(ACME, &put).await.status, 200, "what was read can be written back");
    let labelled = port.put(ACME, &json!({"labels": {"tier": "iron"}})).await.json();
    assert_eq!(labelled["labels"], json!({"tier": "iron"}), "PUT replaces the labels");
    let merged =
        port.patch(ACME, &json!({"labels": {"a": "1", "tier": null}, "defaultRole": null})).await.json();
    assert_eq!(merged["labels"], json!({"a": "1"}), "PATCH merges them");
    assert!(merged.get("default_role").is_none(), "{merged}");
    let reset = port.patch(ACME, &json!({"labels": null, "state": null})).await.json();
    assert_eq!((&reset["labels"], &reset["state"]), (&json!({}), &json!("ACTIVE")));
}

#[tokio::test]
async fn bounds_of_what_is_ours_are_told() {
    let port = with_tenants(&["acme"]).await;
    let labels = |count: usize| (0..count).map(|nth| (format!("l{nth}"), json!("x"))).collect();
    let labels = |count: usize| Value::Object(labels(count));
    port.patch(ACME, &json!({"labels": labels(65)})).await.flaws(&["labels"]);
    assert_eq!(port.patch(ACME, &json!({"labels": labels(64)})).await.status, 200);
    port.patch(ACME, &json!({"labels": {"one-more": ""}})).await.flaws(&["labels"]);
    let long = json!({"labels": {"": "x", "a": "x".repeat(256), "b\n": "x", "c": "x\ny"}});
    port.patch(ACME, &long).await.flaws(&["labels.", "labels.a", "labels.b\n", "labels.c"]);
    for (body, field) in [
        (json!({"state": "PAUSED"}), "state"),
        (json!({"labels": {"a": 1}}), "labels.a"),
        (json!({"options": {"metrics": {"colour": 1}}}), "options.metrics.colour"),
        (json!({"options": {"metrics": {"upstreams": ["ftp://a"]}}}), "options.metrics.upstreams"),
        (json!({"options": {"metrics": {"methods": ["BREW"]}}}), "options.metrics.methods"),
        (json!({"options": {"metrics": {"max_body_bytes": -1}}}), "options.metrics.max_body_bytes"),
        (json!({"default_role": "viewer_beta"}), "default_role"),
        (json!({"default_role": "2XDKrmqyHDkoGnU11wlj87"}), "default_role"),
        (json!({"admin": "root"}), "admin"),
    ] {
        port.patch(ACME, &body).await.flaws(&[field]);
    }
    let message = port.patch(ACME, &json!({"options": {"nowhere": {"max_body_bytes": 1}}})).await;
    assert!(message.flaws(&["options.nowhere"]).contains("no such service"));
}

#[tokio::test]
async fn who_is_named_becomes_admin_and_nobody_else_does() {
    let port = Port::start().await;
    let (ann, bob) = (Caller::new(&port, "ann@example.com", &[]).await, Caller::new(&port, "bob", &[]).await);
    let make = |id: &str, admin: Value| {
        let body = json!({ "id": id, "admin": admin });
        let port = &port;
        async move { port.post("/api/v1/tenants", &body).await }
    };
    assert_eq!(make("acme", json!("Ann@Example.com")).await.status, 200);
    assert_eq!(make("beta", json!({"email": "ann@example.com"})).await.status, 200);
    assert_eq!(make("gamma", json!({"username": "bob"})).await.status, 200);
    assert_eq!(make("delta", Value::Null).await.status, 200);
    for (caller, own) in [(&ann, vec!["acme", "beta"]), (&bob, vec!["gamma"])] {
        let list = caller.get("/api/v1/tenants").await.json();
        let ids: Vec<_> = list["results"].as_array().expect("a list").iter().map(|one| &one["id"]).collect();
        assert_eq!(
            (ids, &list["total"]),
            (own.iter().map(|id| json!(id)).collect::<Vec<_>>().iter().collect(), &json!(own.len()))
        );
        for id in ["acme", "beta", "gamma", "delta"] {
            let path = format!("/api/v1/tenants/{id}");
            let changed = caller.patch(&path, &json!({"description": "mine"})).await;
            assert_eq!(changed.status, if own.contains(&id) { 200 } else { 404 }, "{}", changed.text);
        }
    }
    let body = json!({"id": "zeta", "admin": "bob", "default_role": "viewer"});
    assert_eq!(port.post("/api/v1/tenants", &body).await.status, 200);
    let bindings = port.get("/api/v1/zeta/bindings").await.json();
    assert_eq!(bindings["total"], 2, "the default role of whoever comes in, and Admin: {bindings}");
    let message = make("epsilon", json!("nobody")).await.flaws(&["admin"]);
    assert!(message.contains("there is no user \"nobody\""), "{message}");
    make("epsilon", json!("a b")).await.flaws(&["admin"]);
    make("epsilon", json!({"name": "bob"})).await.flaws(&["admin"]);
    port.get("/api/v1/tenants/epsilon").await.refused(404);
    port.put(ACME, &json!({"admin": "bob"})).await.flaws(&["admin"]);
}

#[tokio::test]
async fn each_sees_and_changes_what_they_may() {
    let port = with_tenants(&["acme", "beta"]).await;
    let admin = Caller::admin(&port, "ann", "acme").await;
    let viewer = Caller::new(&port, "vic", &[("acme", RoleId::Managed(ManagedRole::Viewer))]).await;
    let stranger = Caller::new(&port, "sam", &[]).await;
    let (tag, before) = (port.get(ACME).await.etag().to_owned(), port.get(ACME).await.json());

    assert_eq!(admin.get(ACME).await.json(), before);
    let seen = viewer.get(ACME).await.json();
    assert!(seen.get("options").is_none() && seen["name"] == "acme", "{seen}");
    stranger.get(ACME).await.refused(404);
    admin.get("/api/v1/tenants/beta").await.refused(404);
    assert_eq!(stranger.get("/api/v1/tenants").await.json(), json!({"results": [], "total": 0}));
    assert_eq!(viewer.get("/api/v1/tenants/search?q=ACM&sort=name:desc").await.json()["total"], 1);
    assert_eq!(viewer.get("/api/v1/tenants?q=beta").await.json()["total"], 0);
    viewer.get("/api/v1/tenants?sort=colour").await.flaws(&["sort"]);

    for caller in [&admin, &viewer, &stranger] {
        caller.post("/api/v1/tenants", &json!({"id": "mine"})).await.refused(403);
        caller.delete(ACME).await.refused(403);
    }
    let name = json!({"name": "Mine"});
    viewer.patch(ACME, &name).await.refused(403);
    viewer.put(ACME, &name).await.refused(403);
    stranger.patch(ACME, &name).await.refused(404);
    for body in [json!({"state": "SUSPENDED"}), json!({"name": "Mine", "state": "SUSPENDED"})] {
        admin.patch(ACME, &body).await.refused(403);
        admin.put(ACME, &body).await.refused(403);
    }
    let after = port.get(ACME).await;
    assert_eq!(
        (after.etag(), after.json()),
        (tag.as_str(), before.clone()),
        "what was refused changed nothing"
    );

    let own =
        json!({"name": "Mine", "description": "d", "labels": {"a": "b"}, "default_role": "viewer_acme"});
    assert_eq!(admin.patch(ACME, &own).await.status, 200);
    let mut written = port.get(ACME).await.json();
    assert_eq!(written["name"], "Mine");
    written["name"] = json!("Ours");
    assert_eq!(admin.put(ACME, &written).await.json()["name"], "Ours", "the state is the same");
    let stale =
        admin.port.anonymous(reqwest::Method::PATCH, ACME).basic_auth("root", Some(crate::control::PASSWORD));
    port.send(stale.header("if-match", &tag).json(&own)).await.refused(412);
}

#[tokio::test]
async fn a_default_role_gives_no_more_than_its_giver_has() {
    let port = with_tenants(&["acme"]).await;
    let (clerk, make) = role("acme", &["TENANT:READ", "TENANT:UPDATE", "metrics:read"]);
    let (reader, other) = role("acme", &["metrics:read"]);
    port.commit(vec![make, other]).await;
    let clerk = Caller::new(&port, "clerk", &[("acme", clerk)]).await;
    for (given, status) in
        [("admin_acme".to_owned(), 403), ("viewer".to_owned(), 403), (reader.to_string(), 200)]
    {
        let patched = clerk.patch(ACME, &json!({"default_role": given})).await;
        assert_eq!(patched.status, status, "{given}: {}", patched.text);
    }
    // A role that is the default already is nobody's gift.
    assert_eq!(port.patch(ACME, &json!({"default_role": "admin_acme"})).await.status, 200);
    let same = clerk.patch(ACME, &json!({"default_role": "admin_acme", "name": "n"})).await;
    assert_eq!(same.status, 200, "{}", same.text);
}

#[tokio::test]
async fn two_who_label_at_once_lose_nothing() {
    let port = with_tenants(&["acme"]).await;
    let label = |name: String| {
        let body = json!({"labels": BTreeMap::from([(name, "x")])});
        let port = &port;
        async move { assert_eq!(port.patch(ACME, &body).await.status, 200) }
    };
    for nth in 0..20 {
        tokio::join!(label(format!("a{nth}")), label(format!("b{nth}")));
    }
    let labels = port.get(ACME).await.json()["labels"].as_object().expect("labels").len();
    assert_eq!(labels, 40);
}
