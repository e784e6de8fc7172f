//! Identity providers: whose tokens are believed, what they publish about themselves, and what of
//! that is held. Knows no network.

mod discovery;
mod held;
mod jwks;
mod record;

pub use discovery::{DiscoveryError, discovered, discovery_url};
pub use held::{HeldKey, IssuerKeys, Pace, PaceError};
pub use jwks::{JwksError, KeySet, MAX_KEYS, SetKey, Skipped};
pub use record::{Issuer, Source};
