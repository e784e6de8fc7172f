//! Invitations as the admin port's callers see them: sent, shown, taken back, accepted once, and never
//! more than whoever sends them has.

#[path = "roles/cast.rs"]
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod cast;
#[path = "support/control.rs"]
mod support;

use cast::{Caller, Done, Stage, acme, text};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::{Answer, logged};
use tenantry::model::{Invitation, ManagedRole, TenantId, Timestamp};
use tenantry::store::{Change, RecordId};

const NEW: &str = "a-New-planted-passw0rd!";

fn person() -> Value {
    json!({"firstName": "Ann", "lastName": "Lee", "password": NEW})
}

async fn invite(stage: &Stage, body: &Value) -> Answer {
    stage.boss(Method::POST, &acme("invitations"), Some(body)).await
}

/// Sends an invitation; gives its id and its link.
async fn sent(stage: &Stage, body: &Value) -> (String, String) {
    let answer = invite(stage, body).await;
    answer.done(201);
    assert_eq!(answer.header("location"), acme(&format!("invitations/{}", text(&answer, "id"))));
    (text(&answer, "id"), text(&answer, "link"))
}

/// Uses a link as a new user.
async fn use_link(stage: &Stage, link: &str) -> Answer {
    stage.port.send(stage.port.anonymous(Method::POST, link).json(&person())).await
}

/// Accepts as somebody who has signed in.
async fn accept(stage: &Stage, who: &Caller, what: &str) -> Answer {
    stage.call(who, Method::POST, &format!("/api/v1/invitation/accept/{what}"), None).await
}

/// How many rights a role gives.
fn rights(role: ManagedRole) -> usize {
    role.rights().texts().count()
}

async fn status(stage: &Stage, id: &str) -> Value {
    stage.get(&acme(&format!("invitations/{id}"))).await["status"].clone()
}

async fn as_ann(stage: &Stage, path: &str) -> Answer {
    let request = stage.port.anonymous(Method::GET, path);
    stage.port.send(request.basic_auth("ann@example.com", Some(NEW))).await
}

#[tokio::test]
async fn whoever_has_the_link_becomes_a_user_with_all_that_was_given() {
    let stage = Stage::set().await;
    let group = stage.group("on-call").await;
    let role = stage.role("auditors", &json!({"AUDIT": ["READ"]})).await;
    let roles = json!([{"id": role}, {"id": "writer_acme", "services": ["loki"], "namespaces": []}]);
    let body = json!({"email": "Ann@example.com", "roles": roles, "groups": [group]});
    let (id, link) = sent(&stage, &body).await;

    let shown = stage.boss(Method::GET, &acme(&format!("invitations/{id}")), None).await;
    shown.done(200);
    assert!(!shown.text.contains("tni_") && !shown.text.contains("hash"), "{}", shown.text);
    let shown = shown.json();
    assert_eq!((&shown["email"], &shown["status"]), (&json!("ann@example.com"), &json!("PENDING")));
    assert_eq!(
        (&shown["roles"][0]["name"], &shown["roles"][1]["services"]),
        (&json!("auditors"), &json!(["loki"]))
    );
    assert_eq!(shown["groups"], json!([{"id": group, "name": "on-call"}]));
    as_ann(&stage, "/api/v1/me").await.refused(401);

    let accepted = use_link(&stage, &link).await;
    accepted.done(200);
    assert_eq!(text(&accepted, "username"), "ann@example.com");
    let ann = text(&accepted, "id");
    assert_eq!(
        stage.rights(&ann).expect("access").len(),
        1 + rights(ManagedRole::Writer),
        "AUDIT:READ besides"
    );
    let me = as_ann(&stage, "/api/v1/me").await;
    assert_eq!(me.json()["profile"]["firstName"], "Ann");
    assert_eq!(me.json()["superAdmin"], false);
    let member = stage.get(&acme(&format!("tenant-access/{ann}"))).await;
    assert_eq!(member["groups"][0]["id"], group.as_str());
    assert_eq!(status(&stage, &id).await, "ACCEPTED");

    use_link(&stage, &link).await.refused(404);
    let log = as_ann(&stage, &acme("auditlogs/search?actor=ann@example.com&size=50")).await.json();
    let actor = &log["results"][0]["actor"];
    assert_eq!(
        (&actor["via"], &actor["id"], &actor["kind"]),
        (&json!("invitation"), &json!(ann), &json!("user"))
    );
    let ticket = link.rsplit_once('/').expect("a path").1;
    let whole = stage.boss(Method::GET, "/api/v1/auditlogs/export", None).await.text;
    assert!(!whole.contains(ticket) && !whole.contains(NEW) && !whole.contains("\"hash\":null"));
    assert!(!logged().contains(ticket), "a link that may still be good is in no log");
}

