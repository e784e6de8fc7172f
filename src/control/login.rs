//! Who may use the admin port: names and passwords of super admins, checked so that guessing is
//! slow, asking often is fast, and no answer tells which names exist.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::hmac;
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;

use super::throttle::Throttle;
use super::{Control, Fault, blocking};
use crate::auth::{Identity, password, verify};
use crate::model::{Admin, Secret, Timestamp};
use crate::store::{Record, RecordId, Revision, Store, Stored};

/// Passwords checked at once: each takes a core and 19 MiB.
const AT_ONCE: usize = 2;
/// Callers that may wait for their turn, besides those being checked.
const WAITING: usize = 64;
/// Successful checks that are remembered.
const REMEMBERED: usize = 1024;

/// The right to manage tenants and keys: that of a super admin. Only authentication makes one.
///
/// ```compile_fail
/// let forged = tenantry::control::Authority { who: "me".to_owned() };
/// ```
#[derive(Debug)]
pub struct Authority {
    who: String,
}

impl Authority {
    /// The name under which the caller logged in.
    pub fn who(&self) -> &str {
        &self.who
    }
}

/// The keyed hash of a name and its password. The key is drawn per process, so that what is
/// remembered is worth nothing elsewhere.
type Digest = [u8; 32];

pub(super) struct Login {
    store: Arc<Store>,
    key: hmac::Key,
    waiting: Semaphore,
    checking: Arc<Semaphore>,
    outcomes: Arc<Outcomes>,
}

/// What earlier checks have found.
struct Outcomes {
    /// Digests that were found right, for the version of the admin's record that they were checked
    /// against: a changed password changes it.
    right: Cache<Digest, Revision>,
    wrong: Throttle,
}

/// One name and password, and whence they come.
struct Attempt {
    password: Secret,
    digest: Digest,
    admin: Option<Stored<Admin>>,
    address: IpAddr,
    at: Instant,
}

impl Control {
    /// Authenticates a super admin who calls from `address`. Right credentials cost one Argon2
    /// check, then a hash as long as they are remembered. Wrong ones cost the check whether or not
    /// there is such a user, and soon [`Fault::TooMany`].
    pub async fn authenticate(
        &self,
        user: &str,
        password: Secret,
        address: IpAddr,
        now: Instant,
    ) -> Result<Authority, Fault> {
        self.login.authenticate(user, password, address, now).await
    }

    /// Finds out whom a token of the data plane speaks for, as the data plane would. The tenant has
    /// to exist.
    pub fn identify(&self, token: &str, now: Timestamp) -> Result<Identity, Fault> {
        let snapshot = self.published.load();
        let identity = verify(&snapshot.keys, token, None, now).map_err(|_| Fault::Unauthenticated)?;
        match snapshot.tenants.get(identity.tenant.as_str()) {
            Some(_) => Ok(identity),
            None => Err(Fault::Unauthenticated),
        }
    }
}

impl Login {
    pub(super) fn new(store: Arc<Store>) -> Self {
        let mut key = [0; 32];
        getrandom::fill(&mut key).expect("the operating system gives randomness, or nothing here is safe");
        Login {
            store,
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            waiting: Semaphore::new(AT_ONCE + WAITING),
            checking: Arc::new(Semaphore::new(AT_ONCE)),
            outcomes: Arc::new(Outcomes { right: Cache::new(REMEMBERED), wrong: Throttle::new() }),
        }
    }

    async fn authenticate(
        &self,
        user: &str,
        password: Secret,
        address: IpAddr,
        at: Instant,
    ) -> Result<Authority, Fault> {
        let admin = self.admin(user).await?;
        let digest = self.digest(user, &password);
        let attempt = Attempt { password, digest, admin, address, at };
        if let Some(verdict) = self.outcomes.known(&attempt) {
            return verdict;
        }
        let _place = self.waiting.try_acquire().map_err(|_| Fault::Busy)?;
        let turn = self.checking.clone().acquire_owned().await.map_err(|_| Fault::Broken)?;
        // Others may have done this work, or used up the address's attempts, in the meantime.
        if let Some(verdict) = self.outcomes.known(&attempt) {
            return verdict;
        }
        let outcomes = self.outcomes.clone();
        blocking(move || {
            // Both go on when the caller hangs up: neither its turn nor its failure ends with it.
            let _turn = turn;
            outcomes.check(attempt)
        })
        .await
    }

    async fn admin(&self, user: &str) -> Result<Option<Stored<Admin>>, Fault> {
        let (store, id) = (self.store.clone(), RecordId::Admin(user.to_owned()));
        blocking(move || {
            Ok(store.get(&id)?.and_then(|stored| match stored.value {
                Record::Admin(value) => Some(Stored { version: stored.version, value }),
                Record::Tenant(_) | Record::Org(_) | Record::Key(_) => None,
            }))
        })
        .await
    }

    fn digest(&self, user: &str, password: &Secret) -> Digest {
        let mut context = hmac::Context::with_key(&self.key);
        // The length keeps "ab" + "c" from being "a" + "bc".
        context.update(&(user.len() as u64).to_be_bytes());
        context.update(user.as_bytes());
        context.update(password.reveal().as_bytes());
        let tag = context.sign();
        let mut digest = [0; 32];
        digest.copy_from_slice(tag.as_ref());
        digest
    }
}

impl Outcomes {
    /// The verdict that needs no check.
    fn known(&self, attempt: &Attempt) -> Option<Result<Authority, Fault>> {
        if let Some(admin) = &attempt.admin
            && self.right.get(&attempt.digest) == Some(admin.version)
        {
            return Some(Ok(Authority { who: admin.value.name.clone() }));
        }
        self.wrong.wait(attempt.address, attempt.at).map(|retry_after| Err(Fault::TooMany { retry_after }))
    }

    /// Checks the password, of nobody when there is no such user; blocks.
    fn check(&self, attempt: Attempt) -> Result<Authority, Fault> {
        let Attempt { password, digest, admin, address, at } = attempt;
        let hash = admin.as_ref().map_or(password::DECOY, |admin| &admin.value.password_hash);
        match (password::verify(&password, hash), admin) {
            (true, Some(Stored { version, value })) => {
                self.right.insert(digest, version);
                Ok(Authority { who: value.name })
            }
            (true, None) | (false, _) => {
                self.wrong.failed(address, at);
                tracing::warn!(%address, "admin login refused");
                Err(Fault::Unauthenticated)
            }
        }
    }
}
