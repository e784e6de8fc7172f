//! Sessions by cookie: how they begin, what they may, and how they end.

use reqwest::Method;
use serde_json::json;
use tenantry::model::{Session, Timestamp};
use tenantry::store::{Change, Expect, RecordId, Recorded};

use crate::cast::{PASSWORD, Visit, by, path, sign_in, ticket, user};
use crate::support::Port;

const ANN: &str = "ann@example.com";

async fn with_ann() -> Port {
    let port = Port::start().await;
    user(&port, ANN, json!({})).await;
    port
}

#[tokio::test]
async fn a_session_begins_with_a_password_and_ends_by_signing_out() {
    let port = with_ann().await;
    let json = port
        .anonymous(Method::POST, "/login")
        .json(&json!({"username": "Ann@Example.com", "password": PASSWORD}));
    let answer = port.send(json).await;
    assert_eq!(answer.status, 200);
    let cookie = answer.header("set-cookie").to_owned();
    assert!(cookie.starts_with("tenantry=tns_"), "no __Host- without TLS");
    assert!(cookie.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"), "{cookie}");
    assert!(!answer.text.contains("tns_"), "pages do not see the ticket");
    assert_eq!(answer.json()["username"], ANN);

    let form =
        port.anonymous(Method::POST, "/login").header("content-type", "application/x-www-form-urlencoded");
    let form = form.body(format!("username=ann%40example.com&password={PASSWORD}"));
    let answer = port.send(form).await;
    assert_eq!(answer.status, 200);
    let csrf = answer.json()["csrfToken"].as_str().expect("a text").to_owned();
    let visit = Visit { cookie: ticket(&answer), csrf };
    let me = port.send(visit.ask(&port, Method::GET, "/api/v1/me")).await.json();
    assert_eq!((&me["profile"]["username"], &me["csrfToken"]), (&json!(ANN), &json!(visit.csrf)));
    let by_password = port.send(by(&port, ANN, Method::GET, "/api/v1/me")).await.json();
    assert_eq!(by_password.get("csrfToken"), None);

    port.send(visit.ask(&port, Method::POST, "/logout")).await.refused(403);
    let out = port.send(visit.write(&port, Method::POST, "/logout")).await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").starts_with("tenantry=; Path=/; Max-Age=0;"));
    assert!(!visit.is_live(&port).await);
    assert_eq!(port.store.all::<Session>(None).expect("sessions").len(), 1, "the other one goes on");
    // Who shows no session ends none.
    assert_eq!(port.send(by(&port, ANN, Method::POST, "/logout")).await.status, 204);
    assert_eq!(port.store.all::<Session>(None).expect("sessions").len(), 1);
}

#[tokio::test]
async fn whoever_is_wrong_or_comes_from_another_site_is_not_signed_in() {
    let port = with_ann().await;
    let login = || port.anonymous(Method::POST, "/login");
    let right = json!({"username": ANN, "password": PASSWORD});
    for site in ["cross-site", "same-site", "?"] {
        port.send(login().header("sec-fetch-site", site).json(&right)).await.refused(403);
    }
    for site in ["same-origin", "none"] {
        assert_eq!(port.send(login().header("sec-fetch-site", site).json(&right)).await.status, 200);
    }
    port.send(login().json(&json!({"username": ANN}))).await.refused(422);
    let more = json!({"username": ANN, "password": PASSWORD, "remember": true});
    port.send(login().json(&more)).await.flaws(&["remember"]);
    port.send(login().header("content-type", "text/plain").body("{}")).await.refused(415);
    let form = |body: &'static str| {
        login().header("content-type", "application/x-www-form-urlencoded; charset=utf-8").body(body)
    };
    for bad in ["", "username=a", "username=a&username=b&password=c"] {
        port.send(form(bad)).await.refused(400);
    }
    port.patch(
        &path(&user(&port, "off@example.com", json!({})).await, "/disabled"),
        &json!({"disabled": true}),
    )
    .await;
    for (name, password) in
        [(ANN, "wrong-password"), ("nobody@example.com", PASSWORD), ("off@example.com", PASSWORD)]
    {
        port.send(login().json(&json!({"username": name, "password": password}))).await.refused(401);
    }
    assert_eq!(port.store.all::<Session>(None).expect("sessions").len(), 2);
}

