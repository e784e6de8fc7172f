//! Passwords come with documents, are set when they have to be, and never come back.

use reqwest::Method;
use serde_json::{Value, json};

use super::cast::{Done as _, Stage};
use super::desk::{Desk as _, fields, lines};
use super::support::logged;

const OLD: &str = "Pl4nted-old-password";
const NEW: &str = "Pl4nted-new-password";

fn ann(password: &str) -> Value {
    json!([{"kind": "User", "email": "ann@example.com", "password": password}])
}

async fn signs_in(stage: &Stage, password: &str) -> bool {
    let me = stage.port.anonymous(Method::GET, "/api/v1/me").basic_auth("ann@example.com", Some(password));
    stage.port.send(me).await.status == 200
}

#[tokio::test]
async fn passwords_are_set_once_unless_that_is_asked_for() {
    let stage = Stage::set().await;
    let plan = stage.apply(&ann(OLD), json!({"dryRun": true})).await;
    assert_eq!(
        fields(&plan, "ann@example.com"),
        ["email: null -> \"ann@example.com\"", "password: null -> \"(new)\""]
    );
    stage.apply(&ann(OLD), json!({})).await;
    assert!(signs_in(&stage, OLD).await);
    assert_eq!(lines(&stage.apply(&ann(NEW), json!({})).await), [""; 0]);
    assert!(signs_in(&stage, OLD).await && !signs_in(&stage, NEW).await);
    let reset = json!({"resetPasswords": true});
    let applied = stage.apply(&ann(NEW), reset.clone()).await;
    assert_eq!(fields(&applied, "ann@example.com"), ["password: null -> \"(new)\""]);
    assert!(signs_in(&stage, NEW).await && !signs_in(&stage, OLD).await);
    assert_eq!(lines(&stage.apply(&ann(NEW), reset).await), [""; 0], "it is that already");
}

#[tokio::test]
async fn no_secret_is_in_an_export_a_plan_the_audit_log_or_the_log() {
    let stage = Stage::set().await;
    let mut shown = stage.apply(&ann(OLD), json!({"dryRun": true})).await.to_string();
    shown += &stage.apply(&ann(OLD), json!({})).await.to_string();
    shown += &stage.apply(&ann(NEW), json!({"resetPasswords": true})).await.to_string();
    shown += &stage.export("").await.to_string();
    let bad = stage.apply_as(&stage.boss, &ann("aaaaaaaa-but-no: $argon2id"), json!({"prun": 1})).await;
    shown += &bad.text;
    let wrong = json!([{"kind": "User", "email": "b", "password": [OLD]}]);
    shown += &stage.apply_as(&stage.boss, &wrong, json!({})).await.text;
    for record in stage.port.store.all::<tenantry::model::AuditEntry>(None).expect("the log") {
        shown += &serde_json::to_string(&record.value).expect("JSON");
    }
    shown += &logged();
    assert!(shown.contains("ann@example.com"));
    for secret in [OLD, NEW, "$argon2", "password_hash"] {
        assert!(!shown.contains(secret), "{secret}");
    }
}

/// A new password ends what stands upon the old one.
#[tokio::test]
async fn sessions_end_with_the_password() {
    let stage = Stage::set().await;
    stage.apply(&ann(OLD), json!({})).await;
    let login = stage.port.anonymous(Method::POST, "/login");
    let login = login.json(&json!({"username": "ann@example.com", "password": OLD}));
    stage.port.send(login).await.done(200);
    let sessions = || stage.port.store.all::<tenantry::model::Session>(None).expect("sessions").len();
    assert_eq!(sessions(), 1);
    stage.apply(&ann(NEW), json!({"resetPasswords": true})).await;
    assert_eq!(sessions(), 0);
}
