//! People as stored. In this version: super admins, who manage tenants and keys and reach no
//! tenant's data.

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// A super admin.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admin {
    pub name: String,
    /// An Argon2id hash in PHC string format.
    pub password_hash: String,
    pub created_at: Timestamp,
}
