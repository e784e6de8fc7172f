//! Callers with an account: what an API token or a password makes of a user or service account in a
//! tenant.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::checker::{Attempt, Checker, Expected, Refused};
use super::identity::{Basis, Identity};
use super::token::Failure;
use crate::model::{Secret, Ticket, TicketKind, Timestamp};
use crate::snapshot::{Account, Effective, Snapshot, Tenant, Token};

/// An API token that proves itself, and its owner.
pub struct Bearer {
    pub token: Arc<Token>,
    pub account: Arc<Account>,
}

/// Checks an API token by itself: known, its secret right, in time, its owner not disabled.
pub fn bearer(snapshot: &Snapshot, text: &str, now: Timestamp) -> Result<Bearer, Failure> {
    let ticket = Ticket::parse(TicketKind::ApiToken, text).ok_or(Failure::Malformed)?;
    let token = snapshot.tokens.get(&ticket.id).filter(|token| ticket.proves(&token.hash));
    let token = token.ok_or(Failure::UnknownToken)?;
    if now.seconds() >= token.deadline() {
        return Err(Failure::Expired);
    }
    let account = snapshot.accounts.get(&token.owner).ok_or(Failure::UnknownToken)?;
    if account.disabled {
        return Err(Failure::Disabled);
    }
    Ok(Bearer { token: token.clone(), account: account.clone() })
}

impl Bearer {
    /// The identity in a tenant; to whom has no access there, the tenant is another's.
    pub(super) fn identity(self, snapshot: &Snapshot, tenant: &str) -> Result<Identity, Failure> {
        let Bearer { token, account } = self;
        let (tenant, mut effective) = access(snapshot, &account, tenant)?;
        if token.tenant.as_ref().is_some_and(|only| *only != tenant.id) {
            return Err(Failure::OtherTenant);
        }
        if let Some(scopes) = token.scopes {
            effective = effective.narrowed(scopes);
        }
        Ok(Identity {
            tenant: tenant.id.clone(),
            effective,
            credential: token.id.to_string().into(),
            basis: Basis::Token { token, account, tenant: Arc::downgrade(tenant) },
            fixed_deadline: u64::MAX,
        })
    }
}

impl<'a> Expected<'a> {
    /// What an account's password is checked against; none when no password lets it in.
    pub fn of(account: &'a Account) -> Option<Self> {
        let hash = account.password_hash.as_deref().filter(|_| !account.disabled)?;
        Some(Expected { hash, version: account.version })
    }
}

/// Finds the user of a name and has their password checked. It costs the same, and is
/// [`Refused::Wrong`] alike, when there is no such user or they are disabled.
pub async fn sign_in(
    checker: &Checker,
    snapshot: &Snapshot,
    user: &str,
    password: &Secret,
    address: IpAddr,
    now: Instant,
) -> Result<Arc<Account>, Refused> {
    // As user names are: what is one user has one count of failures.
    let user = &*user.to_lowercase();
    let account = snapshot.users.get(user);
    let expected = account.and_then(|account| Expected::of(account));
    checker.check(Attempt { user, password, expected, address, now }).await?;
    account.cloned().ok_or(Refused::Wrong)
}

/// An account as it is now, if nothing about it has changed: while its password waited to be checked,
/// that may have ceased to count, and so may the account.
pub fn unchanged<'s>(snapshot: &'s Snapshot, account: &Account) -> Option<&'s Arc<Account>> {
    let now = snapshot.accounts.get(&account.principal.id());
    now.filter(|now| now.version == account.version)
}

/// The identity of a user whose password was right.
pub(super) fn by_password(snapshot: &Snapshot, account: &Account, tenant: &str) -> Result<Identity, Failure> {
    let account = unchanged(snapshot, account).ok_or(Failure::Password)?.clone();
    if account.disabled {
        return Err(Failure::Disabled);
    }
    let (tenant, effective) = access(snapshot, &account, tenant)?;
    Ok(Identity {
        tenant: tenant.id.clone(),
        effective,
        credential: Box::default(),
        basis: Basis::Password { account, tenant: Arc::downgrade(tenant) },
        fixed_deadline: u64::MAX,
    })
}

/// A tenant, and what an account may do there.
fn access<'s>(
    snapshot: &'s Snapshot,
    account: &Account,
    tenant: &str,
) -> Result<(&'s Arc<Tenant>, Effective), Failure> {
    let tenant = snapshot.tenants.get(tenant).ok_or(Failure::OtherTenant)?;
    let effective = tenant.access.rights(account.principal.id()).ok_or(Failure::OtherTenant)?;
    Ok((tenant, effective))
}

#[cfg(test)]
mod late;
#[cfg(test)]
mod tests;
