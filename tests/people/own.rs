//! What users see and change of their own account.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tenantry::model::{
    AuditEntry, Grants, Invitation, InvitedRole, ManagedRole, Outcome, Principal, Rights, RoleId, Timestamp,
    UserName,
};
use tenantry::store::{Change, Record};

use crate::cast::{PASSWORD, by, group, id, id_of, machine, path, tenant, tenant_id, token, user};
use crate::support::{Answer, Port};

const ANN: &str = "ann@example.com";

async fn ask(port: &Port, method: Method, path: &str, body: &Value) -> Answer {
    port.send(by(port, ANN, method, path).json(body)).await
}

#[tokio::test]
async fn users_see_themselves_and_change_their_names() {
    let port = Port::start().await;
    tenant(&port, "acme", None).await;
    let ann = user(&port, ANN, json!({"tenants": ["acme"], "firstName": "Ann"})).await;
    let me = port.send(by(&port, ANN, Method::GET, "/api/v1/me")).await;
    let profile = json!({"username": ANN, "email": ANN, "firstName": "Ann", "lastName": ""});
    let auths = json!([{"name": "password", "type": "BASIC_AUTH"}]);
    let whole = json!({"id": ann["id"], "superAdmin": false, "restricted": false, "profile": profile,
        "auths": auths, "tenants": [{"id": "acme", "name": "ACME"}]});
    assert_eq!(me.json(), whole);
    let patch = by(&port, ANN, Method::PATCH, "/api/v1/me").header("if-match", me.etag());
    let patch = patch.json(&json!({"lastName": "Lee", "email": "ANN@example.com"}));
    let patched = port.send(patch.try_clone().expect("a copy")).await;
    assert_eq!(patched.json()["profile"]["lastName"], "Lee");
    assert_ne!(patched.etag(), me.etag());
    port.send(patch).await.refused(412);
    // By what somebody signs in is not theirs to change: invitations go there.
    ask(&port, Method::PATCH, "/api/v1/me", &json!({"email": "boss@example.com"})).await.flaws(&["email"]);
    ask(&port, Method::PATCH, "/api/v1/me", &json!({"superAdmin": true})).await.flaws(&["superAdmin"]);
    assert_eq!(port.get(&path(&ann, "")).await.json()["email"], ANN);
}

#[tokio::test]
async fn passwords_change_for_those_who_know_the_old_one() {
    let port = Port::start().await;
    user(&port, ANN, json!({})).await;
    let change = |old: &str, new: &str| json!({"oldPassword": old, "newPassword": new});
    let place = "/api/v1/me/password";
    ask(&port, Method::PUT, place, &change(PASSWORD, "short")).await.flaws(&["newPassword"]);
    ask(&port, Method::PUT, place, &change("wrong-password", "planted-third-pass"))
        .await
        .flaws(&["oldPassword"]);
    assert_eq!(ask(&port, Method::PUT, place, &change(PASSWORD, "planted-third-pass")).await.status, 200);
    ask(&port, Method::GET, "/api/v1/me", &json!({})).await.refused(401);
    let renewed = port.anonymous(Method::GET, "/api/v1/me").basic_auth(ANN, Some("planted-third-pass"));
    assert_eq!(port.send(renewed).await.status, 200);
}

#[tokio::test]
async fn guessing_the_old_password_is_guessing_a_password() {
    let port = Port::start().await;
    user(&port, ANN, json!({})).await;
    let visit = crate::cast::sign_in(&port, ANN).await;
    let mut statuses = BTreeSet::new();
    for nth in 0..12 {
        let guess =
            json!({"oldPassword": format!("wrong-password-{nth}"), "newPassword": "planted-third-pass"});
        let put = visit.write(&port, Method::PUT, "/api/v1/me/password").json(&guess);
        statuses.insert(port.send(put).await.status.as_u16());
    }
    assert_eq!(statuses, BTreeSet::from([422, 429]));
    let store = port.store.clone();
    port.stop().await;
    let entries = store.all::<AuditEntry>(None).expect("entries").into_iter().map(|entry| entry.value);
    let refused: Vec<_> = entries.filter(|entry| entry.outcome == Outcome::Refused).collect();
    assert!(!refused.is_empty() && refused.iter().all(|entry| entry.actor.name == ANN), "{}", refused.len());
}

