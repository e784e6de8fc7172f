//! Records that paths name. What is no name names none: 404.

use super::problem::Refusal;
use crate::model::{Id, TenantId};

pub(super) fn tenant(text: &str) -> Result<TenantId, Refusal> {
    TenantId::parse(text).map_err(|_| Refusal::NoRecord(format!("tenant {text:?}")))
}

/// A record whose id is drawn; `noun` is what people call it.
pub(super) fn record(noun: &str, text: &str) -> Result<Id, Refusal> {
    text.parse().map_err(|_| Refusal::NoRecord(format!("{noun} {text:?}")))
}
