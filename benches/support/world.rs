//! Snapshots of any size, made as the gateway makes them: from configuration and records.

use std::sync::Arc;

use tenantry::cli::signer::Signer;
use tenantry::config;
use tenantry::model::{
    Grants, KeyId, OrgId, Tenant, TenantClaim, TenantId, TenantScope, Timestamp, TrustedKey,
};
use tenantry::snapshot::{Routes, Snapshot};
use tenantry::store::{Record, Stored};

/// The second (Unix) at which all of this takes place.
pub const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

const SERVICES: &str = r#"
services:
  metrics:
    match:
      - host: "cortex.{tenant}.example.com"
      - path: /t/{tenant}/metrics
    upstream: http://127.0.0.1:9009
    api: cortex
  logs:
    match:
      - host: "loki.{tenant}.example.com"
      - path: /t/{tenant}/logs
    upstream: http://127.0.0.1:3100
    api: loki
"#;

/// With tenants `t-0`, `t-1` and so on, and these keys.
pub fn snapshot(tenants: usize, keys: Vec<TrustedKey>) -> Snapshot {
    let settings = config::parse(SERVICES, "bench.yaml").expect("sound settings");
    let records = (0..tenants).map(tenant).chain(keys.into_iter().map(Record::Key));
    let stored = records.map(|value| Stored { version: 1, value });
    Snapshot::new(Arc::new(Routes::new(&settings.services)), 1, stored)
}

pub fn tenant(number: usize) -> Record {
    let id = TenantId::parse(&format!("t-{number}")).expect("a good id");
    let tenant = Tenant::new(id.clone(), OrgId::nth(&id, 1), NOW);
    Record::Tenant(Tenant { name: format!("Tenant {number}"), ..tenant })
}

/// The signer's key, trusted for every tenant under this id.
pub fn trusted(signer: &Signer, id: &str) -> TrustedKey {
    TrustedKey {
        id: KeyId::parse(id).expect("a good id"),
        owner: None,
        algorithm: signer.algorithm(),
        public: signer.public().clone(),
        tenants: TenantScope::All,
        claim: TenantClaim::default(),
        issuer: None,
        audience: None,
        require_exp: true,
        leeway: 0,
        fallback: false,
        grants: Grants::ALL,
        role: None,
        scopes_claim: None,
        description: String::new(),
        created_at: NOW,
    }
}
