//! Groups, and who is in them.

use reqwest::Method;
use serde_json::{Value, json};

use super::cast::{Done, Stage, acme, text};

fn fields<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    let all = list.as_array().or_else(|| list["results"].as_array()).expect("a list");
    all.iter().map(|one| one[field].as_str().expect("a text")).collect()
}

#[tokio::test]
async fn a_group_lives() {
    let stage = Stage::set().await;
    let body = json!({"id": "", "namespaceId": "", "name": "On-call", "description": "wakes up"});
    let made = stage.boss(Method::POST, &acme("groups"), Some(&body)).await;
    let (group, id) = (made.done(200).json(), text(&made, "id"));
    assert_eq!(made.header("location"), acme(&format!("groups/{id}")));
    assert_eq!((&group["name"], &group["description"]), (&json!("On-call"), &json!("wakes up")));
    let path = acme(&format!("groups/{id}"));
    let shown = stage.boss(Method::GET, &path, None).await;
    assert_eq!((shown.json(), shown.etag()), (group.clone(), made.etag()));

    stage.boss(Method::PUT, &path, Some(&group)).await.done(200);
    let put = stage.boss(Method::PUT, &path, Some(&json!({"name": "on-call"}))).await;
    assert_eq!(put.done(200).json()["description"], "");
    let request = stage.port.admin(Method::PUT, &path).header("if-match", made.etag()).json(&body);
    stage.port.send(request).await.refused(422);
    let request = stage.port.admin(Method::PUT, &path).header("if-match", made.etag());
    stage.port.send(request.json(&json!({"name": "late"}))).await.refused(412);
    let request = stage.port.admin(Method::DELETE, &path).header("if-match", made.etag());
    stage.port.send(request).await.refused(412);
    assert_eq!(stage.get(&path).await, put.json());

    stage.boss(Method::DELETE, &path, None).await.done(200);
    stage.boss(Method::GET, &path, None).await.refused(404);
    stage.boss(Method::DELETE, &path, None).await.refused(404);
    stage.boss(Method::PUT, &path, Some(&json!({"name": "x"}))).await.refused(404);
    stage.boss(Method::GET, &acme("groups/x"), None).await.refused(404);
    stage.group("on-call").await;
}

#[tokio::test]
async fn groups_break_rules_that_are_named() {
    let stage = Stage::set().await;
    let first = stage.group("one").await;
    stage.group("two").await;
    stage.boss(Method::POST, &acme("groups"), Some(&json!({"name": "ONE"}))).await.refused(409);
    let path = acme(&format!("groups/{first}"));
    stage.boss(Method::PUT, &path, Some(&json!({"name": "Two"}))).await.refused(409);
    for (body, fields) in [
        (json!({}), &["name"][..]),
        (json!({"name": "", "description": "\u{0}"}), &["name", "description"]),
        (json!({"name": "a", "color": "red"}), &["color"]),
        (json!({"name": "a", "membersId": vec!["x"; 1001]}), &["membersId"]),
    ] {
        stage.boss(Method::POST, &acme("groups"), Some(&body)).await.flaws(fields);
    }
    let body = json!({"id": "x", "name": "one", "membersId": []});
    stage.boss(Method::PUT, &path, Some(&body)).await.flaws(&["id", "membersId"]);
    for member in ["x", "0000000000000000000000"] {
        let body = json!({"name": "three", "membersId": [member]});
        stage.boss(Method::POST, &acme("groups"), Some(&body)).await.refused(404);
    }
    assert_eq!(stage.get(&acme("groups")).await["total"], 2);
}

#[tokio::test]
async fn groups_are_found() {
    let stage = Stage::set().await;
    let (one, two) = (stage.group("one").await, stage.group("two").await);
    stage.group("three").await;
    let list = stage.get(&acme("groups/search?sort=name:asc&size=2")).await;
    assert_eq!((fields(&list, "name"), &list["total"]), (vec!["one", "three"], &json!(3)));
    assert_eq!(fields(&stage.get(&acme("groups?q=TW")).await, "id"), [two.as_str()]);
    let body = json!({"ids": [one, "nothing"]});
    let found = stage.boss(Method::POST, &acme("groups/ids"), Some(&body)).await;
    assert_eq!(fields(&found.done(200).json(), "name"), ["one"]);
    let body = json!({"ids": [two], "q": "thr"});
    let found = stage.boss(Method::POST, &acme("groups/autocomplete"), Some(&body)).await;
    assert_eq!(fields(&found.done(200).json(), "name"), ["two", "three"]);
}

