//! What a password costs: one check for all who ask at the same time, then none.

use std::time::Duration;

use crate::cast::{House, LOCAL, People};

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_first_requests_at_once_cost_one_check() {
    let house = House::open("at_once: 2").await;
    assert_eq!(house.checks().await, 0);
    let all = house.all_at_once((0..100).map(|_| People::ANN.to_owned())).await;
    assert!(all.iter().all(|(answer, _)| answer.status == 200), "{all:?}");
    assert_eq!(house.checks().await, 1);
    // Warm, on all threads, and at another tenant of which it is not.
    for _ in 0..16 {
        assert_eq!(house.get_from(LOCAL, "acme", "ann", People::ANN).await.status, 200);
        assert_eq!(house.get_from(LOCAL, "globex", "ann", People::ANN).await.status, 401);
    }
    assert_eq!(house.checks().await, 1);
    assert_eq!(house.get("acme", "ann", "wrong").await.status, 401);
    assert_eq!(house.get("acme", "nobody", "wrong").await.status, 401);
    assert_eq!(house.checks().await, 3, "who does not exist costs the same");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_passwords_than_can_wait_are_put_off() {
    let house = House::open("at_once: 1, waiting: 0, failures: 1000").await;
    let all = house.all_at_once((0..20).map(|nth| format!("guess {nth}"))).await;
    let all: Vec<_> = all.into_iter().map(|(answer, _)| answer).collect();
    let busy: Vec<_> = all.iter().filter(|answer| answer.status == 503).collect();
    assert!(!busy.is_empty(), "{all:?}");
    assert!(all.iter().all(|answer| [401, 503].contains(&answer.status)), "{all:?}");
    assert_eq!(busy[0].header("retry-after"), Some("1"));
    assert_eq!(busy[0].body, "too many passwords to check: try again\n");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_a_check_ends_with_the_requests_time() {
    let whole = Duration::from_millis(300);
    let timeouts = "    timeouts: {whole: 300ms}\n";
    let house = House::with("at_once: 1, waiting: 100, failures: 1000", timeouts).await;
    let all = house.all_at_once((0..60).map(|nth| format!("guess {nth}"))).await;
    let all: Vec<_> = all.into_iter().map(|(answer, took)| (answer.status, took)).collect();
    let late = all.iter().filter(|(status, _)| *status == 503).count();
    assert!(late > 0 && all.iter().all(|(status, _)| [401, 503].contains(status)), "{all:?}");
    assert!(all.iter().all(|(_, took)| *took < whole * 10), "{all:?}");
    house.close().await;
}
