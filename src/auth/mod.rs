//! Who is it, and may they? Pure over a snapshot and a time: no I/O, no clock, no HTTP beyond the
//! header that carries the credential.

mod cache;
mod claims;
mod jwt;
pub mod password;
mod permit;
#[cfg(test)]
mod tests;
mod token;

pub use cache::Cache;
pub use jwt::{Identity, verify};
pub use permit::{Denied, Permit, permit};
pub use token::{Failure, OUTCOMES, credential};

use std::rc::Rc;

use crate::model::Timestamp;
use crate::snapshot::Keys;

/// Finds out who sends `credential` (the value of `Authorization`) to `tenant`: from the cache at
/// the cost of one hash, else from the token itself.
///
/// What comes back speaks for `tenant` and for nobody else. Every fault of a token is a
/// [`Failure`]; callers must not tell them apart in what they answer.
pub fn authenticate(
    keys: &Keys,
    cache: &mut Cache,
    credential: &[u8],
    tenant: &str,
    now: Timestamp,
) -> Result<Rc<Identity>, Failure> {
    if credential.len() > token::MAX_CREDENTIAL {
        return Err(Failure::TooLong);
    }
    let digest = cache::digest(credential);
    if let Some(identity) = cache.get(&digest, keys, now) {
        return if identity.tenant.as_str() == tenant { Ok(identity) } else { Err(Failure::OtherTenant) };
    }
    let token = token::token(credential)?;
    let identity = Rc::new(verify(keys, &token, Some(tenant), now)?);
    cache.insert(digest, identity.clone(), keys);
    Ok(identity)
}
