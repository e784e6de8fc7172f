//! The use cases behind every admin door. Each write takes an [`Authority`], checks what it refers
//! to, commits with expectations and the audit log's entries, and is answered when the data plane of
//! this node has it. Knows no HTTP and no wire form.

mod acceptance;
mod accounts;
mod admission;
pub mod apply;
mod audit;
mod authority;
mod bindings;
mod chain;
mod charge;
mod departure;
mod difference;
mod draw;
mod estate;
mod fault;
mod first;
mod giver;
mod groups;
mod hashing;
mod incidents;
mod invitations;
pub mod issuers;
mod keys;
mod logbook;
mod login;
mod machine;
mod members;
mod membership;
mod names;
mod options;
mod own;
mod person;
mod profile;
mod repeats;
mod retention;
mod roles;
mod scans;
mod search;
mod sessions;
mod setup;
mod tenants;
mod text;
mod tokens;
mod usage;
mod users;
mod version;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use chain::Chain;
use tokio::sync::Semaphore;

use crate::auth::Checker;
use crate::model::{AuditEntry, Outcome, TenantId, Timestamp};
use crate::snapshot::{Published, Snapshot};
use crate::store::{Change, Expect, RecordId, Recorded, Revision, Store, StoreError, Stored};

pub use acceptance::NewPerson;
pub use accounts::{AccountChange, Machine, NewAccount};
pub use admission::Places;
pub use audit::{AuditFilter, AuditSearch, Export};
pub use authority::{Authority, Via, Vouched};
pub use bindings::{BindingEntry, Bindings, HolderEntry, NewBinding, Target};
pub use difference::{Difference, differences};
pub use fault::{Fault, Flaw, Flaws, Lack, seconds};
pub use groups::GroupForm;
pub use hashing::broken_rules;
pub use incidents::RefusedWrite;
pub use invitations::{InvitationEntry, Invited, NewInvitation};
pub use keys::{Conditions, Gives, KeyChange, NewKey};
pub use members::{Assigned, InGroup, MemberEntry, Newcomer};
pub use membership::Seat;
pub use options::{Edit, MethodNames, OptionsChange, OptionsError, OwnUpstreams};
pub use own::{NewPassword, OwnChange};
pub use person::{Person, display_name};
pub use profile::Profile;
pub use roles::{RoleEntry, RoleForm};
pub use search::{Filter, Listed, Search, Sort, Test};
pub use sessions::{Entry, Origin, SignedIn, knows_csrf};
pub use setup::FirstUser;
pub use tenants::{NewTenant, TenantChange};
pub use text::{Claim, LabelName, LabelValue, Leeway, LeewayError, Line, Name, Prose, TextError};
pub use tokens::{MadeToken, NewToken, ShownToken, TokenOwner};
pub use users::{NewUser, UserChange};

/// How often a write is tried when others come between its reading and its commit.
const ATTEMPTS: usize = 16;

/// The use cases, over one store and the state that this node has published.
pub struct Control {
    store: Arc<Store>,
    published: Arc<Published>,
    /// One write of this node at a time: what a write has looked at stays so until its commit, also
    /// where no expectation can say it ("no other key is the fallback"). Whoever has the turn has
    /// the end of the audit log.
    turn: Arc<Mutex<Chain>>,
    /// The one that the data plane has, so that there is one count of failures.
    checker: Arc<Checker>,
    /// How the fetching of issuers' keys stands.
    board: issuers::Board,
    usage: usage::Usage,
    hashing: Arc<Semaphore>,
    incidents: incidents::Incidents,
    scans: Arc<scans::Scans>,
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

impl<T> Plan<T> {
    /// Changes nothing yet.
    fn new(value: T) -> Self {
        Plan { expect: Vec::new(), changes: Vec::new(), value }
    }

    /// Takes it that a record stays as it was looked at.
    fn keep<R: Recorded>(&mut self, stored: &Stored<R>) {
        self.expect.push((stored.value.record_id(), Expect::Version(stored.version)));
    }

    /// Deletes a record, as it was looked at.
    fn delete(&mut self, id: RecordId, version: Revision) {
        self.expect.push((id.clone(), Expect::Version(version)));
        self.changes.push(Change::Delete(id));
    }
}

impl Control {
    /// Fails when the store cannot be read.
    pub fn new(
        store: Arc<Store>,
        published: Arc<Published>,
        checker: Arc<Checker>,
    ) -> Result<Self, StoreError> {
        let turn = Arc::new(Mutex::new(Chain::read(&store)?));
        let (usage, board) = (usage::Usage::new(), issuers::Board::default());
        let hashing = Arc::new(Semaphore::new(hashing::AT_ONCE));
        let scans = scans::Scans::new();
        let incidents = incidents::Incidents::new();
        Ok(Control { store, published, turn, checker, board, usage, hashing, incidents, scans })
    }

