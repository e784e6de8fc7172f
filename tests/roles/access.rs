//! Access to a tenant: given, shown, taken away.

use reqwest::Method;
use serde_json::{Value, json};

use super::cast::{Done, Stage, acme};

fn names(list: &Value) -> Vec<&str> {
    let all = list.as_array().or_else(|| list["results"].as_array()).expect("a list");
    all.iter().map(|one| one["username"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn access_is_given_and_taken_away() {
    let stage = Stage::set().await;
    let ann = stage.user("ann@example.com").await;
    let path = acme(&format!("tenant-access/{}", ann.id));
    stage.boss(Method::GET, &path, None).await.refused(404);
    stage.boss(Method::DELETE, &path, None).await.refused(404);
    let body = json!({"email": "ANN@Example.com"});
    let given = stage.boss(Method::POST, &acme("tenant-access"), Some(&body)).await;
    assert_eq!(given.done(204).text, "");
    assert_eq!(stage.rights(&ann.id), Some(Vec::new()));
    stage.boss(Method::POST, &acme("tenant-access"), Some(&body)).await.refused(409);
    stage.boss(Method::PUT, &path, None).await.refused(409);

    let group = stage.group("crew").await;
    stage.boss(Method::PUT, &acme(&format!("groups/{group}/members/{}", ann.id)), None).await.done(200);
    let direct = stage.bind("USER", &ann.id, "viewer_acme").await;
    let by_group = stage.bind("GROUP", &group, "writer_acme").await;
    let shown = stage.boss(Method::GET, &path, None).await;
    let stale = stage.port.admin(Method::DELETE, &path).header("if-match", "\"1\"");
    stage.port.send(stale).await.refused(412);
    let request = stage.port.admin(Method::DELETE, &path).header("if-match", shown.etag());
    stage.port.send(request).await.done(204);
    assert_eq!(stage.rights(&ann.id), None);
    stage.boss(Method::GET, &acme(&format!("bindings/{direct}")), None).await.refused(404);
    stage.get(&acme(&format!("bindings/{by_group}"))).await;

    // Who comes back has nothing of what they had.
    stage.boss(Method::PUT, &path, None).await.done(201);
    assert_eq!(stage.rights(&ann.id), Some(Vec::new()));
    assert_eq!(stage.get(&path).await["groups"], json!([]));
    for (body, status) in [
        (json!({"email": "nobody@example.com"}), 404),
        (json!({"email": "a b"}), 422),
        (json!({"email": "a@example.com", "color": 1}), 422),
        (json!({}), 422),
    ] {
        stage.boss(Method::POST, &acme("tenant-access"), Some(&body)).await.refused(status);
    }
    stage.boss(Method::PUT, &acme("tenant-access/0000000000000000000000"), None).await.refused(404);
    stage.boss(Method::PUT, &acme("tenant-access/x"), None).await.refused(404);
}

#[tokio::test]
async fn access_is_shown_with_its_reasons() {
    let stage = Stage::set().await;
    let ann = stage.user("ann@example.com").await;
    let group = stage.group("crew").await;
    let body = json!({
        "type": "USER", "externalId": ann.id, "roleId": "admin_acme", "services": ["loki"],
    });
    let made = stage.boss(Method::POST, &acme("bindings"), Some(&body)).await.done(200).json();
    stage.boss(Method::PUT, &acme(&format!("groups/{group}/members/{}", ann.id)), None).await.done(200);
    let role = stage.role("few", &json!({"logs": ["read"], "ROLE": ["READ"]})).await;
    stage.bind("GROUP", &group, &role).await;
    // Everybody may look at their own.
    let path = acme(&format!("tenant-access/{}", ann.id));
    let shown = stage.call(&ann, Method::GET, &path, None).await.done(200).json();
    assert_eq!(shown, stage.get(&path).await);
    assert_eq!((&shown["tenantId"], &shown["userId"]), (&json!("acme"), &json!(ann.id)));
    assert_eq!((&shown["superAdmin"], &shown["type"]), (&json!(false), &json!("STANDARD")));
    let roles = shown["roles"].as_array().expect("roles");
    assert_eq!(roles.len(), 2);
    assert_eq!((&roles[0]["origin"], &roles[0]["sourceId"]), (&json!("BINDING"), &made["id"]));
    assert_eq!((&roles[0]["id"], &roles[0]["services"]), (&json!("admin_acme"), &json!(["loki"])));
    assert_eq!(roles[0]["permissions"].as_array().map(Vec::len), Some(7), "no administration there");
    assert_eq!(
        roles[1],
        json!({
            "id": role, "name": "few", "origin": "GROUP", "sourceId": group,
            "permissions": [
                {"resource": "ROLE", "actions": ["READ"]}, {"resource": "logs", "actions": ["read"]},
            ],
        })
    );
    stage
        .call(&ann, Method::GET, &acme(&format!("tenant-access/{}", stage.boss.id)), None)
        .await
        .refused(403);
}

#[tokio::test]
async fn those_with_access_are_found() {
    let stage = Stage::set().await;
    let mut ids = Vec::new();
    for name in ["ann@example.com", "ben@example.com", "kim@example.com"] {
        let user = stage.user(name).await;
        stage.boss(Method::PUT, &acme(&format!("tenant-access/{}", user.id)), None).await.done(201);
        ids.push(user.id);
    }
    stage.user("stranger@example.com").await;
    let bot = stage.machine("bot", Some("acme")).await;
    stage.bind("USER", &bot.id, "writer_acme").await;
    let list = stage.get(&acme("tenant-access?sort=username:desc&size=3")).await;
    let all = vec!["kim@example.com", "bot", "ben@example.com"];
    assert_eq!((names(&list), &list["total"]), (all, &json!(4)));
    assert_eq!(list["results"][1]["type"], "SERVICE_ACCOUNT");
    assert_eq!(names(&stage.get(&acme("tenant-access?q=BEN@")).await), ["ben@example.com"]);
    let exact = "tenant-access?filters[username][EQUALS]=Ann@example.com";
    assert_eq!(names(&stage.get(&acme(exact)).await), ["ann@example.com"]);
    let find = async |body: Value| {
        let path = acme("tenant-access/autocomplete");
        stage.boss(Method::POST, &path, Some(&body)).await.done(200).json()
    };
    assert_eq!(
        names(&find(json!({"q": "kim", "ids": [ids[0]]})).await),
        ["ann@example.com", "kim@example.com"]
    );
    assert_eq!(names(&find(json!({"q": "stranger@example.com"})).await), Vec::<&str>::new());
}
