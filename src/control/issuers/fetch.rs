//! The task that keeps issuers' keys fresh: fetches those that are due, a few at once, and hands
//! over what it gets. Runs on the admin runtime; the data plane only ever rings its bell.

use std::collections::HashMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::{self, JoinError, JoinSet};

use super::Status;
use super::refresh::Refresh;
use crate::control::Control;
use crate::model::{
    DiscoveryError, JwksError, KeySet, Source, TenantId, Timestamp, Url, discovered, discovery_url,
};
use crate::net::fetch::{FetchError, Fetcher};
use crate::snapshot::{Issuer, IssuerName, Issuers};
use crate::store::Revision;

/// Fetches at once. A provider that never answers takes a place for ten seconds at most.
const AT_ONCE: usize = 32;
/// Longer than anything is waited for.
const IDLE: Duration = Duration::from_secs(24 * 60 * 60);

/// Keeps the keys of all issuers fresh, for as long as the gateway runs.
pub async fn keep(control: Arc<Control>, fetcher: Arc<Fetcher>) {
    let mut changes = control.published.changes();
    let bell = control.snapshot().keys.issuers().bell();
    let mut keeper = Keeper {
        control,
        fetcher,
        courses: HashMap::new(),
        fetching: JoinSet::new(),
        attempts: 0,
        generation: None,
    };
    loop {
        keeper.turn(Timestamp::now());
        let wait = keeper.wait(Timestamp::now());
        let (control, generation) = (keeper.control.clone(), keeper.generation);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = bell.notified() => {}
            () = changed(&control, &mut changes, generation) => {}
            Some(joined) = keeper.fetching.join_next_with_id() => match joined {
                Ok((_, fetched)) => keeper.finish(fetched).await,
                Err(error) => keeper.lost(&error),
            },
        }
    }
}

/// Waits until some issuer is another than it was.
async fn changed(control: &Control, changes: &mut watch::Receiver<Revision>, generation: Option<u64>) {
    while changes.changed().await.is_ok() {
        if Some(control.snapshot().keys.issuers().generation()) != generation {
            return;
        }
    }
    // No more changes, ever.
    pending().await
}

struct Keeper {
    control: Arc<Control>,
    fetcher: Arc<Fetcher>,
    courses: HashMap<IssuerName, Course>,
    fetching: JoinSet<Fetched>,
    /// Counts attempts.
    attempts: u64,
    /// Of the issuers that `courses` has.
    generation: Option<u64>,
}

/// One issuer's way through time.
struct Course {
    source: Source,
    refresh: Refresh,
    /// The number of the attempt that is under way, and its task.
    attempt: Option<(u64, task::Id)>,
}

/// What an attempt has given.
struct Fetched {
    attempt: u64,
    name: IssuerName,
    source: Source,
    set: Result<KeySet, Unread>,
}

/// Why there is no key set.
#[derive(Debug, thiserror::Error)]
enum Unread {
    #[error("{0} has no place for a discovery document: give a JWKS URL instead")]
    NoPlace(Url),
    #[error("{0}: {1}")]
    Fetch(Url, FetchError),
    #[error("{0}: {1}")]
    Discovery(Url, DiscoveryError),
    #[error("{0}: {1}")]
    Set(Url, JwksError),
}

impl Keeper {
    /// Takes over what has changed, hears who is missed, starts what is due.
    fn turn(&mut self, now: Timestamp) {
        let snapshot = self.control.snapshot();
        let issuers = snapshot.keys.issuers();
        if self.generation.replace(issuers.generation()) != Some(issuers.generation()) {
            self.follow(issuers, now);
        }
        for issuer in issuers.iter().filter(|issuer| issuer.is_missed()) {
            if let Some(course) = self.courses.get_mut(&issuer.name()) {
                course.refresh.hint(now);
            }
        }
        self.start(now);
    }

    fn follow(&mut self, issuers: &Issuers, now: Timestamp) {
        let there = |name: &IssuerName| issuers.get(name.0.as_ref(), &name.1).is_some();
        self.courses.retain(|name, _| there(name));
        self.control.board.retain(there);
        for issuer in issuers.iter() {
            let record = &issuer.record;
            match self.courses.get_mut(&issuer.name()) {
                Some(course) if course.goes_on(issuer) => course.refresh.set_pace(record.pace),
                _ => {
                    let refresh = Refresh::new(record.pace, issuer.fetched_at(), now);
                    let course = Course { source: record.source.clone(), refresh, attempt: None };
                    self.courses.insert(issuer.name(), course);
                    self.control.board.change(&issuer.name(), |status| *status = Status::default());
                }
            }
        }
    }

