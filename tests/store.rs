//! The embedded store as its callers see it: what a commit promises to callers and to followers, and
//! what a kill leaves. What a loss of power leaves is tested beside the store, which needs its insides.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::time::Instant;

use tenantry::model::{Id, OrgId, OrgRecord, Tenant, TenantId, Timestamp, User, UserName};
use tenantry::store::{Change, Commits, Expect, Kind, Record, RecordId, Revision, Store, StoreError, Stored};

type Content = BTreeMap<RecordId, (Revision, Record)>;

fn id(text: &str) -> TenantId {
    TenantId::parse(text).expect("a good id")
}

fn tenant(name: &str, description: &str) -> Record {
    let at = Timestamp::from_seconds(1);
    let tenant = Tenant::new(id(name), OrgId::nth(&id(name), 1), at);
    Record::Tenant(Tenant { description: description.to_owned(), ..tenant })
}

fn org(name: &str, millis: u64) -> Record {
    Record::Org(OrgRecord {
        org_id: OrgId::nth(&id(name), 1),
        tenant: id(name),
        created_at: Timestamp::from_millis(millis),
        deleted_at: None,
    })
}

fn user(name: &str) -> Record {
    let at = Timestamp::from_seconds(1);
    Record::User(User {
        id: Id::from_random([1; 16]),
        name: UserName::parse(name).expect("a name"),
        first_name: String::new(),
        last_name: String::new(),
        password_hash: Some("$argon2id$".to_owned()),
        super_admin: true,
        disabled: false,
        restricted: false,
        created_at: at,
        updated_at: at,
    })
}

/// Every record of a store.
fn all(store: &Store) -> Result<(Revision, Vec<Stored<Record>>), StoreError> {
    let mut records = Vec::new();
    let revision = store.load(Kind::ALL, |stored| records.push(stored))?;
    Ok((revision, records))
}

/// Every record of a store, and what comes after.
fn followed(store: &Store) -> Result<(Revision, Vec<Stored<Record>>, Commits), StoreError> {
    let mut records = Vec::new();
    let (revision, commits) = store.follow(Kind::ALL, |stored| records.push(stored))?;
    Ok((revision, records, commits))
}

fn put(record: &Record) -> Change {
    Change::Put(record.clone().into())
}

fn content(records: Vec<Stored<Record>>) -> Content {
    records.into_iter().map(|Stored { version, value }| (value.id(), (version, value))).collect()
}

fn apply(content: &mut Content, revision: Revision, changes: &[Change]) {
    for change in changes {
        match change {
            Change::Put(record) => content.insert(record.id(), (revision, Record::clone(record))),
            Change::Delete(id) => content.remove(id),
        };
    }
}

fn refusal<T>(result: Result<T, StoreError>) -> StoreError {
    result.err().expect("refused")
}

#[test]
fn a_new_store_is_empty_and_its_owners_alone() {
    let parent = tempfile::tempdir().expect("a directory");
    let dir = parent.path().join("deep/data");
    let store = Store::open(&dir).expect("opens");
    let (revision, records) = all(&store).expect("loads");
    assert_eq!((revision, records.len()), (0, 0));
    let mode = |path: &Path| fs::metadata(path).expect("exists").permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    assert_eq!(mode(&dir.join("tenantry.redb")), 0o600);
    assert_eq!(fs::read_dir(&dir).expect("a directory").count(), 1, "nothing else is left there");
}