#[tokio::test]
async fn restricted_users_machines_and_narrow_tokens_change_nothing_of_their_own() {
    let port = Port::start().await;
    let ann = user(&port, ANN, json!({"restricted": true})).await;
    let bob = user(&port, "bob@example.com", json!({})).await;
    let bob = Principal::User(id_of(&bob));
    let (narrow, narrow_text) = token(30, bob, Some(Rights::on_data(Grants::READ)));
    let (whole, whole_text) = token(31, bob, None);
    let (robot, robot_text) = token(32, Principal::ServiceAccount(id(5)), None);
    let records: [Record; 4] = [machine(5, false).into(), narrow.into(), whole.into(), robot.into()];
    port.commit(records.map(|record| Change::Put(record.into())).into()).await;
    let profile = json!({"firstName": "Eve"});
    let password = json!({"oldPassword": PASSWORD, "newPassword": "planted-third-pass"});
    for (method, place, body) in
        [(Method::PATCH, "/api/v1/me", &profile), (Method::PUT, "/api/v1/me/password", &password)]
    {
        ask(&port, method.clone(), place, body).await.refused(403);
        for text in [&narrow_text, &robot_text] {
            let request = port.anonymous(method.clone(), place).bearer_auth(text.reveal());
            port.send(request.json(body)).await.refused(403);
        }
        let request = port.anonymous(method.clone(), place).bearer_auth(whole_text.reveal());
        assert_eq!(port.send(request.json(body)).await.status, 200, "all of its owner's rights");
    }
    assert_eq!(ask(&port, Method::GET, "/api/v1/me", &json!({})).await.json()["restricted"], true);
    assert_eq!(
        port.patch(&path(&ann, "/restricted"), &json!({"restricted": false})).await.json()["restricted"],
        false
    );
    assert_eq!(ask(&port, Method::PATCH, "/api/v1/me", &profile).await.status, 200);
    let me =
        port.send(port.anonymous(Method::GET, "/api/v1/me").bearer_auth(robot_text.reveal())).await.json();
    assert_eq!((&me["id"], &me["profile"]), (&json!(id(5).to_string()), &json!({"username": "robot"})));
}

#[tokio::test]
async fn invitations_are_seen_by_whom_they_are_for() {
    let port = Port::start().await;
    tenant(&port, "acme", None).await;
    let devs = group(&port, "acme", 1).await;
    user(&port, ANN, json!({})).await;
    user(&port, "bob@example.com", json!({})).await;
    let now = Timestamp::now();
    let invitation = |nth: u8, email: &str, expires: u64, accepted_at| Invitation {
        tenant: tenant_id("acme"),
        id: id(nth),
        email: UserName::parse(email).expect("a name"),
        roles: vec![InvitedRole { role: RoleId::Managed(ManagedRole::Viewer), services: None }],
        groups: [id(1)].into(),
        super_admin: false,
        invited_by: None,
        hash: None,
        sent_at: now,
        expires_at: Timestamp::from_millis(expires),
        accepted_at,
    };
    let later = now.millis() + 600_000;
    let all = [
        invitation(40, ANN, later, None),
        invitation(41, ANN, now.millis(), None),
        invitation(42, ANN, now.millis(), Some(now)),
        invitation(43, "eve@example.com", later, None),
    ];
    port.commit(all.map(|one| Change::Put(one.into())).into()).await;
    let seen = ask(&port, Method::GET, "/api/v1/me/invitations", &json!({})).await.json();
    let seen = seen.as_array().expect("a list");
    let statuses: BTreeSet<_> = seen.iter().map(|one| one["status"].as_str().expect("a text")).collect();
    assert_eq!((seen.len(), statuses), (3, BTreeSet::from(["PENDING", "EXPIRED", "ACCEPTED"])));
    let pending = seen.iter().find(|one| one["status"] == "PENDING").expect("one");
    assert_eq!((&pending["tenantId"], &pending["email"]), (&json!("acme"), &json!(ANN)));
    assert_eq!((&pending["roles"], &pending["groupIds"]), (&json!(["viewer_acme"]), &json!([devs])));
    assert_eq!(pending.get("acceptedAt"), None);
    let bobs = port.send(by(&port, "bob@example.com", Method::GET, "/api/v1/me/invitations")).await;
    assert_eq!(bobs.json(), json!([]));
}
