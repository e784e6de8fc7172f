//! The audit log as its readers see it: who did what, what was refused to whom, which part of it is
//! whose, and that nothing in it can be changed or lost without being noticed.

#[path = "support/control.rs"]
mod support;

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::{Answer, PASSWORD, Port, USER};
use tenantry::auth::password;
use tenantry::model::{
    AuditEntry, Binding, Extent, Flaw, Id, ManagedRole, Member, Principal, RoleId, Secret, Subject, TenantId,
    Timestamp, User, UserName, Verdict, Verifier,
};
use tenantry::store::{Change, Order, RecordId};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const DAY: Duration = Duration::from_hours(24);

/// The entries of a page, from the newest.
fn results(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()["results"].as_array().expect("results").clone()
}

fn total(answer: &Answer) -> u64 {
    answer.json()["total"].as_u64().expect("a total")
}

/// What entries are about, from the newest: `CREATE tenants acme`.
fn deeds(answer: &Answer) -> Vec<String> {
    let word = |entry: &Value, field: &str| entry[field].as_str().expect("a text").to_owned();
    let deed =
        |entry: &Value| format!("{} {} {}", word(entry, "deed"), word(entry, "resource"), word(entry, "id"));
    results(answer).iter().map(deed).collect()
}

async fn tenant(port: &Port, id: &str) {
    let answer = port.post("/api/v1/tenants", &json!({"id": id, "name": id})).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
}

/// A user with access to a tenant and a role there; signs in by [`PASSWORD`].
async fn member(port: &Port, nth: u8, name: &str, tenant: &str, role: ManagedRole) {
    let (id, at) = (Id::from_random([nth; 16]), Timestamp::now());
    let tenant = TenantId::parse(tenant).expect("an id");
    let user = User {
        id,
        name: UserName::parse(name).expect("a name"),
        first_name: String::new(),
        last_name: String::new(),
        password_hash: Some(password::hash(&Secret::new(PASSWORD.to_owned())).expect("a hash")),
        super_admin: false,
        disabled: false,
        restricted: false,
        created_at: at,
        updated_at: at,
    };
    let member = Member {
        tenant: tenant.clone(),
        principal: Principal::User(id),
        groups: std::collections::BTreeMap::new(),
        created_at: at,
    };
    let binding = Binding {
        tenant,
        id,
        subject: Subject::User(id),
        role: RoleId::Managed(role),
        services: None,
        created_at: at,
    };
    let changes = [Change::Put(user.into()), Change::Put(member.into()), Change::Put(binding.into())];
    port.commit(changes.into()).await;
}

async fn ask(port: &Port, who: &str, path: &str) -> Answer {
    port.send(port.anonymous(Method::GET, path).basic_auth(who, Some(PASSWORD))).await
}

fn log(port: &Port) -> Vec<AuditEntry> {
    let all = (&RecordId::Audit(0), &RecordId::Audit(u64::MAX));
    let entries = port.store.span::<AuditEntry>(all, Order::Ascending, usize::MAX).expect("the log");
    entries.into_iter().map(|entry| entry.value).collect()
}

fn verdict(extent: Extent, entries: &[AuditEntry]) -> Verdict {
    let mut verifier = Verifier::new(extent);
    for entry in entries {
        verifier.add(entry);
    }
    verifier.end()
}

fn lines(answer: &Answer) -> Vec<AuditEntry> {
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    answer.text.lines().map(|line| serde_json::from_str(line).expect("an entry")).collect()
}

/// Waits until refusals are in the log: until there are so many entries that have been refused.
async fn refusals(port: &Port, expected: usize) -> Vec<Value> {
    let mut changes = port.published.changes();
    loop {
        changes.mark_unchanged();
        let found = results(&port.get("/api/v1/auditlogs/search?outcome=REFUSED&size=100").await);
        if found.len() >= expected {
            return found;
        }
        let changed = tokio::time::timeout(Duration::from_secs(60), changes.changed()).await;
        changed.expect("they come in time").expect("the port runs");
    }
}

