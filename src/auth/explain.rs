//! The same decisions for those who ask why: what a credential claims, and who it makes. Decides
//! nothing that the request path does not decide, and keeps nothing.

use std::sync::Arc;

use http::HeaderValue;

use super::account;
use super::identity::Identity;
use super::token::{Failure, Shown, shown, sole};
use crate::model::{Ticket, TicketKind, Timestamp};
use crate::snapshot::{Account, Snapshot};

/// Which scheme decides on a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    ApiToken,
    Jwt,
    Password,
}

/// What a credential says without anybody having checked it.
pub fn scheme(credential: &HeaderValue) -> Result<Scheme, Failure> {
    Ok(match shown(sole(credential)?.as_bytes())? {
        Shown::Password(..) => Scheme::Password,
        Shown::Token(text) if Ticket::claimed(TicketKind::ApiToken, &text) => Scheme::ApiToken,
        Shown::Token(_) => Scheme::Jwt,
    })
}

/// Who a token makes in a tenant, as [`super::authenticate`] decides without its cache. None for a
/// password: checking one costs its user an attempt. No keys are fetched for it.
pub fn identify(
    snapshot: &Snapshot,
    credential: &HeaderValue,
    tenant: &str,
    now: Timestamp,
) -> Result<Option<Identity>, Failure> {
    match shown(sole(credential)?.as_bytes())? {
        Shown::Password(..) => Ok(None),
        Shown::Token(text) => super::identify(snapshot, &text, tenant, now, |_| ()).map(Some),
    }
}

/// Who an account would be in a tenant once its password had been found right.
pub fn assume(snapshot: &Snapshot, account: &Arc<Account>, tenant: &str) -> Result<Identity, Failure> {
    account::by_password(snapshot, account, tenant)
}