#[test]
fn every_kind_comes_back_after_reopening_with_the_revision_that_wrote_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(dir.path()).expect("opens");
    let records = [tenant("acme", "ä \"quoted\" \u{0}"), org("acme", 7), user("root")];
    for (record, revision) in records.iter().zip(1..) {
        let committed = store.commit(&[(record.id(), Expect::Absent)], vec![put(record)]);
        assert_eq!(committed.expect("commits"), revision);
    }
    drop(store);
    let store = Store::open(dir.path()).expect("opens again");
    for (record, revision) in records.iter().zip(1..) {
        let stored = store.get(&record.id()).expect("reads").expect("is there");
        assert!(stored.version == revision && stored.value == *record, "{}", record.id());
    }
    let (revision, all) = all(&store).expect("loads");
    assert_eq!((revision, all.len()), (3, 3));
    let acme = records[0].id();
    let committed = store.commit(&[(acme.clone(), Expect::Version(1))], vec![Change::Delete(acme.clone())]);
    assert_eq!(committed.expect("commits"), 4, "revisions go on where they were");
    assert!(store.get(&acme).expect("reads").is_none());
}

#[test]
fn what_is_there_is_not_absent_and_what_is_not_has_no_version() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(dir.path()).expect("opens");
    let acme = tenant("acme", "");
    store.commit(&[], vec![put(&acme)]).expect("commits");
    let conflict = refusal(store.commit(&[(acme.id(), Expect::Absent)], vec![put(&acme)]));
    assert!(matches!(&conflict, StoreError::Conflict { found: Some(1), .. }));
    assert_eq!(conflict.to_string(), "tenant \"acme\" is at version 1, which is not what was expected");
    let gone = RecordId::Tenant(id("gone"));
    let conflict = refusal(store.commit(&[(gone, Expect::Version(1))], vec![put(&acme)]));
    assert_eq!(conflict.to_string(), "tenant \"gone\" does not exist, which is not what was expected");
    assert_eq!(all(&store).expect("loads").0, 1);
}

#[test]
fn a_conflict_in_one_record_leaves_all_as_they_were_and_is_told_to_nobody() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(dir.path()).expect("opens");
    let old = tenant("acme", "old");
    store.commit(&[], vec![put(&old)]).expect("commits");
    let (_, _, mut commits) = followed(&store).expect("follows");
    let changes = vec![put(&tenant("acme", "new")), put(&tenant("other", "new")), put(&org("other", 1))];
    let expect = [(old.id(), Expect::Version(1)), (user("root").id(), Expect::Version(1))];
    assert!(matches!(refusal(store.commit(&expect, changes)), StoreError::Conflict { found: None, .. }));
    let (revision, records) = all(&store).expect("loads");
    assert!(revision == 1 && records.len() == 1 && records[0].value == old);
    assert!(commits.try_recv().is_err());
}

#[test]
fn of_two_writers_that_expect_the_same_version_one_wins() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(dir.path()).expect("opens");
    let acme = RecordId::Tenant(id("acme"));
    let mut version = store.commit(&[], vec![put(&tenant("acme", ""))]).expect("commits");
    for _ in 0..20 {
        let start = Barrier::new(2);
        let write = |writer: &str| {
            start.wait();
            store.commit(&[(acme.clone(), Expect::Version(version))], vec![put(&tenant("acme", writer))])
        };
        let (a, b) = std::thread::scope(|scope| {
            let a = scope.spawn(|| write("a"));
            let b = write("b");
            (a.join().expect("no panic"), b)
        });
        let (winner, won, lost) = match (a, b) {
            (Ok(won), Err(lost)) => ("a", won, lost),
            (Err(lost), Ok(won)) => ("b", won, lost),
            _ => panic!("one wins and one loses"),
        };
        assert!(matches!(lost, StoreError::Conflict { found, .. } if found == Some(won)));
        let stored = store.get(&acme).expect("reads").expect("is there");
        assert!(stored.version == won && stored.value == tenant("acme", winner));
        version = won;
    }
}

