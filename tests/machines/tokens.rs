//! API tokens over REST: their forms, and who may make, see and revoke whose.

use reqwest::Method;
use serde_json::{Value, json};

use super::seed::{self, RITA};
use super::stage::{Stage, Who};

fn tokens(owner: &str) -> String {
    format!("{owner}/api-tokens")
}

fn user(number: u8) -> String {
    format!("/users/{}", seed::id(number))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_shown_once_and_listed_without_itself() {
    let stage = Stage::start().await;
    let account = stage.machine("agent", &[]).await;
    // As Kestra's Terraform provider sends it.
    let body = json!({ "name": "ci", "description": "", "maxAge": "PT1H", "extended": false });
    let made = stage.call(Who::Root, Method::POST, &tokens(&account), Some(body)).await.of(201);
    let text = made["fullToken"].as_str().expect("a token").to_owned();
    assert_eq!(made.as_object().expect("an object").len(), 3, "{made}");
    let scopes = json!(["metrics:write", "API_TOKEN:READ"]);
    let body = json!({ "name": "b", "maxAge": "30d", "extended": true, "scopes": scopes, "tenant": "acme" });
    stage.token(&account, body).await;
    stage.token(&account, json!({ "name": "c", "maxAge": null, "description": null, "scopes": null })).await;

    let listed = stage.call(Who::Root, Method::GET, &tokens(&account), None).await.of(200);
    assert_eq!(listed["total"], 3);
    let all = listed["results"].as_array().expect("results");
    let fields = |token: &Value| token.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    let always = ["description", "expired", "extended", "iat", "id", "name", "prefix"];
    assert_eq!(fields(&all[2]), always, "nothing is null");
    assert_eq!((&all[0]["name"], &all[0]["description"]), (&json!("ci"), &json!("")));
    assert_eq!((&all[0]["maxAge"], &all[0]["expired"]), (&json!("PT1H"), &json!(false)));
    let prefix = all[0]["prefix"].as_str().expect("a text");
    assert!(text.starts_with(prefix) && prefix.len() + 32 < text.len(), "{prefix}");
    assert_eq!((&all[1]["scopes"], &all[1]["tenant"]), (&scopes, &json!("acme")));
    assert_eq!((&all[1]["maxAge"], &all[1]["extended"]), (&json!("P30D"), &json!(true)));
    assert!(!listed.to_string().contains(&text[prefix.len()..]));

    let path = format!("{}/{}", tokens(&account), made["id"].as_str().expect("an id"));
    assert_eq!(stage.call(Who::Root, Method::DELETE, &path, None).await.status, 204);
    stage.call(Who::Root, Method::DELETE, &path, None).await.of(404);
    assert_eq!(stage.call(Who::Root, Method::GET, &tokens(&account), None).await.of(200)["total"], 2);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_a_rule_is_named() {
    let stage = Stage::start().await;
    let account = stage.machine("agent", &[]).await;
    let owner = tokens(&account);
    let post = async |body: Value| stage.call(Who::Root, Method::POST, &owner, Some(body)).await;
    for (body, field) in [
        (json!({}), "name"),
        (json!({ "name": "Not a slug" }), "name"),
        (json!({ "name": "a", "maxAge": "P1M" }), "maxAge"),
        (json!({ "name": "a", "maxAge": "PT0S" }), "maxAge"),
        (json!({ "name": "a", "maxAge": 3600 }), "maxAge"),
        (json!({ "name": "a", "extended": true }), "extended"),
        (json!({ "name": "a", "scopes": [] }), "scopes"),
        (json!({ "name": "a", "scopes": ["metrics:fly"] }), "scopes"),
        (json!({ "name": "a", "tenant": "?" }), "tenant"),
        (json!({ "name": "a", "tenant": "globex" }), "tenant"),
        (json!({ "name": "a", "tenant": "nowhere" }), "tenant"),
        (json!({ "name": "a", "colour": "red" }), "colour"),
    ] {
        assert_eq!(post(body.clone()).await.flaws(), [field], "{body}");
    }
    for number in 0..100 {
        post(json!({ "name": format!("t{number}") })).await.of(201);
    }
    assert!(post(json!({ "name": "t7" })).await.of(409)["detail"].to_string().contains("t7"));
    assert!(post(json!({ "name": "t100" })).await.of(409)["detail"].to_string().contains("100"));
    // The same name may be another owner's.
    let other = stage.machine("other", &[]).await;
    stage.token(&other, json!({ "name": "t7" })).await;
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ids_of_others_lead_nowhere() {
    let stage = Stage::start().await;
    let (mine, theirs) = (stage.machine("mine", &[]).await, stage.machine("theirs", &[]).await);
    let (id, token) = stage.token(&mine, json!({ "name": "ci" })).await;
    let (elsewhere, instance) = (mine.replace("acme", "globex"), mine.replace("/acme", ""));
    let nobody = format!("/users/{}", seed::id(77));
    let machine_as_user = mine.replace("/acme/service-accounts", "/users");
    for owner in [&theirs, &elsewhere, &instance, &nobody, &machine_as_user, &user(2), &"/users/x".to_owned()]
    {
        let path = format!("{}/{id}", tokens(owner));
        stage.call(Who::Root, Method::DELETE, &path, None).await.of(404);
    }
    for owner in [&elsewhere, &instance, &nobody, &machine_as_user, &"/users/x".to_owned()] {
        stage.call(Who::Root, Method::GET, &tokens(owner), None).await.of(404);
        let body = Some(json!({ "name": "a" }));
        stage.call(Who::Root, Method::POST, &tokens(owner), body).await.of(404);
    }
    stage.call(Who::Root, Method::DELETE, &format!("{}/x", tokens(&mine)), None).await.of(404);
    assert_eq!(stage.bearer("GET /t/acme/api/v1/query", &token).await, 403, "it is still good");
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_super_admin_makes_the_tokens_of_others() {
    let stage = Stage::start().await;
    let instance =
        stage.call(Who::Root, Method::POST, "/service-accounts", Some(json!({ "name": "m" }))).await;
    let instance = format!("/service-accounts/{}", instance.of(200)["id"].as_str().expect("an id"));
    for owner in [user(1), user(2), instance] {
        let (id, _) = stage.token(&owner, json!({ "name": "by-root" })).await;
        let path = format!("{}/{id}", tokens(&owner));
        stage.call(Who::Ann, Method::POST, &tokens(&owner), Some(json!({ "name": "a" }))).await.of(403);
        stage.call(Who::Ann, Method::GET, &tokens(&owner), None).await.of(403);
        stage.call(Who::Ann, Method::DELETE, &path, None).await.of(403);
        let listed = stage.call(Who::Root, Method::GET, &tokens(&owner), None).await.of(200);
        let names: Vec<_> =
            listed["results"].as_array().expect("results").iter().map(|t| &t["name"]).collect();
        assert!(names.contains(&&json!("by-root")), "{listed}");
        assert_eq!(stage.call(Who::Root, Method::DELETE, &path, None).await.status, 204);
    }
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_tokens_take_powers_over_tokens_and_their_rights() {
    let stage = Stage::start().await;
    let (viewer, editor) = (stage.machine("v", &["viewer"]).await, stage.machine("e", &["editor"]).await);
    let scopes = ["API_TOKEN:CREATE", "API_TOKEN:READ", "*:read"];
    let (_, maker) = stage.token_by(Who::Ann, "/me", json!({ "name": "maker", "scopes": scopes })).await;
    let make = async |who: Who<'_>, owner: &str, body: Value| {
        stage.call(who, Method::POST, &tokens(owner), Some(body)).await
    };
    let me = Who::Token(&maker);
    // Whatever the machine may by now: it can come to more, and its token with it.
    make(me, &viewer, json!({ "name": "a" })).await.of(403);
    make(me, &viewer, json!({ "name": "a", "scopes": ["*"] })).await.of(403);
    let made = make(me, &viewer, json!({ "name": "a", "scopes": ["*:read"] })).await.of(201);
    make(me, &editor, json!({ "name": "a" })).await.of(403);
    make(me, &editor, json!({ "name": "a", "scopes": ["*:read"] })).await.of(201);
    let path = format!("{}/{}", tokens(&viewer), made["id"].as_str().expect("an id"));
    stage.call(me, Method::DELETE, &path, None).await.of(403);
    stage.call(me, Method::GET, &tokens(&viewer), None).await.of(200);
    // Power over the accounts is none over their tokens, not even over those of who may nothing.
    let nobody = stage.machine("nobody", &[]).await;
    make(me, &nobody, json!({ "name": "b" })).await.of(403);
    make(me, &nobody, json!({ "name": "b", "scopes": ["metrics:read"] })).await.of(201);
    let scopes = ["SERVICE_ACCOUNT:*"];
    let (_, keeper) = stage.token_by(Who::Ann, "/me", json!({ "name": "keeper", "scopes": scopes })).await;
    make(Who::Token(&keeper), &nobody, json!({ "name": "c" })).await.of(403);
    stage.call(Who::Token(&keeper), Method::GET, &tokens(&nobody), None).await.of(403);
    make(Who::User(RITA), &viewer, json!({ "name": "b" })).await.of(403);
    make(Who::Ann, &editor.replace("acme", "nobody"), json!({ "name": "b" })).await.of(404);
    make(Who::Ann, &editor, json!({ "name": "b" })).await.of(201);
    assert_eq!(stage.call(Who::Ann, Method::DELETE, &path, None).await.status, 204);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ones_own_tokens_are_no_wider_than_what_one_comes_with() {
    let stage = Stage::start().await;
    let make =
        async |who: Who<'_>, body: Value| stage.call(who, Method::POST, "/me/api-tokens", Some(body)).await;
    let (whole, whole_text) = stage.token_by(Who::Ann, "/me", json!({ "name": "whole" })).await;
    make(Who::Token(&whole_text), json!({ "name": "by-whole" })).await.of(201);
    let scopes = ["API_TOKEN:*", "metrics:*"];
    let (_, scoped) = stage.token_by(Who::Ann, "/me", json!({ "name": "scoped", "scopes": scopes })).await;
    for (body, status) in [
        (json!({ "name": "a" }), 403),
        (json!({ "name": "a", "scopes": ["*"] }), 403),
        (json!({ "name": "a", "scopes": ["metrics:read", "logs:read"] }), 403),
        (json!({ "name": "a", "scopes": ["metrics:read"] }), 201),
        (json!({ "name": "b", "scopes": ["metrics:read"], "tenant": "acme" }), 201),
    ] {
        assert_eq!(make(Who::Token(&scoped), body.clone()).await.status, status, "{body}");
    }
    let (_, placed) = stage.token_by(Who::Ann, "/me", json!({ "name": "placed", "tenant": "acme" })).await;
    make(Who::Token(&placed), json!({ "name": "c" })).await.of(403);
    make(Who::Token(&placed), json!({ "name": "c", "tenant": "globex" })).await.of(403);
    make(Who::Token(&placed), json!({ "name": "c", "tenant": "acme" })).await.of(201);
    // A token sees and revokes what can do no more than it.
    let names = async |who: Who<'_>| {
        let listed = stage.call(who, Method::GET, "/me/api-tokens", None).await.of(200);
        let all = listed["results"].as_array().expect("results").iter();
        all.map(|token| token["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(Who::Ann).await, ["old", "whole", "by-whole", "scoped", "a", "b", "placed", "c"]);
    assert_eq!(names(Who::Token(&scoped)).await, ["scoped", "a", "b"]);
    assert_eq!(names(Who::Token(&placed)).await, ["b", "placed", "c"]);
    let path = format!("/me/api-tokens/{whole}");
    stage.call(Who::Token(&scoped), Method::DELETE, &path, None).await.of(404);
    assert_eq!(stage.call(Who::Token(&whole_text), Method::DELETE, &path, None).await.status, 204);
    stage.call(Who::Token(&whole_text), Method::GET, "/me/api-tokens", None).await.of(401);
    // Without a power over tokens among its scopes it does nothing here.
    let (_, agent) = stage.token_by(Who::Ann, "/me", json!({ "name": "agent", "scopes": ["*:write"] })).await;
    make(Who::Token(&agent), json!({ "name": "d", "scopes": ["metrics:write"] })).await.of(403);
    stage.call(Who::Token(&agent), Method::GET, "/me/api-tokens", None).await.of(403);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restricted_users_and_machines_make_none_of_their_own() {
    let stage = Stage::start().await;
    let body = || Some(json!({ "name": "a" }));
    let (id, _) = stage.token(&user(3), json!({ "name": "by-root" })).await;
    let rita = Who::User(RITA);
    stage.call(rita, Method::POST, "/me/api-tokens", body()).await.of(403);
    stage.call(rita, Method::DELETE, &format!("/me/api-tokens/{id}"), None).await.of(403);
    assert_eq!(stage.call(rita, Method::GET, "/me/api-tokens", None).await.of(200)["total"], 1);
    let account = stage.machine("agent", &["admin"]).await;
    let (_, token) = stage.token(&account, json!({ "name": "ci" })).await;
    stage.call(Who::Token(&token), Method::POST, "/me/api-tokens", body()).await.of(403);
    stage.call(Who::Token(&token), Method::GET, "/me/api-tokens", None).await.of(403);
    stage.stop().await;
}
