//! Callers with an account: what an API token or a password makes of a user or service account in a
//! tenant.

use std::sync::Arc;

use super::identity::{Basis, Identity};
use super::token::Failure;
use crate::model::{Ticket, TicketKind, Timestamp};
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
            basis: Basis::Token { token, account, tenant },
            fixed_deadline: u64::MAX,
        })
    }
}

/// The identity of a user whose password was right.
pub(super) fn by_password(
    snapshot: &Snapshot,
    account: Arc<Account>,
    tenant: &str,
) -> Result<Identity, Failure> {
    if account.disabled {
        return Err(Failure::Disabled);
    }
    let (tenant, effective) = access(snapshot, &account, tenant)?;
    Ok(Identity {
        tenant: tenant.id.clone(),
        effective,
        credential: Box::default(),
        basis: Basis::Password { account, tenant },
        fixed_deadline: u64::MAX,
    })
}

/// A tenant, and what an account may do there.
fn access(snapshot: &Snapshot, account: &Account, tenant: &str) -> Result<(Arc<Tenant>, Effective), Failure> {
    let tenant = snapshot.tenants.get(tenant).ok_or(Failure::OtherTenant)?;
    let effective = tenant.access.rights(account.principal.id()).ok_or(Failure::OtherTenant)?;
    Ok((tenant.clone(), effective))
}

#[cfg(test)]
mod tests;
