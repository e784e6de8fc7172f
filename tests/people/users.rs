//! Users as super admins manage them.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tenantry::model::{
    AuditEntry, Grants, ManagedRole, Member, Principal, RoleId, Subject, Timestamp, TokenUse,
};
use tenantry::snapshot::Effective;
use tenantry::store::{Change, RecordId, UniqueName};

use crate::cast::{
    PASSWORD, binding, by, group, id, id_of, machine, owner, path, sign_in, stored, tenant, tenant_id, token,
    user,
};
use crate::support::{Port, USER};

fn fields(value: &Value) -> BTreeSet<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn root(page: &Value) -> Value {
    let mut results = page["results"].as_array().expect("results").iter();
    results.find(|entry| entry["username"] == USER).expect("the first admin").clone()
}

#[tokio::test]
async fn a_user_lives() {
    let port = Port::start().await;
    tenant(&port, "acme", None).await;
    let devs = group(&port, "acme", 7).await;
    let form = json!({"email": "Ann@Example.com", "firstName": "Ann", "password": PASSWORD,
        "tenants": ["acme"], "groups": [devs], "namespaceId": "", "username": "ignored"});
    let made = port.post("/api/v1/users", &form).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let ann = made.json();
    assert_eq!(made.header("location"), path(&ann, ""));
    let all = [
        "id",
        "username",
        "displayName",
        "firstName",
        "lastName",
        "email",
        "tenants",
        "auths",
        "groups",
        "superAdmin",
        "restricted",
        "disabled",
        "createdAt",
        "updatedAt",
    ];
    assert_eq!(fields(&ann), BTreeSet::from(all));
    assert_eq!((&ann["username"], &ann["email"]), (&json!("ann@example.com"), &json!("ann@example.com")));
    assert_eq!((&ann["displayName"], &ann["superAdmin"]), (&json!("Ann"), &json!(false)));
    assert_eq!(ann["tenants"], json!([{"id": "acme", "name": "ACME"}]));
    assert_eq!(ann["groups"], json!([{"id": devs, "tenantId": "acme"}]));
    assert_eq!(ann["auths"], json!([{"id": "password", "name": "password", "type": "BASIC_AUTH"}]));
    assert_eq!(ann["id"].as_str().map(str::len), Some(22));
    let shown = port.get(&path(&ann, "")).await;
    assert_eq!((shown.json(), shown.etag()), (ann.clone(), made.etag()));

    let page = port.get("/api/v1/users?q=ANN@exam&size=100").await.json();
    assert_eq!(page["total"], 1);
    let summary = ["id", "username", "displayName", "tenants", "auths", "superAdmin", "disabled"];
    assert_eq!(fields(&page["results"][0]), BTreeSet::from(summary));
    assert_eq!(page["results"][0]["tenants"], ann["tenants"]);
    assert_eq!(port.get("/api/v1/users").await.json()["total"], 2);
    // As Kestra's Terraform provider looks a user up.
    let found = port.get("/api/v1/users?filters[q][EQUALS]=ann@example.com&size=100").await.json();
    assert_eq!(found["results"][0]["username"], "ann@example.com");
    port.get("/api/v1/users?filters[password][EQUALS]=x").await.refused(422);

    // What was read can be written back, and what is left out stays but for the names.
    let again = port.put(&path(&ann, ""), &ann).await;
    assert_eq!((again.status.as_u16(), &again.json()["groups"]), (200, &ann["groups"]), "{}", again.text);
    let put = port.put(&path(&ann, ""), &json!({"email": "ann@example.com"})).await.json();
    assert_eq!(
        (&put["firstName"], &put["groups"], &put["auths"]),
        (&json!(""), &ann["groups"], &ann["auths"])
    );
    let me = port.send(by(&port, "ANN@example.com", Method::GET, "/api/v1/me")).await;
    assert_eq!(me.json()["id"], ann["id"], "the password is the same");
    let patched = port.patch(&path(&ann, ""), &json!({"lastName": "Lee", "firstName": null})).await.json();
    assert_eq!((&patched["lastName"], &patched["firstName"]), (&json!("Lee"), &json!("")));

    assert_eq!(port.delete(&path(&ann, "")).await.status, 204);
    for gone in [port.get(&path(&ann, "")).await, port.delete(&path(&ann, "")).await] {
        assert!(gone.refused(404).contains("does not exist"));
    }
    port.send(by(&port, "ann@example.com", Method::GET, "/api/v1/me")).await.refused(401);
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_and_changes_nothing() {
    let port = Port::start().await;
    tenant(&port, "acme", None).await;
    let ann = user(&port, "ann@example.com", json!({})).await;
    let bob = user(&port, "bob@example.com", json!({})).await;
    let before = port.store.load(&[], |_| ()).expect("a revision");
    let post = async |form: Value| port.post("/api/v1/users", &form).await;
    post(json!({})).await.flaws(&["email"]);
    post(json!({"email": "a:b", "firstName": "\u{1}", "instanceOwner": true, "superAdmin": false, "x": 1}))
        .await
        .flaws(&["x", "email", "firstName", "instanceOwner"]);
    post(json!({"email": "eve@example.com", "password": "short"})).await.flaws(&["password"]);
    post(json!({"email": "eve@example.com", "password": "EVE@example.com"})).await.flaws(&["password"]);
    post(json!({"email": "eve@example.com", "tenants": ["a b"], "groups": ["x"]}))
        .await
        .flaws(&["tenants[0]", "groups[0]"]);
    assert!(post(json!({"email": "ANN@example.com"})).await.refused(409).contains("already"));
    assert!(
        post(json!({"email": "eve@example.com", "tenants": ["acme", "nowhere"]}))
            .await
            .refused(404)
            .contains("nowhere")
    );
    assert!(
        post(json!({"email": "eve@example.com", "groups": [id(9).to_string()]}))
            .await
            .refused(404)
            .contains("group")
    );
    port.put(&path(&ann, ""), &json!({"email": "bob@example.com"})).await.refused(409);
    port.patch(&path(&ann, ""), &json!({"email": "bob@example.com"})).await.refused(409);
    port.patch(&path(&ann, ""), &json!({"superAdmin": true})).await.flaws(&["superAdmin"]);
    port.put(&path(&ann, ""), &json!({"email": "ann@example.com", "id": bob["id"]})).await.flaws(&["id"]);
    port.put(&path(&ann, ""), &json!({"email": "ann@example.com", "tenants": ["nowhere"]}))
        .await
        .refused(404);
    port.patch(&path(&ann, "/superadmin"), &json!({})).await.flaws(&["superAdmin"]);
    port.patch(&path(&ann, "/restricted"), &json!({"restricted": null})).await.refused(422);
    port.patch(&path(&ann, "/disabled"), &json!({"disabled": true, "x": 1})).await.flaws(&["x"]);
    port.patch(&path(&ann, "/password"), &json!({"password": "short"})).await.flaws(&["password"]);
    port.delete(&path(&ann, "/auths/oauth")).await.refused(404);
    port.post(&path(&ann, "/impersonate"), &json!({})).await.refused(404);
    for nobody in [id(9).to_string(), "x".to_owned(), "%00".to_owned()] {
        let path = format!("/api/v1/users/{nobody}");
        port.get(&path).await.refused(404);
        port.put(&path, &json!({"email": "eve@example.com"})).await.refused(404);
        port.patch(&path, &json!({})).await.refused(404);
        port.delete(&path).await.refused(404);
        port.delete(&format!("{path}/refresh-token")).await.refused(404);
        port.delete(&format!("{path}/auths/password")).await.refused(404);
        port.patch(&format!("{path}/password"), &json!({"password": PASSWORD})).await.refused(404);
        port.patch(&format!("{path}/superadmin"), &json!({"superAdmin": true})).await.refused(404);
        port.patch(&format!("{path}/restricted"), &json!({"restricted": true})).await.refused(404);
        port.patch(&format!("{path}/disabled"), &json!({"disabled": true})).await.refused(404);
    }
    let stale = |method, path: &str| port.admin(method, path).header("if-match", "\"1\"");
    let (whole, rest) = (path(&ann, ""), |rest| path(&ann, rest));
    for (request, body) in [
        (stale(Method::PUT, &whole), json!({"email": "eve@example.com"})),
        (stale(Method::PATCH, &whole), json!({"firstName": "Eve"})),
        (stale(Method::DELETE, &whole), json!({})),
        (stale(Method::PATCH, &rest("/password")), json!({"password": "another-pass"})),
        (stale(Method::PATCH, &rest("/superadmin")), json!({"superAdmin": true})),
        (stale(Method::PATCH, &rest("/restricted")), json!({"restricted": true})),
        (stale(Method::PATCH, &rest("/disabled")), json!({"disabled": true})),
        (stale(Method::DELETE, &rest("/auths/password")), json!({})),
    ] {
        port.send(request.json(&body)).await.refused(412);
    }
    assert_eq!(port.store.load(&[], |_| ()).expect("a revision"), before, "nothing was written");
    assert_eq!(port.get(&whole).await.json(), ann);
}

#[tokio::test]
async fn only_super_admins_manage_users() {
    let port = Port::start().await;
    let ann = user(&port, "ann@example.com", json!({})).await;
    let bob = user(&port, "bob@example.com", json!({})).await;
    let before = port.store.load(&[], |_| ()).expect("a revision");
    let rest = |rest| path(&bob, rest);
    for (method, path) in [
        (Method::GET, "/api/v1/users".to_owned()),
        (Method::POST, "/api/v1/users".to_owned()),
        (Method::GET, rest("")),
        (Method::PUT, rest("")),
        (Method::PATCH, rest("")),
        (Method::DELETE, rest("")),
        (Method::GET, path(&ann, "")),
        (Method::GET, format!("/api/v1/users/{}", id(9))),
        (Method::PATCH, rest("/password")),
        (Method::PATCH, rest("/superadmin")),
        (Method::PATCH, rest("/restricted")),
        (Method::PATCH, rest("/disabled")),
        (Method::DELETE, rest("/auths/password")),
        (Method::DELETE, rest("/refresh-token")),
    ] {
        let body = json!({"email": "eve@example.com", "password": PASSWORD});
        let body = match path.rsplit('/').next() {
            Some("password") => json!({"password": PASSWORD}),
            Some("superadmin") => json!({"superAdmin": true}),
            Some("restricted") => json!({"restricted": true}),
            Some("disabled") => json!({"disabled": true}),
            _ if method == Method::PATCH => json!({"firstName": "Eve"}),
            _ => body,
        };
        port.send(by(&port, "ann@example.com", method, &path).json(&body)).await.refused(403);
    }
    assert_eq!(port.store.load(&[], |_| ()).expect("a revision"), before, "nothing was written");
}

#[tokio::test]
async fn tenants_and_groups_are_replaced_as_a_whole() {
    let port = Port::start().await;
    tenant(&port, "acme", Some(RoleId::Managed(ManagedRole::Viewer))).await;
    tenant(&port, "globex", None).await;
    let (g1, g2) = (group(&port, "acme", 1).await, group(&port, "globex", 2).await);
    let ann = user(&port, "ann@example.com", json!({"tenants": ["acme"]})).await;
    let ann_id = id_of(&ann);
    let rights = |tenant: &str| {
        let tenant = port.published.load().tenants.get(tenant).cloned().expect("a tenant");
        tenant.access.rights(ann_id)
    };
    let viewer = rights("acme").expect("access");
    assert_eq!(viewer.everywhere, ManagedRole::Viewer.rights(), "the default role is every new member's");

    // Whoever owns a group goes on owning it.
    port.commit(vec![Change::Put(owner("acme", ann_id, 1).into())]).await;
    let put = async |more: Value| {
        let mut form = json!({"email": "ann@example.com"});
        form.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let answer = port.put(&path(&ann, ""), &form).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    };
    let both = put(json!({"groups": [g1, {"id": g2, "tenantId": "globex"}]})).await;
    assert_eq!(both["tenants"].as_array().map(Vec::len), Some(2), "being in a group takes access");
    assert_eq!(both["groups"].as_array().map(Vec::len), Some(2));
    let member = stored(&port, &RecordId::Member(tenant_id("acme"), Principal::User(ann_id)));
    assert!(member == Some(owner("acme", ann_id, 1).into()));
    let globex = RecordId::Member(tenant_id("globex"), Principal::User(ann_id));
    assert!(rights("globex").is_some_and(|held| held == Effective::default()), "no default role, no rights");

    let one = put(json!({"groups": [g2]})).await;
    assert_eq!(one["groups"], json!([{"id": g2, "tenantId": "globex"}]));
    assert_eq!(one["tenants"].as_array().map(Vec::len), Some(2), "tenants were not mentioned");
    let none = put(json!({"tenants": ["globex"]})).await;
    assert_eq!(none["tenants"], json!([{"id": "globex", "name": "GLOBEX"}]));
    assert_eq!(none["groups"], one["groups"], "groups were not mentioned");
    assert!(rights("acme").is_none());
    let bindings = port.store.all::<tenantry::model::Binding>(Some("acme/")).expect("bindings");
    assert!(bindings.is_empty(), "what she was bound to there is gone");
    let empty = put(json!({"tenants": [], "groups": []})).await;
    assert_eq!((&empty["tenants"], &empty["groups"]), (&json!([]), &json!([])));
    assert!(stored(&port, &globex).is_none());
}

#[tokio::test]
async fn a_user_is_another_version_in_other_places() {
    let port = Port::start().await;
    tenant(&port, "acme", None).await;
    let (g1, g2) = (group(&port, "acme", 1).await, group(&port, "acme", 2).await);
    let ann = user(&port, "ann@example.com", json!({"groups": [g1]})).await;
    let tag = async || port.get(&path(&ann, "")).await.etag().to_owned();
    let (seat, seen) = (format!("/api/v1/acme/users/{}", ann["id"].as_str().expect("an id")), tag().await);
    let late = |tag: &str| {
        let put = port.admin(Method::PUT, &path(&ann, "")).header("if-match", tag);
        port.send(put.json(&json!({"email": "ann@example.com", "groups": [g1]})))
    };
    assert_eq!(port.put(&format!("{seat}/groups"), &json!({"groupIds": [g1, g2]})).await.status, 204);
    late(&seen).await.refused(412);
    let joined = tag().await;
    assert_eq!(
        port.delete(&format!("/api/v1/acme/tenant-access/{}", ann["id"].as_str().expect("an id")))
            .await
            .status,
        204
    );
    late(&joined).await.refused(412);
    let out = tag().await;
    assert!(out != seen && out != joined, "no version comes twice");
    assert_eq!(late(&out).await.status, 200);
}

#[tokio::test]
async fn all_that_a_user_has_goes_with_them() {
    let port = Port::start().await;
    tenant(&port, "acme", None).await;
    tenant(&port, "globex", None).await;
    group(&port, "acme", 1).await;
    let ann = user(&port, "ann@example.com", json!({"tenants": ["acme", "globex"]})).await;
    let bob = user(&port, "bob@example.com", json!({"tenants": ["acme"]})).await;
    let (ann_id, bob_id) = (id_of(&ann), id_of(&bob));
    let principal = Principal::User(ann_id);
    let (hers, text) = token(30, principal, None);
    let (his, _) = token(31, Principal::User(bob_id), None);
    port.commit(vec![
        Change::Put(owner("acme", ann_id, 1).into()),
        Change::Put(binding(20, "acme", Subject::User(ann_id)).into()),
        Change::Put(binding(21, "globex", Subject::User(ann_id)).into()),
        Change::Put(binding(22, "acme", Subject::User(bob_id)).into()),
        Change::Put(binding(23, "acme", Subject::Group(id(1))).into()),
        Change::Put(hers.into()),
        Change::Put(TokenUse { token: id(30), at: Timestamp::from_seconds(1) }.into()),
        Change::Put(his.into()),
    ])
    .await;
    let visit = sign_in(&port, "ann@example.com").await;
    let bobs = sign_in(&port, "bob@example.com").await;
    let bearer = port.anonymous(Method::GET, "/api/v1/me").bearer_auth(text.reveal());
    assert_eq!(port.send(bearer).await.json()["id"], ann["id"]);

    assert_eq!(port.delete(&path(&ann, "")).await.status, 204);
    for gone in [
        RecordId::User(ann_id),
        RecordId::Member(tenant_id("acme"), principal),
        RecordId::Member(tenant_id("globex"), principal),
        RecordId::Binding(tenant_id("acme"), id(20)),
        RecordId::Binding(tenant_id("globex"), id(21)),
        RecordId::Token(principal, id(30)),
        RecordId::TokenUse(id(30)),
        RecordId::Name(UniqueName::User("ann@example.com".to_owned())),
    ] {
        assert!(stored(&port, &gone).is_none(), "{gone}");
    }
    for left in [
        RecordId::Binding(tenant_id("acme"), id(22)),
        RecordId::Binding(tenant_id("acme"), id(23)),
        RecordId::Group(tenant_id("acme"), id(1)),
        RecordId::Token(Principal::User(bob_id), id(31)),
    ] {
        assert!(stored(&port, &left).is_some(), "{left}");
    }
    assert!(!visit.is_live(&port).await && bobs.is_live(&port).await);
    let bearer = port.anonymous(Method::GET, "/api/v1/me").bearer_auth(text.reveal());
    port.send(bearer).await.refused(401);
    let members = port.store.all::<Member>(Some("acme/")).expect("members");
    assert_eq!(members.len(), 1, "only he is left");
    // Her name is free, and a new bearer of it has nothing of hers.
    let again = user(&port, "ann@example.com", json!({})).await;
    assert_eq!((&again["tenants"], &again["groups"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn a_super_admin_is_always_left() {
    let port = Port::start().await;
    let root = root(&port.get("/api/v1/users").await.json());
    let attempts = async |status: u16| {
        let put = json!({"email": USER, "superAdmin": false});
        for answer in [
            port.patch(&path(&root, "/superadmin"), &json!({"superAdmin": false})).await,
            port.patch(&path(&root, "/superadmin"), &json!({"instanceOwner": false})).await,
            port.patch(&path(&root, "/disabled"), &json!({"disabled": true})).await,
            port.put(&path(&root, ""), &put).await,
            port.put(&path(&root, ""), &json!({"email": USER, "disabled": true})).await,
            port.delete(&path(&root, "/auths/password")).await,
            port.delete(&path(&root, "")).await,
        ] {
            assert!(answer.refused(status).contains("last super admin"));
        }
    };
    let whole = port.get(&path(&root, "")).await.json();
    attempts(409).await;
    // Neither a disabled one nor a tenant's machine nor an ordinary user counts.
    user(&port, "off@example.com", json!({"superAdmin": true, "disabled": true})).await;
    user(&port, "ann@example.com", json!({})).await;
    port.commit(vec![Change::Put(machine(5, false).into())]).await;
    // Nor does who cannot sign in.
    assert_eq!(
        port.post("/api/v1/users", &json!({"email": "cyd@example.com", "superAdmin": true})).await.status,
        201
    );
    attempts(409).await;
    port.commit(vec![Change::Put(machine(5, true).into())]).await;
    attempts(409).await;
    let machine = Principal::ServiceAccount(id(5));
    let limited = token(6, machine, Some(tenantry::model::Rights::on_data(Grants::READ))).0;
    port.commit(vec![Change::Put(limited.into())]).await;
    attempts(409).await;
    assert_eq!(port.get(&path(&root, "")).await.json(), whole);
    // A machine of the instance does that has a token without bounds.
    port.commit(vec![Change::Put(token(7, machine, None).0.into())]).await;
    let bob = user(&port, "bob@example.com", json!({})).await;
    let made = port.patch(&path(&bob, "/superadmin"), &json!({"instanceOwner": true})).await.json();
    assert_eq!(made["superAdmin"], true);
    assert_eq!(port.patch(&path(&root, "/superadmin"), &json!({"superAdmin": false})).await.status, 200);
    port.get("/api/v1/users").await.refused(403);
    let delete = by(&port, "bob@example.com", Method::DELETE, &path(&bob, ""));
    assert_eq!(port.send(delete).await.status, 204, "the machine is left");
}

#[tokio::test]
async fn two_at_once_leave_a_super_admin_and_lose_no_edit() {
    let port = Port::start().await;
    let root = root(&port.get("/api/v1/users").await.json());
    let bob = user(&port, "bob@example.com", json!({"superAdmin": true})).await;
    // Each edit of another field, none with a precondition.
    for nth in 0..10 {
        let (first, last) = (json!({"firstName": format!("F{nth}")}), json!({"lastName": format!("L{nth}")}));
        let place = path(&bob, "");
        let (one, two) = tokio::join!(port.patch(&place, &first), port.patch(&place, &last));
        assert_eq!((one.status.as_u16(), two.status.as_u16()), (200, 200));
        assert_eq!(port.get(&place).await.json()["displayName"], format!("F{nth} L{nth}"));
    }
    let seen = port.get(&path(&bob, "")).await.etag().to_owned();
    let edit = |name: &str| {
        let patch = port.admin(Method::PATCH, &path(&bob, "")).header("if-match", &seen);
        port.send(patch.json(&json!({"firstName": name})))
    };
    let (one, two) = tokio::join!(edit("A"), edit("B"));
    assert_eq!(BTreeSet::from([one.status.as_u16(), two.status.as_u16()]), BTreeSet::from([200, 412]));
    // Both step down at once, each while the other is still there.
    let down = json!({"superAdmin": false});
    let by_bob = by(&port, "bob@example.com", Method::PATCH, &path(&bob, "/superadmin")).json(&down);
    let (place, by_bob) = (path(&root, "/superadmin"), port.send(by_bob));
    let (one, two) = tokio::join!(port.patch(&place, &down), by_bob);
    assert_eq!(BTreeSet::from([one.status.as_u16(), two.status.as_u16()]), BTreeSet::from([200, 409]));
}

#[tokio::test]
async fn unlocking_is_in_the_audit_log() {
    let port = Port::start().await;
    let ann = user(&port, "ann@example.com", json!({})).await;
    assert_eq!(port.post(&path(&ann, "/unlock"), &json!({})).await.status, 204);
    let last = port.store.all::<AuditEntry>(None).expect("entries").pop().expect("one").value;
    assert_eq!((last.detail.as_str(), last.id), ("unlocked", id_of(&ann).to_string()));
    assert_eq!(last.actor.name, USER);
}

#[tokio::test]
async fn the_audit_log_has_each_change_and_no_secret() {
    let port = Port::start().await;
    let ann = user(&port, "ann@example.com", json!({})).await;
    let visit = sign_in(&port, "ann@example.com").await;
    port.patch(&path(&ann, "/password"), &json!({"password": "planted-third-pass"})).await;
    port.delete(&path(&ann, "")).await;
    let entries = port.store.all::<AuditEntry>(None).expect("entries");
    let mut told = String::new();
    for entry in &entries {
        told += &serde_json::to_string(&entry.value).expect("JSON");
    }
    for secret in [PASSWORD, "planted-third-pass", "$argon2", &visit.cookie, &visit.csrf, "\"hash\":{"] {
        assert!(!told.contains(secret), "the log holds a secret");
    }
    let of = |resource: &str| entries.iter().filter(|entry| entry.value.resource == resource).count();
    assert_eq!((of("users"), of("sessions")), (4, 2), "{told}");
    let signed_in = entries.iter().find(|entry| entry.value.resource == "sessions").expect("an entry");
    assert_eq!(signed_in.value.actor.name, "ann@example.com");
    assert_eq!(
        (signed_in.value.actor.via.as_str(), signed_in.value.actor.address.as_str()),
        ("password", "127.0.0.1")
    );
}