#[tokio::test]
async fn a_cookie_alone_writes_nothing() {
    let port = with_ann().await;
    let (visit, other) = (sign_in(&port, ANN).await, sign_in(&port, ANN).await);
    assert_ne!(visit.csrf, other.csrf);
    let patch = |csrf: &[&str]| {
        let request = visit.ask(&port, Method::PATCH, "/api/v1/me").json(&json!({"firstName": "Ann"}));
        csrf.iter().fold(request, |request, csrf| request.header("x-csrf-token", *csrf))
    };
    for wrong in [&[][..], &[""], &["x"], &[&other.csrf], &[&visit.csrf, &visit.csrf]] {
        assert!(port.send(patch(wrong)).await.refused(403).contains("X-CSRF-TOKEN"));
    }
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        port.send(visit.ask(&port, method, "/api/v1/tenants/acme").json(&json!({}))).await;
    }
    assert_eq!(port.send(patch(&[&visit.csrf])).await.json()["profile"]["firstName"], "Ann");
    assert_eq!(port.send(visit.ask(&port, Method::GET, "/api/v1/me")).await.status, 200);
}

#[tokio::test]
async fn what_another_sites_page_sends_is_no_write() {
    let port = with_ann().await;
    let host = port.address.to_string();
    let out = |headers: &[(&'static str, String)]| {
        let request = by(&port, ANN, Method::POST, "/logout");
        port.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, value)))
    };
    let (site, origin) = ("sec-fetch-site", "origin");
    for theirs in [
        [(site, "cross-site".to_owned())].as_slice(),
        &[(site, "same-site".to_owned())],
        &[(site, "cross-site".to_owned()), (origin, format!("http://{host}"))],
        &[(origin, "http://evil.example.com".to_owned())],
        &[(origin, format!("http://{host}.example.com"))],
        &[(origin, "null".to_owned())],
    ] {
        assert!(out(theirs).await.refused(403).contains("another site"), "{theirs:?}");
    }
    for ours in [
        [].as_slice(),
        &[(site, "same-origin".to_owned())],
        &[(origin, format!("http://{host}"))],
        &[(origin, format!("https://{host}"))],
    ] {
        assert_eq!(out(ours).await.status, 204, "{ours:?}");
    }
    let read = by(&port, ANN, Method::GET, "/api/v1/me").header(site, "cross-site");
    assert_eq!(port.send(read).await.status, 200, "links lead here");
}

#[tokio::test]
async fn a_header_goes_before_a_cookie_and_a_bad_cookie_is_no_cookie() {
    let port = with_ann().await;
    let visit = sign_in(&port, ANN).await;
    let me = || visit.ask(&port, Method::GET, "/api/v1/me");
    port.send(me().basic_auth(ANN, Some("wrong-password"))).await.refused(401);
    port.send(me().header("authorization", "Bearer x")).await.refused(401);
    let write = visit.ask(&port, Method::PATCH, "/api/v1/me").basic_auth(ANN, Some(PASSWORD));
    assert_eq!(port.send(write.json(&json!({}))).await.status, 200, "the cookie is ignored, and its rules");
    let by_cookie = |cookie: String| port.anonymous(Method::GET, "/api/v1/me").header("cookie", cookie);
    let good = &visit.cookie;
    assert_eq!(
        port.send(by_cookie(format!("a=b; JWT={good}"))).await.status,
        200,
        "as Kestra's clients send it"
    );
    port.send(by_cookie(format!("tenantry={good}; tenantry={good}"))).await.refused(400);
    let mut forged = good.clone();
    forged.replace_range(30..31, if &good[30..31] == "x" { "y" } else { "x" });
    for bad in ["", "x", "tns_", &good[..good.len() - 1], &forged, &good.replacen("tns_", "tnt_", 1)] {
        port.send(by_cookie(format!("tenantry={bad}"))).await.refused(401);
        port.send(by_cookie(format!("tenantry={bad}; JWT={good}"))).await.refused(401);
    }
    port.send(by_cookie(format!("__Host-tenantry={good}"))).await.refused(401);
    // A ticket is a cookie's value and nothing else.
    port.send(port.anonymous(Method::GET, "/api/v1/me").bearer_auth(good)).await.refused(401);
    port.send(port.anonymous(Method::GET, "/api/v1/me").basic_auth(ANN, Some(good))).await.refused(401);
}

