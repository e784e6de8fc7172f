//! Who can call: people, and machines that have tokens only; and the groups and tenants they are in.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Id, TenantId, Timestamp};

/// By what a person signs in: an e-mail address as a rule, in lower case. 1 to 254 bytes without
/// colon (RFC 7617 §2): letters and digits of any script, and what ASCII has to print. No other signs,
/// for among them are those that nobody sees, and marks that make two texts look alike.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserName(String);

/// A text that is no user name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a user name has 1 to 254 bytes: letters, digits and signs of ASCII, without colon and space")]
pub struct UserNameError;

impl UserName {
    pub const MAX: usize = 254;

    pub fn parse(text: &str) -> Result<Self, UserNameError> {
        let name = text.to_lowercase();
        let strange = |c: char| c == ':' || !(c.is_ascii_graphic() || c.is_alphanumeric());
        match (1..=Self::MAX).contains(&name.len()) && !name.contains(strange) {
            true => Ok(UserName(name)),
            false => Err(UserNameError),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for UserName {
    type Err = UserNameError;

    fn from_str(text: &str) -> Result<Self, UserNameError> {
        UserName::parse(text)
    }
}

impl TryFrom<String> for UserName {
    type Error = UserNameError;

    fn try_from(text: String) -> Result<Self, UserNameError> {
        UserName::parse(&text)
    }
}

impl From<UserName> for String {
    fn from(name: UserName) -> String {
        name.0
    }
}

/// The name of a machine or a token: `^[a-z0-9]+(-[a-z0-9]+)*$`, at most 63 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(String);

/// A text that is no [`Slug`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("has 1 to 63 of a-z, 0-9 and single '-' between them")]
pub struct SlugError;

impl Slug {
    pub const MAX: usize = 63;

    pub fn parse(text: &str) -> Result<Self, SlugError> {
        let part = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        match text.len() <= Self::MAX && text.split('-').all(part) {
            true => Ok(Slug(text.to_owned())),
            false => Err(SlugError),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Slug {
    type Error = SlugError;

    fn try_from(text: String) -> Result<Self, SlugError> {
        Slug::parse(&text)
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> String {
        slug.0
    }
}

/// A person; belongs to the instance, not to a tenant. No `Debug`: there is a hash in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub id: Id,
    /// Unique in the instance.
    pub name: UserName,
    #[serde(default)]
    pub first_name: String,
    #[serde(default)]
    pub last_name: String,
    /// An Argon2id hash in PHC string format; without one nobody signs in by password.
    pub password_hash: Option<String>,
    /// Manages tenants and identities everywhere; reaches no tenant's data by that.
    #[serde(default)]
    pub super_admin: bool,
    /// Known, and refused everywhere.
    #[serde(default)]
    pub disabled: bool,
    /// May not change the own profile, password and tokens.
    #[serde(default)]
    pub restricted: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A machine: has tokens, no password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccount {
    pub id: Id,
    /// The tenant that owns it; the instance when none.
    pub tenant: Option<TenantId>,
    /// Unique among those of its owner.
    pub name: Slug,
    #[serde(default)]
    pub description: String,
    /// As [`User::super_admin`]; only of the instance's own.
    #[serde(default)]
    pub super_admin: bool,
    #[serde(default)]
    pub disabled: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A user or a service account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Principal {
    User(Id),
    ServiceAccount(Id),
}

impl Principal {
    pub const fn id(self) -> Id {
        match self {
            Principal::User(id) | Principal::ServiceAccount(id) => id,
        }
    }
}

/// A group of a tenant's users and service accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub tenant: TenantId,
    pub id: Id,
    /// Unique in the tenant, whatever the case; at most 255 characters.
    pub name: String,
    #[serde(default)]
    pub description: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What somebody is in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Membership {
    /// May manage who is in the group.
    Owner,
    Member,
}

/// Somebody's access to a tenant, and the tenant's groups they are in. A binding without one counts
/// for nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub tenant: TenantId,
    pub principal: Principal,
    #[serde(default)]
    pub groups: BTreeMap<Id, Membership>,
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_names_are_lower_case_and_stand_before_a_colon() {
        assert_eq!(UserName::parse("Ann@Example.COM").map(String::from), Ok("ann@example.com".to_owned()));
        assert!(UserName::parse("jürgen+x@example.com").is_ok());
        // The fourth is seen as "a", the last as "é" is.
        for bad in ["", "a:b", "a b", "a\u{200b}", "a\n", &"a".repeat(255), "e\u{301}"] {
            assert_eq!(UserName::parse(bad), Err(UserNameError), "{bad:?}");
        }
    }

    #[test]
    fn slugs_have_single_hyphens_inside() {
        for good in ["a", "0", "grafana-agent-2", &"a".repeat(63)] {
            assert!(Slug::parse(good).is_ok(), "{good:?}");
        }
        for bad in ["", "-", "a-", "-a", "a--b", "A", "a_b", &"a".repeat(64)] {
            assert_eq!(Slug::parse(bad), Err(SlugError), "{bad:?}");
        }
    }
}
