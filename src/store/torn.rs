//! What a loss of power leaves of the embedded store, over a disk that keeps what was synced and of
//! the rest any part of any write. Tests only; knows nothing of how redb lays out its file.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use proptest::prelude::*;
use proptest::sample::Index;
use redb::StorageBackend;

use super::{Change, Kind, Record, RecordId, Revision, Store, Stored};
use crate::model::{OrgId, OrgRecord, Tenant, TenantId, Timestamp};

/// A disk that remembers in which order it got what. Its clones are the same disk.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Steps>>);

#[derive(Debug, Default)]
struct Steps {
    before: Vec<u8>,
    now: Vec<u8>,
    taken: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Write(u64, Vec<u8>),
    Resize(u64),
    Sync,
}

/// What became of a step that no sync followed.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Lost,
    Kept,
    /// Of a write this many 256ths arrived, from its beginning.
    Torn(u8),
}

impl Step {
    fn apply(&self, image: &mut Vec<u8>, fate: Fate) {
        match (self, fate) {
            (_, Fate::Lost) | (Step::Sync, _) => {}
            (Step::Resize(len), _) => image.resize(usize::try_from(*len).expect("fits memory"), 0),
            (Step::Write(offset, data), Fate::Kept) => put(image, *offset, data),
            (Step::Write(offset, data), Fate::Torn(part)) => {
                put(image, *offset, &data[..data.len() * usize::from(part) / 256]);
            }
        }
    }
}

/// What lies behind the end, as the resize was lost, is lost as well.
fn put(image: &mut [u8], offset: u64, data: &[u8]) {
    let start = usize::try_from(offset).expect("fits memory").min(image.len());
    let end = (start + data.len()).min(image.len());
    image[start..end].copy_from_slice(&data[..end - start]);
}

impl Disk {
    fn holding(image: Vec<u8>) -> Disk {
        Disk(Arc::new(Mutex::new(Steps { before: image.clone(), now: image, taken: Vec::new() })))
    }

    fn steps(&self) -> MutexGuard<'_, Steps> {
        self.0.lock().expect("no test panics while it holds this")
    }

    fn taken(&self) -> usize {
        self.steps().taken.len()
    }

    fn take(&self, step: Step) {
        let mut steps = self.steps();
        step.apply(&mut steps.now, Fate::Kept);
        steps.taken.push(step);
    }

    /// What is left when power goes after `at` steps; `fates` go round.
    fn after_a_crash(&self, at: usize, fates: &[Fate]) -> Vec<u8> {
        let steps = self.steps();
        let taken = &steps.taken[..at];
        let synced = taken.iter().rposition(|step| matches!(step, Step::Sync)).unwrap_or(0);
        let mut image = steps.before.clone();
        for step in &taken[..synced] {
            step.apply(&mut image, Fate::Kept);
        }
        for (step, fate) in taken[synced..].iter().zip(fates.iter().cycle()) {
            step.apply(&mut image, *fate);
        }
        image
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.steps().now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).expect("fits memory");
        let steps = self.steps();
        let bytes = steps.now.get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.take(Step::Resize(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.take(Step::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.take(Step::Write(offset, data.to_vec()));
        Ok(())
    }
}

fn open(disk: &Disk) -> Store {
    Store::over(disk.clone(), Path::new("the disk")).expect("opens")
}

/// What the commit of a revision changes: several records of two kinds, some long, one deleted.
fn changes(revision: Revision) -> Vec<Change> {
    let id = |n: u64| TenantId::parse(&format!("t{}", n % 5)).expect("a good id");
    let at = Timestamp::from_millis(revision);
    let (tenant, org_id) = (id(revision), OrgId::nth(&id(revision), 1));
    vec![
        Change::Put(
            Tenant {
                name: revision.to_string(),
                description: "long ".repeat(usize::try_from(revision % 7).expect("small") * 400),
                ..Tenant::new(tenant.clone(), org_id.clone(), at)
            }
            .into(),
        ),
        Change::Put(OrgRecord { org_id, tenant, created_at: at, deleted_at: None }.into()),
        Change::Delete(RecordId::Tenant(id(revision + 2))),
    ]
}

/// Everything that a store at this revision holds.
fn content(revision: Revision) -> BTreeMap<RecordId, (Revision, Record)> {
    let mut content = BTreeMap::new();
    for revision in 1..=revision {
        for change in changes(revision) {
            match change {
                Change::Put(record) => content.insert(record.id(), (revision, *record)),
                Change::Delete(id) => content.remove(&id),
            };
        }
    }
    content
}

/// The store's revision, after a look at every record.
fn whole(store: &Store) -> Revision {
    let mut found = BTreeMap::new();
    let each = |Stored { version, value }: Stored<Record>| drop(found.insert(value.id(), (version, value)));
    let revision = store.load(Kind::ALL, each).expect("loads");
    assert!(found == content(revision), "revision {revision} is not whole");
    revision
}

/// One life of a store: how many commits it makes, where in its steps power goes, and what becomes
/// of the steps that were not synced.
fn life() -> impl Strategy<Value = (u64, Index, Vec<Fate>)> {
    let fate = prop_oneof![Just(Fate::Lost), Just(Fate::Kept), any::<u8>().prop_map(Fate::Torn)];
    (0..6_u64, any::<Index>(), proptest::collection::vec(fate, 1..40))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Lives follow each other, so that power also goes while a store recovers from the last time.
    #[test]
    fn acknowledged_commits_outlive_a_loss_of_power(lives in proptest::collection::vec(life(), 1..5)) {
        let disk = Disk::default();
        drop(open(&disk));
        let mut image = disk.after_a_crash(disk.taken(), &[Fate::Kept]);
        let (mut least, mut most) = (0, 0);
        for (commits, crash, fates) in lives {
            let disk = Disk::holding(image);
            let store = open(&disk);
            let revision = whole(&store);
            prop_assert!((least..=most).contains(&revision), "{revision} is not in {least}..={most}");
            let mut acknowledged = vec![(disk.taken(), revision)];
            for next in revision + 1..=revision + commits {
                prop_assert_eq!(store.commit(&[], changes(next)).expect("commits"), next);
                acknowledged.push((disk.taken(), next));
            }
            drop(store);
            let at = crash.index(disk.taken() + 1);
            least = acknowledged.iter().rfind(|(taken, _)| *taken <= at).map_or(revision, |(_, last)| *last);
            most = (least + 1).min(revision + commits);
            image = disk.after_a_crash(at, &fates);
        }
        let revision = whole(&open(&Disk::holding(image)));
        prop_assert!((least..=most).contains(&revision), "{revision} is not in {least}..={most}");
    }
}