#[tokio::test]
async fn a_user_who_is_there_already_gets_access_at_once() {
    let stage = Stage::set().await;
    let ann = stage.user("ann@example.com").await;
    let body = json!({"email": "ann@example.com", "roles": [{"id": "viewer_acme"}]});
    let answer = invite(&stage, &body).await;
    answer.done(204);
    assert!(answer.text.is_empty());
    assert!(stage.rights(&ann.id).expect("access").contains(&"metrics:read".to_owned()));
    assert!(invite(&stage, &body).await.refused(409).contains("access"));
    assert_eq!(stage.get(&acme("invitations/search")).await["total"], 0);

    let made = invite(&stage, &json!({"email": "bob@example.com", "createUserIfNotExist": true})).await;
    made.done(204);
    let found = stage.get("/api/v1/users?q=bob@example.com").await;
    assert_eq!(found["results"][0]["tenants"][0]["id"], "acme");
}

#[tokio::test]
async fn nobody_invites_to_more_than_they_have() {
    let stage = Stage::set().await;
    let may = json!({"INVITATION": ["CREATE", "READ", "DELETE"], "logs": ["read"]});
    let host = stage.player("host", &may).await;
    let (strong, weak) = (stage.group("strong").await, stage.group("weak").await);
    stage.bind("GROUP", &strong, "admin_acme").await;
    let readers = stage.role("readers", &json!({"logs": ["read"]})).await;
    stage.bind("GROUP", &weak, &readers).await;
    let as_host =
        async |body: Value| stage.call(&host, Method::POST, &acme("invitations"), Some(&body)).await;
    for more in [
        json!({"email": "a@x.de", "roles": [{"id": "admin_acme"}]}),
        json!({"email": "a@x.de", "roles": [{"id": readers}, {"id": "writer_acme"}]}),
        json!({"email": "a@x.de", "roles": [{"id": "viewer_acme", "services": ["loki"]}]}),
        json!({"email": "a@x.de", "groups": [weak, strong]}),
        json!({"email": "a@x.de", "superAdmin": true}),
        json!({"email": "a@x.de", "instanceOwner": true}),
        json!({"email": "a@x.de", "createUserIfNotExist": true}),
    ] {
        as_host(more.clone()).await.refused(403);
    }
    let nowhere = json!({"email": "a@x.de", "roles": [{"id": readers, "services": ["nowhere"]}]});
    as_host(nowhere).await.flaws(&["roles[0].services"]);
    assert_eq!(stage.get(&acme("invitations/search")).await["total"], 0);
    let own = json!({"email": "a@x.de", "roles": [{"id": readers, "services": ["loki"]}], "groups": [weak]});
    as_host(own.clone()).await.done(201);

    let viewer = stage.player("onlooker", &json!({"metrics": ["read"]})).await;
    let stranger = stage.user("stranger@example.com").await;
    let id = stage.get(&acme("invitations/search")).await["results"][0]["id"].clone();
    let one = acme(&format!("invitations/{}", id.as_str().expect("an id")));
    let email = acme("invitations/email/a@x.de");
    for (method, path, body) in [
        (Method::POST, &acme("invitations"), Some(&own)),
        (Method::GET, &acme("invitations/search"), None),
        (Method::GET, &email, None),
        (Method::GET, &one, None),
        (Method::DELETE, &one, None),
    ] {
        stage.call(&viewer, method.clone(), path, body).await.refused(403);
        stage.call(&stranger, method.clone(), path, body).await.refused(404);
        let other = path.replace("/acme/", "/other/");
        stage.call(&host, method, &other, body).await.refused(404);
    }
    stage.boss(Method::GET, &one.replace("/acme/", "/other/"), None).await.refused(404);
    assert_eq!(status(&stage, id.as_str().expect("an id")).await, "PENDING");
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let stage = Stage::set().await;
    let role = stage.role("readers", &json!({"logs": ["read"]})).await;
    let nobody = "0000000000000000000000";
    for missing in [
        json!({"email": "a@x.de", "roles": [{"id": nobody}]}),
        json!({"email": "a@x.de", "roles": [{"id": "admin_other"}]}),
        json!({"email": "a@x.de", "groups": [nobody]}),
        json!({"email": "a@x.de", "groups": ["x"]}),
    ] {
        invite(&stage, &missing).await.refused(404);
    }
    let wrong = json!({"email": "a b", "colour": "red",
        "roles": [{"id": role, "services": []}, {"id": role, "namespaces": ["n"], "x": 1}]});
    invite(&stage, &wrong).await.flaws(&[
        "colour",
        "email",
        "roles[0].services",
        "roles[1].x",
        "roles[1].namespaces",
    ]);
    invite(&stage, &json!({"email": "a@x.de", "superAdmin": true, "instanceOwner": false}))
        .await
        .flaws(&["instanceOwner"]);
    invite(&stage, &json!({"email": "a@x.de", "roles": vec![json!({"id": role}); 101]}))
        .await
        .flaws(&["roles"]);
    invite(&stage, &json!({})).await.refused(422);

    let (id, link) = sent(&stage, &json!({"email": "a@x.de"})).await;
    assert!(invite(&stage, &json!({"email": "A@x.de"})).await.refused(409).contains("invited"));
    let weak = json!({"password": "short"});
    let request = stage.port.anonymous(Method::POST, &link).json(&weak);
    stage.port.send(request).await.flaws(&["password"]);
    let other = stage.port.anonymous(Method::POST, &link).json(&json!({"password": NEW, "email": "b@x.de"}));
    stage.port.send(other).await.flaws(&["email"]);
    let (head, ticket) = link.rsplit_once('/').expect("a path");
    let (id_part, check) = (&ticket[..26], &ticket[ticket.len() - 7..]);
    for forged in [
        "tni_x",
        &ticket.replace("tni_", "tnt_"),
        &format!("{id_part}_{}{check}", "a".repeat(32)),
        id.as_str(),
    ] {
        use_link(&stage, &format!("{head}/{forged}")).await.refused(404);
    }
    assert_eq!(status(&stage, &id).await, "PENDING");
    use_link(&stage, &link).await.done(200);
}

