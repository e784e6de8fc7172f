//! What is kept of tokens and what is not: when they were used, nothing of their secrets, and nothing
//! at all of those that ended long ago.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tenantry::auth::lockout::Policy;
use tenantry::auth::{Capacity, Checker};
use tenantry::control::{Control, NewToken, Prose, TokenOwner};
use tenantry::model::{ApiToken, Principal, Secret, Slug, Timestamp, TokenUse};
use tenantry::snapshot::{Published, Routes, Snapshot, follow};
use tenantry::store::{Change, Kind, RecordId, Store};

use super::seed::{self, PASSWORD, ROOT};
use super::stage::{Stage, Who};

const READ: &str = "GET /t/acme/api/v1/query";

async fn last_used(stage: &Stage, owner: &str, name: &str) -> Value {
    let listed = stage.call(Who::Root, Method::GET, &format!("{owner}/api-tokens"), None).await.of(200);
    let all = listed["results"].as_array().expect("results");
    all.iter().find(|token| token["name"] == name).expect("the token")["lastUsed"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn uses_at_both_ports_are_written_down_and_survive() {
    let stage = Stage::start().await;
    let account = stage.machine("agent", &["viewer"]).await;
    let (_, data) = stage.token(&account, json!({ "name": "data" })).await;
    let (_, admin) = stage.token(&account, json!({ "name": "admin" })).await;
    stage.token(&account, json!({ "name": "never" })).await;
    assert_eq!(stage.bearer(READ, &data).await, 200);
    stage.call(Who::Token(&admin), Method::GET, "/me", None).await.of(200);
    let seen = [last_used(&stage, &account, "data").await, last_used(&stage, &account, "admin").await];
    assert!(seen.iter().all(Value::is_string), "{seen:?}");
    let dir = stage.stop().await;

    let stage = Stage::over(dir).await;
    assert_eq!(last_used(&stage, &account, "data").await, seen[0]);
    assert_eq!(last_used(&stage, &account, "admin").await, seen[1]);
    assert_eq!(last_used(&stage, &account, "never").await, Value::Null);
    stage.stop().await;
}

/// All files below a directory.
fn files(dir: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push((path.display().to_string(), fs::read(&path).expect("a file"))),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_of_a_token_is_kept_nowhere() {
    let stage = Stage::start().await;
    let account = stage.machine("agent", &["viewer"]).await;
    let (id, token) = stage.token(&account, json!({ "name": "ci" })).await;
    for _ in 0..3 {
        assert_eq!(stage.bearer(READ, &token).await, 200);
        assert_eq!(stage.bearer(READ, &format!("{token}x")).await, 401);
        stage.call(Who::Token(&token), Method::GET, "/me", None).await.of(200);
    }
    let secret = token.split('_').nth(2).expect("a secret");
    assert_eq!(secret.len(), 32);
    let lines = stage.running.log(6).await;
    assert!(lines.iter().any(|line| line["key"] == id), "the log names the token by its id");
    let metrics = stage.running.metrics().await;
    assert!(!metrics.contains(secret) && !metrics.contains(&id), "metrics name no token");
    let mut found = Vec::new();
    files(stage.stop().await.path(), &mut found);
    assert!(
        found.iter().any(|(name, bytes)| name.contains("tenantry.redb") && has(bytes, &id)),
        "the store has its id"
    );
    for (name, bytes) in &found {
        assert!(!has(bytes, secret), "{name} has the secret");
    }
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Control over a seeded store, without ports.
fn control(store: &Arc<Store>) -> (Arc<Control>, Arc<Published>) {
    let mut first = Snapshot::empty(Routes::new(&[]).into());
    let followed = store.follow(Snapshot::KINDS, |stored| first.put(stored.value, stored.version));
    let (revision, commits) = followed.expect("the records");
    first.revision = revision;
    let published = Published::new(first);
    tokio::spawn(follow(commits, published.clone()));
    let checker = Arc::new(Checker::new(Policy::default(), Capacity::default()));
    let control = Control::new(store.clone(), published.clone(), checker).expect("a control");
    (Arc::new(control), published)
}

fn new(name: &str, max_age: Option<&str>, extended: bool) -> NewToken {
    NewToken {
        name: Slug::parse(name).expect("a name"),
        description: Prose::default(),
        max_age: max_age.map(|age| age.parse().expect("an age")),
        extended,
        scopes: None,
        tenant: None,
    }
}

fn tokens_of(store: &Store) -> usize {
    let mut number = 0;
    store.load(&[Kind::Token], |_| number += 1).expect("it reads");
    number
}

#[tokio::test]
async fn what_ended_a_month_ago_is_swept_away_with_its_use() {
    let dir = seed::store();
    let store = Arc::new(Store::open(&dir.path().join("store")).expect("a store"));
    let (control, published) = control(&store);
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let password = Secret::new(PASSWORD.to_owned());
    let root = control.authenticate(ROOT, password, here, Instant::now()).await.expect("root");
    let (start, day) = (1_600_000_000_u64, 24 * 3600);
    let owner = || TokenOwner::User(seed::id(2));
    let mut ids = Vec::new();
    for (name, age, extended) in
        [("fixed", Some("P1D"), false), ("moved", Some("P1D"), true), ("kept", None, false)]
    {
        let now = Timestamp::from_seconds(start);
        ids.push(
            control.create_token(&root, owner(), new(name, age, extended), now).await.expect("a token").id,
        );
    }
    let used = Timestamp::from_seconds(start + 12 * 3600);
    let snapshot = published.load();
    for id in &ids {
        assert!(snapshot.tokens.get(id).expect("live").note(used));
        control.uses().try_send(TokenUse { token: *id, at: used }).expect("room");
    }
    let gone = TokenUse { token: seed::id(99), at: used };
    control.uses().try_send(gone).expect("room");
    let (generation, audited) = (published.load().generation, audit(&store));
    control.keep_uses(|| Timestamp::from_seconds(1_600_000_000), async {}).await;
    assert_eq!(audit(&store), audited, "a use is in no audit log");
    let written = |id| store.get(&RecordId::TokenUse(id)).expect("it reads").is_some();
    assert!(ids.iter().all(|id| written(*id)) && !written(seed::id(99)));
    published.reached(store.load(&[], |_| ()).expect("it reads")).await;
    assert_eq!(published.load().generation, generation, "nothing is decided upon it");

    // With the one that was there, which ends in our time.
    assert_eq!(tokens_of(&store), 4);
    for (seconds, left) in [
        (31 * day - 1, 4),
        (31 * day, 3),
        (31 * day + 12 * 3600 - 1, 3),
        (31 * day + 12 * 3600, 2),
        (100_000 * day, 1),
    ] {
        control.sweep_tokens(Timestamp::from_seconds(start + seconds)).await.expect("a sweep");
        assert_eq!(tokens_of(&store), left, "{seconds} s later");
    }
    assert_eq!(ids.iter().map(|id| written(*id)).collect::<Vec<_>>(), [false, false, true]);
    control.delete_token(&root, owner(), ids[2], used).await.expect("revoked");
    assert!(!written(ids[2]), "the use goes with the token");
    let id = RecordId::Token(Principal::User(seed::id(2)), ids[2]);
    assert!(store.get(&id).expect("it reads").is_none());
}

fn audit(store: &Store) -> usize {
    let mut number = 0;
    store.load(&[Kind::Audit], |_| number += 1).expect("it reads");
    number
}

#[tokio::test(start_paused = true)]
async fn uses_are_written_in_one_commit_a_minute() {
    let dir = seed::store();
    let store = Arc::new(Store::open(&dir.path().join("store")).expect("a store"));
    let (control, published) = control(&store);
    let (owner, first, second) = (Principal::User(seed::id(2)), seed::id(61), seed::id(62));
    let tokens = [first, second].map(|id| ApiToken { id, ..seed::expired().0 });
    store.commit(&[], tokens.map(|token| Change::Put(token.into())).into()).expect("a commit");
    let start = store.load(&[], |_| ()).expect("it reads");
    published.reached(start).await;
    let keeping = tokio::spawn({
        let control = control.clone();
        async move { control.keep_uses(seed::then, std::future::pending()).await }
    });
    let used = |token, seconds| TokenUse { token, at: Timestamp::from_seconds(seconds) };
    let uses = control.uses();
    uses.try_send(used(first, 100)).expect("room");
    published.reached(start + 1).await;
    let clock = tokio::time::Instant::now();
    for one in [used(first, 300), used(second, 200), used(first, 250)] {
        uses.try_send(one).expect("room");
    }
    published.reached(start + 2).await;
    assert!(clock.elapsed() <= Duration::from_secs(60), "{:?}", clock.elapsed());
    let written =
        |id| store.find::<TokenUse>(&RecordId::TokenUse(id)).expect("it reads").expect("a use").value.at;
    assert_eq!([written(first), written(second)].map(Timestamp::seconds), [300, 200]);
    let versions =
        [first, second].map(|id| store.get(&RecordId::TokenUse(id)).expect("it reads").expect("it").version);
    assert_eq!(versions, [start + 2; 2]);
    let id = RecordId::Token(owner, first);
    assert!(store.get(&id).expect("it reads").expect("the token").version <= start, "the token is as it was");
    keeping.abort();
}