/// Followers that begin in the middle of writes miss none and see none twice: what they loaded and
/// what they are sent add up to what the store holds.
#[test]
fn followers_see_every_commit_once_and_in_order() {
    const WRITERS: u64 = 3;
    const COMMITS: u64 = 20;
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(dir.path()).expect("opens");
    let start = Barrier::new(usize::try_from(WRITERS).expect("3") + 1);
    let followed = std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (store, start) = (&store, &start);
            scope.spawn(move || {
                start.wait();
                for n in 0..COMMITS {
                    let name = format!("t{}", (n + writer) % 4);
                    store.commit(&[], vec![put(&tenant(&name, &format!("{writer} {n}")))]).expect("commits");
                }
            });
        }
        start.wait();
        (0..10).map(|_| followed(&store).expect("follows")).collect::<Vec<_>>()
    });
    let (last, records) = all(&store).expect("loads");
    assert_eq!(last, WRITERS * COMMITS);
    let expected = content(records);
    for (mut revision, records, mut commits) in followed {
        let mut seen = content(records);
        while let Ok(commit) = commits.try_recv() {
            assert_eq!(commit.revision, revision + 1);
            revision = commit.revision;
            apply(&mut seen, revision, &commit.changes);
        }
        assert_eq!(revision, last);
        assert!(seen == expected);
    }
}

#[test]
fn a_commit_is_sent_before_it_returns_and_a_gone_follower_hinders_none() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(dir.path()).expect("opens");
    let (_, _, gone) = followed(&store).expect("follows");
    let (_, _, mut commits) = followed(&store).expect("follows");
    drop(gone);
    for expected in 1..3 {
        let revision = store.commit(&[], vec![put(&user("root"))]).expect("commits");
        let sent = commits.try_recv().expect("is there already");
        assert_eq!((revision, sent.revision, sent.changes.len()), (expected, expected, 1));
    }
}

#[test]
fn an_open_store_is_in_use() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(dir.path()).expect("opens");
    assert!(matches!(refusal(Store::open(dir.path())), StoreError::InUse(_)));
    drop(store);
    assert!(Store::open(dir.path()).is_ok());
}

#[test]
fn a_store_that_was_never_finished_is_made_anew() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("tenantry.redb.new"), [0; 8192]).expect("writes");
    assert_eq!(all(&Store::open(dir.path()).expect("opens")).expect("loads").0, 0);
}

#[test]
fn files_that_are_no_store_are_refused_with_what_to_do_and_left_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("tenantry.redb");
    drop(Store::open(dir.path()).expect("opens"));
    let whole = fs::read(&path).expect("reads");
    for bytes in
        [&b"x"[..], &[0; 8192], b"a letter to my aunt, not a database", &whole[..200], &whole[..8192]]
    {
        fs::write(&path, bytes).expect("writes");
        let refusal = refusal(Store::open(dir.path()));
        assert!(matches!(refusal, StoreError::Corrupt(_)), "{} bytes: {refusal}", bytes.len());
        assert!(refusal.to_string().contains("restore it from a backup"), "{refusal}");
        assert_eq!(fs::read(&path).expect("reads"), bytes);
    }
}

/// Opens the file as redb and lets `change` write to it.
fn tamper(dir: &Path, change: impl FnOnce(&redb::WriteTransaction)) {
    let database = redb::Database::create(dir.join("tenantry.redb")).expect("a redb file");
    let write = database.begin_write().expect("begins");
    change(&write);
    write.commit().expect("commits");
}

const META: redb::TableDefinition<&str, u64> = redb::TableDefinition::new("meta");
const TENANTS: redb::TableDefinition<&str, (u64, &[u8])> = redb::TableDefinition::new("tenants");

#[test]
fn a_store_of_a_later_version_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    drop(Store::open(dir.path()).expect("opens"));
    tamper(dir.path(), |write| {
        write.open_table(META).expect("opens").insert("format", 3).expect("inserts");
    });
    let refusal = refusal(Store::open(dir.path()));
    assert!(matches!(refusal, StoreError::Corrupt(_)));
    assert!(refusal.to_string().contains("run the version that wrote it"), "{refusal}");
}

#[test]
fn another_programs_database_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    tamper(dir.path(), |write| {
        write.open_table(TENANTS).expect("opens");
    });
    let refusal = refusal(Store::open(dir.path()));
    assert!(matches!(refusal, StoreError::Corrupt(_)));
    assert!(refusal.to_string().contains("not made by this program"), "{refusal}");
}