#[tokio::test]
async fn invitations_are_listed_and_taken_back() {
    let stage = Stage::set().await;
    let (ann, ann_link) = sent(&stage, &json!({"email": "ann@example.com"})).await;
    let (_, bob_link) = sent(&stage, &json!({"email": "bob@example.com"})).await;
    use_link(&stage, &bob_link).await.done(200);
    let found = async |query: &str| {
        let page = stage.get(&acme(&format!("invitations/search?{query}"))).await;
        let emails = page["results"].as_array().expect("results").iter().map(|one| one["email"].clone());
        emails.collect::<Vec<_>>()
    };
    assert_eq!(found("sort=email:desc").await, ["bob@example.com", "ann@example.com"]);
    assert_eq!(found("filters[status][EQUALS]=PENDING").await, ["ann@example.com"]);
    assert_eq!(found("q=bob").await, ["bob@example.com"]);
    let of = stage.get(&acme("invitations/email/ann@example.com")).await;
    assert_eq!((of[0]["id"].as_str(), of.as_array().map(Vec::len)), (Some(ann.as_str()), Some(1)));
    assert_eq!(stage.get(&acme("invitations/email/eve@example.com")).await, json!([]));

    let path = acme(&format!("invitations/{ann}"));
    let etag = stage.boss(Method::GET, &path, None).await.etag().to_owned();
    let delete = |tag: &str| {
        let request = stage.port.anonymous(Method::DELETE, &path);
        request.basic_auth(support::USER, Some(support::PASSWORD)).header("if-match", tag.to_owned())
    };
    stage.port.send(delete("\"1\"")).await.refused(412);
    stage.port.send(delete(&etag)).await.done(204);
    stage.boss(Method::GET, &path, None).await.refused(404);
    stage.boss(Method::DELETE, &path, None).await.refused(404);
    use_link(&stage, &ann_link).await.refused(404);
    sent(&stage, &json!({"email": "ann@example.com"})).await;
}

