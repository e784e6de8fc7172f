//! The domain as stored: plain data. Knows no I/O, no async, no HTTP, and nothing of how it is
//! decided upon or shown.

mod grant;
mod key;
mod limits;
mod material;
mod name;
mod principal;
mod secret;
mod service;
mod tenant;
mod time;

pub use grant::{Action, Grants, ParsePermissionError, Permission, Resource};
pub use key::{Algorithm, KeyId, TenantClaim, TenantScope, TrustedKey, UnknownAlgorithm};
pub use limits::Limits;
pub use material::{KeyError, KeyKind, MAX_KEY_TEXT, PrivateKey, PublicKey, ReadKey};
pub use name::{NameError, OrgId, TenantId};
pub use principal::Admin;
pub use secret::Secret;
pub use service::{
    Api, HostTemplate, MatchRule, PathTemplate, Service, TemplateError, Timeouts, Unlisted, Upstream,
};
pub use tenant::{OrgRecord, Tenant};
pub use time::Timestamp;
