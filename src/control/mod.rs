//! The use cases behind every admin door. Each write takes an [`Authority`], checks what it refers
//! to, commits with expectations, and is answered when the data plane of this node has it. Knows no
//! HTTP and no wire form.

mod fault;
mod first;
mod keys;
mod login;
mod tenants;
mod text;
mod throttle;

use std::sync::{Arc, Mutex, PoisonError};

use crate::snapshot::Published;
use crate::store::{
    Change, Cut, Expect, Kind, Order, Page, Record, RecordId, Revision, Store, StoreError, Stored,
};

pub use fault::{Fault, Flaw, Flaws, seconds};
pub use keys::{Conditions, KeyChange, NewKey};
pub use login::Authority;
pub use tenants::{NewTenant, TenantChange};
pub use text::{Claim, Leeway, LeewayError, Line, Name, Prose, TextError};

/// How often a write is tried when others come between its reading and its commit.
const ATTEMPTS: usize = 16;

/// The use cases, over one store and the state that this node has published.
pub struct Control {
    store: Arc<Store>,
    published: Arc<Published>,
    /// One write of this node at a time: what a write has looked at stays so until its commit, also
    /// where no expectation can say it ("no other key is the fallback").
    turn: Arc<Mutex<()>>,
    login: login::Login,
}

/// Which records of a kind are wanted, and which page of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// What a record must contain, in any case; see the use case for where.
    pub text: Option<String>,
    pub order: Order,
    pub skip: usize,
    pub take: usize,
}

/// The versions of a record that a caller is ready to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Any,
    OneOf(Vec<Revision>),
}

impl Seen {
    fn check(&self, id: &RecordId, version: Revision) -> Result<(), Fault> {
        match self {
            Seen::Any => Ok(()),
            Seen::OneOf(versions) if versions.contains(&version) => Ok(()),
            Seen::OneOf(_) => Err(Fault::Precondition(id.clone())),
        }
    }
}

/// A write that has been decided upon: it takes place if what it was decided upon still holds.
struct Plan<T> {
    expect: Vec<(RecordId, Expect)>,
    changes: Vec<Change>,
    /// What the write leaves behind.
    value: T,
}

/// A write as the log names it.
struct Deed {
    who: String,
    what: &'static str,
    id: RecordId,
}

impl Deed {
    fn new(authority: &Authority, what: &'static str, id: RecordId) -> Self {
        Deed { who: authority.who().to_owned(), what, id }
    }
}

impl Control {
    pub fn new(store: Arc<Store>, published: Arc<Published>) -> Self {
        Control { login: login::Login::new(store.clone()), store, published, turn: Arc::default() }
    }

    /// Plans and commits until nobody comes between, then waits until the write is live. Goes on to
    /// its commit when the caller goes away.
    async fn write<T: Send + 'static>(
        &self,
        deed: Deed,
        plan: impl Fn(&Store) -> Result<Plan<T>, Fault> + Send + 'static,
    ) -> Result<Stored<T>, Fault> {
        let (store, turn) = (self.store.clone(), self.turn.clone());
        let written = blocking(move || {
            let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            let written = commit(&store, plan)?;
            tracing::info!(who = deed.who, what = deed.what, id = %deed.id, revision = written.version, "written");
            Ok(written)
        })
        .await?;
        self.published.reached(written.version).await;
        Ok(written)
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Store) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let store = self.store.clone();
        blocking(move || read(&store)).await
    }

    /// One page of the records of a kind for which `shows` says so of the search's text, which is
    /// in lower case.
    async fn search(
        &self,
        kind: Kind,
        search: Search,
        shows: impl Fn(&Record, &str) -> bool + Send + 'static,
    ) -> Result<Page<Record>, Fault> {
        self.read(move |store| {
            let text = search.text.map(|text| text.to_lowercase());
            let wanted = text.map(|text| move |record: &Record| shows(record, &text));
            let Search { order, skip, take, .. } = search;
            let wanted = wanted.as_ref().map(|wanted| wanted as &dyn Fn(&Record) -> bool);
            Ok(store.page(&Cut { kind, order, skip, take, wanted })?)
        })
        .await
    }
}

fn commit<T>(store: &Store, plan: impl Fn(&Store) -> Result<Plan<T>, Fault>) -> Result<Stored<T>, Fault> {
    for _ in 0..ATTEMPTS {
        let Plan { expect, changes, value } = plan(store)?;
        match store.commit(&expect, changes) {
            Ok(version) => return Ok(Stored { version, value }),
            // Another node was quicker: look again.
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Fault::Busy)
}

/// Runs what blocks on a thread for that, within the caller's span.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work)).await.unwrap_or(Err(Fault::Broken))
}

/// What a store gives for an id that names a kind it did not mean.
fn misfiled(id: &RecordId) -> Fault {
    Fault::Store(StoreError::Corrupt(format!("{id} is of another kind")))
}

fn contains(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(part)
}
