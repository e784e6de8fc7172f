//! A warm password ends with whatever it stood upon, on a connection that stays open.

use reqwest::Method;
use serde_json::json;

use crate::cast::{House, People, id};

/// ann is let in, warm; then, after a change, is not; then is again, after another.
async fn ends(change: (Method, String, serde_json::Value), back: (Method, String, serde_json::Value)) {
    let house = House::open("").await;
    for _ in 0..2 {
        for _ in 0..4 {
            assert_eq!(house.get("acme", "ann", People::ANN).await.status, 200);
        }
        house.change(change.0.clone(), &change.1, Some(change.2.clone())).await;
        let refused = house.get("acme", "ann", People::ANN).await;
        assert_eq!((refused.status, refused.body.as_str()), (401, "bad authentication token\n"));
        house.change(back.0.clone(), &back.1, Some(back.2.clone())).await;
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_ends_the_old_one() {
    let path = format!("/users/{}/password", id("ann"));
    let to = |password: &str| (Method::PATCH, path.clone(), json!({ "password": password }));
    ends(to("planted-new-password"), to(People::ANN)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_user_is_out() {
    let path = format!("/users/{}/disabled", id("ann"));
    let to = |disabled: bool| (Method::PATCH, path.clone(), json!({ "disabled": disabled }));
    ends(to(true), to(false)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn removed_access_is_gone() {
    let house = House::open("").await;
    for _ in 0..4 {
        assert_eq!(house.get("acme", "ann", People::ANN).await.status, 200);
    }
    let path = format!("/users/{}", id("ann"));
    house.change(Method::PUT, &path, Some(json!({ "email": "ann", "tenants": [] }))).await;
    assert_eq!(house.get("acme", "ann", People::ANN).await.status, 401);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_user_is_gone() {
    let house = House::open("").await;
    assert_eq!(house.get("acme", "ann", People::ANN).await.status, 200);
    house.change(Method::DELETE, &format!("/users/{}", id("ann")), None).await;
    assert_eq!(house.get("acme", "ann", People::ANN).await.status, 401);
    house.close().await;
}
