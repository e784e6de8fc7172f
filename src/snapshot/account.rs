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
    used: Arc<Used>,
}

/// When a token was used, in seconds; 0 for never. Shared by all states that hold the token, and
/// written by the data plane.
#[derive(Default)]
struct Used {
    last: AtomicU64,
    /// The use that was written down last.
    written: AtomicU64,
}

/// How often the use of a token is written down, in seconds.
const WRITTEN_EVERY: u64 = 60;

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
        let from = match self.extended {
            true => self.created.max(self.used.last.load(Ordering::Relaxed)),
            false => self.created,
        };
        from.saturating_add(self.max_age)
    }

    /// Takes note of a use: true when it is time to write it down, once a minute at most. Two
    /// threads in the same instant may both be told so.
    pub fn note(&self, now: Timestamp) -> bool {
        let (now, used) = (now.seconds(), &*self.used);
        // Most uses fall into a second that is noted already: they only read.
        if now > used.last.load(Ordering::Relaxed) {
            used.last.fetch_max(now, Ordering::Relaxed);
        }
        let written = used.written.load(Ordering::Relaxed);
        let due = now >= written.saturating_add(WRITTEN_EVERY);
        if due {
            used.written.store(now, Ordering::Relaxed);
        }
        due
    }

    /// Takes in a use that was written down.
    pub(super) fn used(&self, used: TokenUse) {
        self.used.last.fetch_max(used.at.seconds(), Ordering::Relaxed);
        self.used.written.fetch_max(used.at.seconds(), Ordering::Relaxed);
    }

    pub fn last_used(&self) -> Option<Timestamp> {
        match self.used.last.load(Ordering::Relaxed) {
            0 => None,
            seconds => Some(Timestamp::from_seconds(seconds)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Slug, TicketKind, issue};

    fn token(max_age: Option<u64>, extended: bool) -> Token {
        let id = Id::from_random([1; 16]);
        let random = std::array::from_fn(|at| u8::try_from(at).unwrap_or_default());
        let (_, hash) = issue(TicketKind::ApiToken, id, random).expect("even enough");
        let record = ApiToken {
            id,
            owner: Principal::User(id),
            name: Slug::parse("ci").expect("a name"),
            description: String::new(),
            hash,
            created_at: Timestamp::from_seconds(1_000),
            max_age,
            extended,
            scopes: None,
            tenant: None,
        };
        Token::new(record, None)
    }

    #[test]
    fn an_extended_token_ends_so_long_after_its_last_use() {
        let (fixed, extended) = (token(Some(30), false), token(Some(30), true));
        assert_eq!((fixed.deadline(), extended.deadline()), (1_030, 1_030));
        for (now, deadline) in [(1_010, 1_040), (1_011, 1_041), (1_005, 1_041), (1_040, 1_070)] {
            fixed.note(Timestamp::from_seconds(now));
            extended.note(Timestamp::from_seconds(now));
            assert_eq!((fixed.deadline(), extended.deadline()), (1_030, deadline), "used at {now}");
        }
        extended.used(TokenUse { token: extended.id, at: Timestamp::from_seconds(1_050) });
        assert_eq!(extended.deadline(), 1_080, "used at another node");
        assert_eq!(token(None, true).deadline(), u64::MAX);
    }

    #[test]
    fn a_use_is_written_down_once_a_minute() {
        let token = token(None, false);
        let note = |seconds| token.note(Timestamp::from_seconds(seconds));
        assert_eq!(token.last_used(), None);
        assert!(note(2_000));
        assert!(!note(2_000) && !note(2_059));
        assert_eq!(
            token.last_used(),
            Some(Timestamp::from_seconds(2_059)),
            "this node knows it to the second"
        );
        assert!(note(2_060));
        token.used(TokenUse { token: token.id, at: Timestamp::from_seconds(2_100) });
        assert!(!note(2_150), "another node has written it down");
        assert!(note(2_160));
    }
}
