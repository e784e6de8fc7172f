//! What identity providers publish about themselves, as it is read: where their keys are, and the
//! keys. Knows no network.

mod discovery;
mod held;
mod jwks;

pub use discovery::{DiscoveryError, discovered, discovery_url};
pub use held::{HeldKey, IssuerKeys, Pace, PaceError};
pub use jwks::{JwksError, KeySet, MAX_KEYS, SetKey, Skipped};
