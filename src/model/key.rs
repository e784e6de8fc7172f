//! Trusted keys as stored: whose tokens are believed, for which tenants, under which conditions.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Grants, KeyKind, PublicKey, RoleId, TenantId, Timestamp};

/// How a key's tokens are signed (RFC 7518 §3.1, RFC 8037 §3.1). It belongs to the key: a token
/// that names another algorithm is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

impl Algorithm {
    pub const ALL: [Algorithm; 9] = [
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
    ];

    /// The `alg` header value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Algorithm::RS256 => "RS256",
            Algorithm::RS384 => "RS384",
            Algorithm::RS512 => "RS512",
            Algorithm::PS256 => "PS256",
            Algorithm::PS384 => "PS384",
            Algorithm::PS512 => "PS512",
            Algorithm::ES256 => "ES256",
            Algorithm::ES384 => "ES384",
            Algorithm::EdDSA => "EdDSA",
        }
    }

    /// The algorithm of a key for which nobody named one.
    pub const fn default_for(kind: KeyKind) -> Self {
        match kind {
            KeyKind::Rsa { .. } => Algorithm::RS256,
            KeyKind::P256 => Algorithm::ES256,
            KeyKind::P384 => Algorithm::ES384,
            KeyKind::Ed25519 => Algorithm::EdDSA,
        }
    }

    /// Whether keys of this kind can sign so.
    pub const fn fits(self, kind: KeyKind) -> bool {
        match kind {
            KeyKind::Rsa { .. } => !matches!(self, Algorithm::ES256 | Algorithm::ES384 | Algorithm::EdDSA),
            KeyKind::P256 => matches!(self, Algorithm::ES256),
            KeyKind::P384 => matches!(self, Algorithm::ES384),
            KeyKind::Ed25519 => matches!(self, Algorithm::EdDSA),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An `alg` that no trusted key can have. `none` and the HMAC family are among them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA")]
pub struct UnknownAlgorithm(pub String);

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        Algorithm::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == text)
            .ok_or_else(|| UnknownAlgorithm(text.to_owned()))
    }
}

/// The `kid` by which tokens name their key. By default hex(SHA-1(PEM text)), as Opstrace has it
/// ([`PublicKey::fingerprint`]); a JWK's own `kid` is kept. 1 to 256 printable ASCII characters; not `.`
/// or `..`, which no path can name (RFC 3986 §5.2.4).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(String);

impl KeyId {
    pub const MAX: usize = 256;

    /// None when the text is empty, too long, has anything but printable ASCII without space, or is
    /// `.` or `..`.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=Self::MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_graphic())
            && !matches!(text, "." | "..");
        fits.then(|| KeyId(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The tenants for which a key may speak.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantScope {
    All,
    Only(BTreeSet<TenantId>),
}

impl TenantScope {
    pub fn covers(&self, tenant: &str) -> bool {
        match self {
            TenantScope::All => true,
            TenantScope::Only(tenants) => tenants.contains(tenant),
        }
    }
}

/// Where a token names its tenant: a string claim, and what stands before the tenant's id in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantClaim {
    pub name: String,
    pub prefix: String,
}

impl Default for TenantClaim {
    /// Opstrace's: `sub` is `tenant-<id>`.
    fn default() -> Self {
        TenantClaim { name: "sub".to_owned(), prefix: "tenant-".to_owned() }
    }
}

/// A public key and the conditions under which its tokens are believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedKey {
    pub id: KeyId,
    /// The tenant that owns it, for which alone it can speak; the instance when none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<TenantId>,
    pub algorithm: Algorithm,
    pub public: PublicKey,
    pub tenants: TenantScope,
    pub claim: TenantClaim,
    /// `iss` must be exactly this; not looked at when none.
    pub issuer: Option<String>,
    /// `aud` must be or contain exactly this; not looked at when none.
    pub audience: Option<String>,
    /// Whether a token without `exp` is refused.
    pub require_exp: bool,
    /// How many seconds `exp`, `nbf` and `iat` may be off; at most [`TrustedKey::MAX_LEEWAY`].
    pub leeway: u8,
    /// Whether this key is tried for tokens without `kid`. At most one key of an instance is.
    pub fallback: bool,
    /// What its tokens may do to a tenant's data.
    pub grants: Grants,
    /// The role that its tokens have instead of `grants`; a managed one unless a tenant owns the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleId>,
    /// The claim by which a token narrows its rights: a list, or one text with spaces between
    /// (`scope` of RFC 8693 §4.2, `scp`). A token without it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes_claim: Option<String>,
    pub description: String,
    pub created_at: Timestamp,
}

impl TrustedKey {
    /// Seconds.
    pub const MAX_LEEWAY: u8 = 60;
}
