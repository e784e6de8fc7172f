//! The embedded store: one redb file in a directory of its own, one process at a time. All
//! functions block on the disk: async callers go through `spawn_blocking`. Knows of records only
//! that they have names and versions.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::backends::FileBackend;
use redb::{
    Builder, Database, DatabaseError, Durability, ReadTransaction, ReadableDatabase, ReadableTable,
    ReadableTableMetadata, StorageBackend, StorageError, TableDefinition, WriteTransaction,
};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::codec;
use super::lock::lock;
use super::{
    Change, Commits, Committed, Cut, Expect, Kind, Order, Page, Record, RecordId, Recorded, Revision,
    StoreError, Stored,
};

const FILE: &str = "tenantry.redb";
/// A store that is being made. It gets its name when it is whole, so that a crash meanwhile leaves
/// no file behind that can be neither opened nor told from a damaged one.
const UNFINISHED: &str = "tenantry.redb.new";

/// What tables there are and what stands in them; a store with a higher one is refused.
const FORMAT: u64 = 2;
/// Facts about the whole store: `format` and `revision`.
const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
type Rows = TableDefinition<'static, &'static str, (u64, &'static [u8])>;

/// Bytes of pages kept in memory. Records are read once, at the start, so it only serves commits.
const CACHE: usize = 8 << 20;

const WHAT_TO_DO: &str = "restore it from a backup, or move it away to start with an empty store";

/// A store in one directory.
pub struct Store {
    database: Database,
    /// Locked while a commit is made, so that followers see commits in their order, and one that
    /// comes in between sees each either in its records or in its channel.
    followers: Mutex<Vec<UnboundedSender<Committed>>>,
    /// The directory, locked against other processes as long as this is open.
    _lock: Option<File>,
}

impl Store {
    /// Opens the store in `dir`; makes both where they do not exist (modes 0700 and 0600).
    pub fn open(dir: &Path) -> Result<Store, StoreError> {
        let lock = lock(dir)?;
        let path = dir.join(FILE);
        let fresh = !path.try_exists().map_err(|error| unusable(&path, &error))?;
        let opened = if fresh { dir.join(UNFINISHED) } else { path.clone() };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(fresh)
            .truncate(fresh)
            .mode(0o600)
            .open(&opened)
            .map_err(|error| unusable(&opened, &error))?;
        let backend = FileBackend::new(file).map_err(|error| unopened(&opened, error))?;
        let store = Store::over(backend, &opened)?;
        if fresh {
            settle(dir, &opened, &path).map_err(|error| unusable(&path, &error))?;
        }
        Ok(Store { _lock: Some(lock), ..store })
    }

    /// A store over anything that keeps bytes; `place` is its name in errors.
    pub(super) fn over(backend: impl StorageBackend, place: &Path) -> Result<Store, StoreError> {
        let database = Builder::new()
            .set_cache_size(CACHE)
            .create_with_backend(backend)
            .map_err(|error| unopened(place, error))?;
        let read = database.begin_read().map_err(fault)?;
        if read.list_tables().map_err(fault)?.next().is_none() {
            initialise(&database)?;
        } else {
            check_format(&read, place)?;
        }
        Ok(Store { database, followers: Mutex::new(Vec::new()), _lock: None })
    }

    /// All records of some kinds as of one revision, each given to `each`.
    pub fn load(&self, kinds: &[Kind], each: impl FnMut(Stored<Record>)) -> Result<Revision, StoreError> {
        records(&self.database.begin_read().map_err(fault)?, kinds, each)
    }

    /// All records of some kinds as of one revision, each given to `each`; and every commit after
    /// it: in order, without gaps, each sent when it is durable and before its `commit` returns. The
    /// channel is unbounded, as commits wait for no follower; dropping the receiver ends it.
    pub fn follow(
        &self,
        kinds: &[Kind],
        each: impl FnMut(Stored<Record>),
    ) -> Result<(Revision, Commits), StoreError> {
        let (sender, receiver) = unbounded_channel();
        let mut followers = self.followers();
        let read = self.database.begin_read().map_err(fault)?;
        followers.push(sender);
        drop(followers);
        Ok((records(&read, kinds, each)?, receiver))
    }

    /// The record of an id, as what it is.
    pub fn find<T: Recorded>(&self, id: &RecordId) -> Result<Option<Stored<T>>, StoreError> {
        let stored = self.get(id)?;
        stored.map(Stored::of).transpose()
    }

    pub fn get(&self, id: &RecordId) -> Result<Option<Stored<Record>>, StoreError> {
        let (kind, key) = (id.kind(), id.key());
        let read = self.database.begin_read().map_err(fault)?;
        let table = read.open_table(rows(kind)).map_err(fault)?;
        let row = table.get(key.as_ref()).map_err(fault)?;
        row.map(|row| stored(kind, &key, row.value())).transpose()
    }

    /// One page of the records of one kind, as of one revision.
    pub fn page(&self, cut: &Cut<'_>) -> Result<Page<Record>, StoreError> {
        self.cut(cut, usize::MAX)
    }

    /// A page; of what is wanted no more than `most` are counted.
    pub(super) fn cut(&self, cut: &Cut<'_>, most: usize) -> Result<Page<Record>, StoreError> {
        let read = self.database.begin_read().map_err(fault)?;
        let table = read.open_table(rows(cut.kind)).map_err(fault)?;
        let (rows, total) = match cut.within {
            None => (table.iter(), usize::try_from(table.len().map_err(fault)?).unwrap_or(usize::MAX)),
            Some(prefix) => {
                let end = successor(prefix);
                let total = match cut.wanted {
                    Some(_) => 0,
                    None => table.range(prefix..end.as_str()).map_err(fault)?.count(),
                };
                (table.range(prefix..end.as_str()), total)
            }
        };
        let rows = rows.map_err(fault)?;
        let rows: Box<dyn Iterator<Item = _>> = match cut.order {
            Order::Ascending => Box::new(rows),
            Order::Descending => Box::new(rows.rev()),
        };
        cut.of(rows, (total, most), |row| {
            let (key, row) = row.map_err(fault)?;
            stored(cut.kind, key.value(), row.value())
        })
    }

    /// The records of one type from one id to another, both among them; at most `take`, in the order
    /// of their keys. Costs as much as what it gives, wherever that lies.
    pub fn span<T: Recorded>(
        &self,
        (from, to): (&RecordId, &RecordId),
        order: Order,
        take: usize,
    ) -> Result<Vec<Stored<T>>, StoreError> {
        let (from, to) = (from.key(), to.key());
        if from > to {
            return Ok(Vec::new());
        }
        let read = self.database.begin_read().map_err(fault)?;
        let table = read.open_table(rows(T::KIND)).map_err(fault)?;
        let rows = table.range(from.as_ref()..=to.as_ref()).map_err(fault)?;
        let rows: Box<dyn Iterator<Item = _>> = match order {
            Order::Ascending => Box::new(rows),
            Order::Descending => Box::new(rows.rev()),
        };
        rows.take(take)
            .map(|row| {
                let (key, row) = row.map_err(fault)?;
                stored(T::KIND, key.value(), row.value())?.of()
            })
            .collect()
    }

    /// All records of one type whose keys begin with `prefix`.
    pub fn all<T: Recorded>(&self, prefix: Option<&str>) -> Result<Vec<Stored<T>>, StoreError> {
        let cut = Cut {
            kind: T::KIND,
            within: prefix,
            order: Order::Ascending,
            skip: 0,
            take: usize::MAX,
            wanted: None,
        };
        self.page(&cut)?.items.into_iter().map(Stored::of).collect()
    }

    /// Makes all the changes, in their order, or none of them: a [`StoreError::Conflict`] when an
    /// expectation does not hold. It is durable when this returns. Deleting what is not there
    /// changes nothing.
    ///
    /// After a [`StoreError::Backend`] the commit may or may not be on disk, whole in either case;
    /// followers are not told, and all further commits fail until the store is opened again.
    pub fn commit(
        &self,
        expect: &[(RecordId, Expect)],
        changes: Vec<Change>,
    ) -> Result<Revision, StoreError> {
        let mut followers = self.followers();
        let write = begin_write(&self.database)?;
        check(&write, expect)?;
        let revision = count(&write)?;
        apply(&write, revision, &changes)?;
        write.commit().map_err(fault)?;
        let committed = Committed { revision, changes: changes.into() };
        followers.retain(|follower| follower.send(committed.clone()).is_ok());
        Ok(revision)
    }

    fn followers(&self) -> MutexGuard<'_, Vec<UnboundedSender<Committed>>> {
        // a panic inside a commit leaves the list as it was
        self.followers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const fn rows(kind: Kind) -> Rows {
    TableDefinition::new(kind.table())
}

/// Gives a finished store its name, so that it is there after a loss of power.
fn settle(dir: &Path, unfinished: &Path, path: &Path) -> io::Result<()> {
    std::fs::rename(unfinished, path)?;
    File::open(dir)?.sync_all()?;
    File::open(dir.join(".."))?.sync_all()
}

fn initialise(database: &Database) -> Result<(), StoreError> {
    let write = begin_write(database)?;
    for kind in Kind::ALL {
        write.open_table(rows(*kind)).map_err(fault)?;
    }
    let mut meta = write.open_table(META).map_err(fault)?;
    meta.insert("format", FORMAT).map_err(fault)?;
    meta.insert("revision", 0).map_err(fault)?;
    drop(meta);
    write.commit().map_err(fault)
}

fn check_format(read: &ReadTransaction, place: &Path) -> Result<(), StoreError> {
    let place = place.display();
    let meta = read.open_table(META).map_err(|error| {
        StoreError::Corrupt(format!("{place} was not made by this program ({error}): {WHAT_TO_DO}"))
    })?;
    match meta.get("format").map_err(fault)?.map(|row| row.value()) {
        Some(FORMAT) => Ok(()),
        Some(format) => Err(StoreError::Corrupt(format!(
            "{place} has the format {format}, this version of the program knows {FORMAT} only: \
             run the version that wrote it, or {WHAT_TO_DO}"
        ))),
        None => Err(StoreError::Corrupt(format!("{place} does not say its format: {WHAT_TO_DO}"))),
    }
}

fn begin_write(database: &Database) -> Result<WriteTransaction, StoreError> {
    let mut write = database.begin_write().map_err(fault)?;
    write.set_durability(Durability::Immediate).map_err(|error| StoreError::Backend(error.to_string()))?;
    // one phase trusts a checksum to tell a torn commit; two phases need not
    write.set_two_phase_commit(true);
    Ok(write)
}

fn check(write: &WriteTransaction, expect: &[(RecordId, Expect)]) -> Result<(), StoreError> {
    for (id, expected) in expect {
        let table = write.open_table(rows(id.kind())).map_err(fault)?;
        let found = table.get(id.key().as_ref()).map_err(fault)?.map(|row| row.value().0);
        let holds = match expected {
            Expect::Absent => found.is_none(),
            Expect::Version(version) => found == Some(*version),
        };
        if !holds {
            return Err(StoreError::Conflict { id: id.clone(), found });
        }
    }
    Ok(())
}

/// Counts this commit; the number is also the version of what it writes.
fn count(write: &WriteTransaction) -> Result<Revision, StoreError> {
    let mut meta = write.open_table(META).map_err(fault)?;
    let last = meta.get("revision").map_err(fault)?.map(|row| row.value());
    let next = last.and_then(|last| last.checked_add(1)).ok_or_else(no_revision)?;
    meta.insert("revision", next).map_err(fault)?;
    Ok(next)
}

fn apply(write: &WriteTransaction, version: Revision, changes: &[Change]) -> Result<(), StoreError> {
    for change in changes {
        let id = change.id();
        let key = id.key();
        let key = key.as_ref();
        let mut table = write.open_table(rows(id.kind())).map_err(fault)?;
        match change {
            Change::Put(record) => {
                let bytes = codec::encode(record).map_err(|error| StoreError::Backend(error.to_string()))?;
                table.insert(key, (version, bytes.as_slice())).map_err(fault)?;
            }
            Change::Delete(_) => {
                table.remove(key).map_err(fault)?;
            }
        }
    }
    Ok(())
}

fn records(
    read: &ReadTransaction,
    kinds: &[Kind],
    mut each: impl FnMut(Stored<Record>),
) -> Result<Revision, StoreError> {
    let meta = read.open_table(META).map_err(fault)?;
    let revision = meta.get("revision").map_err(fault)?.ok_or_else(no_revision)?.value();
    for kind in kinds {
        let table = read.open_table(rows(*kind)).map_err(fault)?;
        for row in table.iter().map_err(fault)? {
            let (key, row) = row.map_err(fault)?;
            each(stored(*kind, key.value(), row.value())?);
        }
    }
    Ok(revision)
}

/// The least text that is above every text which begins with `prefix`. Prefixes end with a slash.
fn successor(prefix: &str) -> String {
    let mut end = prefix.to_owned();
    match end.pop() {
        Some(last) if last < '\u{7f}' => end.push(char::from(last as u8 + 1)),
        Some(_) | None => end.push(char::MAX),
    }
    end
}

fn stored(kind: Kind, key: &str, (version, bytes): (u64, &[u8])) -> Result<Stored<Record>, StoreError> {
    match codec::decode(kind, key, bytes) {
        Ok(value) => Ok(Stored { version, value }),
        Err(fault) => {
            let noun = kind.noun();
            Err(StoreError::Corrupt(format!("{noun} {key:?} is no record, {fault}: {WHAT_TO_DO}")))
        }
    }
}

fn no_revision() -> StoreError {
    StoreError::Corrupt(format!("it does not say its revision: {WHAT_TO_DO}"))
}

/// What redb says of a store that is open.
fn fault(error: impl Into<redb::Error>) -> StoreError {
    use redb::Error::{
        Corrupted, TableDoesNotExist, TableIsMultimap, TableTypeMismatch, TypeDefinitionChanged,
    };
    match error.into() {
        error @ (Corrupted(_)
        | TableDoesNotExist(_)
        | TableTypeMismatch { .. }
        | TableIsMultimap(_)
        | TypeDefinitionChanged { .. }) => StoreError::Corrupt(format!("{error}: {WHAT_TO_DO}")),
        error => StoreError::Backend(error.to_string()),
    }
}

/// What redb says of a store that it cannot open.
fn unopened(place: &Path, error: DatabaseError) -> StoreError {
    use io::ErrorKind::{InvalidData, UnexpectedEof};
    let place = place.display();
    match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::InUse(place.to_string()),
        DatabaseError::Storage(StorageError::Io(error))
            if !matches!(error.kind(), InvalidData | UnexpectedEof) =>
        {
            StoreError::Backend(format!("{place}: {error}"))
        }
        error => StoreError::Corrupt(format!("{place} is damaged or no store ({error}): {WHAT_TO_DO}")),
    }
}

pub(super) fn unusable(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Backend(format!("{}: {error}", path.display()))
}
