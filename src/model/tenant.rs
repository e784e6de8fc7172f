//! Tenants as stored.

use serde::{Deserialize, Serialize};

use super::{OrgId, TenantId, Timestamp};

/// One tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    pub id: TenantId,
    /// For people; at most 255 characters.
    pub name: String,
    #[serde(default)]
    pub description: String,
    /// What back ends know this tenant by.
    pub org_id: OrgId,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The use of an [`OrgId`]. It outlives its tenant: the record is the tombstone that keeps a later
/// tenant from reading what an earlier one left in storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrgRecord {
    pub org_id: OrgId,
    pub tenant: TenantId,
    pub created_at: Timestamp,
    /// When the tenant was deleted; none while it lives.
    pub deleted_at: Option<Timestamp>,
}
