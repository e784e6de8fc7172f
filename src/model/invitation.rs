//! Invitations as stored: who shall come into a tenant, and as what.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Id, Principal, RoleId, SecretHash, TenantId, Timestamp, UserName};

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
    /// Who has to be able to give all this also when it is accepted; nobody when none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invited_by: Option<Principal>,
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

/// Leads from an invitation's link, which names its id alone, to the tenant into which it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationPlace {
    pub id: Id,
    pub tenant: TenantId,
}

/// What has become of an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvitationStatus {
    Pending,
    Accepted,
    Expired,
}

impl Invitation {
    pub fn status(&self, now: Timestamp) -> InvitationStatus {
        match self.accepted_at {
            Some(_) => InvitationStatus::Accepted,
            None if self.expires_at <= now => InvitationStatus::Expired,
            None => InvitationStatus::Pending,
        }
    }
}
