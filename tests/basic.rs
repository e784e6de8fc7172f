//! Users' own passwords at the front door: who is let in and who is not, that nobody learns who
//! exists, what guessing leads to, what a warm password costs, and when it ends.

#[path = "basic/cast.rs"]
mod cast;
#[path = "basic/changes.rs"]
mod changes;
#[path = "basic/cost.rs"]
mod cost;
#[path = "basic/guesses.rs"]
mod guesses;
mod support;

use cast::{House, People};
use support::door::timeless;
use support::raw::status;

/// The answer to a request with these header lines, without what differs from one to the next.
async fn asked(house: &House, lines: &str) -> String {
    timeless(&house.raw(lines).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_password_reaches_the_tenant() {
    let house = House::open("").await;
    let right = house.get("acme", "ann", People::ANN).await;
    assert_eq!((right.status, right.body.as_str()), (200, "ok"));
    let seen = house.upstream.last();
    assert_eq!(seen.header("x-scope-orgid"), ["acme"]);
    assert!(seen.header("authorization").is_empty(), "the password goes no further: {}", seen.head);
    assert_eq!(house.get("acme", "ANN", People::ANN).await.status, 200, "names have no case");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_are_refused_are_answered_alike() {
    let house = House::open("").await;
    let wrong = asked(&house, &cast::line("ann", "wrong")).await;
    assert_eq!(status(&wrong), 401, "{wrong}");
    assert!(wrong.ends_with("\r\n\r\nbad authentication token\n"), "{wrong}");
    for (who, user, password) in [
        ("unknown", "nobody", "wrong"),
        ("disabled", "dan", People::DAN),
        ("without a password", "pat", "wrong"),
        ("of another tenant", "bob", People::BOB),
        ("a token that does not exist", "x", "tnt_2XDKrmqyHDkoGnU11wlj87_x_x"),
    ] {
        assert_eq!(asked(&house, &cast::line(user, password)).await, wrong, "{who}");
    }
    assert_eq!(house.get("acme", "ann", "wrong").await.status, 401);
    assert_eq!(house.get("acme", "ann", People::ANN).await.status, 200);
    assert_eq!(house.upstream.seen().len(), 1);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn basic_is_offered_to_those_who_came_with_it_and_to_no_script() {
    let house = House::open("").await;
    let offers = async |lines: &str| {
        let answer = asked(&house, lines).await;
        assert_eq!(status(&answer), 401, "{answer}");
        let offers = answer.lines().filter_map(|line| line.split_once(": "));
        let offers = offers.filter(|(name, _)| name.eq_ignore_ascii_case("www-authenticate"));
        offers.map(|(_, offer)| offer.to_owned()).collect::<Vec<_>>()
    };
    let wrong = cast::line("ann", "wrong");
    let (bearer, basic) = ("Bearer error=\"invalid_token\"", "Basic realm=\"tenantry\", charset=\"UTF-8\"");
    assert_eq!(offers(&wrong).await, [bearer, basic]);
    assert_eq!(offers(&format!("{wrong}Sec-Fetch-Mode: navigate\r\n")).await, [bearer, basic]);
    for mode in ["cors", "no-cors", "same-origin", "websocket"] {
        assert_eq!(offers(&format!("{wrong}Sec-Fetch-Mode: {mode}\r\n")).await, [bearer], "{mode}");
    }
    assert_eq!(offers("Authorization: Bearer x.y.z\r\n").await, [bearer]);
    assert_eq!(offers("").await, ["Bearer"]);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_in_no_output() {
    let house = House::open("").await;
    let mistyped = "planted-mistyped-password";
    let mut shown = String::new();
    for (user, password) in
        [("ann", People::ANN), ("ann", mistyped), (mistyped, mistyped), ("dan", People::DAN)]
    {
        shown += &format!("{:?}", house.get("acme", user, password).await);
    }
    shown += &house.running.metrics().await;
    for line in house.running.log(4).await {
        shown += &line.to_string();
    }
    assert!(shown.contains("\"reason\":\"password\""), "refusals are in the access log");
    for planted in [People::ANN, People::DAN, mistyped, "$argon2", &cast::encoded("ann", People::ANN)] {
        assert!(!shown.contains(planted), "{planted}: {shown}");
    }
    house.close().await;
    let said = cast::said();
    assert!(said.contains("tenantry is ready"), "{said}");
    assert!(!said.contains("planted-"), "{said}");
}
