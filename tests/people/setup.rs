//! The first set-up, and what else may be asked by nobody in particular.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tenantry::model::{ManagedRole, User};
use tenantry::store::Change;

use crate::cast::{PASSWORD, by, id_of, machine, tenant};
use crate::support::{Answer, Port};

const ANN: &str = "ann@example.com";

async fn set_up(port: &Port, form: &Value) -> Answer {
    port.send(port.anonymous(Method::POST, "/api/v1/setup").json(form)).await
}

async fn done(port: &Port) -> bool {
    let answer = port.send(port.anonymous(Method::GET, "/api/v1/setup")).await;
    answer.json()["done"].as_bool().expect("a flag")
}

#[tokio::test]
async fn whoever_comes_first_to_an_instance_of_nobody_has_it() {
    let port = Port::vacant().await;
    assert!(!done(&port).await);
    let form = json!({"username": ANN, "password": PASSWORD, "tenant": "acme"});
    set_up(&port, &json!({"username": "a:b", "tenant": "www", "x": 1}))
        .await
        .flaws(&["x", "username", "password", "tenant"]);
    set_up(&port, &json!({"username": ANN, "password": "short"})).await.flaws(&["password"]);
    tenant(&port, "globex", None).await;
    set_up(&port, &json!({"username": ANN, "password": PASSWORD, "tenant": "globex"})).await.refused(409);
    assert!(!done(&port).await, "nothing of it was done");

    let before = port.published.load().revision;
    let made = set_up(&port, &form).await;
    assert_eq!(made.status, 200, "{}", made.text);
    assert_eq!(port.published.load().revision, before + 1, "all of it in one commit, or nothing");
    assert!(done(&port).await);
    let again = set_up(&port, &json!({"username": "eve@example.com", "password": PASSWORD})).await;
    assert!(again.refused(405).contains("set up already"));
    assert_eq!(again.header("allow"), "GET, HEAD");
    let me = port.send(by(&port, ANN, Method::GET, "/api/v1/me")).await.json();
    assert_eq!((&me["superAdmin"], &me["id"]), (&json!(true), &made.json()["id"]));
    assert_eq!(me["tenants"], json!([{"id": "acme", "name": "acme"}]));
    let acme = port.published.load().tenants.get("acme").cloned().expect("a tenant");
    let rights = acme.access.rights(id_of(&made.json())).expect("access");
    assert_eq!(rights.everywhere, ManagedRole::Admin.rights());
}

#[tokio::test]
async fn whose_machine_is_there_is_no_instance_of_nobody() {
    let port = Port::vacant().await;
    port.commit(vec![Change::Put(machine(5, true).into())]).await;
    let drawn = port.control.first_admin(None, None, tenantry::model::Timestamp::now()).await;
    assert!(drawn.expect("an answer").is_none());
    assert!(port.store.all::<User>(None).expect("users").is_empty());
}

#[tokio::test]
async fn of_two_that_come_at_once_one_is_first() {
    let port = Port::vacant().await;
    let form = |name: &str| json!({"username": name, "password": PASSWORD});
    let (ann, bob) = (form(ANN), form("bob@example.com"));
    let (one, two) = tokio::join!(set_up(&port, &ann), set_up(&port, &bob));
    assert_eq!(BTreeSet::from([one.status.as_u16(), two.status.as_u16()]), BTreeSet::from([200, 405]));
    assert_eq!(port.store.all::<User>(None).expect("users").len(), 1);
}

#[tokio::test]
async fn an_instance_with_a_machine_in_charge_is_not_up_for_grabs() {
    let port = Port::vacant().await;
    port.commit(vec![Change::Put(machine(5, true).into())]).await;
    assert!(done(&port).await);
    set_up(&port, &json!({"username": ANN, "password": PASSWORD})).await.refused(405);
    assert!(done(&Port::start().await).await);
}

#[tokio::test]
async fn ways_to_sign_in_and_passwords_are_told_to_anybody() {
    let port = Port::start().await;
    let auths = port.send(port.anonymous(Method::GET, "/api/v1/auths")).await.json();
    let expected = json!({"loginPassword": true, "mailsEnabled": false, "passwordless": false, "oauths": []});
    assert_eq!(auths, expected);
    let judge = async |password: &'static str| {
        let request = port.anonymous(Method::POST, "/api/v1/validate-password");
        port.send(request.header("content-type", "text/plain").body(password)).await
    };
    assert_eq!(judge("correct horse").await.json(), json!({"valid": true, "errors": []}));
    let bad = judge("aaa").await.json();
    assert_eq!((&bad["valid"], bad["errors"].as_array().map(Vec::len)), (&json!(false), Some(2)));
    let json = port.anonymous(Method::POST, "/api/v1/validate-password").json(&json!("x"));
    port.send(json).await.refused(415);
}