#[tokio::test]
async fn every_write_is_told_of_with_what_it_changed() {
    let port = Port::start().await;
    let begun = Timestamp::now().to_string();
    let request = port.admin(Method::POST, "/api/v1/tenants").header("x-request-id", "the-request");
    let created = port.send(request.json(&json!({"id": "acme", "name": "Acme"}))).await;
    assert_eq!(created.status, StatusCode::OK);
    port.patch("/api/v1/tenants/acme", &json!({"name": "Acme, Inc."})).await;
    port.delete("/api/v1/tenants/acme").await;

    let answer = port.get("/api/v1/auditlogs/search").await;
    let expected = ["DELETE tenants acme", "UPDATE tenants acme", "CREATE tenants acme"];
    assert_eq!(deeds(&answer)[..3], expected);
    assert_eq!(total(&answer), 4, "the first admin besides");
    let [deleted, updated, created, ..] = &results(&answer)[..] else { panic!("three of them") };
    assert_eq!((&created["before"], &created["after"]["name"]), (&Value::Null, &json!("Acme")));
    assert_eq!(
        (&updated["before"]["name"], &updated["after"]["name"]),
        (&json!("Acme"), &json!("Acme, Inc."))
    );
    assert_eq!((&deleted["before"]["name"], &deleted["after"]), (&json!("Acme, Inc."), &Value::Null));
    assert_eq!((&created["requestId"], &created["tenant"]), (&json!("the-request"), &json!("acme")));
    let actor = &created["actor"];
    assert_eq!(
        (&actor["kind"], &actor["name"], &actor["via"]),
        (&json!("user"), &json!(USER), &json!("password"))
    );
    assert_eq!(actor["address"], "127.0.0.1");
    assert!(created["at"].as_str().expect("a time") >= begun.as_str());
    assert_eq!(updated["previous"], created["hash"]);

    let number = updated["number"].as_u64().expect("a number");
    let one = port.get(&format!("/api/v1/auditlogs/{number}")).await;
    assert_eq!(one.json(), *updated);
    let diff = port.get(&format!("/api/v1/auditlogs/{number}/diff")).await.json();
    let paths: Vec<_> = diff.as_array().expect("a list").iter().map(|one| &one["path"]).collect();
    assert_eq!(paths, ["name", "updated_at"]);
    for none in ["999", "0", "01", "-1", "x"] {
        port.get(&format!("/api/v1/auditlogs/{none}")).await.refused(404);
    }
}

#[tokio::test]
async fn entries_are_found_by_who_what_and_when() {
    let port = Port::start().await;
    let mut times = Vec::new();
    for id in ["acme", "globex", "initech"] {
        tenant(&port, id).await;
        times.push(log(&port).last().expect("one").at);
    }
    port.delete("/api/v1/tenants/globex").await;
    let found = async |query: &str| {
        let answer = port.get(&format!("/api/v1/auditlogs/search?{query}")).await;
        (deeds(&answer), total(&answer))
    };
    let globex = || vec!["DELETE tenants globex".to_owned(), "CREATE tenants globex".to_owned()];
    assert_eq!(found("q=GLOBEX").await, (globex(), 2));
    assert_eq!(found("id=globex&resource=tenants&actor=root").await, (globex(), 2));
    assert_eq!(found("deed=DELETE&outcome=DONE").await, (globex()[..1].to_vec(), 1));
    assert_eq!(found("actor=nobody").await, (vec![], 0));
    assert_eq!(found("outcome=REFUSED").await, (vec![], 0));
    assert_eq!(found("resource=tenants&page=2&size=3").await, (vec!["CREATE tenants acme".to_owned()], 4));
    assert_eq!(found("page=2&size=2").await.0, ["CREATE tenants globex", "CREATE tenants acme"]);
    assert_eq!(found("page=99").await, (vec![], 5));
    let (_, since) = found(&format!("startDate={}", times[0])).await;
    let (_, until) = found(&format!("endDate={}", times[0])).await;
    let at_once = log(&port).iter().filter(|entry| entry.at == times[0]).count() as u64;
    assert_eq!(since + until, 5 + at_once, "each entry is before, after, or at that moment");
    assert_eq!(found("startDate=9999-01-01T00:00:00Z").await, (vec![], 0));
    assert_eq!(found("endDate=1970-01-01T00:00:00Z&q=acme").await, (vec![], 0));
    let history = port.get("/api/v1/auditlogs/history/globex?size=1").await;
    assert_eq!((deeds(&history), total(&history)), (globex()[..1].to_vec(), 2));

    port.get("/api/v1/auditlogs/search?deed=create&startDate=today&color=red").await.flaws(&[
        "deed",
        "startDate",
        "color",
    ]);
    port.get("/api/v1/auditlogs/history/globex?q=x").await.flaws(&["q"]);
    port.get("/api/v1/auditlogs/export?page=1").await.flaws(&["page"]);
}

