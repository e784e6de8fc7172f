//! Names of tenants, and the rule that decides what may be one. A value of these types has passed
//! the rule; nothing behind the edge checks again.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest tenant id: what fits one DNS label (RFC 1035 §2.3.4).
pub const MAX_TENANT_ID: usize = 63;

/// Ids that no tenant may have. A host label or path segment of that name means something else:
/// the operator's own site, a fallback tenant of the back ends (`fake` in Cortex and Loki,
/// `anonymous` in Mimir), or a word of the admin API's paths, where tenants stand beside it.
const RESERVED: &[&str] = &[
    "acls",
    "admin",
    "anonymous",
    "api",
    "apply",
    "auditlogs",
    "auths",
    "banners",
    "bindings",
    "configs",
    "explain",
    "export",
    "fake",
    "groups",
    "instance",
    "invitation",
    "invitations",
    "issuers",
    "keys",
    "license-info",
    "localhost",
    "login",
    "logout",
    "me",
    "metrics",
    "roles",
    "search",
    "service-accounts",
    "services",
    "setup",
    "tenant-access",
    "tenants",
    "tokens",
    "users",
    "validate-password",
    "www",
];

/// The id of a tenant: `^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$`, not reserved, not punycode.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(Arc<str>);

/// Which rule of [`TenantId`] a text broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("a tenant id must not be empty")]
    Empty,
    #[error("a tenant id has at most {MAX_TENANT_ID} characters, this one has {0}")]
    TooLong(usize),
    #[error("a tenant id has only a-z, 0-9, '-' and '_'; character {position} is {found:?}")]
    Character { found: char, position: usize },
    #[error("a tenant id begins with a letter or a digit, not with {0:?}")]
    Start(char),
    #[error("a tenant id ends with a letter or a digit, not with {0:?}")]
    End(char),
    #[error("{0:?} is reserved and cannot be a tenant id")]
    Reserved(String),
    #[error("a tenant id must not begin with \"xn--\": internationalised names are not supported")]
    Punycode,
}

impl TenantId {
    /// Reads an id, or says which rule it breaks. Positions count from 1.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if !Self::fits(text) {
            return Err(Self::fault(text));
        }
        Ok(TenantId(text.into()))
    }

    /// Whether `text` would parse; allocates nothing, for the request path.
    pub fn fits(text: &str) -> bool {
        let bytes = text.as_bytes();
        let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        matches!(bytes.len(), 1..=MAX_TENANT_ID)
            && bytes.first().is_some_and(alphanumeric)
            && bytes.last().is_some_and(alphanumeric)
            && bytes.iter().all(|b| alphanumeric(b) || matches!(b, b'-' | b'_'))
            && !bytes.starts_with(b"xn--")
            && RESERVED.binary_search(&text).is_err()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn fault(text: &str) -> NameError {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if let Some((index, found)) = text.chars().enumerate().find(|(_, c)| !allowed(*c)) {
            return NameError::Character { found, position: index + 1 };
        }
        match (text.chars().next(), text.chars().next_back()) {
            (None, _) | (_, None) => NameError::Empty,
            _ if text.len() > MAX_TENANT_ID => NameError::TooLong(text.len()),
            (Some(first @ ('-' | '_')), _) => NameError::Start(first),
            (_, Some(last @ ('-' | '_'))) => NameError::End(last),
            _ if text.starts_with("xn--") => NameError::Punycode,
            _ => NameError::Reserved(text.to_owned()),
        }
    }
}

impl FromStr for TenantId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        TenantId::parse(text)
    }
}

impl TryFrom<String> for TenantId {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        TenantId::parse(&text)
    }
}

impl From<TenantId> for String {
    fn from(id: TenantId) -> String {
        id.0.as_ref().to_owned()
    }
}

impl Borrow<str> for TenantId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the tenant header carries to the back end. One tenant's org id is never given to another,
/// not even to a later tenant of the same id: `acme`, then `acme-2`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrgId(Arc<str>);

impl OrgId {
    /// The `nth` candidate for a tenant, counted from 1: `acme`, `acme-2`, `acme-3`, …
    pub fn nth(tenant: &TenantId, nth: u32) -> Self {
        match nth {
            0 | 1 => OrgId(tenant.0.clone()),
            n => OrgId(format!("{tenant}-{n}").into()),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_broken_rule_is_named() {
        use NameError::*;
        let long = "a".repeat(64);
        for (text, fault) in [
            ("", Empty),
            (long.as_str(), TooLong(64)),
            ("Acme", Character { found: 'A', position: 1 }),
            ("a|b", Character { found: '|', position: 2 }),
            ("..", Character { found: '.', position: 1 }),
            ("bücher", Character { found: 'ü', position: 2 }),
            ("-a", Start('-')),
            ("a_", End('_')),
            ("xn--bcher-kva", Punycode),
            ("www", Reserved("www".into())),
        ] {
            assert_eq!(TenantId::parse(text), Err(fault), "{text:?}");
        }
    }

    #[test]
    fn the_reserved_words_are_sorted_for_the_search() {
        assert!(RESERVED.is_sorted());
    }

    #[test]
    fn org_ids_count_up() {
        let acme = TenantId::parse("acme").expect("a good id");
        assert_eq!(OrgId::nth(&acme, 1).as_str(), "acme");
        assert_eq!(OrgId::nth(&acme, 2).as_str(), "acme-2");
    }

    proptest! {
        #[test]
        fn what_parses_is_what_the_pattern_says(text in "[a-z0-9_-]{0,70}") {
            let inner = text.len() <= 63 && !text.is_empty()
                && !text.starts_with(['-', '_']) && !text.ends_with(['-', '_']);
            let expected = inner && !text.starts_with("xn--") && !RESERVED.contains(&text.as_str());
            prop_assert_eq!(TenantId::parse(&text).is_ok(), expected);
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,80}") {
            prop_assert_eq!(TenantId::parse(&text).is_ok(), TenantId::fits(&text));
        }
    }
}
