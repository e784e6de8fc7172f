//! Roles: made, found, changed, deleted.

use reqwest::Method;
use serde_json::{Value, json};

use super::cast::{Done, Stage, acme, text};

fn names(list: &Value) -> Vec<&str> {
    let all = list.as_array().or_else(|| list["results"].as_array()).expect("a list");
    all.iter().map(|one| one["name"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn a_role_lives() {
    let stage = Stage::set().await;
    let body = json!({
        "id": "", "namespaceId": "", "name": "Dashboards", "description": "reads",
        "permissions": {"METRICS": ["VIEW", "write"], "binding": ["read"], "TENANT_ACCESS": ["LIST"]},
        "isDefault": false,
    });
    let made = stage.boss(Method::POST, &acme("roles"), Some(&body)).await;
    let role = made.done(200).json();
    let id = text(&made, "id");
    assert_eq!(made.header("location"), acme(&format!("roles/{id}")));
    assert_eq!(
        role["permissions"],
        json!({"metrics": ["read", "write"], "BINDING": ["READ"], "USER": ["READ"]})
    );
    assert_eq!((&role["isDefault"], &role["isManaged"]), (&json!(false), &json!(false)));
    assert_eq!((&role["name"], &role["description"]), (&json!("Dashboards"), &json!("reads")));

    let path = acme(&format!("roles/{id}"));
    let shown = stage.boss(Method::GET, &path, None).await;
    assert_eq!((shown.json(), shown.etag()), (role.clone(), made.etag()));
    // Whether it is the default lies elsewhere, and is part of what is seen.
    let mut default = json!({"name": "other", "permissions": {"logs": ["read"]}, "isDefault": true});
    let other = stage.boss(Method::POST, &acme("roles"), Some(&default)).await;
    let place = other.header("location").to_owned();
    assert_eq!(stage.boss(Method::GET, &place, None).await.etag(), other.etag());
    default["name"] = json!("third");
    let third = stage.boss(Method::POST, &acme("roles"), Some(&default)).await.header("location").to_owned();
    let late = stage.port.admin(Method::PUT, &place).header("if-match", other.etag());
    stage
        .port
        .send(late.json(&json!({"name": "other", "permissions": {"logs": ["read"]}, "isDefault": true})))
        .await
        .refused(412);
    for place in [place, third] {
        stage.boss(Method::DELETE, &place, None).await.done(204);
    }

    // What was read can be written back.
    let put = stage.boss(Method::PUT, &path, Some(&role)).await;
    assert_eq!(put.done(200).json()["permissions"], role["permissions"]);
    let body = json!({"id": id, "name": "dashboards", "permissions": {"logs": ["read"]}});
    let put = stage.boss(Method::PUT, &path, Some(&body)).await;
    assert_eq!(put.done(200).json()["description"], "", "what is left out gets its default");
    assert_eq!(put.json()["permissions"], json!({"logs": ["read"]}));
    assert_eq!(stage.boss(Method::GET, &path, None).await.json(), put.json());

    let other = json!({"id": "viewer_acme", "name": "x", "permissions": {"logs": ["read"]}});
    stage.boss(Method::PUT, &path, Some(&other)).await.flaws(&["id"]);

    stage.boss(Method::DELETE, &path, None).await.done(204);
    stage.boss(Method::GET, &path, None).await.refused(404);
    let body = json!({"name": "dashboards", "permissions": {"logs": ["read"]}});
    stage.boss(Method::PUT, &path, Some(&body)).await.refused(404);
    stage.boss(Method::DELETE, &path, None).await.refused(404);
    stage.boss(Method::POST, &acme("roles"), Some(&body)).await.done(200);
}

#[tokio::test]
async fn writes_take_the_version_that_was_seen() {
    let stage = Stage::set().await;
    let id = stage.role("one", &json!({"logs": ["read"]})).await;
    let path = acme(&format!("roles/{id}"));
    let body = json!({"name": "two", "permissions": {"logs": ["read"]}});
    let before = stage.boss(Method::GET, &path, None).await;
    for method in [Method::PUT, Method::DELETE] {
        let request = stage.port.admin(method, &path).header("if-match", "\"1\"").json(&body);
        stage.port.send(request).await.refused(412);
    }
    assert_eq!(stage.get(&path).await, before.json());
    let request = stage.port.admin(Method::PUT, &path).header("if-match", before.etag()).json(&body);
    stage.port.send(request).await.done(200);
    let request = stage.port.admin(Method::DELETE, &path).header("if-match", before.etag());
    stage.port.send(request).await.refused(412);
}

#[tokio::test]
async fn roles_break_rules_that_are_named() {
    let stage = Stage::set().await;
    let permissions = json!({"logs": ["read"]});
    for (body, fields) in [
        (json!({}), &["name", "permissions"][..]),
        (json!({"name": "", "permissions": permissions}), &["name"]),
        (json!({"name": "x".repeat(256), "permissions": permissions}), &["name"]),
        (
            json!({"name": "a\nb", "permissions": permissions, "description": "\u{0}"}),
            &["name", "description"],
        ),
        (json!({"name": "a", "permissions": {}}), &["permissions"]),
        (json!({"name": "a", "permissions": {"logs": []}}), &["permissions.logs", "permissions"]),
        (json!({"name": "a", "permissions": {"FLOW": ["READ"]}}), &["permissions.FLOW", "permissions"]),
        (json!({"name": "a", "permissions": {"logs": ["read"], "ROLE": ["EXECUTE"]}}), &["permissions.ROLE"]),
        (json!({"name": "a", "permissions": permissions, "color": "red"}), &["color"]),
        (json!({"name": "a", "permissions": ["logs:read"]}), &["permissions"]),
        (json!({"name": 5, "permissions": permissions}), &["name"]),
    ] {
        stage.boss(Method::POST, &acme("roles"), Some(&body)).await.flaws(fields);
    }
    let all = stage.get(&acme("roles")).await;
    assert_eq!(all["total"], 4, "nothing was made");
    for query in ["page=0", "size=1001", "sort=color:asc", "color=red", "filters[color][EQUALS]=red"] {
        stage.boss(Method::GET, &acme(&format!("roles?{query}")), None).await.refused(422);
    }
}

#[tokio::test]
async fn names_are_unique_in_any_case() {
    let stage = Stage::set().await;
    let body = |name: &str| json!({"name": name, "permissions": {"logs": ["read"]}});
    let first = stage.role("Straße", &json!({"logs": ["read"]})).await;
    let second = stage.role("other", &json!({"logs": ["read"]})).await;
    for name in ["straße", "STRAßE", "Admin", "WRITER"] {
        stage.boss(Method::POST, &acme("roles"), Some(&body(name))).await.refused(409);
        let path = acme(&format!("roles/{second}"));
        stage.boss(Method::PUT, &path, Some(&body(name))).await.refused(409);
    }
    let elsewhere = stage.boss(Method::POST, "/api/v1/other/roles", Some(&body("straße"))).await;
    elsewhere.done(200);
    // A name that was given up is free.
    stage.boss(Method::PUT, &acme(&format!("roles/{first}")), Some(&body("STRASSE"))).await.done(200);
    stage.boss(Method::PUT, &acme(&format!("roles/{second}")), Some(&body("straße"))).await.done(200);
    stage.boss(Method::POST, &acme("roles"), Some(&body("other"))).await.done(200);
}

#[tokio::test]
async fn managed_roles_are_there_and_stay() {
    let stage = Stage::set().await;
    let list = stage.get(&acme("roles/search")).await;
    assert_eq!((names(&list), &list["total"]), (vec!["Admin", "Editor", "Viewer", "Writer"], &json!(4)));
    assert_eq!(
        list["results"][3],
        json!({
            "id": "writer_acme", "name": "Writer", "isDefault": false, "isManaged": true, "permissionCount": 7,
        })
    );
    let viewer = stage.get(&acme("roles/viewer_acme")).await;
    assert_eq!((&viewer["isManaged"], &viewer["permissions"]["logs"]), (&json!(true), &json!(["read"])));
    assert!(viewer.get("createdAt").is_none());
    assert_eq!(stage.get(&acme("roles/viewer")).await, viewer, "the bare word will do");
    let body = json!({"name": "Viewer", "permissions": {"logs": ["write"]}});
    stage.boss(Method::PUT, &acme("roles/viewer_acme"), Some(&body)).await.refused(409);
    stage.boss(Method::DELETE, &acme("roles/viewer_acme"), None).await.refused(409);
    assert_eq!(stage.get(&acme("roles/viewer_acme")).await, viewer);
    for id in ["viewer_other", "owner_acme", "x", "0000000000000000000000"] {
        stage.boss(Method::GET, &acme(&format!("roles/{id}")), None).await.refused(404);
    }
}

#[tokio::test]
async fn roles_are_found() {
    let stage = Stage::set().await;
    let mut ids = Vec::new();
    for name in ["alpha", "beta", "gamma"] {
        ids.push(stage.role(name, &json!({"logs": ["read", "write"]})).await);
    }
    let page = stage.get(&acme("roles?sort=name:desc&size=3&page=2")).await;
    assert_eq!((names(&page), &page["total"]), (vec!["Editor", "beta", "alpha"], &json!(7)));
    let hits = stage.get(&acme("roles/search?q=ALPH&size=100")).await;
    assert_eq!((names(&hits), &hits["results"][0]["permissionCount"]), (vec!["alpha"], &json!(2)));
    let hits = stage.get(&acme("roles/search?filters[name][EQUALS]=Beta")).await;
    assert_eq!(names(&hits), ["beta"]);
    let by_id = stage.get(&acme("roles?size=100")).await;
    let listed: Vec<_> =
        by_id["results"].as_array().expect("a list").iter().map(|r| r["id"].to_string()).collect();
    assert!(listed.is_sorted(), "{listed:?}");

    let body = json!({"ids": [ids[1], "admin_acme", "admin_other", "nothing"]});
    let answer = stage.boss(Method::POST, &acme("roles/ids"), Some(&body)).await;
    let mut found = answer.done(200).json();
    found.as_array_mut().expect("a list").sort_by_key(|role| role["name"].to_string());
    assert_eq!(names(&found), ["Admin", "beta"]);
    assert_eq!(found[1]["permissions"], json!({"logs": ["read", "write"]}));
    let body = json!({"q": "MM", "ids": [ids[0], "nothing"], "existingOnly": true});
    let answer = stage.boss(Method::POST, &acme("roles/autocomplete"), Some(&body)).await;
    assert_eq!(names(&answer.done(200).json()), ["alpha", "gamma"]);
    for path in ["roles/ids", "roles/autocomplete"] {
        let body = json!({"ids": vec!["x"; 1001], "color": 1});
        stage.boss(Method::POST, &acme(path), Some(&body)).await.flaws(&["color", "ids"]);
    }
}

#[tokio::test]
async fn one_role_is_the_default_of_new_users() {
    let stage = Stage::set().await;
    let make = async |name: &str| {
        let body = json!({"name": name, "permissions": {"logs": ["read"]}, "isDefault": true});
        text(stage.boss(Method::POST, &acme("roles"), Some(&body)).await.done(200), "id")
    };
    let default = async |id: &str| stage.get(&acme(&format!("roles/{id}"))).await["isDefault"].clone();
    let (first, second) = (make("first").await, make("second").await);
    assert_eq!((default(&first).await, default(&second).await), (json!(false), json!(true)));

    let ann = stage.user("ann@example.com").await;
    stage.boss(Method::PUT, &acme(&format!("tenant-access/{}", ann.id)), None).await.done(201);
    assert_eq!(stage.rights(&ann.id), Some(vec!["logs:read".to_owned()]), "live when answered");
    let bot = stage.machine("bot", Some("acme")).await;
    stage.boss(Method::PUT, &acme(&format!("tenant-access/{}", bot.id)), None).await.done(201);
    assert_eq!(stage.rights(&bot.id), Some(Vec::new()), "service accounts are bound by hand");

    let message = stage.boss(Method::DELETE, &acme(&format!("roles/{second}")), None).await.refused(409);
    assert_eq!(message, "1 binding gives this role: delete it first");
    let body = json!({"name": "second", "permissions": {"logs": ["read"]}, "isDefault": false});
    stage
        .boss(
            Method::PUT,
            &acme(&format!("roles/{first}")),
            Some(&json!({"name": "first", "permissions": {"logs": ["read"]}})),
        )
        .await
        .done(200);
    assert_eq!(default(&second).await, json!(true), "another role's flag is its own");
    stage.boss(Method::PUT, &acme(&format!("roles/{second}")), Some(&body)).await.done(200);
    assert_eq!(default(&second).await, json!(false));
    let ben = stage.user("ben@example.com").await;
    stage.boss(Method::PUT, &acme(&format!("tenant-access/{}", ben.id)), None).await.done(201);
    assert_eq!(stage.rights(&ben.id), Some(Vec::new()));

    // A default role that is deleted is nobody's default.
    let third = make("third").await;
    stage.boss(Method::DELETE, &acme(&format!("roles/{third}")), None).await.done(204);
    let kim = stage.user("kim@example.com").await;
    stage.boss(Method::PUT, &acme(&format!("tenant-access/{}", kim.id)), None).await.done(201);
    assert_eq!(stage.get(&acme(&format!("bindings?id={}", kim.id))).await["total"], 0);
}

#[tokio::test]
async fn what_can_be_permitted_is_told() {
    let stage = Stage::set().await;
    let member = stage.player("member", &json!({"logs": ["read"]})).await;
    let answer = stage.call(&member, Method::GET, &acme("acls/permissions"), None).await;
    let permissions = answer.done(200).json();
    assert_eq!(permissions["metrics"], json!(["read", "write", "delete"]));
    assert_eq!(permissions["BINDING"], json!(["CREATE", "READ", "UPDATE", "DELETE"]));
    assert_eq!(permissions.as_object().expect("an object").len(), 7 + 12);
    let actions = stage.call(&member, Method::GET, &acme("acls/actions"), None).await.json();
    assert_eq!(actions, json!(["CREATE", "DELETE", "READ", "UPDATE", "delete", "read", "write"]));
    let templates = stage.call(&member, Method::GET, &acme("acls/templates"), None).await.json();
    assert_eq!(templates["ADMIN"], permissions);
    assert_eq!(templates["WRITER"]["traces"], json!(["write"]));
}
