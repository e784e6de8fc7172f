//! No acknowledged write is lost: the real program is killed in the midst of 10,000 writes, again and
//! again over one store, and what it had acknowledged is there each time, with a whole audit log.

mod support;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::sys::signal::Signal;
use reqwest::Client;
use serde_json::{Value, json};
use support::gateway::{ADMIN, PASSWORD, client};
use support::program::{Process, serve};
use tempfile::TempDir;
use tenantry::model::{AuditEntry, Tenant, TenantId};
use tenantry::store::{Kind, RecordId, Recorded, Store, Stored};
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};

const ROUNDS: usize = 20;
/// In each round, unless it is killed before.
const WRITES: usize = 10_000;
const WRITERS: usize = 16;
/// Tenants that each writer makes and changes in turn.
const TENANTS: usize = 4;

const CONFIG: &str = "\
workers: 1
listeners: [{name: plain, address: \"127.0.0.1:0\"}]
admin: {address: \"127.0.0.1:0\"}
store: {path: data}
telemetry: {access_log: {output: \"off\"}, log_level: \"warn,tenantry::server=info\"}
";

/// What writers have been told: the last acknowledged text of each tenant.
type Acknowledged = BTreeMap<String, usize>;

/// Counts acknowledged writes, and says when it is time to kill.
struct Count {
    acknowledged: AtomicUsize,
    fatal: usize,
    now: Notify,
}

#[tokio::test]
async fn killed_in_the_midst_of_writes_it_has_all_that_it_acknowledged() {
    let dir = quick();
    std::fs::write(dir.path().join("tenantry.yaml"), CONFIG).expect("a file");
    let (mut acknowledged, mut in_flight) = (Acknowledged::new(), 0);
    for round in 0..ROUNDS {
        // Spread over the whole of the writes, from the first on.
        let fatal = 1 + (round * 4_799 + 37) % (WRITES - 2 * WRITERS);
        let tried = killed_after(dir.path(), fatal, round, &mut acknowledged).await;
        in_flight += tried.saturating_sub(fatal);
        whole(&dir.path().join("data"), &acknowledged);
    }
    assert!(in_flight > 0, "it was always killed between writes, which proves little");
    println!(
        "{ROUNDS} kills amid writes, {in_flight} of which were unanswered: nothing acknowledged is lost"
    );
}

/// A directory in memory where there is one. What a killed process leaves behind is what the kernel
/// has, on whatever disk: this test waits for none. Losses of power are the store's own tests'.
fn quick() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| TempDir::new()).expect("a directory")
}

/// Starts the program, has it written to, and kills it after so many acknowledged writes. Gives
/// back how many were tried.
async fn killed_after(dir: &Path, fatal: usize, round: usize, acknowledged: &mut Acknowledged) -> usize {
    let mut process = Process::start(serve(dir)).await;
    let url = format!("http://{}/api/v1/tenants", process.admin().await);
    let count = Arc::new(Count { acknowledged: AtomicUsize::new(0), fatal, now: Notify::new() });
    let writers = (0..WRITERS).map(|writer| write(client(), url.clone(), writer, round, count.clone()));
    let mut writers: JoinSet<_> = writers.collect();
    let mut tried = 0;
    let mut take = |ended: Result<(Acknowledged, usize), JoinError>| {
        let (told, count) = ended.expect("no panic");
        acknowledged.extend(told);
        tried += count;
    };
    loop {
        tokio::select! {
            () = count.now.notified() => break,
            ended = writers.join_next() => take(ended.expect("it is killed before all is written")),
        }
    }
    process.signal(Signal::SIGKILL);
    let end = process.end().await;
    assert_eq!(end.signal(), Some(Signal::SIGKILL as i32), "{end}: {}", process.log());
    while let Some(ended) = writers.join_next().await {
        take(ended);
    }
    tried
}

/// Makes and changes tenants until nobody answers; what was acknowledged, and how many writes were
/// tried.
async fn write(
    client: Client,
    url: String,
    writer: usize,
    round: usize,
    count: Arc<Count>,
) -> (Acknowledged, usize) {
    let mut told = Acknowledged::new();
    for nth in 0..WRITES / WRITERS {
        let tenant = format!("w{writer}-{}", nth % TENANTS);
        let number = round * WRITES + nth;
        let answered = put(&client, &url, &tenant, number).await;
        let Some(()) = answered else { return (told, nth + 1) };
        told.insert(tenant, number);
        if count.acknowledged.fetch_add(1, Ordering::Relaxed) + 1 == count.fatal {
            count.now.notify_one();
        }
    }
    (told, WRITES / WRITERS)
}

/// Writes a number to a tenant, which is made where there is none; none when nobody answers to the
/// end.
async fn put(client: &Client, url: &str, tenant: &str, number: usize) -> Option<()> {
    let body = json!({ "id": tenant, "description": number.to_string() });
    for request in [client.put(format!("{url}/{tenant}")), client.post(url)] {
        let answer = request.basic_auth(ADMIN, Some(PASSWORD)).json(&body).send().await.ok()?;
        let status = answer.status();
        // A status is as good as nothing without the body that belongs to it.
        let text = answer.json::<Value>().await.ok()?;
        if status.is_success() {
            return Some(());
        }
        assert_eq!(status, 404, "{text}");
    }
    panic!("{tenant} is not there, and cannot be made")
}

/// Every acknowledged write is in the store, or a later one of the same tenant; and the audit log
/// is one unbroken chain.
fn whole(store: &Path, acknowledged: &Acknowledged) {
    let store = Store::open(store).expect("it opens");
    for (tenant, number) in acknowledged {
        let id = RecordId::Tenant(TenantId::parse(tenant).expect("an id"));
        let found = store.find::<Tenant>(&id).expect("it reads").expect("an acknowledged tenant");
        let kept: usize = found.value.description.parse().expect("a number");
        assert!(kept >= *number, "{tenant}: {number} was acknowledged, {kept} is kept");
    }
    let mut previous = AuditEntry::NOTHING.to_owned();
    let each = |stored: Stored<_>| {
        let entry = AuditEntry::from_record(stored.value).expect("an audit entry");
        assert!(entry.follows(&previous), "entry {} does not follow", entry.number);
        previous = entry.hash;
    };
    store.load(&[Kind::Audit], each).expect("it reads");
}