#[tokio::test]
async fn sessions_end_with_what_they_stand_upon() {
    let port = Port::start().await;
    let ann = user(&port, ANN, json!({})).await;
    user(&port, "bob@example.com", json!({})).await;
    let bob = sign_in(&port, "bob@example.com").await;
    let two = async || (sign_in(&port, ANN).await, sign_in(&port, ANN).await);
    let ended = async |(one, two): &(Visit, Visit)| !one.is_live(&port).await && !two.is_live(&port).await;

    let visits = two().await;
    port.patch(&path(&ann, ""), &json!({"firstName": "Ann"})).await;
    assert!(
        visits.0.is_live(&port).await && visits.1.is_live(&port).await,
        "a name is nothing to stand upon"
    );
    assert_eq!(port.delete(&path(&ann, "/refresh-token")).await.status, 204);
    assert!(ended(&visits).await);

    let visits = two().await;
    let password = json!({"oldPassword": PASSWORD, "newPassword": "planted-third-pass"});
    let change = visits.0.write(&port, Method::PUT, "/api/v1/me/password").json(&password);
    assert_eq!(port.send(change).await.status, 200);
    assert!(visits.0.is_live(&port).await, "the one that asked stays");
    assert!(!visits.1.is_live(&port).await);

    assert_eq!(port.patch(&path(&ann, "/password"), &json!({"password": PASSWORD})).await.status, 200);
    assert!(!visits.0.is_live(&port).await);

    let visits = two().await;
    assert_eq!(port.patch(&path(&ann, "/disabled"), &json!({"disabled": true})).await.status, 200);
    assert!(ended(&visits).await);
    port.patch(&path(&ann, "/disabled"), &json!({"disabled": false})).await;
    assert!(ended(&visits).await, "and do not come back");

    let visits = two().await;
    let without = port.delete(&path(&ann, "/auths/password")).await;
    assert_eq!((without.status.as_u16(), &without.json()["auths"]), (200, &json!([])));
    assert!(ended(&visits).await);
    port.send(by(&port, ANN, Method::GET, "/api/v1/me")).await.refused(401);
    port.delete(&path(&ann, "/auths/password")).await.refused(404);
    port.patch(&path(&ann, "/password"), &json!({"password": PASSWORD})).await;

    let visits = two().await;
    assert_eq!(port.delete(&path(&ann, "")).await.status, 204);
    assert!(ended(&visits).await);
    assert!(bob.is_live(&port).await, "others are unharmed");
    assert_eq!(port.store.all::<Session>(None).expect("sessions").len(), 1);
}

#[tokio::test]
async fn sessions_end_with_their_time() {
    let port = with_ann().await;
    let visits = [sign_in(&port, ANN).await, sign_in(&port, ANN).await, sign_in(&port, ANN).await];
    let now = Timestamp::now();
    for stored in port.store.all::<Session>(None).expect("sessions").into_iter().take(2) {
        let over = Session { expires_at: now, ..stored.value };
        let expect = [(over.record_id(), Expect::Version(stored.version))];
        port.store.commit(&expect, vec![Change::Put(over.into())]).expect("a commit");
    }
    let mut live = 0;
    for visit in &visits {
        live += usize::from(visit.is_live(&port).await);
    }
    assert_eq!(live, 1);
    let left = port.store.all::<Session>(None).expect("sessions");
    assert_eq!(left.len(), 1, "whoever shows one that is over has it deleted");
    let end = left[0].value.expires_at;
    let before = Timestamp::from_millis(end.millis() - 1);
    assert_eq!(port.control.sweep_sessions(before).await.expect("a sweep"), 0);
    assert_eq!(port.control.sweep_sessions(end).await.expect("a sweep"), 1);
    assert!(port.store.get(&RecordId::Session(left[0].value.id)).expect("a store").is_none());
}

#[tokio::test]
async fn a_user_has_no_more_than_64_sessions_and_the_first_give_way() {
    let port = with_ann().await;
    user(&port, "bob@example.com", json!({})).await;
    let bob = sign_in(&port, "bob@example.com").await;
    let first = sign_in(&port, ANN).await;
    // Which one is the first can be told by the clock alone.
    let then = Timestamp::now();
    while Timestamp::now() == then {
        tokio::task::yield_now().await;
    }
    for _ in 0..63 {
        sign_in(&port, ANN).await;
    }
    assert!(first.is_live(&port).await, "there is room for 64");
    let last = sign_in(&port, ANN).await;
    assert!(!first.is_live(&port).await);
    assert!(last.is_live(&port).await && bob.is_live(&port).await);
    assert_eq!(port.store.all::<Session>(None).expect("sessions").len(), 65);
}
