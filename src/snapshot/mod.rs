//! The domain as decided upon: immutable, lock-free to read, compiled from records and
//! configuration. Knows how to follow the store; knows no request.

mod compile;
mod follow;
mod keys;
mod published;
mod routes;
mod shards;
mod trie;

use std::sync::Arc;

use http::HeaderValue;

use crate::model::{OrgId, TenantId};
use crate::store::Revision;

pub use follow::follow;
pub use keys::{Key, Keys};
pub use published::{Current, Published, Reader};
pub use routes::{Backend, Matched, Routes, Service, Verdict};
pub use shards::Shards;

/// Everything that one request's decision depends on, besides the request and the time.
#[derive(Clone)]
pub struct Snapshot {
    /// The last commit that is in here.
    pub revision: Revision,
    pub routes: Arc<Routes>,
    pub tenants: Shards<Tenant>,
    pub keys: Keys,
}

/// A tenant that exists.
#[derive(Debug, PartialEq, Eq)]
pub struct Tenant {
    pub id: TenantId,
    pub org_id: OrgId,
    /// The org id, ready for the tenant header.
    pub header: HeaderValue,
}
