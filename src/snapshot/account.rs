//! Callers as decided upon: users, service accounts, and their tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::{
    ApiToken, Id, Principal, Rights, SecretHash, ServiceAccount, TenantId, Timestamp, TokenUse, User,
};
use crate::store::Revision;

/// A user or a service account.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    pub principal: Principal,
    /// A user's name, or a service account's.
    pub name: Arc<str>,
    /// The tenant that owns a service account; none for what is the instance's.
    pub home: Option<TenantId>,
    /// None for whom no password lets in.
    pub password_hash: Option<Box<str>>,
    pub super_admin: bool,
    pub disabled: bool,
    pub restricted: bool,
    /// The commit that last wrote it: another one, another password perhaps.
    pub version: Revision,
}

impl Account {
    pub(super) fn user(user: &User, version: Revision) -> Self {
        Account {
            principal: Principal::User(user.id),
            name: user.name.as_str().into(),
            home: None,
            password_hash: user.password_hash.as_deref().map(Box::from),
            super_admin: user.super_admin,
            disabled: user.disabled,
            restricted: user.restricted,
            version,
        }
    }

    pub(super) fn machine(account: &ServiceAccount, version: Revision) -> Self {
        Account {
            principal: Principal::ServiceAccount(account.id),
            name: account.name.as_str().into(),
            home: account.tenant.clone(),
            password_hash: None,
            super_admin: account.super_admin,
            disabled: account.disabled,
            restricted: false,
            version,
        }
    }
}

/// An API token.
pub struct Token {
    pub id: Id,
    pub owner: Id,
    pub hash: SecretHash,
    /// What of its owner's rights it has; all when none.
    pub scopes: Option<Rights>,
    /// The one tenant in which it is good; all of its owner's when none.
    pub tenant: Option<TenantId>,
    created: u64,
    /// Seconds; `u64::MAX` for ever.
    max_age: u64,
    extended: bool,
    /// When it was last used, in seconds; 0 for never. Shared by all states that hold the token, and
    /// written by the data plane.
    used: Arc<AtomicU64>,
}

/// How often the use of a token is noted, in seconds.
const NOTED_EVERY: u64 = 60;

impl Token {
    /// `before`: the same token in the state before.
    pub(super) fn new(record: ApiToken, before: Option<&Token>) -> Self {
        Token {
            id: record.id,
            owner: record.owner.id(),
            hash: record.hash,
            scopes: record.scopes,
            tenant: record.tenant,
            created: record.created_at.seconds(),
            max_age: record.max_age.unwrap_or(u64::MAX),
            extended: record.extended,
            used: before.map(|before| before.used.clone()).unwrap_or_default(),
        }
    }

    /// The first second (Unix) at which it is no longer good.
    pub fn deadline(&self) -> u64 {
        let from =
            if self.extended { self.created.max(self.used.load(Ordering::Relaxed)) } else { self.created };
        from.saturating_add(self.max_age)
    }

    /// Takes note of a use: true when it is time to write it down, once a minute at most. Two
    /// threads in the same instant may both be told so.
    pub fn note(&self, now: Timestamp) -> bool {
        let (now, before) = (now.seconds(), self.used.load(Ordering::Relaxed));
        let due = now >= before.saturating_add(NOTED_EVERY);
        if due {
            self.used.store(now, Ordering::Relaxed);
        }
        due
    }

    pub(super) fn used(&self, used: TokenUse) {
        self.used.fetch_max(used.at.seconds(), Ordering::Relaxed);
    }

    pub fn last_used(&self) -> Option<Timestamp> {
        match self.used.load(Ordering::Relaxed) {
            0 => None,
            seconds => Some(Timestamp::from_seconds(seconds)),
        }
    }
}
