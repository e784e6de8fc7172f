//! What goes, and what never does.

use reqwest::Method;
use serde_json::{Value, json};

use super::cast::{Done as _, Stage, acme};
use super::desk::{Desk as _, example, lines, parts};

async fn stage() -> Stage {
    let stage = Stage::set().await;
    stage.apply(&example(), json!({})).await;
    stage
}

fn acme_with(field: &str, value: Value) -> Value {
    let mut document = json!({"kind": "Tenant", "id": "acme"});
    document[field] = value;
    json!([document])
}

#[tokio::test]
async fn only_what_the_document_lists_the_kind_of_goes() {
    let stage = stage().await;
    let prune = json!({"prune": true});
    for (field, value, gone) in [
        ("keys", json!([]), vec!["acme: - Key acme-ci"]),
        (
            "bindings",
            json!([{"user": "ann@example.com", "role": "admin"}, {"group": "on-call", "role": "dashboards"}]),
            vec![
                "acme: - Binding instance service account grafana -> viewer",
                "acme: - Binding service account prometheus -> writer",
            ],
        ),
        // With a group go its bindings and its people's seats; they stay in the tenant.
        ("groups", json!([]), vec!["acme: - Group on-call", "acme: - Binding group on-call -> dashboards"]),
        ("roles", json!([]), vec!["acme: - Role dashboards"]),
        // With access goes what somebody is bound to.
        (
            "members",
            json!([{"user": "bob@example.com"}]),
            vec![
                "acme: - Member user ann@example.com",
                "acme: - Member instance service account grafana",
                "acme: - Binding user ann@example.com -> admin",
            ],
        ),
        ("serviceAccounts", json!([]), vec!["acme: - ServiceAccount prometheus"]),
    ] {
        let documents = acme_with(field, value);
        let mut plan = lines(&stage.apply(&documents, prune.clone()).await);
        let mut gone: Vec<_> = gone.into_iter().map(str::to_owned).collect();
        plan.sort();
        gone.sort();
        assert_eq!(plan, gone, "{field}");
        assert_eq!(lines(&stage.plan(&documents).await), [""; 0], "{field}");
    }
    let users = stage.get("/api/v1/users?q=example.com").await;
    assert_eq!(users["total"], 3, "ann, bob and the boss: users are never pruned");
    assert_eq!(stage.export("?tenant=globex").await[0]["bindings"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_service_accounts_tokens_and_its_name_go_with_it() {
    let stage = stage().await;
    let id = stage.get(&acme("service-accounts")).await["results"][0]["id"].clone();
    let id = id.as_str().expect("an id");
    let token = json!({"name": "agent"});
    stage
        .boss(Method::POST, &acme(&format!("service-accounts/{id}/api-tokens")), Some(&token))
        .await
        .done(201);
    assert_eq!(stage.port.published.load().tokens.len(), 2);
    stage.apply(&acme_with("serviceAccounts", json!([])), json!({"prune": true})).await;
    assert_eq!(stage.port.published.load().tokens.len(), 1, "the boss's");
    let again = acme_with("serviceAccounts", json!([{"name": "prometheus"}]));
    assert_eq!(lines(&stage.apply(&again, json!({})).await), ["acme: + ServiceAccount prometheus"]);
}

#[tokio::test]
async fn a_role_that_something_gives_does_not_go() {
    let stage = stage().await;
    let before = stage.records();
    let refused = stage.apply_as(&stage.boss, &acme_with("roles", json!([])), json!({"prune": true})).await;
    let message = refused.flaws(&["documents[0].roles"]);
    assert!(message.contains("\"dashboards\"") && message.contains("1 bindings"), "{message}");
    assert_eq!(stage.records(), before);
}

#[tokio::test]
async fn tenants_go_only_when_that_is_said() {
    let stage = stage().await;
    let documents = acme_with("description", "alone".into());
    stage.apply(&documents, json!({"prune": true})).await;
    stage.get("/api/v1/tenants/globex").await;
    let none = stage.apply_as(&stage.boss, &json!([]), json!({"pruneTenants": true})).await;
    none.flaws(&["pruneTenants"]);
    let with = json!({"pruneTenants": true});
    let plan = stage.apply(&documents, json!({"pruneTenants": true, "dryRun": true})).await;
    assert_eq!(lines(&plan), ["globex: - Tenant globex", "other: - Tenant other"]);
    let done = stage.apply(&documents, with).await;
    assert_eq!(parts(&done), ["globex done", "other done"]);
    stage.boss(Method::GET, "/api/v1/tenants/globex", None).await.refused(404);
    stage.get("/api/v1/tenants/acme").await;
}

#[tokio::test]
async fn a_super_admin_is_left() {
    let stage = stage().await;
    let off = |name: &str| json!({"kind": "User", "email": name, "superAdmin": false});
    let before = stage.records();
    let both = json!([off("root"), off("boss@example.com")]);
    let refused = stage.apply_as(&stage.boss, &both, json!({})).await;
    assert!(refused.refused(409).contains("no super admin"));
    assert_eq!(stage.records(), before);
    let mut with = both.as_array().expect("documents").clone();
    with.push(json!({"kind": "ServiceAccount", "name": "terraform", "superAdmin": true}));
    // It has no token yet: nobody could sign in as a super admin.
    let refused = stage.apply_as(&stage.boss, &with.into(), json!({"dryRun": true})).await;
    assert!(refused.refused(409).contains("no super admin"));
    stage.apply(&json!([off("root")]), json!({})).await;
    stage.apply_as(&stage.boss, &json!([off("boss@example.com")]), json!({})).await.refused(409);
}