#[tokio::test]
async fn a_tenant_has_its_own_part_and_nobody_elses() {
    let port = Port::start().await;
    for id in ["acme", "globex"] {
        tenant(&port, id).await;
    }
    port.patch("/api/v1/tenants/acme", &json!({"name": "Acme"})).await;
    member(&port, 1, "ann@example.com", "acme", ManagedRole::Admin).await;
    member(&port, 2, "vic@example.com", "acme", ManagedRole::Viewer).await;

    let part = ask(&port, "ann@example.com", "/api/v1/acme/auditlogs/search").await;
    assert_eq!(deeds(&part), ["UPDATE tenants acme", "CREATE tenants acme"]);
    assert_eq!(total(&part), 2);
    let filtered = ask(&port, "ann@example.com", "/api/v1/acme/auditlogs/search?q=globex").await;
    assert_eq!(total(&filtered), 0);
    let history = ask(&port, "ann@example.com", "/api/v1/acme/auditlogs/history/acme?page=2&size=1").await;
    assert_eq!(deeds(&history), ["CREATE tenants acme"]);
    let export = lines(&ask(&port, "ann@example.com", "/api/v1/acme/auditlogs/export").await);
    let whole = verdict(Extent::Tenant, &export);
    assert_eq!((whole.entries, whole.broken), (2, None));

    let number = |entry: &Value| entry["number"].as_u64().expect("a number");
    let own = number(&results(&part)[0]);
    let updated = ask(&port, "ann@example.com", &format!("/api/v1/acme/auditlogs/{own}")).await;
    assert_eq!(updated.json()["deed"], "UPDATE");
    let diff = ask(&port, "ann@example.com", &format!("/api/v1/acme/auditlogs/{own}/diff")).await;
    assert_eq!(diff.json()[0]["path"], "name");
    let globex = port.get("/api/v1/globex/auditlogs/search").await;
    let theirs = number(&results(&globex)[0]);
    for path in ["", "/diff"] {
        let path = format!("/api/v1/acme/auditlogs/{theirs}{path}");
        ask(&port, "ann@example.com", &path).await.refused(404);
    }
    for route in ["search", "export", "history/acme", &own.to_string(), &format!("{own}/diff")] {
        ask(&port, "vic@example.com", &format!("/api/v1/acme/auditlogs/{route}")).await.refused(403);
        ask(&port, "ann@example.com", &format!("/api/v1/globex/auditlogs/{route}")).await.refused(404);
        ask(&port, "ann@example.com", &format!("/api/v1/auditlogs/{route}")).await.refused(403);
        port.get(&format!("/api/v1/nobody/auditlogs/{route}")).await.refused(404);
    }
    ask(&port, "ann@example.com", "/api/v1/auditlogs/verify").await.refused(403);
}

#[tokio::test]
async fn a_later_tenant_of_the_same_id_sees_nothing_of_the_former() {
    let port = Port::start().await;
    tenant(&port, "acme").await;
    port.delete("/api/v1/tenants/acme").await;
    port.get("/api/v1/acme/auditlogs/search").await.refused(404);
    tenant(&port, "acme").await;
    let part = port.get("/api/v1/acme/auditlogs/search").await;
    assert_eq!(deeds(&part), ["CREATE tenants acme"]);
    assert_eq!(results(&part)[0]["after"]["org_id"], "acme-2");
    assert_eq!(total(&port.get("/api/v1/auditlogs/search?resource=tenants").await), 3);
}