#[tokio::test]
async fn an_invitation_ends_with_its_time() {
    let stage = Stage::set().await;
    let ann = stage.port.published.load().revision;
    let (id, link) = sent(&stage, &json!({"email": "ann@example.com"})).await;
    let record = RecordId::Invitation(TenantId::parse("acme").expect("an id"), id.parse().expect("an id"));
    let stored = stage.port.store.find::<Invitation>(&record).expect("a store").expect("it");
    assert!(stored.version > ann);
    let week = 7 * 24 * 3600;
    assert_eq!(stored.value.expires_at.seconds() - stored.value.sent_at.seconds(), week);
    let over = Invitation { expires_at: Timestamp::now(), ..stored.value };
    stage.port.commit(vec![Change::Put(over.into())]).await;
    assert_eq!(status(&stage, &id).await, "EXPIRED");
    assert!(use_link(&stage, &link).await.refused(409).contains("expired"));
    sent(&stage, &json!({"email": "ann@example.com"})).await;
}

#[tokio::test]
async fn what_is_given_is_looked_at_again_when_it_is_taken() {
    let stage = Stage::set().await;
    let gone = stage.role("gone", &json!({"traces": ["read"]})).await;
    let group = stage.group("gone").await;
    let roles = json!([{"id": gone}, {"id": "viewer_acme"}]);
    let (id, link) =
        sent(&stage, &json!({"email": "ann@example.com", "roles": roles, "groups": [group]})).await;
    stage.boss(Method::DELETE, &acme(&format!("roles/{gone}")), None).await.done(204);
    stage.boss(Method::DELETE, &acme(&format!("groups/{group}")), None).await.done(200);
    let shown = stage.get(&acme(&format!("invitations/{id}"))).await;
    assert_eq!((shown["roles"].as_array().map(Vec::len), &shown["groups"]), (Some(1), &json!([])));
    let ann = text(use_link(&stage, &link).await.done(200), "id");
    assert_eq!(stage.rights(&ann).expect("access").len(), rights(ManagedRole::Viewer), "what is left");

    let host = stage.player("host", &json!({"INVITATION": ["CREATE"], "logs": ["read"]})).await;
    let readers = stage.role("readers", &json!({"logs": ["read"]})).await;
    let body = json!({"email": "bob@example.com", "roles": [{"id": readers}]});
    let sent = stage.call(&host, Method::POST, &acme("invitations"), Some(&body)).await;
    let link = text(sent.done(201), "link");
    let access = acme(&format!("tenant-access/{}", host.id));
    stage.boss(Method::DELETE, &access, None).await.done(204);
    assert!(use_link(&stage, &link).await.refused(409).contains("no longer"));
    stage.get("/api/v1/users?q=bob").await["total"]
        .as_u64()
        .filter(|total| *total == 0)
        .expect("no such user");
    stage.boss(Method::PUT, &access, None).await.done(201);
    stage.bind("USER", &host.id, &readers).await;
    assert!(use_link(&stage, &link).await.refused(409).contains("no longer"), "and may no longer invite");
    let hosts = stage.role("hosts", &json!({"INVITATION": ["CREATE"]})).await;
    stage.bind("USER", &host.id, &hosts).await;
    use_link(&stage, &link).await.done(200);
    // Also what gives nothing but access is worth nothing once its sender has none.
    let body = json!({"email": "cyd@example.com"});
    let sent = stage.call(&host, Method::POST, &acme("invitations"), Some(&body)).await;
    let link = text(sent.done(201), "link");
    stage.boss(Method::DELETE, &access, None).await.done(204);
    assert!(use_link(&stage, &link).await.refused(409).contains("no longer"));
}