    /// The state upon which this node decides now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.published.load()
    }

    /// Plans and commits until nobody comes between, then waits until the write is live. Goes on to
    /// its commit when the caller goes away. A plan reads the store, not the snapshot: that may be
    /// behind by a write. Refuses a caller whose credential has ended meanwhile, or whose rights are
    /// no longer those by which they were let in here.
    async fn write<T: Send + 'static>(
        &self,
        authority: &Authority,
        now: Timestamp,
        plan: impl Fn(&Store) -> Result<Plan<T>, Fault> + Send + 'static,
    ) -> Result<Stored<T>, Fault> {
        self.write_judged(authority, self.snapshot(), now, plan).await
    }

    /// The same for what was judged by an older state.
    async fn write_judged<T: Send + 'static>(
        &self,
        authority: &Authority,
        judged: Arc<Snapshot>,
        now: Timestamp,
        plan: impl Fn(&Store) -> Result<Plan<T>, Fault> + Send + 'static,
    ) -> Result<Stored<T>, Fault> {
        let (store, turn, authority) = (self.store.clone(), self.turn.clone(), authority.clone());
        let published = self.published.clone();
        let written = blocking(move || {
            let mut chain = turn.lock().unwrap_or_else(PoisonError::into_inner);
            commit(&store, &mut chain, |store| {
                let live = departure::caught_up(store, &published)?;
                let caller = authority.renewed(store, &live, now)?;
                let plan = plan(store)?;
                unweakened((&caller, &live), (&authority, &judged), &plan)?;
                let entries = chain::told(store, &live, &caller, &plan.changes, now)?;
                Ok((plan, entries))
            })
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
}

/// Refuses a caller who was judged by what they may no longer. What they may now is told to whoever
/// tries again.
fn unweakened<T>(
    (caller, live): (&Authority, &Snapshot),
    (old, judged): (&Authority, &Snapshot),
    plan: &Plan<T>,
) -> Result<(), Fault> {
    if old.is_super_admin() {
        return caller.require_super_admin();
    }
    let changed = plan.changes.iter().map(Change::id);
    let touched = changed.chain(plan.expect.iter().map(|(id, _)| id.clone()));
    let tenants: BTreeSet<TenantId> = touched.filter_map(|id| id.tenant().cloned()).collect();
    match tenants.iter().all(|tenant| caller.still_may(live, old, judged, tenant)) {
        true => Ok(()),
        false => Err(Fault::Busy),
    }
}

/// The record of an id, or the news that there is none.
fn find<T: Recorded>(store: &Store, id: &RecordId) -> Result<Stored<T>, Fault> {
    store.find(id)?.ok_or_else(|| Fault::NotFound(id.clone()))
}

/// Makes the changes of a plan, and appends the entries that come with it to the audit log.
fn commit<T>(
    store: &Store,
    chain: &mut Chain,
    plan: impl Fn(&Store) -> Result<(Plan<T>, Vec<AuditEntry>), Fault>,
) -> Result<Stored<T>, Fault> {
    for _ in 0..ATTEMPTS {
        let (Plan { mut expect, mut changes, value }, entries) = plan(store)?;
        let (absent, told, end) = chain.append(store, &changes, &entries)?;
        expect.extend(absent);
        changes.extend(told);
        match store.commit(&expect, changes) {
            Ok(version) => {
                *chain = end;
                for entry in &entries {
                    log(entry, version);
                }
                return Ok(Stored { version, value });
            }
            // Another node was quicker: look again.
            Err(StoreError::Conflict { .. }) => *chain = Chain::read(store)?,
            Err(error) => return Err(error.into()),
        }
    }
    Err(Fault::Busy)
}

fn log(entry: &AuditEntry, revision: Revision) {
    let AuditEntry { actor, deed, resource, id, outcome, .. } = entry;
    match outcome {
        Outcome::Done => tracing::info!(who = actor.name, ?deed, resource, id, revision, "written"),
        Outcome::Refused => {}
    }
}

/// Runs what blocks on a thread for that, within the caller's span.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work)).await.unwrap_or(Err(Fault::Broken))
}
