//! Many at once: no edit is lost.

use std::collections::BTreeSet;
use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};

use super::cast::{Done, Stage, acme};
use super::support::Answer;

type Call = (Method, String, Option<Value>);

/// Makes all calls at the same time; the answers in their order.
async fn at_once(stage: &Arc<Stage>, calls: impl IntoIterator<Item = Call>) -> Vec<Answer> {
    let start = |(method, path, body): Call| {
        let stage = stage.clone();
        tokio::spawn(async move { stage.boss(method, &path, body.as_ref()).await })
    };
    let calls: Vec<_> = calls.into_iter().map(start).collect();
    let mut answers = Vec::with_capacity(calls.len());
    for call in calls {
        answers.push(call.await.expect("no panic"));
    }
    answers
}

fn ids(list: &Value) -> BTreeSet<String> {
    list.as_array().expect("a list").iter().map(|one| one["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_groups_of_one_user() {
    let stage = Arc::new(Stage::set().await);
    let ann = stage.user("ann@example.com").await;
    let mut groups = BTreeSet::new();
    for nth in 0..50 {
        groups.insert(stage.group(&format!("group {nth}")).await);
    }
    let paths: Vec<_> = groups.iter().map(|id| acme(&format!("groups/{id}/members/{}", ann.id))).collect();
    let joining = paths.iter().map(|path| (Method::PUT, path.clone(), None));
    for answer in &at_once(&stage, joining).await {
        answer.done(200);
    }
    let path = acme(&format!("tenant-access/{}", ann.id));
    assert_eq!(ids(&stage.get(&path).await["groups"]), groups);

    let (go, stay) = paths.split_at(25);
    let raised = |path: &String| path.replace("/members/", "/members/membership/") + "?membership=OWNER";
    let calls = go
        .iter()
        .zip(stay)
        .flat_map(|(go, stay)| [(Method::DELETE, go.clone(), None), (Method::PUT, raised(stay), None)]);
    for answer in &at_once(&stage, calls).await {
        answer.done(200);
    }
    let shown = stage.get(&path).await["groups"].clone();
    assert_eq!(ids(&shown), groups.iter().skip(25).cloned().collect());
    assert!(shown.as_array().expect("groups").iter().all(|group| group["membership"] == "OWNER"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_people_of_one_group() {
    let stage = Arc::new(Stage::set().await);
    let group = stage.group("crew").await;
    let mut people = BTreeSet::new();
    for nth in 0..50 {
        people.insert(stage.user(&format!("user{nth}@example.com")).await.id);
    }
    let members = acme(&format!("groups/{group}/members"));
    let joining = people.iter().map(|id| (Method::PUT, format!("{members}/{id}"), None));
    for answer in &at_once(&stage, joining).await {
        answer.done(200);
    }
    assert_eq!(ids(&stage.get(&format!("{members}?size=200")).await["results"]), people);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_name_goes_to_one() {
    let stage = Arc::new(Stage::set().await);
    for (path, body) in [
        ("roles", json!({"name": "same", "permissions": {"logs": ["read"]}})),
        ("groups", json!({"name": "same"})),
    ] {
        let making = (0..20).map(|_| (Method::POST, acme(path), Some(body.clone())));
        let answers = at_once(&stage, making).await;
        let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!((count(200), count(409)), (1, 19), "{path}");
    }
    assert_eq!(stage.get(&acme("groups")).await["total"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_and_its_end_leave_nothing_half() {
    let stage = Arc::new(Stage::set().await);
    let ann = stage.user("ann@example.com").await;
    let role = stage.role("some", &json!({"logs": ["read"]})).await;
    let body = json!({"type": "USER", "externalId": ann.id, "roleId": role});
    let (bindings, access) = (acme("bindings"), acme(&format!("tenant-access/{}", ann.id)));
    let calls = (0..20).flat_map(|_| {
        [(Method::POST, bindings.clone(), Some(body.clone())), (Method::DELETE, access.clone(), None)]
    });
    let answers = at_once(&stage, calls).await;
    for answer in answers.iter().step_by(2) {
        answer.done(200);
    }
    match stage.rights(&ann.id) {
        Some(rights) => assert_eq!(rights, ["logs:read"]),
        None => assert_eq!(stage.get(&bindings).await["total"], 0, "no binding outlives the access"),
    }
}
