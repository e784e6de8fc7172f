//! Who may apply: everything for super admins, one's own tenant for its Admin, and nobody gives by a
//! document what they could not give by hand.

use reqwest::Method;
use serde_json::{Value, json};

use super::cast::{Caller, Done as _, Stage};
use super::desk::{Desk as _, lines};

/// `acme` with its Admin and somebody who makes roles and bindings and reads metrics.
async fn stage() -> (Stage, Caller, Caller) {
    let stage = Stage::set().await;
    let (admin, clerk) = (stage.user("admin@example.com").await, stage.user("clerk@example.com").await);
    let documents = json!([{
        "kind": "Tenant", "id": "acme",
        "roles": [{"name": "clerk", "permissions": {
            "metrics": ["read"], "ROLE": ["CREATE", "READ", "UPDATE"], "BINDING": ["CREATE", "READ"],
            "GROUP": ["CREATE", "READ"], "GROUP_MEMBERSHIP": ["CREATE", "READ"], "KEY": ["CREATE", "READ"],
            "USER": ["READ"],
        }}],
        "groups": [{"name": "chiefs"}],
        "bindings": [
            {"user": "admin@example.com", "role": "admin"}, {"user": "clerk@example.com", "role": "clerk"},
            {"group": "chiefs", "role": "admin"},
        ],
    }]);
    stage.apply(&documents, json!({})).await;
    (stage, admin, clerk)
}

fn acme(fields: Value) -> Value {
    let mut document = fields;
    document["kind"] = "Tenant".into();
    document["id"] = "acme".into();
    json!([document])
}

#[tokio::test]
async fn an_admin_applies_and_exports_the_own_tenant() {
    let (stage, admin, _) = stage().await;
    let documents = acme(json!({
        "name": "Acme", "roles": [{"name": "readers", "permissions": {"logs": ["read"]}}],
        "serviceAccounts": [{"name": "agent"}],
        "bindings": [{"serviceAccount": "agent", "role": "writer"}],
    }));
    let applied = stage.apply_as(&admin, &documents, json!({})).await;
    assert_eq!(lines(&applied.done(200).json()).len(), 4);
    let exported = stage.call(&admin, Method::GET, "/api/v1/export?tenant=acme", None).await;
    let documents = exported.done(200).json()["documents"].clone();
    let again = stage.apply_as(&admin, &documents, json!({"prune": true})).await;
    assert_eq!(lines(&again.done(200).json()), [""; 0]);
}

#[tokio::test]
async fn nobody_applies_beyond_the_own_tenant() {
    let (stage, admin, _) = stage().await;
    let before = stage.records();
    for (documents, status) in [
        (json!([{"kind": "Tenant", "id": "other", "description": "mine"}]), 404),
        (json!([{"kind": "Tenant", "id": "fresh"}]), 404),
        (json!([{"kind": "User", "email": "admin@example.com", "superAdmin": true}]), 403),
        (json!([{"kind": "ServiceAccount", "name": "root", "superAdmin": true}]), 403),
        (json!([{"kind": "Issuer", "id": "i", "issuer": "https://idp.example.com"}]), 403),
        (acme(json!({"state": "SUSPENDED"})), 403),
        (acme(json!({"serviceAccounts": [{"name": "x", "superAdmin": true}]})), 422),
    ] {
        for dry in [true, false] {
            stage.apply_as(&admin, &documents, json!({"dryRun": dry})).await.refused(status);
        }
    }
    let own = acme(json!({}));
    stage.apply_as(&admin, &own, json!({"pruneTenants": true})).await.refused(403);
    stage.call(&admin, Method::GET, "/api/v1/export", None).await.refused(403);
    stage.call(&admin, Method::GET, "/api/v1/export?tenant=other", None).await.refused(404);
    assert_eq!(stage.records(), before);
}

#[tokio::test]
async fn of_who_has_access_to_nothing_nothing_is_read() {
    let stage = Stage::set().await;
    let stranger = stage.user("stranger@example.com").await;
    for documents in [json!([]), json!([7]), json!(7)] {
        stage.apply_as(&stranger, &documents, json!({})).await.refused(403);
    }
}