#[tokio::test]
async fn failed_sign_ins_are_told_of_without_what_was_tried() {
    let port = Port::start().await;
    let try_in = async |user: &str, password: &str| {
        let request = port.anonymous(Method::GET, "/api/v1/tenants").basic_auth(user, Some(password));
        port.send(request.header("x-request-id", "the-request")).await.refused(401);
    };
    for _ in 0..3 {
        try_in(USER, "planted-wrong").await;
    }
    try_in("planted-in-the-wrong-field", "x").await;
    try_in("Eve@example.com", "x").await;
    for token in ["tnt_planted", "eyJplanted"] {
        let request = port.anonymous(Method::GET, "/api/v1/tenants").bearer_auth(token);
        port.send(request).await.refused(401);
    }
    port.send(port.anonymous(Method::GET, "/api/v1/tenants")).await.refused(401);

    // All of them may be in one batch, or each in its own.
    let told = loop {
        let told = refusals(&port, 5).await;
        let names: Vec<_> = told.iter().map(|entry| entry["actor"]["via"].as_str()).collect();
        if names.contains(&Some("jwt")) {
            break told;
        }
    };
    assert!(told.iter().all(|entry| entry["deed"] == "SIGN_IN" && entry["resource"] == "sessions"));
    assert!(told.iter().all(|entry| entry["actor"]["kind"] == "unknown" && entry["actor"]["id"] == ""));
    assert!(told.iter().all(|entry| entry["actor"]["address"] == "127.0.0.1"));
    let of = |field: &str, value: &str| {
        told.iter().filter(|entry| entry["actor"][field] == value).collect::<Vec<_>>()
    };
    let root: u64 = of("name", USER)
        .iter()
        .map(|entry| match entry["detail"].as_str().expect("a text").rsplit_once('(') {
            Some((_, times)) => times.trim_end_matches(" times)").parse().expect("a number"),
            None => 1,
        })
        .sum();
    assert_eq!(root, 3, "{told:?}");
    assert_eq!(of("name", USER)[0]["requestId"], "the-request");
    assert_eq!(of("name", "eve@example.com").len(), 1);
    assert_eq!((of("via", "api_token").len(), of("via", "jwt").len()), (1, 1));
    let text = port.get("/api/v1/auditlogs/export").await.text;
    assert!(!text.contains("planted"), "neither passwords nor names that may be some are told");
    assert_eq!(port.get("/api/v1/auditlogs/verify").await.json()["intact"], true);
}

#[tokio::test]
async fn hanging_up_does_not_keep_a_guess_from_being_told() {
    let port = Port::start().await;
    let guess = "GET /api/v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Basic cm9vdDp3cm9uZw==\r\n\r\n";
    let mut caller = TcpStream::connect(port.address).await.expect("a connection");
    caller.write_all(guess.as_bytes()).await.expect("a request");
    drop(caller);
    let told = refusals(&port, 1).await;
    assert_eq!((&told[0]["deed"], &told[0]["actor"]["name"]), (&json!("SIGN_IN"), &json!(USER)));
}

#[tokio::test]
async fn writes_that_are_refused_to_somebody_known_are_told_of() {
    let port = Port::start().await;
    tenant(&port, "acme").await;
    member(&port, 2, "vic@example.com", "acme", ManagedRole::Viewer).await;
    let as_vic = |method: Method, path: &str| {
        port.anonymous(method, path).basic_auth("vic@example.com", Some(PASSWORD)).json(&json!({"name": "x"}))
    };
    port.send(as_vic(Method::PATCH, "/api/v1/tenants/acme")).await.refused(403);
    port.send(as_vic(Method::GET, "/api/v1/acme/auditlogs/search")).await.refused(403);
    let told = refusals(&port, 1).await;
    assert_eq!(told.len(), 1, "a read that is refused is no write");
    assert_eq!(
        (&told[0]["deed"], &told[0]["resource"], &told[0]["id"]),
        (&json!("UPDATE"), &json!("tenants"), &json!("acme"))
    );
    assert_eq!(
        (&told[0]["actor"]["kind"], &told[0]["actor"]["name"]),
        (&json!("user"), &json!("vic@example.com"))
    );
    assert!(!told[0]["detail"].as_str().expect("a text").is_empty());

    tenant(&port, "globex").await;
    port.send(as_vic(Method::DELETE, "/api/v1/globex/groups/g")).await.refused(404);
    port.send(as_vic(Method::DELETE, "/api/v1/nobody/groups/g")).await.refused(404);
    let foreign: Vec<_> =
        refusals(&port, 3).await.into_iter().filter(|told| told["deed"] == "DELETE").collect();
    let ids: Vec<_> = foreign.iter().map(|told| (&told["id"], &told["tenant"])).collect();
    let instances = |id: &'static str| (json!(id), Value::Null);
    let expected = [instances("nobody/g"), instances("globex/g")];
    assert_eq!(ids, expected.iter().map(|(id, tenant)| (id, tenant)).collect::<Vec<_>>());
    assert_eq!(total(&port.get("/api/v1/globex/auditlogs/search?outcome=REFUSED").await), 0);
}

