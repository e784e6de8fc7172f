//! Identity providers and the keys that they publish.

#[path = "issuers/fetching.rs"]
mod fetching;
#[path = "issuers/idp.rs"]
mod idp;
