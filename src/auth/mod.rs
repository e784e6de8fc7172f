//! Who is it, and may they? Decided from a snapshot and a time: no I/O, no clock, no HTTP beyond the
//! header that carries the credential. Passwords alone wait: for threads that check them.

mod account;
mod cache;
mod check;
mod checker;
mod claims;
pub mod explain;
mod identity;
mod jwt;
pub mod lockout;
pub mod password;
mod permit;
mod queue;
mod report;
#[cfg(test)]
mod tests;
mod token;

pub use account::{Bearer, bearer, sign_in, unchanged};
pub use cache::Cache;
pub use checker::{Attempt, Capacity, Checker, Expected, Refused};
pub use identity::{Basis, Identity};
pub use jwt::verify;
pub use permit::{Denied, Permit, check, permit};
pub use report::{LOCKED, RefusedSignIn, Reporter, Reports, WRONG_PASSWORD, reports};
pub use token::{Failure, OUTCOMES, claimed, credential, is_basic, is_token, user_and_password};

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use crate::model::{Secret, Ticket, TicketKind, Timestamp};
use crate::snapshot::{Account, Snapshot};
use token::Shown;

/// What a credential says, as far as that can be told at once.
pub enum Reading {
    Known(Rc<Identity>),
    /// A password that has to be checked first, by [`sign_in`], and then [`admit`]ted.
    Password(Box<Unchecked>),
}

/// A user name and a password that nobody has checked.
pub struct Unchecked {
    pub user: String,
    pub password: Secret,
    pub address: IpAddr,
    /// The tenant that they want to enter, whether or not there is one.
    pub tenant: Box<str>,
    digest: cache::Digest,
}

/// Finds out who sends `credential` (the value of `Authorization`) from `address` to `tenant`: from
/// the cache at the cost of one hash, else from the token itself.
///
/// A password that is in the cache counts for the network that was right with it: of others' a
/// network that has been locked out must not learn that way.
///
/// What comes back speaks for `tenant` and for nobody else. Every fault of a token is a
/// [`Failure`]; callers must not tell them apart in what they answer.
pub fn authenticate(
    snapshot: &Snapshot,
    cache: &mut Cache,
    credential: &[u8],
    tenant: &str,
    address: IpAddr,
    now: Timestamp,
) -> Result<Reading, Failure> {
    let shown = token::shown(credential)?;
    let digest = match &shown {
        Shown::Token(text) => cache.digest_of_token(tenant, text),
        Shown::Password(user, password) => {
            cache.digest_of_password(tenant, lockout::network(address), user, password)
        }
    };
    if let Some(identity) = cache.get(&digest, snapshot, now) {
        return Ok(Reading::Known(identity));
    }
    let text = match shown {
        Shown::Token(text) => text,
        Shown::Password(user, password) => {
            let tenant = tenant.into();
            return Ok(Reading::Password(Box::new(Unchecked { user, password, address, tenant, digest })));
        }
    };
    let missed = |issuer: &str| snapshot.keys.miss(Some(tenant), issuer);
    let identity = Rc::new(identify(snapshot, &text, tenant, now, missed)?);
    cache.insert(digest, identity.clone(), snapshot);
    Ok(Reading::Known(identity))
}

/// Who a token makes in `tenant`. `missed` is told the name of an issuer whose keys lack the token's.
fn identify(
    snapshot: &Snapshot,
    token: &str,
    tenant: &str,
    now: Timestamp,
    missed: impl FnOnce(&str),
) -> Result<Identity, Failure> {
    match Ticket::claimed(TicketKind::ApiToken, token) {
        true => bearer(snapshot, token, now)?.identity(snapshot, tenant),
        false => jwt::check(snapshot, token, Some(tenant), now, missed),
    }
}

/// The identity of a user whose password was found right.
pub fn admit(
    snapshot: &Snapshot,
    cache: &mut Cache,
    checked: &Unchecked,
    account: Arc<Account>,
    tenant: &str,
) -> Result<Rc<Identity>, Failure> {
    let identity = Rc::new(account::by_password(snapshot, &account, tenant)?);
    cache.insert(checked.digest, identity.clone(), snapshot);
    Ok(identity)
}
