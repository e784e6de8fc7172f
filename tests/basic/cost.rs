//! What a password costs: one check for all who ask at the same time, then none.

use crate::cast::{House, LOCAL, People};

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_first_requests_at_once_cost_one_check() {
    let house = House::open("at_once: 2").await;
    assert_eq!(house.checks().await, 0);
    let all = house.all_at_once((0..100).map(|_| People::ANN.to_owned())).await;
    assert!(all.iter().all(|answer| answer.status == 200), "{all:?}");
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
    let busy: Vec<_> = all.iter().filter(|answer| answer.status == 503).collect();
    assert!(!busy.is_empty(), "{all:?}");
    assert!(all.iter().all(|answer| [401, 503].contains(&answer.status)), "{all:?}");
    assert_eq!(busy[0].header("retry-after"), Some("1"));
    assert_eq!(busy[0].body, "too many passwords to check: try again\n");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_a_check_ends_with_the_requests_time() {
    // There is room for all to wait, and no check is done so soon.
    let timeouts = "    timeouts: {whole: 3ms}\n";
    let house = House::with("at_once: 1, waiting: 100, failures: 1000", timeouts).await;
    let all = house.all_at_once((0..100).map(|nth| format!("guess {nth}"))).await;
    let (checked, late): (Vec<_>, Vec<_>) = all.into_iter().partition(|answer| answer.status == 401);
    assert!(!late.is_empty(), "{} checks in no time", checked.len());
    assert!(late.iter().all(|answer| answer.status == 503), "{late:?}");
    house.close().await;
}
