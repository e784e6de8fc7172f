//! Names of tenants: what is accepted is one host label and one path segment, and comes back as it was.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tenantry::model::{OrgId, TenantId};

fuzz_target!(|input: (&str, u32)| {
    let (text, nth) = input;
    let Ok(id) = TenantId::parse(text) else { return };
    assert_eq!(id.as_str(), text);
    assert!((1..=63).contains(&text.len()));
    assert!(text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_')));
    assert!(!text.starts_with(['-', '_']) && !text.ends_with(['-', '_']));
    let org = OrgId::nth(&id, nth.max(1));
    assert!(http::HeaderValue::from_str(org.as_str()).is_ok() && org.as_str().starts_with(text));
});
