//! The domain as stored: plain data. Knows no I/O, no async, no HTTP, and nothing of how it is
//! decided upon or shown.

mod account;
mod age;
mod audit;
mod grant;
mod id;
mod invitation;
mod issuer;
mod key;
mod limits;
mod material;
mod name;
mod network;
mod rights;
mod role;
mod secret;
mod service;
mod tenant;
mod ticket;
mod time;
mod token;
mod upstream;
mod url;
mod verify;

pub use account::{
    Group, Member, Membership, Principal, ServiceAccount, Slug, SlugError, User, UserName, UserNameError,
};
pub use age::{MaxAge, MaxAgeError};
pub use audit::{Actor, AuditEntry, AuditMark, Deed, Incident, Outcome, Place};
pub use grant::{Action, Grants, ParsePermissionError, Permission, Resource};
pub use id::{Id, ParseIdError};
pub use invitation::{Invitation, InvitationPlace, InvitationStatus, InvitedRole};
pub use issuer::{
    DiscoveryError, HeldKey, Issuer, IssuerKeys, JwksError, KeySet, MAX_KEYS, Pace, PaceError, SetKey,
    Skipped, Source, discovered, discovery_url,
};
pub use key::{Algorithm, KeyId, TenantClaim, TenantScope, TrustedKey, UnknownAlgorithm};
pub use limits::Limits;
pub use material::{KeyError, KeyKind, MAX_KEY_TEXT, PrivateKey, PublicKey, ReadKey};
pub use name::{NameError, OrgId, TenantId};
pub use network::{Network, NetworkError};
pub use rights::{Act, Area, ParseRightsError, Power, Powers, Rights};
pub use role::{Binding, ManagedRole, Role, RoleId, Subject};
pub use secret::Secret;
pub use service::{Api, HostTemplate, MatchRule, PathTemplate, Service, TemplateError, Timeouts, Unlisted};
pub use tenant::{OrgRecord, ServiceOptions, Tenant, TenantState};
pub use ticket::{SESSION_COOKIES, SecretHash, SecretHashError, Ticket, TicketKind, issue};
pub use time::Timestamp;
pub use token::{ApiToken, Session, TokenUse};
pub use upstream::{Upstream, UpstreamError};
pub use url::{Host, MAX_URL, Url, UrlError};
pub use verify::{Broken, Extent, Flaw, Pruned, Verdict, Verifier};
