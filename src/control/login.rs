//! Who may use the admin port: names and passwords of super admins, checked so that guessing is
//! slow, asking often is fast, and no answer tells which names exist.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::hmac;
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;

use super::throttle::Throttle;
use super::{Authority, Control, Fault, Via, blocking};
use crate::auth::{bearer, password, verify};
use crate::model::{Secret, Ticket, TicketKind, Timestamp, TokenUse};
use crate::snapshot::Account;
use crate::store::Revision;

/// Passwords checked at once: each takes a core and 19 MiB.
const AT_ONCE: usize = 2;
/// Callers that may wait for their turn, besides those being checked.
const WAITING: usize = 64;
/// Successful checks that are remembered.
const REMEMBERED: usize = 1024;

/// The keyed hash of a name and its password. The key is drawn per process, so that what is
/// remembered is worth nothing elsewhere.
type Digest = [u8; 32];

pub(super) struct Login {
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
    admin: Option<Arc<Account>>,
    address: IpAddr,
    at: Instant,
}

impl Control {
    /// Authenticates a user who calls from `address`. Right credentials cost one Argon2 check, then a
    /// hash as long as they are remembered. Wrong ones cost the check whether or not there is such a
    /// user, and soon [`Fault::TooMany`].
    pub async fn authenticate(
        &self,
        user: &str,
        password: Secret,
        address: IpAddr,
        now: Instant,
    ) -> Result<Authority, Fault> {
        let account = self.published.load().users.get(user.to_lowercase().as_str()).cloned();
        let account = account.filter(|account| !account.disabled);
        let account = self.login.authenticate(user, password, account, address, now).await?;
        Ok(Authority::user(account, Via::Password))
    }

    /// Recognises the bearer of a token: an API token, or one of the data plane's, as the data plane
    /// would. The tenant for which it speaks has to exist.
    pub fn identify(&self, text: &str, now: Timestamp) -> Result<Authority, Fault> {
        let snapshot = self.published.load();
        if Ticket::claimed(TicketKind::ApiToken, text) {
            let bearer = bearer(&snapshot, text, now).map_err(|_| Fault::Unauthenticated)?;
            if bearer.token.note(now) {
                self.usage.note(TokenUse { token: bearer.token.id, at: now });
            }
            return Ok(Authority::bearer(bearer));
        }
        let identity = verify(&snapshot, text, None, now).map_err(|_| Fault::Unauthenticated)?;
        match snapshot.tenants.get(identity.tenant.as_str()) {
            Some(_) => Ok(Authority::vouched(&identity)),
            None => Err(Fault::Unauthenticated),
        }
    }
}

impl Login {
    pub(super) fn new() -> Self {
        let mut key = [0; 32];
        getrandom::fill(&mut key).expect("the operating system gives randomness, or nothing here is safe");
        Login {
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
        admin: Option<Arc<Account>>,
        address: IpAddr,
        at: Instant,
    ) -> Result<Arc<Account>, Fault> {
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
    fn known(&self, attempt: &Attempt) -> Option<Result<Arc<Account>, Fault>> {
        if let Some(admin) = &attempt.admin
            && self.right.get(&attempt.digest) == Some(admin.version)
        {
            return Some(Ok(admin.clone()));
        }
        self.wrong.wait(attempt.address, attempt.at).map(|retry_after| Err(Fault::TooMany { retry_after }))
    }

    /// Checks the password, of nobody when there is no such user; blocks.
    fn check(&self, attempt: Attempt) -> Result<Arc<Account>, Fault> {
        let Attempt { password, digest, admin, address, at } = attempt;
        let hash = admin.as_ref().and_then(|admin| admin.password_hash.as_deref()).unwrap_or(password::DECOY);
        match (password::verify(&password, hash), admin) {
            (true, Some(account)) => {
                self.right.insert(digest, account.version);
                Ok(account)
            }
            (true, None) | (false, _) => {
                self.wrong.failed(address, at);
                tracing::warn!(%address, "admin login refused");
                Err(Fault::Unauthenticated)
            }
        }
    }
}