#[tokio::test]
async fn nobody_gives_by_a_document_what_they_do_not_have() {
    let (stage, _, clerk) = stage().await;
    let before = stage.records();
    let me = json!({"user": "clerk@example.com"});
    let bound = |role: &str| {
        let mut binding = me.clone();
        binding["role"] = role.into();
        json!([binding])
    };
    let readable = json!({"metrics": ["read"]});
    for (what, fields) in [
        ("binding to Admin", json!({"bindings": bound("admin")})),
        ("binding to Viewer, which is more than metrics", json!({"bindings": bound("viewer")})),
        ("wider role", json!({"roles": [{"name": "clerk", "permissions": {"logs": ["read"]}}]})),
        ("new role with more", json!({"roles": [{"name": "x", "permissions": {"AUDIT": ["READ"]}}]})),
        (
            "new role and a binding to it at once",
            json!({"roles": [{"name": "x", "permissions": {"logs": ["read"]}}], "bindings": bound("x")}),
        ),
        ("seat in a group that may more", json!({"groups": [{"name": "chiefs", "members": [me]}]})),
        (
            "group that is bound to more at once",
            json!({
                "groups": [{"name": "mine", "members": [me]}], "bindings": [{"group": "mine", "role": "editor"}],
            }),
        ),
        ("key that gives more", json!({"keys": [key("editor")]})),
        ("default role", json!({"default_role": "viewer"})),
        ("machine", json!({"serviceAccounts": [{"name": "x"}]})),
        ("member", json!({"members": [{"user": "boss@example.com"}]})),
        ("deletion", json!({"bindings": []})),
        ("smaller role, by who may only look at groups", json!({"groups": []})),
    ] {
        let prune = fields.as_object().expect("fields").values().any(|list| *list == json!([]));
        let answer = stage.apply_as(&clerk, &acme(fields), json!({"prune": prune})).await;
        assert_eq!(answer.status, 403, "{what}: {}", answer.text);
        assert_eq!(stage.records(), before, "{what}");
    }
    let fine = json!({
        "roles": [{"name": "x", "permissions": readable}], "bindings": [{"user": "boss@example.com", "role": "x"}],
        "groups": [{"name": "mine", "members": [me]}],
    });
    let applied = stage.apply_as(&clerk, &acme(fine), json!({})).await;
    assert_eq!(lines(&applied.done(200).json()).len(), 4, "{}", applied.text);
}

fn key(role: &str) -> Value {
    json!({"id": "k", "role": role, "public_key": "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAWvF+NAjWnyzl2K8/Wyu8Id7PX0OdrmGZuibFA7mnmwI=\n-----END PUBLIC KEY-----"})
}

#[tokio::test]
async fn who_may_not_look_sees_no_plan() {
    let (stage, _, _) = stage().await;
    let viewer = stage.user("viewer@example.com").await;
    stage
        .apply(&acme(json!({"bindings": [{"user": "viewer@example.com", "role": "viewer"}]})), json!({}))
        .await;
    for field in ["roles", "groups", "serviceAccounts", "members", "bindings", "keys", "issuers"] {
        let mut fields = json!({});
        fields[field] = json!([]);
        stage.apply_as(&viewer, &acme(fields), json!({"dryRun": true})).await.refused(403);
    }
    stage.apply_as(&viewer, &acme(json!({"options": {}})), json!({"dryRun": true})).await.refused(403);
    stage.call(&viewer, Method::GET, "/api/v1/export?tenant=acme", None).await.refused(403);
    // Who reads bindings and makes none learns nothing of who there is.
    let reader = stage.user("reader@example.com").await;
    let reads = json!({
        "roles": [{"name": "reader", "permissions": {"BINDING": ["READ"]}}],
        "bindings": [{"user": "reader@example.com", "role": "reader"}],
    });
    stage.apply(&acme(reads), json!({})).await;
    for name in ["boss@example.com", "nobody@example.com"] {
        let bindings = json!({"bindings": [{"user": name, "role": "viewer"}]});
        stage.apply_as(&reader, &acme(bindings), json!({"dryRun": true})).await.refused(403);
    }
    // Also who may apply in another tenant.
    let stranger = stage.user("stranger@example.com").await;
    let elsewhere = json!([
        {"kind": "Tenant", "id": "other", "bindings": [{"user": "stranger@example.com", "role": "admin"}]},
    ]);
    stage.apply(&elsewhere, json!({})).await;
    stage.apply_as(&stranger, &acme(json!({})), json!({"dryRun": true})).await.refused(404);
    stage.call(&stranger, Method::GET, "/api/v1/export?tenant=acme", None).await.refused(404);
}
