//! The admin API's issuers: who may trust which, what is no issuer, and what is shown.

use reqwest::Method;
use serde_json::{Value, json};
use tenantry::cli::keypair::KeypairKind;
use tenantry::cli::signer::Signer;

use crate::scene::{ALLOWED, Scene};

/// A call as the bearer of a token.
async fn by(scene: &Scene, token: &str, method: Method, path: &str, body: Value) -> (u16, Value) {
    let url = format!("http://{}/api/v1{path}", scene.running.admin);
    let mut request = scene.running.http.request(method, url).bearer_auth(token);
    if !body.is_null() {
        request = request.json(&body);
    }
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_issuer_is_told_field_by_field() {
    let scene = Scene::new(ALLOWED).await;
    let fields = |body: &Value| -> Vec<String> {
        let errors = body["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["field"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let issuer = "https://idp.example.com";
    for (form, expected) in [
        (json!({}), vec!["id", "issuer"]),
        (json!({ "id": "A b", "issuer": "" }), vec!["id", "issuer"]),
        (json!({ "id": "a", "issuer": "idp" }), vec!["issuer"]),
        (json!({ "id": "a", "issuer": "https://idp?x" }), vec!["issuer"]),
        (json!({ "id": "a", "issuer": "file:///etc/passwd" }), vec!["issuer"]),
        (json!({ "id": "a", "issuer": "x", "jwks_url": "https://u:p@idp/" }), vec!["jwks_url"]),
        (json!({ "id": "a", "issuer": "x", "jwks_url": "ftp://idp/" }), vec!["jwks_url"]),
        (json!({ "id": "a", "issuer": issuer, "tenants": ["nobody"] }), vec!["tenants"]),
        (json!({ "id": "a", "issuer": issuer, "tenants": "some" }), vec!["tenants"]),
        (json!({ "id": "a", "issuer": issuer, "role": "owner" }), vec!["role"]),
        (json!({ "id": "a", "issuer": issuer, "role": "0000000000000000000001" }), vec!["role"]),
        (json!({ "id": "a", "issuer": issuer, "leeway": "2m" }), vec!["leeway"]),
        (json!({ "id": "a", "issuer": issuer, "colour": "red" }), vec!["colour"]),
        (json!({ "id": "a", "issuer": issuer, "refresh": {"min_interval": 0} }), vec!["refresh"]),
        (json!({ "id": "a", "issuer": issuer, "refresh": {"interval": "soon"} }), vec!["refresh.interval"]),
        (json!({ "id": "a", "issuer": issuer, "refresh": {"every": 1} }), vec!["refresh.every"]),
    ] {
        let (status, body) = scene.api(Method::POST, "/issuers", form.clone()).await;
        assert_eq!(status, 422, "{form}: {body}");
        assert!(!body.to_string().contains("u:p@"), "{body}");
        let found: Vec<String> = fields(&body)
            .iter()
            .map(|field| field.split('[').next().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(found, expected, "{form}: {body}");
    }
    for form in [
        json!({ "id": "a", "issuer": issuer, "tenants": ["acme"] }),
        json!({ "id": "a", "issuer": issuer, "refresh": {"min_interval": 59} }),
        json!({ "id": "a", "issuer": issuer, "role": "0000000000000000000001" }),
    ] {
        assert_eq!(scene.api(Method::POST, "/acme/issuers", form.clone()).await.0, 422, "{form}");
    }
    assert_eq!(scene.api(Method::GET, "/issuers", json!(null)).await.1["total"], 0);
    scene.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn issuers_are_shown_changed_and_removed() {
    let scene = Scene::new(ALLOWED).await;
    let key = Signer::generate(KeypairKind::P256).expect("a key");
    scene.publish(&[&key]);
    let form = json!({ "id": "idp", "issuer": scene.issuer(), "description": "ours" });
    let (status, made) = scene.api(Method::POST, "/issuers", form.clone()).await;
    assert_eq!(
        (status, &made["refresh"]),
        (201, &json!({"interval": 3600, "min_interval": 60, "grace": 600}))
    );
    assert_eq!(made["claim"], json!({ "name": "sub", "prefix": "tenant-" }));
    assert_eq!(
        (&made["role"], &made["require_exp"], &made["tenants"]),
        (&json!("editor"), &json!(true), &json!("all"))
    );
    // One of an id, and one of an `iss`, with each owner.
    assert_eq!(scene.api(Method::POST, "/issuers", form.clone()).await.0, 409);
    let mut second = form.clone();
    second["id"] = json!("second");
    assert_eq!(scene.api(Method::POST, "/issuers", second.clone()).await.0, 409);
    assert_eq!(scene.api(Method::POST, "/acme/issuers", second.clone()).await.0, 201);
    assert_eq!(scene.api(Method::POST, "/globex/issuers", second).await.0, 201);
    let (_, list) = scene.api(Method::GET, "/issuers?q=OURS", json!(null)).await;
    assert_eq!((&list["total"], &list["results"][0]["id"]), (&json!(1), &json!("idp")));
    assert_eq!(scene.api(Method::GET, "/acme/issuers", json!(null)).await.1["results"][0]["tenant"], "acme");
    for path in ["/issuers/second", "/acme/issuers/idp", "/nobody/issuers", "/issuers/No%20Name"] {
        assert_eq!(scene.api(Method::GET, path, json!(null)).await.0, 404, "{path}");
    }
    assert_eq!(scene.api(Method::DELETE, "/acme/issuers/second", json!(null)).await.0, 204);
    // What was read can be written back.
    let read = scene.held("/issuers/idp", 1).await;
    let (status, same) = scene.api(Method::PUT, "/issuers/idp", read.clone()).await;
    assert_eq!((status, &same["keys"], &same["fetched_at"]), (200, &read["keys"], &read["fetched_at"]));
    // Another place: what was fetched from the first is forgotten, and the new one is asked at once.
    let token =
        key.sign(&json!({ "iss": scene.issuer(), "sub": "tenant-acme", "exp": scene.claims("")["exp"] }));
    let token = token.expect("a token");
    assert_eq!(scene.get("acme", &token).await, 200);
    scene.idp.put("/other", crate::idp::Reply::text(r#"{"keys":[]}"#));
    let moved = json!({ "issuer": scene.issuer(), "jwks_url": scene.idp.url("/other") });
    let (status, moved) = scene.api(Method::PUT, "/issuers/idp", moved).await;
    assert_eq!((status, &moved["keys"], &moved["description"]), (200, &json!([]), &json!("")));
    assert_eq!(scene.get("acme", &token).await, 401);
    scene.held("/issuers/idp", 0).await;
    assert_eq!(scene.api(Method::PUT, "/issuers/idp", json!({ "id": "x", "issuer": "y" })).await.0, 422);
    assert_eq!(scene.api(Method::DELETE, "/issuers/idp", json!(null)).await.0, 204);
    assert_eq!(scene.api(Method::DELETE, "/issuers/idp", json!(null)).await.0, 404);
    // Made again at its first place, it begins anew.
    assert_eq!(scene.api(Method::POST, "/issuers", form).await.0, 201);
    scene.held("/issuers/idp", 1).await;
    assert_eq!(scene.get("acme", &token).await, 200);
    scene.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_issuers_are_for_its_admins_and_give_no_more_than_they_have() {
    let scene = Scene::new(ALLOWED).await;
    let (admins, viewers) = (Signer::generate(KeypairKind::P256), Signer::generate(KeypairKind::Ed25519));
    let (admins, viewers) = (admins.expect("a key"), viewers.expect("a key"));
    scene.publish(&[&admins, &viewers]);
    scene.trust("/issuers", json!({ "role": "admin", "scopes_claim": "scope" })).await;
    scene.held("/issuers/idp", 2).await;
    let token = |tenant: &str, scope: &str| {
        let mut claims = scene.claims(tenant);
        claims["scope"] = json!(scope);
        admins.sign(&claims).expect("a token")
    };
    let form = |role: &str| json!({ "id": "own", "issuer": "https://own.example.com", "role": role });
    let add =
        async |token: &str, path: &str, role: &str| by(&scene, token, Method::POST, path, form(role)).await.0;
    let admin = token("acme", "*");
    assert_eq!(add(&admin, "/issuers", "viewer").await, 403, "the instance's are for super admins");
    assert_eq!(add(&admin, "/globex/issuers", "viewer").await, 404);
    assert_eq!(add(&admin, "/nobody/issuers", "viewer").await, 404);
    assert_eq!(add(&token("acme", "*:read"), "/acme/issuers", "viewer").await, 403, "may only look");
    let keeper = token("acme", "KEY:CREATE KEY:READ data:read metrics:read");
    assert_eq!(add(&keeper, "/acme/issuers", "viewer").await, 403, "a viewer has more than that");
    assert_eq!(by(&scene, &keeper, Method::GET, "/acme/issuers", json!(null)).await.1["total"], 0);
    let keeper = token("acme", "KEY:CREATE *:read");
    assert_eq!(add(&keeper, "/acme/issuers", "editor").await, 403);
    assert_eq!(add(&keeper, "/acme/issuers", "viewer").await, 201);
    let one = "/acme/issuers/own";
    assert_eq!(by(&scene, &keeper, Method::PUT, one, form("viewer")).await.0, 403);
    assert_eq!(by(&scene, &keeper, Method::DELETE, one, json!(null)).await.0, 403);
    let globex = token("globex", "*");
    for (method, body) in
        [(Method::GET, json!(null)), (Method::PUT, form("viewer")), (Method::DELETE, json!(null))]
    {
        assert_eq!(by(&scene, &globex, method.clone(), one, body).await.0, 404, "{method}");
    }
    assert_eq!(by(&scene, &admin, Method::PUT, one, form("admin")).await.1["role"], "admin_acme");
    // No more than a tenant may have.
    for nth in 1..20 {
        let form = json!({ "id": format!("own-{nth}"), "issuer": format!("https://{nth}.example.com") });
        assert_eq!(by(&scene, &admin, Method::POST, "/acme/issuers", form).await.0, 201);
    }
    let form = json!({ "id": "one-more", "issuer": "https://more.example.com" });
    let (status, refused) = by(&scene, &admin, Method::POST, "/acme/issuers", form).await;
    assert_eq!(status, 409, "{refused}");
    assert_eq!(by(&scene, &admin, Method::DELETE, one, json!(null)).await.0, 204);
    scene.running.stop().await;
}
