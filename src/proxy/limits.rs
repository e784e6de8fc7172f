//! What a tenant's own options refuse of a request that its caller may send.

use http::Method;

use super::reject::Refusal;
use crate::snapshot::{Options, Service};

/// Refuses a method or a length that a tenant does not have at a service. `path` is what the back end
/// would see, `length` that of the body, where it is known.
pub fn check(
    options: &Options,
    service: &Service,
    method: &Method,
    path: &str,
    length: Option<u64>,
) -> Result<(), Refusal> {
    if let Some(methods) = options.methods
        && !methods.contains(method)
    {
        return Err(Refusal::OtherMethods(service.methods(path).intersection(methods)));
    }
    match (options.max_body_bytes, length) {
        (Some(most), Some(length)) if length > most => Err(Refusal::TooLarge),
        _ => Ok(()),
    }
}

/// The bytes that a body of no known length may have.
pub fn most_bytes(options: Option<&Options>) -> u64 {
    options.and_then(|options| options.max_body_bytes).unwrap_or(u64::MAX)
}