#[tokio::test]
async fn what_was_refused_last_is_written_at_the_end() {
    let port = Port::start().await;
    let store = port.store.clone();
    let request = port.anonymous(Method::GET, "/api/v1/tenants").basic_auth(USER, Some("wrong"));
    port.send(request).await.refused(401);
    port.stop().await;
    let last = (&RecordId::Audit(0), &RecordId::Audit(u64::MAX));
    let last = store.span::<AuditEntry>(last, Order::Descending, 1).expect("the log").remove(0).value;
    assert_eq!((last.actor.name.as_str(), last.actor.via.as_str()), (USER, "password"));
}

#[tokio::test]
async fn an_export_is_the_whole_log_and_verifies_by_itself() {
    let port = Port::start().await;
    for nth in 0..600 {
        // More than are read at once.
        tenant(&port, &format!("t{nth}")).await;
    }
    let export = lines(&port.get("/api/v1/auditlogs/export").await);
    assert_eq!(export, log(&port));
    let whole = verdict(Extent::Whole, &export);
    assert_eq!((whole.entries, whole.span, whole.broken), (601, Some((1, 601)), None));
    let verified = port.get("/api/v1/auditlogs/verify").await.json();
    let expected = json!({"entries": 601, "from": 1, "to": 601, "hash": whole.hash, "intact": true});
    assert_eq!(verified, expected);
    let part = lines(&port.get("/api/v1/auditlogs/export?id=t599").await);
    assert_eq!(part, export[600..]);
    let deep = port.get("/api/v1/auditlogs/search?page=60&size=10").await;
    assert_eq!(results(&deep)[9]["number"], 2);
    assert_eq!(total(&port.get("/api/v1/auditlogs/search?q=t59").await), 11);
}

#[tokio::test]
async fn an_entry_that_was_touched_in_the_store_is_found() {
    let port = Port::start().await;
    for id in ["acme", "globex", "initech"] {
        tenant(&port, id).await;
    }
    let entry = log(&port).remove(1);
    let touched = AuditEntry { actor: log(&port)[0].actor.clone(), ..entry.clone() };
    port.commit(vec![Change::Put(touched.into())]).await;
    let verified = port.get("/api/v1/auditlogs/verify").await.json();
    assert_eq!((&verified["intact"], &verified["firstBroken"]["number"]), (&json!(false), &json!(2)));
    port.commit(vec![Change::Put(entry.into()), Change::Delete(RecordId::Audit(3))]).await;
    let verified = port.get("/api/v1/auditlogs/verify").await.json();
    assert_eq!(verified["firstBroken"]["number"], 4);
    assert_eq!(verified["firstBroken"]["reason"], Flaw::Missing.to_string());
}

#[tokio::test]
async fn old_entries_go_and_the_rest_still_verifies() {
    let port = Port::start().await;
    for id in ["acme", "globex"] {
        tenant(&port, id).await;
    }
    let later = |days: u32| {
        let millis = u64::try_from((DAY * days).as_millis()).expect("few");
        Timestamp::from_millis(Timestamp::now().millis() + millis)
    };
    let prune = async |days| port.control.prune_audit(10 * DAY, later(days)).await.expect("a commit");
    assert_eq!(prune(9).await, 0, "nothing is old enough");
    let last = log(&port).pop().expect("some");
    assert_eq!(prune(11).await, 3);
    let rest = log(&port);
    assert_eq!(rest.len(), 1, "the entry that tells of it");
    assert_eq!((rest[0].number, rest[0].previous.as_str()), (4, last.hash.as_str()));
    assert_eq!(rest[0].after, Some(json!({"entries": 3, "through": 3, "hash": last.hash})));
    assert_eq!(verdict(Extent::Whole, &rest).broken, None);
    assert_eq!(prune(11).await, 0);

    tenant(&port, "initech").await;
    let found = port.get("/api/v1/auditlogs/search").await;
    assert_eq!(deeds(&found), ["CREATE tenants initech", "PRUNE audit 3"]);
    assert_eq!(total(&port.get("/api/v1/acme/auditlogs/search").await), 0);
    port.patch("/api/v1/tenants/acme", &json!({"name": "Acme"})).await;
    assert_eq!(deeds(&port.get("/api/v1/acme/auditlogs/search").await), ["UPDATE tenants acme"]);
    assert_eq!(port.get("/api/v1/auditlogs/verify").await.json()["intact"], true);
    port.get("/api/v1/auditlogs/3").await.refused(404);

    port.commit(vec![Change::Delete(RecordId::Audit(4))]).await;
    let verified = port.get("/api/v1/auditlogs/verify").await.json();
    assert_eq!(verified["intact"], false, "nobody tells any more of what was removed");
}
