//! Invitations as stored: who shall come into a tenant, and as what.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Id, RoleId, SecretHash, TenantId, Timestamp, UserName};

/// An invitation into a tenant. No `Debug`: there is a hash in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    pub tenant: TenantId,
    pub id: Id,
    pub email: UserName,
    pub roles: Vec<InvitedRole>,
    pub groups: BTreeSet<Id>,
    /// Whether who accepts becomes a super admin.
    #[serde(default)]
    pub super_admin: bool,
    /// Of the one-time link; none once it was used.
    pub hash: Option<SecretHash>,
    pub sent_at: Timestamp,
    pub expires_at: Timestamp,
    pub accepted_at: Option<Timestamp>,
}

/// A role that who accepts is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitedRole {
    pub role: RoleId,
    /// As [`super::Binding::services`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub services: Option<BTreeSet<String>>,
}
