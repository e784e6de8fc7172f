//! API tokens and sessions as stored: never the secret, only its hash.

use serde::{Deserialize, Serialize};

use super::{Id, Principal, Rights, SecretHash, Slug, TenantId, Timestamp};

/// A token of a user or a service account. No `Debug`: there is a hash in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiToken {
    pub id: Id,
    pub owner: Principal,
    /// Unique among the owner's tokens.
    pub name: Slug,
    #[serde(default)]
    pub description: String,
    pub hash: SecretHash,
    pub created_at: Timestamp,
    /// Seconds from its creation, or from its last use when it is extended; for ever when none.
    pub max_age: Option<u64>,
    /// Whether each use moves the expiry on.
    #[serde(default)]
    pub extended: bool,
    /// What of its owner's rights it has; all when none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Rights>,
    /// The one tenant in which it is good; all of its owner's when none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
}

impl ApiToken {
    /// The first second (Unix) at which it is no longer good, given when it was last used.
    pub fn expires(&self, last_used: Option<Timestamp>) -> Option<u64> {
        let from = match (self.extended, last_used) {
            (true, Some(used)) => used.max(self.created_at),
            (true, None) | (false, _) => self.created_at,
        };
        self.max_age.map(|age| from.seconds().saturating_add(age))
    }
}

/// When a token was last used: apart from the token, so that using one changes nothing that is
/// decided upon. To the minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUse {
    pub token: Id,
    pub at: Timestamp,
}

/// Somebody who has signed in. No `Debug`: there is a hash in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub id: Id,
    pub user: Id,
    pub hash: SecretHash,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}
