//! What guessing leads to, and whom it does not harm.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::cast::{House, LOCAL, People, id, local};
use crate::support::raw::PATIENCE;

/// Guesses that lock, by default.
const FAILURES: u8 = 10;

/// The answer of a lock of half an hour.
fn is_locked(answer: &crate::support::door::Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (429, "too many failed attempts\n"));
    let wait: u64 = answer.header("retry-after").expect("a time").parse().expect("a number");
    assert!((1700..=1800).contains(&wait), "{wait}");
    assert_eq!(answer.header("www-authenticate"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_locks_the_address_and_harms_nobody_elsewhere() {
    let house = House::open("").await;
    for nth in 0..FAILURES {
        assert_eq!(house.get("acme", "ann", &format!("guess {nth}")).await.status, 401, "{nth}");
    }
    is_locked(&house.get("acme", "ann", "another guess").await);
    is_locked(&house.get("acme", "ann", People::ANN).await);
    is_locked(&house.get("acme", "nobody", "guess").await);
    // The user is locked too, and is right from elsewhere.
    assert_eq!(house.get_from(local(2), "acme", "ann", People::ANN).await.status, 200);
    assert_eq!(house.get_from(local(3), "globex", "bob", People::BOB).await.status, 200);
    // What others are right with is no way to learn it: whichever thread remembers that.
    for _ in 0..16 {
        is_locked(&house.get_from(LOCAL, "acme", "ann", People::ANN).await);
    }
    // One guess from elsewhere, and no more.
    assert_eq!(house.get_from(local(4), "acme", "ann", "guess").await.status, 401);
    is_locked(&house.get_from(local(4), "acme", "ann", People::ANN).await);
    assert_eq!(house.get_from(local(4), "globex", "bob", People::BOB).await.status, 200);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_right_before_is_not_harmed_by_guesses_from_the_same_address() {
    let house = House::open("").await;
    assert_eq!(house.get("acme", "ann", People::ANN).await.status, 200);
    for _ in 0..FAILURES {
        assert_eq!(house.get("acme", "ann", "guess").await.status, 401);
    }
    for _ in 0..16 {
        assert_eq!(house.get_from(LOCAL, "acme", "ann", People::ANN).await.status, 200);
    }
    is_locked(&house.get("globex", "bob", People::BOB).await);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_ports_count_as_one() {
    let house = House::open("failures: 2").await;
    assert_eq!(house.get("acme", "ann", "guess").await.status, 401);
    let me = format!("http://{}/api/v1/me", house.running.admin);
    let ask = |password: &'static str| house.running.http.get(&me).basic_auth("ann", Some(password)).send();
    assert_eq!(ask("guess").await.expect("an answer").status(), StatusCode::UNAUTHORIZED);
    is_locked(&house.get("acme", "ann", People::ANN).await);
    assert_eq!(ask(People::ANN).await.expect("an answer").status(), StatusCode::TOO_MANY_REQUESTS);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_super_admin_unlocks_a_user() {
    let house = House::open("").await;
    for last in 1..=FAILURES {
        assert_eq!(house.get_from(local(100 + last), "acme", "ann", "guess").await.status, 401);
    }
    is_locked(&house.get_from(local(101), "acme", "ann", People::ANN).await);
    let unlock = async |name: &str| house.running.api(Method::POST, name, None).await.0;
    let ann = format!("/users/{}/unlock", id("ann"));
    let url = format!("http://{}/api/v1{ann}", house.running.admin);
    let by_ann = house.running.http.post(url).basic_auth("ann", Some(People::ANN)).send().await;
    assert_eq!(by_ann.expect("an answer").status(), StatusCode::FORBIDDEN);
    is_locked(&house.get_from(local(101), "acme", "ann", People::ANN).await);
    assert_eq!(unlock(&format!("/users/{}/unlock", id("nobody"))).await, StatusCode::NOT_FOUND);
    assert_eq!(unlock("/users/ann/unlock").await, StatusCode::NOT_FOUND);
    assert_eq!(unlock(&ann).await, StatusCode::NO_CONTENT);
    assert_eq!(unlock(&ann).await, StatusCode::NO_CONTENT);
    assert_eq!(house.get_from(local(101), "acme", "ann", People::ANN).await.status, 200);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_unlocks_its_user() {
    let house = House::open("failures: 2").await;
    for last in [101, 102] {
        assert_eq!(house.get_from(local(last), "acme", "ann", "guess").await.status, 401);
    }
    is_locked_for(&house, 101).await;
    let (path, new) = (format!("/users/{}/password", id("ann")), "planted-new-password");
    house.change(Method::PATCH, &path, Some(json!({ "password": new }))).await;
    assert_eq!(house.get_from(local(101), "acme", "ann", new).await.status, 200);
    house.close().await;
}

async fn is_locked_for(house: &House, last: u8) {
    is_locked(&house.get_from(local(last), "acme", "ann", People::ANN).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_are_in_the_audit_log_of_the_tenant_that_they_aim_at() {
    let house = House::open("failures: 3").await;
    // Who was right from here before is not locked out with those who guess from here.
    assert_eq!(house.running.api(Method::GET, "/me", None).await.0, StatusCode::OK);
    for _ in 0..4 {
        // Not from where the log is read: that address is going to be locked.
        house.get_from(local(4), "acme", "ann", "planted-guess").await;
    }
    house.get_from(local(5), "no-such-tenant", "ann@example.com", "planted-guess").await;
    let deadline = std::time::Instant::now() + PATIENCE;
    let told = loop {
        assert!(std::time::Instant::now() < deadline, "they never came");
        let (status, found) = house.running.api(Method::GET, "/auditlogs/search?outcome=REFUSED", None).await;
        assert_eq!(status, StatusCode::OK);
        let told = found["results"].as_array().expect("results").clone();
        let has = |name: &str| told.iter().any(|entry| entry["actor"]["name"] == name);
        let locked =
            told.iter().any(|entry| entry["detail"].as_str().is_some_and(|why| why.contains("before")));
        if locked && has("ann") && has("ann@example.com") {
            break told;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    for entry in &told {
        assert_eq!((&entry["deed"], &entry["actor"]["via"]), (&json!("SIGN_IN"), &json!("password")));
        let of_ann = entry["actor"]["name"] == "ann";
        let (tenant, address) = if of_ann { (json!("acme"), local(4)) } else { (json!(null), local(5)) };
        assert_eq!((&entry["tenant"], &entry["actor"]["address"]), (&tenant, &json!(address.to_string())));
        assert!(!entry.to_string().contains("planted-guess"));
    }
    let (_, part) = house.running.api(Method::GET, "/acme/auditlogs/search?outcome=REFUSED", None).await;
    assert_eq!(part["total"], told.iter().filter(|entry| entry["tenant"] == "acme").count());
    house.close().await;
}
