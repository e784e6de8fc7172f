//! Service accounts over REST: their forms, their versions, who may do what, and what goes with them.

use reqwest::Method;
use serde_json::{Value, json};
use tenantry::model::{
    Binding, Id, ManagedRole, Member, Principal, RoleId, ServiceAccount, Subject, TenantId, User,
};
use tenantry::store::{Kind, Record, RecordId, Store, within};

use super::seed::{self, ANN, RITA, group};
use super::stage::{Stage, Who};

const OURS: &str = "/acme/service-accounts";
const INSTANCE: &str = "/service-accounts";

fn id_of(json: &Value) -> Id {
    json["id"].as_str().expect("an id").parse().expect("an id")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_account_is_made_shown_changed_and_deleted() {
    let stage = Stage::start().await;
    // As Kestra's Terraform provider sends it.
    let body = json!({ "name": "bot", "description": "", "superAdmin": false, "groups": null });
    let made = stage.call(Who::Ann, Method::POST, OURS, Some(body)).await;
    let etag = made.etag.clone().expect("a version");
    let made = made.of(200);
    assert_eq!(made["tenant"], "acme");
    assert_eq!((&made["superAdmin"], &made["disabled"]), (&json!(false), &json!(false)));
    assert_eq!((&made["groups"], &made["description"]), (&json!([]), &json!("")));
    assert!(made.get("tenants").is_none());
    let path = format!("{OURS}/{}", made["id"].as_str().expect("an id"));
    let read = stage.call(Who::Ann, Method::GET, &path, None).await;
    assert_eq!((read.etag.as_deref(), &read.json), (Some(etag.as_str()), &made));

    let body = json!({
        "id": made["id"], "namespaceId": "", "name": "robot", "description": "works", "superAdmin": false,
        "groups": [group("viewer")],
    });
    let changed = stage.call_at(Who::Ann, Method::PUT, &path, Some(body.clone()), Some(&etag)).await;
    let second = changed.etag.clone().expect("a version");
    let changed = changed.of(200);
    assert_eq!((&changed["name"], &changed["description"]), (&json!("robot"), &json!("works")));
    assert_eq!(changed["groups"], json!([group("viewer")]));
    let stale = stage.call_at(Who::Ann, Method::PUT, &path, Some(body), Some(&etag)).await;
    stale.of(412);
    // What was read can be written back; groups that are left out stay.
    let mut back = changed.clone();
    back.as_object_mut().expect("an object").remove("groups");
    let again = stage.call_at(Who::Ann, Method::PUT, &path, Some(back), Some(&second)).await.of(200);
    assert_eq!(again["groups"], json!([group("viewer")]));
    let none = json!({ "name": "robot", "groups": null });
    assert_eq!(stage.call(Who::Ann, Method::PUT, &path, Some(none)).await.of(200)["groups"], json!([]));

    let list = stage.call(Who::Ann, Method::GET, &format!("{OURS}?q=ROB"), None).await.of(200);
    assert_eq!((&list["total"], &list["results"][0]["name"]), (&json!(1), &json!("robot")));
    let list = stage.call(Who::Root, Method::GET, INSTANCE, None).await.of(200);
    assert_eq!(list["total"], 0, "tenants' are not the instance's");

    let stale = stage.call_at(Who::Ann, Method::DELETE, &path, None, Some(&second)).await;
    stale.of(412);
    assert_eq!(stage.call(Who::Ann, Method::DELETE, &path, None).await.status, 200);
    for method in [Method::GET, Method::DELETE] {
        stage.call(Who::Ann, method, &path, None).await.of(404);
    }
    // Its name is free again, and so is its old one.
    for name in ["bot", "robot"] {
        stage.call(Who::Ann, Method::POST, OURS, Some(json!({ "name": name }))).await.of(200);
    }
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_instances_account_is_made_ranked_and_deleted() {
    let stage = Stage::start().await;
    let body = json!({ "name": "backup", "description": "d", "tenants": ["acme", "globex"] });
    let made = stage.call(Who::Root, Method::POST, INSTANCE, Some(body)).await.of(200);
    let tenants = json!([{ "id": "acme", "name": "acme" }, { "id": "globex", "name": "globex" }]);
    assert_eq!(made["tenants"], tenants);
    assert!(made.get("groups").is_none() && made.get("tenant").is_none());
    let path = format!("{INSTANCE}/{}", made["id"].as_str().expect("an id"));
    let (_, token) = stage.token(&path, json!({ "name": "ci" })).await;
    let super_admin = async |token: &str| {
        stage.call(Who::Token(token), Method::GET, "/me", None).await.of(200)["superAdmin"].clone()
    };
    assert_eq!(super_admin(&token).await, false);
    let rank = format!("{path}/superadmin");
    let up = stage.call(Who::Root, Method::PATCH, &rank, Some(json!({ "superAdmin": true }))).await;
    let version = up.etag.clone().expect("a version");
    assert_eq!(up.of(200)["superAdmin"], true);
    assert_eq!(super_admin(&token).await, true);
    stage.call(Who::Token(&token), Method::GET, "/tenants", None).await.of(200);
    assert_eq!(stage.bearer("GET /t/acme/api/v1/query", &token).await, 403, "rank opens no data");
    // A token within bounds makes nobody a super admin.
    for bounds in
        [json!({ "name": "scoped", "scopes": ["*"] }), json!({ "name": "placed", "tenant": "acme" })]
    {
        let (_, narrow) = stage.token(&path, bounds).await;
        assert_eq!(super_admin(&narrow).await, false);
        stage.call(Who::Token(&narrow), Method::GET, INSTANCE, None).await.of(403);
    }
    let change = Some(json!({ "name": "restore" }));
    assert_eq!(stage.call(Who::Root, Method::PATCH, &path, change).await.of(200)["description"], "d");
    let stale = Some(json!({ "disabled": true }));
    stage.call_at(Who::Root, Method::PATCH, &path, stale, Some(&version)).await.of(412);
    assert_eq!(stage.call(Who::Root, Method::DELETE, &path, None).await.status, 204);
    stage.call(Who::Token(&token), Method::GET, "/me", None).await.of(401);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_a_rule_is_named() {
    let stage = Stage::start().await;
    let taken = stage.machine("taken", &[]).await;
    let ghost = json!({ "id": seed::id(77).to_string() });
    let path = |id: &str| format!("{OURS}/{id}");
    for (body, fields) in [
        (json!({}), vec!["name"]),
        (json!({ "name": "Bad" }), vec!["name"]),
        (json!({ "name": "a", "superAdmin": true }), vec!["superAdmin"]),
        (json!({ "name": "a", "colour": 1 }), vec!["colour"]),
        (json!({ "name": "a", "groups": [{ "id": "x" }] }), vec!["groups[0].id"]),
        (json!({ "name": "a", "description": "\u{7}" }), vec!["description"]),
        (json!({ "name": 7 }), vec!["name"]),
    ] {
        let post = stage.call(Who::Root, Method::POST, OURS, Some(body.clone())).await;
        assert_eq!(post.flaws(), fields, "{body}");
        assert_eq!(stage.call(Who::Root, Method::PUT, &taken, Some(body)).await.flaws(), fields);
    }
    let disabled = json!({ "name": "a", "disabled": true });
    assert_eq!(stage.call(Who::Root, Method::POST, OURS, Some(disabled)).await.flaws(), ["disabled"]);
    for (body, field) in [
        (json!({}), "name"),
        (json!({ "name": "a", "tenants": ["?"] }), "tenants[0]"),
        (json!({ "name": "a", "groups": [] }), "groups"),
    ] {
        assert_eq!(stage.call(Who::Root, Method::POST, INSTANCE, Some(body)).await.flaws(), [field]);
    }
    let ghostly = json!({ "name": "a", "groups": [ghost] });
    stage.call(Who::Root, Method::POST, OURS, Some(ghostly.clone())).await.of(404);
    stage.call(Who::Root, Method::PUT, &taken, Some(ghostly)).await.of(404);
    let nowhere = json!({ "name": "a", "tenants": ["nowhere"] });
    stage.call(Who::Root, Method::POST, INSTANCE, Some(nowhere)).await.of(404);
    stage.call(Who::Root, Method::POST, OURS, Some(json!({ "name": "taken" }))).await.of(409);
    let other = stage.machine("other", &[]).await;
    stage.call(Who::Root, Method::PUT, &other, Some(json!({ "name": "taken" }))).await.of(409);
    // The same name may be another owner's.
    stage.call(Who::Root, Method::POST, INSTANCE, Some(json!({ "name": "taken" }))).await.of(200);
    stage
        .call(Who::Root, Method::POST, "/globex/service-accounts", Some(json!({ "name": "taken" })))
        .await
        .of(200);
    for id in ["x", &seed::id(77).to_string(), "%ff"] {
        stage.call(Who::Root, Method::GET, &path(id), None).await.of(404);
        stage.call(Who::Root, Method::GET, &format!("{INSTANCE}/{id}"), None).await.of(404);
    }
    let rank = format!("{}/superadmin", taken.replace("/acme", ""));
    stage.call(Who::Root, Method::PATCH, &rank, Some(json!({ "superAdmin": true }))).await.of(404);
    let rank = format!("{INSTANCE}/{}/superadmin", seed::id(77));
    assert_eq!(stage.call(Who::Root, Method::PATCH, &rank, Some(json!({}))).await.flaws(), ["superAdmin"]);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_refused_and_changes_nothing() {
    let stage = Stage::start().await;
    let account = stage.machine("agent", &["viewer"]).await;
    let before = stage.call(Who::Root, Method::GET, &account, None).await.json;
    let (id, body) = (before["id"].as_str().expect("an id"), json!({ "name": "changed" }));
    let all = |base: &str| {
        [
            (Method::POST, base.to_owned(), Some(body.clone())),
            (Method::GET, base.to_owned(), None),
            (Method::GET, format!("{base}/{id}"), None),
            (Method::PUT, format!("{base}/{id}"), Some(body.clone())),
            (Method::DELETE, format!("{base}/{id}"), None),
        ]
    };
    for (method, path, body) in all(OURS) {
        // Rita is of the tenant, and may not; in a tenant where Ann has no such power she is told so.
        stage.call(Who::User(RITA), method.clone(), &path, body.clone()).await.of(403);
        let nobody = path.replace("acme", "nobody");
        stage.call(Who::Ann, method.clone(), &nobody, body.clone()).await.of(404);
        stage
            .call(Who::User(RITA), method.clone(), &path.replace("acme", "globex"), body.clone())
            .await
            .of(404);
        stage.call(Who::Ann, method, &path.replace("acme", "globex"), body).await.of(403);
    }
    for (method, path, body) in all(INSTANCE) {
        let method = if method == Method::PUT { Method::PATCH } else { method };
        stage.call(Who::Ann, method, &path, body).await.of(403);
    }
    // The id of another tenant's account means nothing here.
    for (method, path, body) in all("/globex/service-accounts").into_iter().skip(2) {
        stage.call(Who::Root, method, &path, body).await.of(404);
    }
    assert_eq!(stage.call(Who::Root, Method::GET, &account, None).await.json, before);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_puts_an_account_into_a_group_that_may_more_than_they() {
    let stage = Stage::start().await;
    // Ann's token may manage accounts and groups, and read data.
    let scopes = ["SERVICE_ACCOUNT:*", "GROUP_MEMBERSHIP:CREATE", "*:read"];
    let (_, keeper) = stage.token_by(Who::Ann, "/me", json!({ "name": "keeper", "scopes": scopes })).await;
    let post = async |name: &str, groups: &[&str]| {
        let groups: Vec<Value> = groups.iter().map(|name| group(name)).collect();
        let body = json!({ "name": name, "groups": groups });
        stage.call(Who::Token(&keeper), Method::POST, OURS, Some(body)).await
    };
    let reader = post("reader", &["viewer"]).await.of(200);
    for more in ["writer", "editor", "admin", "elsewhere"] {
        post(more, &[more]).await.of(403);
    }
    let path = format!("{OURS}/{}", reader["id"].as_str().expect("an id"));
    let put = async |groups: Value| {
        let body = json!({ "name": "reader", "groups": groups });
        stage.call(Who::Token(&keeper), Method::PUT, &path, Some(body)).await
    };
    put(json!([group("viewer"), group("writer")])).await.of(403);
    put(json!([group("viewer")])).await.of(200);
    put(json!([])).await.of(403);
    assert_eq!(stage.call(Who::Ann, Method::GET, &path, None).await.json["groups"], json!([group("viewer")]));
    // Without any power over memberships.
    let scopes = ["SERVICE_ACCOUNT:*", "*:read"];
    let (_, maker) = stage.token_by(Who::Ann, "/me", json!({ "name": "maker", "scopes": scopes })).await;
    let body = json!({ "name": "maker", "groups": [group("viewer")] });
    stage.call(Who::Token(&maker), Method::POST, OURS, Some(body)).await.of(403);
    stage.call(Who::Token(&maker), Method::POST, OURS, Some(json!({ "name": "maker" }))).await.of(200);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_at_once_are_never_lost() {
    let stage = Stage::start().await;
    let account = stage.machine("agent", &[]).await;
    let add = async |name: &'static str| {
        loop {
            let read = stage.call(Who::Root, Method::GET, &account, None).await;
            let (version, mut body) = (read.etag.clone().expect("a version"), read.of(200));
            body["groups"].as_array_mut().expect("groups").push(group(name));
            let put = stage.call_at(Who::Root, Method::PUT, &account, Some(body), Some(&version)).await;
            match put.status {
                412 => {}
                _ => break put.of(200),
            }
        }
    };
    tokio::join!(add("viewer"), add("writer"), add("editor"), add("admin"), add("elsewhere"));
    let groups = stage.call(Who::Root, Method::GET, &account, None).await.of(200)["groups"].clone();
    assert_eq!(groups.as_array().expect("groups").len(), 5, "{groups}");
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_version_of_an_account_comes_twice() {
    let stage = Stage::start().await;
    let account = stage.machine("agent", &[]).await;
    let shown = stage.call(Who::Root, Method::GET, &account, None).await;
    let (seen, mut body) = (shown.etag.clone().expect("a version"), shown.of(200));
    let id = body["id"].as_str().expect("an id").to_owned();
    let access = format!("/acme/tenant-access/{id}");
    assert_eq!(stage.call(Who::Root, Method::DELETE, &access, None).await.status, 204);
    body["groups"] = json!([group("viewer")]);
    stage.call_at(Who::Root, Method::PUT, &account, Some(body), Some(&seen)).await.of(412);
    stage.stop().await;
}

/// A store in which a service account of the instance is the only super admin.
fn only_machine(dir: &tempfile::TempDir, account: Id) {
    let store = Store::open(&dir.path().join("store")).expect("the store");
    let mut root = store.find::<User>(&RecordId::User(seed::id(1))).expect("it reads").expect("root").value;
    root.super_admin = false;
    let id = RecordId::ServiceAccount(None, account);
    let mut machine = store.find::<ServiceAccount>(&id).expect("it reads").expect("an account").value;
    machine.super_admin = true;
    let changes =
        [Record::from(root), machine.into()].map(|record| tenantry::store::Change::Put(record.into()));
    store.commit(&[], changes.into()).expect("a commit");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_super_admin_stays() {
    let stage = Stage::start().await;
    let made = stage.call(Who::Root, Method::POST, INSTANCE, Some(json!({ "name": "last" }))).await.of(200);
    let path = format!("{INSTANCE}/{}", made["id"].as_str().expect("an id"));
    let (_, token) = stage.token(&path, json!({ "name": "ci" })).await;
    let dir = stage.stop().await;
    only_machine(&dir, id_of(&made));
    let stage = Stage::over(dir).await;
    let me = Who::Token(&token);
    let rank = format!("{path}/superadmin");
    stage.call(me, Method::PATCH, &rank, Some(json!({ "superAdmin": false }))).await.of(409);
    stage.call(me, Method::PATCH, &path, Some(json!({ "disabled": true }))).await.of(409);
    stage.call(me, Method::DELETE, &path, None).await.of(409);
    stage.call(me, Method::PATCH, &path, Some(json!({ "description": "d" }))).await.of(200);
    // Another one that is disabled does not count; one that is not does.
    let other = json!({ "name": "other", "superAdmin": true });
    let other = stage.call(me, Method::POST, INSTANCE, Some(other)).await.of(200);
    let other = format!("{INSTANCE}/{}", other["id"].as_str().expect("an id"));
    stage.call(me, Method::PATCH, &other, Some(json!({ "disabled": true }))).await.of(200);
    stage.call(me, Method::DELETE, &path, None).await.of(409);
    stage.call(me, Method::PATCH, &other, Some(json!({ "disabled": false }))).await.of(200);
    stage.call(me, Method::DELETE, &path, None).await.of(409);
    stage.token_by(me, &other, json!({ "name": "ci" })).await;
    assert_eq!(stage.call(me, Method::DELETE, &path, None).await.status, 204);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_deleted_account_is_left() {
    let stage = Stage::start().await;
    let body = json!({ "name": "gone", "tenants": ["acme", "globex"] });
    let made = stage.call(Who::Root, Method::POST, INSTANCE, Some(body)).await.of(200);
    let (account, path) = (id_of(&made), format!("{INSTANCE}/{}", made["id"].as_str().expect("an id")));
    let stay = stage.machine("stays", &["viewer"]).await;
    stage.token(&stay, json!({ "name": "ci" })).await;
    stage.token(&path, json!({ "name": "ci" })).await;
    let dir = stage.stop().await;
    bind(&dir, account);
    let counts = count(&dir);
    let stage = Stage::over(dir).await;
    assert_eq!(stage.call(Who::Root, Method::DELETE, &path, None).await.status, 204);
    let dir = stage.stop().await;
    let gone: Vec<_> =
        counts.iter().zip(count(&dir)).map(|((kind, had), (_, has))| (*kind, had - has)).collect();
    assert_eq!(
        gone,
        [(Kind::ServiceAccount, 1), (Kind::Member, 2), (Kind::Binding, 2), (Kind::Token, 1), (Kind::Name, 1),]
    );
    assert!(ANN.contains('@'), "she is still there to sign in");
}

/// Binds an account in both tenants.
fn bind(dir: &tempfile::TempDir, account: Id) {
    let store = Store::open(&dir.path().join("store")).expect("the store");
    let binding = |(number, tenant): (u8, &str)| Binding {
        tenant: seed::tenant(tenant),
        id: seed::id(number),
        subject: Subject::ServiceAccount(account),
        role: RoleId::Managed(ManagedRole::Viewer),
        services: None,
        created_at: seed::then(),
    };
    let bindings = [(81, "acme"), (82, "globex")].map(binding);
    let changes = bindings.map(|binding| tenantry::store::Change::Put(binding.into()));
    store.commit(&[], changes.into()).expect("a commit");
    let member = RecordId::Member(seed::tenant("acme"), Principal::ServiceAccount(account));
    assert!(store.find::<Member>(&member).expect("it reads").is_some());
    assert!(store.all::<Binding>(Some(&within(None::<&TenantId>))).expect("it reads").is_empty());
}

/// How many records of some kinds there are.
fn count(dir: &tempfile::TempDir) -> Vec<(Kind, usize)> {
    let store = Store::open(&dir.path().join("store")).expect("the store");
    let kinds = [Kind::ServiceAccount, Kind::Member, Kind::Binding, Kind::Token, Kind::Name];
    let count = |kind: Kind| {
        let mut number = 0;
        store.load(&[kind], |_| number += 1).expect("it reads");
        (kind, number)
    };
    kinds.map(count).into()
}
