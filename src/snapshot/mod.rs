//! The domain as decided upon: immutable, lock-free to read, compiled from records and
//! configuration. Knows how to follow the store; knows no request.

mod access;
mod account;
mod compile;
mod follow;
mod issuers;
mod keys;
mod options;
mod published;
mod routes;
mod shards;
mod trie;

use std::sync::Arc;

use http::HeaderValue;

use crate::model::{Id, OrgId, TenantId, TenantState};
use crate::store::{Kind, Revision};

pub use access::{Access, Effective, Held};
pub use account::{Account, Token};
pub use follow::follow;
pub use issuers::{Issuer, IssuerName, Issuers};
pub use keys::{Key, Keys};
pub use options::{AllOptions, Options};
pub use published::{Current, Published, Reader};
pub use routes::{Backend, Matched, Routes, Service, Verdict};
pub use shards::Shards;

/// Everything that one request's decision depends on, besides the request and the time.
#[derive(Clone)]
pub struct Snapshot {
    /// The last commit that is in here.
    pub revision: Revision,
    /// Changes whenever anything does upon which a cached verdict may stand.
    pub generation: u64,
    pub routes: Arc<Routes>,
    /// A key shares its text with the tenant: one look into memory for both.
    pub tenants: Shards<TenantId, Tenant>,
    pub keys: Keys,
    pub accounts: Shards<Id, Account>,
    /// Changes whenever a tenant goes.
    pub departures: u64,
    /// The accounts of users, by their names.
    pub users: Shards<Arc<str>, Account>,
    pub tokens: Shards<Id, Token>,
    /// The tenants to which each principal has access, sorted.
    pub member_of: Shards<Id, Vec<TenantId>>,
}

impl Snapshot {
    /// The kinds of records that are in here, in the order in which they have to be read.
    pub const KINDS: &'static [Kind] = &[
        Kind::Tenant,
        Kind::Key,
        Kind::Issuer,
        Kind::IssuerKeys,
        Kind::User,
        Kind::ServiceAccount,
        Kind::Role,
        Kind::Member,
        Kind::Binding,
        Kind::Token,
        Kind::TokenUse,
    ];
}

/// A tenant that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    pub id: TenantId,
    pub org_id: OrgId,
    /// The org id, ready for the tenant header.
    pub header: HeaderValue,
    pub state: TenantState,
    pub access: Access,
    pub options: AllOptions,
}

impl Tenant {
    /// What differs for this tenant at a service.
    pub fn options_at(&self, service: &str) -> Option<&Options> {
        options::find(&self.options, service).map(Arc::as_ref)
    }
}
