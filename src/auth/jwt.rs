//! JSON Web Tokens (RFC 7519) in compact serialization (RFC 7515 §7.1), checked against the trusted
//! keys. What is cheap decides first; the signature is checked last, and only when all else holds.

use std::sync::{Arc, Weak};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::claims::{self, Claims, Names};
use super::identity::{Basis, Identity};
use super::token::{Failure, MAX_TOKEN};
use crate::model::{Rights, RoleId, TenantId, Timestamp};
use crate::snapshot::{Effective, Key, Keys, Snapshot, Tenant};

/// The three parts of a token, still encoded.
struct Parts<'a> {
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
    /// What is signed: header, dot, payload.
    message: &'a str,
}

/// Checks a token against the trusted keys. With a `tenant`, a token for another one is refused
/// before its signature costs anything. An issuer that knows none of its keys is told that one is
/// missed.
pub fn verify(
    snapshot: &Snapshot,
    token: &str,
    tenant: Option<&str>,
    now: Timestamp,
) -> Result<Identity, Failure> {
    check(snapshot, token, tenant, now, |issuer| snapshot.keys.miss(tenant, issuer))
}

/// As [`verify`], with `missed` to be told the issuer's name.
pub(super) fn check(
    snapshot: &Snapshot,
    token: &str,
    tenant: Option<&str>,
    now: Timestamp,
    missed: impl FnOnce(&str),
) -> Result<Identity, Failure> {
    let keys = &snapshot.keys;
    let parts = split(token)?;
    let header = decode(parts.header)?;
    let header = claims::header(&header).ok_or(Failure::Malformed)?;
    if header.extension {
        return Err(Failure::Extension);
    }
    let key = match &header.kid {
        Some(kid) => match keys.find(tenant, kid) {
            Some(key) => key,
            None => issued(keys, tenant, kid, parts.payload, missed)?,
        },
        None => keys.fallback().ok_or(Failure::NoKeyId)?,
    };
    if header.alg.as_deref() != Some(key.record.algorithm.as_str()) {
        return Err(Failure::Algorithm);
    }
    let payload = decode(parts.payload)?;
    let claims = claims::claims(&payload, &names(key)).ok_or(Failure::Malformed)?;
    let deadline = in_time(key, &claims, now)?;
    addressed(key, &claims)?;
    let named = tenant_of(key, &claims)?;
    if tenant.is_some_and(|tenant| tenant != named) {
        return Err(Failure::OtherTenant);
    }
    let speaks_for = TenantId::parse(named).map_err(|_| Failure::NoTenant)?;
    if !key.verifies(parts.message.as_bytes(), &decode(parts.signature)?) {
        return Err(Failure::Signature);
    }
    let (rights, home) = rights(snapshot, key, &claims, &speaks_for)?;
    Ok(Identity {
        tenant: speaks_for,
        effective: Effective::everywhere(rights),
        credential: key.record.id.as_str().into(),
        basis: Basis::Key { key: key.clone(), tenant: home },
        fixed_deadline: deadline,
    })
}

fn names(key: &Key) -> Names<'_> {
    Names { tenant: &key.record.claim.name, scopes: key.record.scopes_claim.as_deref() }
}

/// The key that the token's own issuer publishes. A key that was added by hand comes before it.
fn issued<'k>(
    keys: &'k Keys,
    tenant: Option<&str>,
    kid: &str,
    payload: &str,
    missed: impl FnOnce(&str),
) -> Result<&'k Arc<Key>, Failure> {
    if keys.issuers().is_empty() {
        return Err(Failure::UnknownKey);
    }
    let payload = decode(payload)?;
    let issuer = claims::issuer(&payload).ok_or(Failure::Malformed)?.ok_or(Failure::UnknownKey)?;
    keys.issued(tenant, &issuer, kid).ok_or_else(|| {
        missed(&issuer);
        Failure::UnknownKey
    })
}

/// What a token may do: what its key gives, narrowed to the token's own scopes where the key has
/// them asked for. Scopes that are no permissions here are other systems' and count for nothing.
/// Besides, the tenant whose own role that was.
fn rights(
    snapshot: &Snapshot,
    key: &Key,
    claims: &Claims<'_>,
    tenant: &TenantId,
) -> Result<(Rights, Option<Weak<Tenant>>), Failure> {
    let (rights, home) = match key.record.role {
        None => (Rights::on_data(key.record.grants), None),
        Some(RoleId::Managed(role)) => (role.rights(), None),
        Some(role @ RoleId::Custom(_)) => {
            let tenant = snapshot.tenants.get(tenant.as_str()).ok_or(Failure::OtherTenant)?;
            (tenant.access.role(role), Some(Arc::downgrade(tenant)))
        }
    };
    if key.record.scopes_claim.is_none() {
        return Ok((rights, home));
    }
    let scopes = claims.scopes.iter().flatten().filter_map(|scope| Rights::parse([scope.as_ref()]).ok());
    Ok((rights.intersection(scopes.fold(Rights::NONE, Rights::union)), home))
}

fn split(token: &str) -> Result<Parts<'_>, Failure> {
    if token.len() > MAX_TOKEN {
        return Err(Failure::TooLong);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(Failure::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(Failure::Malformed)?;
    if payload.contains('.') || header.is_empty() || payload.is_empty() || signature.is_empty() {
        return Err(Failure::Malformed);
    }
    Ok(Parts { header, payload, signature, message })
}

fn decode(part: &str) -> Result<Vec<u8>, Failure> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Failure::Malformed)
}

/// Checks the time claims; gives the second at which the token ends.
fn in_time(key: &Key, claims: &Claims<'_>, now: Timestamp) -> Result<u64, Failure> {
    let (now, leeway) = (now.seconds(), u64::from(key.record.leeway));
    let deadline = match claims.exp {
        Some(exp) => exp.floor.saturating_add(leeway),
        None if key.record.require_exp => return Err(Failure::NoExpiry),
        None => u64::MAX,
    };
    if now >= deadline {
        return Err(Failure::Expired);
    }
    let deadline = match key.until.map(Timestamp::seconds) {
        Some(until) if now >= until => return Err(Failure::UnknownKey),
        Some(until) => deadline.min(until),
        None => deadline,
    };
    let begins = [claims.nbf, claims.iat].into_iter().flatten().map(|date| date.ceil).max();
    if begins.is_some_and(|begins| now.saturating_add(leeway) < begins) {
        return Err(Failure::NotYet);
    }
    Ok(deadline)
}

/// Checks issuer and audience, where the key asks for them.
fn addressed(key: &Key, claims: &Claims<'_>) -> Result<(), Failure> {
    let record = &key.record;
    if record.issuer.is_some() && claims.iss.as_deref() != record.issuer.as_deref() {
        return Err(Failure::Issuer);
    }
    match (&record.audience, &claims.aud) {
        (None, _) => Ok(()),
        (Some(wanted), Some(named)) if named.iter().any(|aud| aud == wanted) => Ok(()),
        (Some(_), _) => Err(Failure::Audience),
    }
}

fn tenant_of<'c>(key: &Key, claims: &'c Claims<'_>) -> Result<&'c str, Failure> {
    let claim = claims.tenant.as_deref().ok_or(Failure::NoTenant)?;
    let tenant = claim.strip_prefix(key.record.claim.prefix.as_str()).ok_or(Failure::NoTenant)?;
    let owned = key.record.owner.as_ref().is_none_or(|owner| owner.as_str() == tenant);
    if owned && key.record.tenants.covers(tenant) { Ok(tenant) } else { Err(Failure::KeyScope) }
}