#[tokio::test]
async fn people_come_and_go() {
    let stage = Stage::set().await;
    let (ann, bot) = (stage.user("ann@example.com").await, stage.machine("bot", Some("acme")).await);
    let body = json!({"name": "crew", "membersId": [ann.id, bot.id]});
    let group = text(stage.boss(Method::POST, &acme("groups"), Some(&body)).await.done(200), "id");
    stage.bind("GROUP", &group, "viewer_acme").await;
    assert_eq!(stage.rights(&bot.id).map(|rights| rights.len()), Some(7));
    let members = acme(&format!("groups/{group}/members"));
    let list = stage.get(&format!("{members}?size=200&sort=username:asc")).await;
    assert_eq!(fields(&list, "username"), ["ann@example.com", "bot"]);
    assert_eq!(list["results"][1]["type"], "SERVICE_ACCOUNT");

    let ben = stage.user("ben@example.com").await;
    let seat = format!("{members}/{}", ben.id);
    let membership = format!("{members}/membership/{}?membership=OWNER", ben.id);
    stage.boss(Method::PUT, &membership, None).await.refused(404);
    stage.boss(Method::DELETE, &seat, None).await.refused(404);
    let joined = stage.boss(Method::PUT, &seat, None).await.done(200).json();
    let place = |membership: &str| json!([{"id": group, "name": "crew", "external": false, "membership": membership}]);
    assert_eq!((&joined["id"], &joined["groups"]), (&json!(ben.id), &place("MEMBER")));
    assert_eq!(stage.rights(&ben.id).map(|rights| rights.len()), Some(7), "access came with the group");
    stage.boss(Method::PUT, &seat, None).await.refused(409);
    let owner = stage.boss(Method::PUT, &membership, None).await.done(200).json();
    assert_eq!(owner["groups"], place("OWNER"));
    let page = stage.get(&format!("{members}?q=BEN&size=1")).await;
    assert_eq!((&page["results"][0], &page["total"]), (&owner, &json!(1)));

    stage.boss(Method::DELETE, &seat, None).await.done(200);
    assert_eq!(stage.rights(&ben.id), Some(Vec::new()), "access to the tenant stays");
    stage.boss(Method::DELETE, &seat, None).await.refused(409);
    stage.boss(Method::PUT, &membership, None).await.refused(409);
    for bad in ["", "?membership=BOSS", "?membership=OWNER&membership=OWNER", "?membership=OWNER&a=b"] {
        let path = format!("{members}/membership/{}{bad}", ann.id);
        stage.boss(Method::PUT, &path, None).await.refused(422);
    }
    stage.boss(Method::PUT, &format!("{members}/0000000000000000000000"), None).await.refused(404);
    stage.boss(Method::GET, &acme("groups/0000000000000000000000/members"), None).await.refused(404);
}

#[tokio::test]
async fn somebody_is_put_into_exactly_some_groups() {
    let stage = Stage::set().await;
    let ann = stage.user("ann@example.com").await;
    let mut groups = Vec::new();
    for name in ["one", "two", "three"] {
        groups.push(stage.group(name).await);
    }
    let path = acme(&format!("users/{}/groups", ann.id));
    let set = async |ids: Value| stage.boss(Method::PUT, &path, Some(&json!({"groupIds": ids}))).await;
    set(json!([])).await.refused(404);
    set(json!([groups[0], groups[1]])).await.done(204);
    let owner = acme(&format!("groups/{}/members/membership/{}?membership=OWNER", groups[1], ann.id));
    stage.boss(Method::PUT, &owner, None).await.done(200);
    for bad in [json!([groups[0], "0000000000000000000000"]), json!(["x"])] {
        set(bad).await.refused(404);
    }
    set(json!([groups[1], groups[2], groups[2]])).await.done(204);
    let shown = stage.get(&acme(&format!("tenant-access/{}", ann.id))).await;
    let mut places: Vec<_> = shown["groups"]
        .as_array()
        .expect("groups")
        .iter()
        .map(|group| format!("{} {}", group["name"], group["membership"]))
        .collect();
    places.sort();
    assert_eq!(places, [r#""three" "MEMBER""#, r#""two" "OWNER""#], "who stays remains what they are");
    set(json!([])).await.done(204);
    assert_eq!(stage.rights(&ann.id), Some(Vec::new()));
    let many = json!({"groupIds": vec!["x"; 1001], "color": 1});
    stage.boss(Method::PUT, &path, Some(&many)).await.flaws(&["color", "groupIds"]);
    stage.boss(Method::PUT, &acme("users/x/groups"), Some(&json!({"groupIds": []}))).await.refused(404);
}

#[tokio::test]
async fn a_group_takes_its_bindings_along() {
    let stage = Stage::set().await;
    let ann = stage.user("ann@example.com").await;
    let (group, other) = (stage.group("crew").await, stage.group("other").await);
    let set = json!({"groupIds": [group, other]});
    stage.boss(Method::PUT, &acme(&format!("users/{}/groups", ann.id)), Some(&set)).await.done(204);
    let gone = stage.bind("GROUP", &group, "viewer_acme").await;
    let own = stage.bind("USER", &ann.id, "writer_acme").await;
    stage.boss(Method::DELETE, &acme(&format!("groups/{group}")), None).await.done(200);
    stage.boss(Method::GET, &acme(&format!("bindings/{gone}")), None).await.refused(404);
    stage.get(&acme(&format!("bindings/{own}"))).await;
    assert_eq!(stage.rights(&ann.id).map(|rights| rights.len()), Some(7), "only what is her own");
    let shown = stage.get(&acme(&format!("tenant-access/{}", ann.id))).await;
    assert_eq!(fields(&shown["groups"], "name"), ["other"]);
}
