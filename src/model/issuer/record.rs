//! An issuer as stored: an identity provider whose own keys, whichever they are at the time, are
//! trusted under the conditions of the record.

use serde::{Deserialize, Serialize};

use super::{HeldKey, Pace};
use crate::model::{Grants, RoleId, Slug, TenantClaim, TenantId, TenantScope, Timestamp, TrustedKey, Url};

/// An identity provider, and the conditions under which its tokens are believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issuer {
    /// Its name; unique with its owner.
    pub id: Slug,
    /// The tenant that owns it, for which alone it can speak; the instance when none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<TenantId>,
    pub source: Source,
    pub tenants: TenantScope,
    pub claim: TenantClaim,
    /// `aud` must be or contain exactly this; not looked at when none.
    pub audience: Option<String>,
    /// Whether a token without `exp` is refused.
    pub require_exp: bool,
    /// How many seconds `exp`, `nbf` and `iat` may be off; at most [`TrustedKey::MAX_LEEWAY`].
    pub leeway: u8,
    /// The role that its tokens have; a managed one unless a tenant owns the issuer.
    pub role: RoleId,
    /// The claim by which a token narrows its rights; see [`TrustedKey::scopes_claim`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes_claim: Option<String>,
    pub pace: Pace,
    pub description: String,
    pub created_at: Timestamp,
}

/// Where an issuer's keys are, and what its tokens have as `iss`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// At the issuer's URL stands a description that names the place (OpenID Connect Discovery).
    Discovery { issuer: Url },
    /// At a URL, whatever the issuer calls itself.
    Jwks { issuer: String, url: Url },
}

impl Source {
    /// What `iss` must be, exactly.
    pub fn issuer(&self) -> &str {
        match self {
            Source::Discovery { issuer } => issuer.as_str(),
            Source::Jwks { issuer, .. } => issuer,
        }
    }
}

impl Issuer {
    /// A key of this issuer with all conditions under which its tokens are believed.
    pub fn trusted(&self, key: &HeldKey) -> TrustedKey {
        TrustedKey {
            id: key.id.clone(),
            owner: self.owner.clone(),
            algorithm: key.algorithm,
            public: key.public.clone(),
            tenants: self.tenants.clone(),
            claim: self.claim.clone(),
            issuer: Some(self.source.issuer().to_owned()),
            audience: self.audience.clone(),
            require_exp: self.require_exp,
            leeway: self.leeway,
            fallback: false,
            grants: Grants::NONE,
            role: Some(self.role),
            scopes_claim: self.scopes_claim.clone(),
            description: String::new(),
            created_at: self.created_at,
        }
    }
}
