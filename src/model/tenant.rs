//! Tenants as stored.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{OrgId, RoleId, TenantId, Timestamp, Upstream};

/// Whether a tenant's requests are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TenantState {
    #[default]
    Active,
    /// Nothing goes to its back ends; its administration works.
    Suspended,
}

/// What differs at one service for one tenant. What is none is as the service has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServiceOptions {
    /// Other back ends; at least one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstreams: Option<Vec<Upstream>>,
    /// The methods that are let through, in upper case; the others are refused with 405.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub methods: Option<BTreeSet<String>>,
    /// The largest body of a request, in bytes; 413 above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_body_bytes: Option<u64>,
}

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
    #[serde(default)]
    pub state: TenantState,
    /// For people and their tools; the gateway decides nothing by them.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// By the name of the service.
    #[serde(default)]
    pub options: BTreeMap<String, ServiceOptions>,
    /// What new members are bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_role: Option<RoleId>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Tenant {
    /// A tenant of which nothing but this is known.
    pub fn new(id: TenantId, org_id: OrgId, at: Timestamp) -> Self {
        Tenant {
            name: id.as_str().to_owned(),
            id,
            description: String::new(),
            org_id,
            state: TenantState::default(),
            labels: BTreeMap::new(),
            options: BTreeMap::new(),
            default_role: None,
            created_at: at,
            updated_at: at,
        }
    }
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