    /// Starts what is due, what waits longest first.
    fn start(&mut self, now: Timestamp) {
        let room = AT_ONCE.saturating_sub(self.fetching.len());
        let due = |course: &Course| course.attempt.is_none() && course.refresh.wait(now).is_zero();
        let mut due: Vec<_> = self.courses.iter_mut().filter(|(_, course)| due(course)).collect();
        due.sort_by_key(|(_, course)| course.refresh.next());
        for (name, course) in due.into_iter().take(room) {
            self.attempts += 1;
            let attempt = self.attempts;
            let (fetcher, name, source) = (self.fetcher.clone(), name.clone(), course.source.clone());
            let fetching = self.fetching.spawn(async move {
                let set = read(&fetcher, &source).await;
                Fetched { attempt, name, source, set }
            });
            course.attempt = Some((attempt, fetching.id()));
        }
    }

    /// Until something is due that could start.
    fn wait(&self, now: Timestamp) -> Duration {
        if self.fetching.len() >= AT_ONCE {
            return IDLE;
        }
        let waiting = self.courses.values().filter(|course| course.attempt.is_none());
        waiting.map(|course| course.refresh.wait(now)).min().unwrap_or(IDLE)
    }

    /// An attempt has panicked: it counts as failed, so that there is another one.
    fn lost(&mut self, error: &JoinError) {
        let lost = self
            .courses
            .iter_mut()
            .find(|(_, course)| course.attempt.is_some_and(|(_, task)| task == error.id()));
        let Some((name, course)) = lost else { return };
        course.attempt = None;
        course.end(false, Timestamp::now());
        tell(name, Some(&error.to_string()), course.refresh.failures());
    }

    async fn finish(&mut self, fetched: Fetched) {
        let Fetched { attempt, name, source, set } = fetched;
        let skipped = set.as_ref().map(|set| set.skipped.iter().map(ToString::to_string).collect());
        let skipped = skipped.unwrap_or_default();
        let now = Timestamp::now();
        let result = match set {
            Err(error) => Err(told(&name, &error)),
            Ok(set) => self.control.hold(&name, &source, set, now).await.map_err(|fault| fault.to_string()),
        };
        // An issuer that was removed or has moved meanwhile has another course, or none.
        let under_way = |course: &&mut Course| course.attempt.is_some_and(|(number, _)| number == attempt);
        let Some(course) = self.courses.get_mut(&name).filter(under_way) else { return };
        course.attempt = None;
        course.end(result.is_ok(), now);
        let failures = course.refresh.failures();
        tell(&name, result.as_ref().err(), failures);
        self.control.board.change(&name, |status| match result {
            Ok(()) => *status = Status { fetched_at: Some(now), error: None, failures, skipped },
            Err(error) => *status = Status { error: Some(error), failures, ..std::mem::take(status) },
        });
        if let Some(issuer) = self.control.snapshot().keys.issuers().get(name.0.as_ref(), &name.1) {
            issuer.seen_to();
        }
    }
}

impl Course {
    /// Whether it is still this issuer's. One that has fetched and of which nothing is held was
    /// removed in between.
    fn goes_on(&self, issuer: &Issuer) -> bool {
        let lost = issuer.fetched_at().is_none() && self.refresh.has_succeeded();
        self.source == issuer.record.source && !lost
    }

    fn end(&mut self, good: bool, now: Timestamp) {
        // Without randomness, nodes only move more in step.
        let spread = getrandom::u32().unwrap_or_default();
        match good {
            true => self.refresh.succeeded(now, spread),
            false => self.refresh.failed(now, spread),
        }
    }
}

/// What is shown of an error. Where names lie inside of the operator's networks is not for tenants.
fn told((owner, issuer): &IssuerName, error: &Unread) -> String {
    match (owner, error) {
        (Some(tenant), Unread::Fetch(url, fault)) if fault.tells_of_networks() => {
            let (tenant, issuer) = (tenant.as_str(), issuer.as_str());
            tracing::warn!(tenant, issuer, error = %error, "issuer's keys are not at a public address");
            format!("{url}: cannot be reached at a public address")
        }
        _ => error.to_string(),
    }
}

fn tell((owner, issuer): &IssuerName, error: Option<&String>, failures: u32) {
    let tenant = owner.as_ref().map_or("", TenantId::as_str);
    match error {
        Some(error) => {
            tracing::warn!(tenant, issuer = issuer.as_str(), error, failures, "issuer's keys not fetched")
        }
        None => tracing::debug!(tenant, issuer = issuer.as_str(), "issuer's keys fetched"),
    }
}

async fn read(fetcher: &Fetcher, source: &Source) -> Result<KeySet, Unread> {
    let url = match source {
        Source::Jwks { url, .. } => url.clone(),
        Source::Discovery { issuer } => {
            let place = discovery_url(issuer).ok_or_else(|| Unread::NoPlace(issuer.clone()))?;
            let document = fetch(fetcher, &place).await?;
            discovered(&document, issuer).map_err(|error| Unread::Discovery(place, error))?
        }
    };
    let text = fetch(fetcher, &url).await?;
    KeySet::read(&text).map_err(|error| Unread::Set(url, error))
}

async fn fetch(fetcher: &Fetcher, url: &Url) -> Result<Bytes, Unread> {
    fetcher.fetch(url).await.map_err(|error| Unread::Fetch(url.clone(), error))
}
