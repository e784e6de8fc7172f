//! When tokens were used: collected off the way of requests, written down once a minute; and the
//! end of tokens that have been useless for a month. Uses are no changes that anybody decides upon,
//! so they are in no audit log.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{MissedTickBehavior, interval};

use super::{Authority, Control, Fault, Plan, blocking, tokens};
use crate::model::{ApiToken, Id, Timestamp, TokenUse};
use crate::store::{Change, Expect, RecordId, Store};

/// Uses on their way. When more come, they are lost: each token's next one is a minute away.
const ON_THE_WAY: usize = 65_536;
const WRITTEN_EVERY: Duration = Duration::from_secs(60);
const SWEPT_EVERY: Duration = Duration::from_secs(3600);
/// How long an expired token is still listed, in seconds.
const KEPT: u64 = 30 * 24 * 3600;
/// Records of one commit: a write by somebody else waits for no more than these.
const AT_ONCE: usize = 500;

/// Where uses are handed in, and where they come out.
pub(super) struct Usage {
    sender: Sender<TokenUse>,
    /// Until somebody keeps them.
    incoming: Mutex<Option<Receiver<TokenUse>>>,
}

/// The last use of each token that is not written down yet.
type Pending = BTreeMap<Id, Timestamp>;

impl Usage {
    pub(super) fn new() -> Self {
        let (sender, incoming) = channel(ON_THE_WAY);
        Usage { sender, incoming: Mutex::new(Some(incoming)) }
    }

    /// Hands in a use; a full channel loses it.
    pub(super) fn note(&self, used: TokenUse) {
        let _ = self.sender.try_send(used);
    }
}

impl Control {
    /// Where the data plane hands in the uses of tokens.
    pub fn uses(&self) -> Sender<TokenUse> {
        self.usage.sender.clone()
    }

    /// Writes down what is handed in once a minute, and sweeps once an hour. When `stop` is done,
    /// writes what there is and returns. To be called once: there is nothing for a second one.
    pub async fn keep_uses(&self, clock: fn() -> Timestamp, stop: impl Future<Output = ()>) {
        let incoming = self.usage.incoming.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut incoming) = incoming else { return };
        let mut pending = Pending::new();
        let mut stop = pin!(stop);
        let (mut write, mut sweep) = (interval(WRITTEN_EVERY), interval(SWEPT_EVERY));
        write.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(used) = incoming.recv() => take(&mut pending, used),
                _ = write.tick() => self.write_pending(&mut pending).await,
                _ = sweep.tick() => {
                    if let Err(error) = self.sweep_tokens(clock()).await {
                        tracing::warn!(%error, "expired tokens are still there");
                    }
                }
                () = &mut stop => break,
            }
        }
        while let Ok(used) = incoming.try_recv() {
            take(&mut pending, used);
        }
        self.write_pending(&mut pending).await;
    }

    /// Writes batch after batch. What cannot be written stays for the next time.
    async fn write_pending(&self, pending: &mut Pending) {
        while !pending.is_empty() {
            let first = pending.iter().take(AT_ONCE);
            let batch: Vec<_> = first.map(|(token, at)| TokenUse { token: *token, at: *at }).collect();
            if let Err(error) = self.write_batch(batch.clone()).await {
                tracing::warn!(%error, "uses of tokens are not written down; tried again in a minute");
                return;
            }
            for used in &batch {
                pending.remove(&used.token);
            }
        }
    }

    /// One commit; of tokens that still are.
    async fn write_batch(&self, batch: Vec<TokenUse>) -> Result<(), Fault> {
        let (store, turn, snapshot) = (self.store.clone(), self.turn.clone(), self.snapshot());
        blocking(move || {
            let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            let (mut expect, mut changes) = (Vec::new(), Vec::new());
            for used in batch {
                let Some(token) = snapshot.tokens.get(&used.token) else { continue };
                let Some(account) = snapshot.accounts.get(&token.owner) else { continue };
                let id = RecordId::Token(account.principal, used.token);
                if let Some(stored) = store.get(&id)? {
                    expect.push((id, Expect::Version(stored.version)));
                    changes.push(Change::Put(used.into()));
                }
            }
            match changes.is_empty() {
                true => Ok(()),
                false => Ok(store.commit(&expect, changes).map(drop)?),
            }
        })
        .await
    }

    /// Deletes the tokens that have been expired for 30 days.
    pub async fn sweep_tokens(&self, now: Timestamp) -> Result<(), Fault> {
        loop {
            let snapshot = self.snapshot();
            let due: Vec<RecordId> = blocking(move || {
                let over = |deadline: u64| deadline.saturating_add(KEPT) <= now.seconds();
                let over = snapshot.tokens.values().filter(|token| over(token.deadline()));
                let owned =
                    over.filter_map(|token| Some((token.id, snapshot.accounts.get(&token.owner)?.principal)));
                Ok(owned.take(AT_ONCE).map(|(id, owner)| RecordId::Token(owner, id)).collect())
            })
            .await?;
            if due.is_empty() {
                return Ok(());
            }
            self.write(&Authority::system(), now, move |store| swept(store, &due)).await?;
        }
    }
}

fn take(pending: &mut Pending, used: TokenUse) {
    let at = pending.entry(used.token).or_insert(used.at);
    *at = used.at.max(*at);
}

/// Plans the end of tokens, of those that still are.
fn swept(store: &Store, due: &[RecordId]) -> Result<Plan<()>, Fault> {
    let mut plan = Plan::new(());
    for id in due {
        if let Some(token) = store.find::<ApiToken>(id)? {
            tokens::forget(&token, &mut plan);
        }
    }
    Ok(plan)
}