/// Skipping it could let somebody in whom the record keeps out.
#[test]
fn a_record_that_does_not_parse_is_named_and_nothing_is_loaded() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(dir.path()).expect("opens");
    store.commit(&[], vec![put(&tenant("acme", "")), put(&tenant("bolt", ""))]).expect("commits");
    drop(store);
    tamper(dir.path(), |write| {
        let mut tenants = write.open_table(TENANTS).expect("opens");
        tenants.insert("acme", (1, &b"\x01{\"id\":\"acme\"}"[..])).expect("inserts");
    });
    let store = Store::open(dir.path()).expect("opens");
    for refusal in
        [refusal(all(&store)), refusal(followed(&store)), refusal(store.get(&RecordId::Tenant(id("acme"))))]
    {
        assert!(matches!(refusal, StoreError::Corrupt(_)));
        assert!(refusal.to_string().contains("tenant \"acme\""), "{refusal}");
    }
    assert!(store.get(&RecordId::Tenant(id("bolt"))).expect("reads").is_some());
}

/// What the killed process commits as this revision.
fn changes_of(revision: Revision) -> Vec<Change> {
    let name = |n: u64| format!("t{}", n % 9);
    vec![
        put(&tenant(&name(revision), &revision.to_string().repeat(100))),
        put(&org(&name(revision), revision)),
        Change::Delete(RecordId::Tenant(id(&name(revision + 3)))),
    ]
}

fn write_until_killed(dir: &Path) {
    let store = Store::open(dir).expect("opens");
    let (first, _) = all(&store).expect("loads");
    let mut out = std::io::stdout();
    for revision in first + 1.. {
        let committed = store.commit(&[], changes_of(revision)).expect("commits");
        writeln!(out, "acknowledged {committed}").expect("somebody listens");
    }
}

/// Kills a writing process with SIGKILL when it has acknowledged some commits and is `part` of the
/// way through the next; returns the last that it had acknowledged when it died.
fn kill_a_writer(dir: &Path, test: &str, part: f64) -> Revision {
    const COMMITS: u32 = 10;
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", test, "--nocapture"])
        .env(WRITER, dir)
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let lines = BufReader::new(child.stdout.take().expect("is piped")).lines();
    let mut acknowledged = lines.filter_map(|line| {
        let line = line.expect("is text");
        line.strip_prefix("acknowledged ").map(|revision| revision.parse::<Revision>().expect("a number"))
    });
    acknowledged.next().expect("acknowledges its first");
    let start = Instant::now();
    let before = acknowledged.nth(COMMITS as usize - 1).expect("acknowledges as many");
    // no event marks a part of a commit
    std::thread::sleep((start.elapsed() / COMMITS).mul_f64(part));
    child.kill().expect("still runs");
    child.wait().expect("is dead");
    acknowledged.last().unwrap_or(before)
}

/// Names the directory to the process that is to be killed.
const WRITER: &str = "TENANTRY_TEST_WRITER";

#[test]
fn a_killed_writer_loses_nothing_that_it_acknowledged() {
    if let Some(dir) = std::env::var_os(WRITER) {
        return write_until_killed(Path::new(&dir));
    }
    let dir = tempfile::tempdir().expect("a directory");
    let (mut expected, mut revision) = (Content::new(), 0);
    for round in 0..20 {
        let test = "a_killed_writer_loses_nothing_that_it_acknowledged";
        let acknowledged = kill_a_writer(dir.path(), test, f64::from(round) / 20.0);
        let (found, records) = all(&Store::open(dir.path()).expect("opens")).expect("loads");
        assert!((acknowledged..=acknowledged + 1).contains(&found), "{found} after {acknowledged}");
        for next in revision + 1..=found {
            apply(&mut expected, next, &changes_of(next));
        }
        revision = found;
        assert!(content(records) == expected, "round {round}: revision {found} is not whole");
    }
}