#[tokio::test]
async fn who_has_signed_in_accepts_what_is_for_them() {
    let stage = Stage::set().await;
    let first = json!({"email": "ann@example.com", "roles": [{"id": "viewer_acme"}]});
    let (id, link) = sent(&stage, &first).await;
    let ann = stage.user("ann@example.com").await;
    let bob = stage.user("bob@example.com").await;
    assert!(use_link(&stage, &link).await.refused(409).contains("sign in"));
    let ticket = link.rsplit_once('/').expect("a path").1;
    for what in [ticket, &id] {
        accept(&stage, &bob, what).await.refused(404);
    }
    accept(&stage, &ann, "x").await.refused(404);
    let narrow = stage.narrowed(&ann, &["logs:read"]).await;
    accept(&stage, &narrow, &id).await.refused(403);
    let anonymous = stage.port.anonymous(Method::POST, &format!("/api/v1/invitation/accept/{id}"));
    stage.port.send(anonymous).await.refused(401);
    assert_eq!(stage.rights(&ann.id), None);

    let mine = stage.call(&ann, Method::GET, "/api/v1/me/invitations", None).await.json();
    assert_eq!((mine[0]["id"].as_str(), &mine[0]["status"]), (Some(id.as_str()), &json!("PENDING")));
    accept(&stage, &ann, ticket).await.done(200);
    assert_eq!(stage.rights(&ann.id).expect("access").len(), rights(ManagedRole::Viewer));
    assert!(accept(&stage, &ann, &id).await.refused(409).contains("accepted"));
}

#[tokio::test]
async fn super_admins_are_made_by_super_admins_alone() {
    let stage = Stage::set().await;
    let (_, link) = sent(&stage, &json!({"email": "ann@example.com", "superAdmin": true})).await;
    use_link(&stage, &link).await.done(200);
    assert_eq!(as_ann(&stage, "/api/v1/me").await.json()["superAdmin"], true);

    let ann = stage.get("/api/v1/users?q=ann@example.com").await["results"][0]["id"].clone();
    let body = json!({"email": "eve@example.com", "superAdmin": true});
    let request = stage.port.anonymous(Method::POST, &acme("invitations")).json(&body);
    let by_ann = stage.port.send(request.basic_auth("ann@example.com", Some(NEW))).await;
    let link = text(by_ann.done(201), "link");
    let path = format!("/api/v1/users/{}/superadmin", ann.as_str().expect("an id"));
    stage.boss(Method::PATCH, &path, Some(&json!({"superAdmin": false}))).await.done(200);
    assert!(use_link(&stage, &link).await.refused(409).contains("no longer"));
}

#[tokio::test]
async fn a_link_is_good_once_however_many_use_it() {
    let stage = Stage::set().await;
    let (_, link) = sent(&stage, &json!({"email": "ann@example.com"})).await;
    let answers = tokio::join!(use_link(&stage, &link), use_link(&stage, &link), use_link(&stage, &link));
    let all = [answers.0.status, answers.1.status, answers.2.status];
    assert_eq!(all.iter().filter(|status| **status == StatusCode::OK).count(), 1, "{all:?}");
    let refused = [StatusCode::NOT_FOUND, StatusCode::CONFLICT];
    assert_eq!(all.iter().filter(|status| refused.contains(status)).count(), 2, "{all:?}");
}

#[tokio::test]
async fn with_a_tenant_its_invitations_go() {
    let stage = Stage::set().await;
    let (id, link) = sent(&stage, &json!({"email": "ann@example.com"})).await;
    stage.boss(Method::DELETE, "/api/v1/tenants/acme", None).await.done(204);
    use_link(&stage, &link).await.refused(404);
    let place = RecordId::InvitationPlace(id.parse().expect("an id"));
    assert!(stage.port.store.get(&place).expect("a store").is_none());
    stage.boss(Method::POST, "/api/v1/tenants", Some(&json!({"id": "acme"}))).await.done(200);
    use_link(&stage, &link).await.refused(404);
}
