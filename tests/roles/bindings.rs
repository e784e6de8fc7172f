//! Bindings: made one by one and at once, found, deleted.

use reqwest::Method;
use serde_json::{Value, json};

use super::cast::{Done, Stage, acme, text};

fn ids(list: &Value) -> Vec<&str> {
    let mut ids: Vec<_> = list["results"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["id"].as_str().expect("an id"))
        .collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn a_binding_gives_a_role_and_takes_it_away() {
    let stage = Stage::set().await;
    let ann = stage.user("ann@example.com").await;
    assert_eq!(stage.rights(&ann.id), None);
    let body = json!({"type": "USER", "externalId": ann.id, "roleId": "viewer_acme", "namespaceId": ""});
    let made = stage.boss(Method::POST, &acme("bindings"), Some(&body)).await;
    let binding = made.done(200).json();
    let id = text(&made, "id");
    assert_eq!(made.header("location"), acme(&format!("bindings/{id}")));
    assert_eq!(binding["type"], "USER");
    assert_eq!(binding["role"], json!({"id": "viewer_acme", "name": "Viewer"}));
    assert_eq!(
        binding["user"],
        json!({
            "id": ann.id, "username": "ann@example.com", "displayName": "ann@example.com", "type": "STANDARD",
        })
    );
    assert!(binding.get("group").is_none() && binding.get("namespace").is_none(), "{binding}");
    let rights = stage.rights(&ann.id).expect("access came with the binding");
    assert!(rights.contains(&"metrics:read".to_owned()) && rights.len() == 7, "{rights:?}");

    let path = acme(&format!("bindings/{id}"));
    let shown = stage.boss(Method::GET, &path, None).await;
    assert_eq!((shown.json(), shown.etag()), (binding, made.etag()));
    let stale = stage.port.admin(Method::DELETE, &path).header("if-match", "\"1\"");
    stage.port.send(stale).await.refused(412);
    stage.boss(Method::PUT, &path, Some(&body)).await.refused(405);
    stage.boss(Method::DELETE, &path, None).await.done(204);
    assert_eq!(stage.rights(&ann.id), Some(Vec::new()), "access stays");
    stage.boss(Method::GET, &path, None).await.refused(404);
    stage.boss(Method::DELETE, &path, None).await.refused(404);
    stage.boss(Method::GET, &acme("bindings/x"), None).await.refused(404);
}

#[tokio::test]
async fn machines_and_groups_are_bound_too() {
    let stage = Stage::set().await;
    let (bot, rover) = (stage.machine("bot", Some("acme")).await, stage.machine("rover", None).await);
    for (kind, holder) in [("USER", &bot), ("SERVICE_ACCOUNT", &rover)] {
        let body = json!({"type": kind, "externalId": holder.id, "roleId": "writer_acme"});
        let binding = stage.boss(Method::POST, &acme("bindings"), Some(&body)).await.done(200).json();
        assert_eq!((&binding["type"], &binding["user"]["type"]), (&json!("USER"), &json!("SERVICE_ACCOUNT")));
        assert_eq!(stage.rights(&holder.id).map(|rights| rights.len()), Some(7));
    }
    let group = stage.group("on-call").await;
    let body = json!({"type": "GROUP", "externalId": group, "roleId": "viewer_acme"});
    let binding = stage.boss(Method::POST, &acme("bindings"), Some(&body)).await.done(200).json();
    assert_eq!(
        (&binding["type"], &binding["group"]),
        (&json!("GROUP"), &json!({"id": group, "name": "on-call"}))
    );
    assert!(binding.get("user").is_none());
    let ann = stage.user("ann@example.com").await;
    let path = acme(&format!("groups/{group}/members/{}", ann.id));
    stage.boss(Method::PUT, &path, None).await.done(200);
    assert_eq!(stage.rights(&ann.id).map(|rights| rights.len()), Some(7));
}

#[tokio::test]
async fn a_binding_limited_to_services_gives_data_there_alone() {
    let stage = Stage::set().await;
    let ann = stage.user("ann@example.com").await;
    let role = stage.role("both", &json!({"logs": ["read"], "ROLE": ["READ"]})).await;
    let body = json!({"type": "USER", "externalId": ann.id, "roleId": role, "services": ["loki", "loki-2"]});
    let binding = stage.boss(Method::POST, &acme("bindings"), Some(&body)).await.done(200).json();
    assert_eq!(binding["services"], json!(["loki", "loki-2"]));
    assert_eq!(stage.rights(&ann.id), Some(vec!["logs:read@loki".to_owned(), "logs:read@loki-2".to_owned()]));
    stage.call(&ann, Method::GET, &acme("roles"), None).await.refused(403);
}

#[tokio::test]
async fn nobody_is_bound_at_services_that_do_not_exist_or_too_often() {
    let stage = Stage::set().await;
    let ann = stage.user("ann@example.com").await;
    let at = |services: Value| json!({"type": "USER", "externalId": ann.id, "roleId": "viewer_acme", "services": services});
    let nowhere = at(json!(["loki", "nowhere"]));
    stage.boss(Method::POST, &acme("bindings"), Some(&nowhere)).await.flaws(&["services"]);
    let many = json!([at(json!(["loki"])), nowhere]);
    stage.boss(Method::POST, &acme("bindings/bulk"), Some(&many)).await.flaws(&["[1].services"]);
    assert_eq!(stage.rights(&ann.id), None);

    let many = |count: usize| json!(vec![at(json!(["loki"])); count]);
    stage.boss(Method::POST, &acme("bindings/bulk"), Some(&many(100))).await.done(200);
    stage.boss(Method::POST, &acme("bindings/bulk"), Some(&many(100))).await.done(200);
    stage.boss(Method::POST, &acme("bindings/bulk"), Some(&many(57))).await.refused(409);
    stage.boss(Method::POST, &acme("bindings/bulk"), Some(&many(56))).await.done(200);
    stage.boss(Method::POST, &acme("bindings"), Some(&at(json!(["loki"])))).await.refused(409);
}

#[tokio::test]
async fn bindings_break_rules_that_are_named() {
    let stage = Stage::set().await;
    let ann = stage.user("ann@example.com").await;
    let good = json!({"type": "USER", "externalId": ann.id, "roleId": "viewer_acme"});
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    for (body, field) in [
        (with("namespaceId", json!("prod")), "namespaceId"),
        (with("services", json!([])), "services"),
        (with("services", json!(["Loki"])), "services"),
        (with("services", json!([""])), "services"),
        (with("type", json!("ROBOT")), "type"),
        (with("roleId", json!(null)), "roleId"),
        (with("color", json!("red")), "color"),
    ] {
        stage.boss(Method::POST, &acme("bindings"), Some(&body)).await.flaws(&[field]);
        if field == "color" || field.contains("Id") && field != "roleId" {
            let many = json!([good, body]);
            let named = format!("[1].{field}");
            stage.boss(Method::POST, &acme("bindings/bulk"), Some(&many)).await.flaws(&[&named]);
        }
    }
    for query in ["type=ROBOT", "id=x", "namespace=prod", "id=a&id=b", "color=red"] {
        stage.boss(Method::GET, &acme(&format!("bindings/search?{query}")), None).await.refused(422);
    }
    assert_eq!(stage.get(&acme("bindings")).await["total"], 0);
}

#[tokio::test]
async fn many_are_bound_at_once_or_none() {
    let stage = Stage::set().await;
    let (ann, ben) = (stage.user("ann@example.com").await, stage.user("ben@example.com").await);
    let bind = |id: &str, role: &str| json!({"type": "USER", "externalId": id, "roleId": role});
    let all =
        json!([bind(&ann.id, "viewer_acme"), bind(&ann.id, "writer_acme"), bind(&ben.id, "viewer_acme")]);
    for nowhere in [bind("0000000000000000000000", "viewer_acme"), bind(&ann.id, "admin_other")] {
        let mut broken = all.clone();
        broken.as_array_mut().expect("a list").push(nowhere);
        stage.boss(Method::POST, &acme("bindings/bulk"), Some(&broken)).await.refused(404);
    }
    assert_eq!(
        (stage.rights(&ann.id), stage.get(&acme("bindings")).await["total"].clone()),
        (None, json!(0))
    );
    let made = stage.boss(Method::POST, &acme("bindings/bulk"), Some(&all)).await.done(200).json();
    let roles: Vec<_> = made.as_array().expect("a list").iter().map(|one| &one["role"]["name"]).collect();
    assert_eq!(roles, ["Viewer", "Writer", "Viewer"]);
    assert_eq!(stage.rights(&ann.id).map(|rights| rights.len()), Some(14));
    let none = stage.boss(Method::POST, &acme("bindings/bulk"), Some(&json!([]))).await;
    assert_eq!(none.done(200).json(), json!([]));
}

#[tokio::test]
async fn bindings_are_found() {
    let stage = Stage::set().await;
    let (ann, ben) = (stage.user("ann@example.com").await, stage.user("ben@example.com").await);
    let group = stage.group("on-call").await;
    let role = stage.role("special", &json!({"logs": ["read"]})).await;
    let first = stage.bind("USER", &ann.id, "viewer_acme").await;
    let second = stage.bind("USER", &ben.id, &role).await;
    let third = stage.bind("GROUP", &group, &role).await;
    let sorted = |mut ids: Vec<&String>| {
        ids.sort_unstable();
        ids.into_iter().map(String::as_str).collect::<Vec<_>>().join(" ")
    };
    for (query, expected) in [
        ("", vec![&first, &second, &third]),
        ("type=USER", vec![&first, &second]),
        ("type=GROUP", vec![&third]),
        (&format!("id={}", ann.id), vec![&first]),
        (&format!("id={group}&type=GROUP&namespace="), vec![&third]),
        (&format!("id={group}&type=USER"), vec![]),
        (&format!("roleId={role}"), vec![&second, &third]),
        ("q=BEN@", vec![&second]),
        ("q=speci", vec![&second, &third]),
        ("filters[name][EQUALS]=On-Call", vec![&third]),
    ] {
        let list = stage.get(&acme(&format!("bindings/search?{query}"))).await;
        assert_eq!(ids(&list).join(" "), sorted(expected), "{query}");
        assert_eq!(list["total"], ids(&list).len());
    }
    let page = stage.get(&acme("bindings?size=1&page=2&sort=name:asc")).await;
    assert_eq!((ids(&page), &page["total"]), (vec![second.as_str()], &json!(3)));
    stage.boss(Method::GET, &acme("bindings?roleId=viewer_other"), None).await.refused(404);
}
