//! What a role grants: permissions on a tenant's data, and on the records that administer it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Grants, Permission};

/// A kind of records of a tenant, as roles name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    Tenant,
    /// Who of the instance's users has access to the tenant.
    User,
    ServiceAccount,
    Group,
    GroupMembership,
    Role,
    Binding,
    Invitation,
    ApiToken,
    /// Trusted keys and issuers.
    Key,
    /// The tenant's own settings of services.
    Service,
    Audit,
}

/// What is done to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    Create,
    Read,
    Update,
    Delete,
}

/// One area and one act, written `BINDING:CREATE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Power {
    pub area: Area,
    pub act: Act,
}

impl Power {
    pub const fn new(area: Area, act: Act) -> Self {
        Power { area, act }
    }

    const fn bit(self) -> u64 {
        1 << (self.area as u32 * 4 + self.act as u32)
    }
}

impl fmt::Display for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", AREAS[self.area as usize].1, ACTS[self.act as usize].1)
    }
}

const AREAS: [(Area, &str); 12] = [
    (Area::Tenant, "TENANT"),
    (Area::User, "USER"),
    (Area::ServiceAccount, "SERVICE_ACCOUNT"),
    (Area::Group, "GROUP"),
    (Area::GroupMembership, "GROUP_MEMBERSHIP"),
    (Area::Role, "ROLE"),
    (Area::Binding, "BINDING"),
    (Area::Invitation, "INVITATION"),
    (Area::ApiToken, "API_TOKEN"),
    (Area::Key, "KEY"),
    (Area::Service, "SERVICE"),
    (Area::Audit, "AUDIT"),
];
const ACTS: [(Act, &str); 4] =
    [(Act::Create, "CREATE"), (Act::Read, "READ"), (Act::Update, "UPDATE"), (Act::Delete, "DELETE")];

/// Other systems' words for the same areas and acts (Kestra 1.x and 2.0).
const AREA_WORDS: [(&str, &str); 2] = [("AUDITLOG", "AUDIT"), ("TENANT_ACCESS", "USER")];
const ACT_WORDS: [(&str, &str); 2] = [("VIEW", "READ"), ("LIST", "READ")];

/// A set of powers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Powers(u64);

impl Powers {
    pub const NONE: Powers = Powers(0);
    pub const ALL: Powers = Powers((1 << (AREAS.len() * ACTS.len())) - 1);

    pub const fn allows(self, power: Power) -> bool {
        self.0 & power.bit() != 0
    }

    #[must_use]
    pub const fn with(self, power: Power) -> Powers {
        Powers(self.0 | power.bit())
    }

    /// All powers of the set, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = Power> {
        AREAS
            .iter()
            .flat_map(|(area, _)| ACTS.iter().map(|(act, _)| Power::new(*area, *act)))
            .filter(move |power| self.allows(*power))
    }
}

/// What a role, a key or a token gives: both kinds of permission. Written as a map from resource to
/// actions: `{"metrics": ["read", "write"], "BINDING": ["READ"]}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, Vec<String>>", into = "BTreeMap<String, Vec<String>>")]
pub struct Rights {
    pub data: Grants,
    pub powers: Powers,
}

/// A text that names no right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no permission: expected RESOURCE:ACTION with the resource one of metrics, logs, traces, profiles, \
     rules, alerts, data (actions read, write, delete) or TENANT, USER, SERVICE_ACCOUNT, GROUP, \
     GROUP_MEMBERSHIP, ROLE, BINDING, INVITATION, API_TOKEN, KEY, SERVICE, AUDIT (actions CREATE, READ, UPDATE, \
     DELETE), or * for any"
)]
pub struct ParseRightsError(pub String);

impl Default for Rights {
    fn default() -> Self {
        Rights::NONE
    }
}

impl Rights {
    pub const NONE: Rights = Rights { data: Grants::NONE, powers: Powers::NONE };
    pub const ALL: Rights = Rights { data: Grants::ALL, powers: Powers::ALL };

    /// Rights on data alone.
    pub const fn on_data(data: Grants) -> Self {
        Rights { data, powers: Powers::NONE }
    }

    #[must_use]
    pub const fn union(self, other: Rights) -> Rights {
        Rights { data: self.data.union(other.data), powers: Powers(self.powers.0 | other.powers.0) }
    }

    #[must_use]
    pub const fn intersection(self, other: Rights) -> Rights {
        Rights { data: self.data.intersection(other.data), powers: Powers(self.powers.0 & other.powers.0) }
    }

    /// Whether all of `other` is in here.
    pub fn cover(self, other: Rights) -> bool {
        self.intersection(other) == other
    }

    pub fn is_empty(self) -> bool {
        self == Rights::NONE
    }

    /// All rights as texts, data first: `metrics:read`, `BINDING:READ`.
    pub fn texts(self) -> impl Iterator<Item = String> {
        let data = self.data.iter().map(|permission: Permission| permission.to_string());
        data.chain(self.powers.iter().map(|power| power.to_string()))
    }

    /// Reads a list of patterns; the set is their union. `*` alone is everything.
    pub fn parse<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Rights, ParseRightsError> {
        patterns.into_iter().try_fold(Rights::NONE, |set, pattern| {
            let fault = || ParseRightsError(pattern.to_owned());
            let (resource, action) = match pattern {
                "*" => ("*", "*"),
                other => other.split_once(':').ok_or_else(fault)?,
            };
            Rights::named(resource, action).map(|rights| set.union(rights)).ok_or_else(fault)
        })
    }

    /// The rights that one resource and one action name, each in any case or `*`.
    fn named(resource: &str, action: &str) -> Option<Rights> {
        let (area, act) = (word(resource, &AREA_WORDS), word(action, &ACT_WORDS));
        let data = Grants::named(resource, act).unwrap_or(Grants::NONE);
        let mut powers = Powers::NONE;
        let names = |text: &str, name: &str| text == "*" || text.eq_ignore_ascii_case(name);
        for (a, _) in AREAS.into_iter().filter(|(_, name)| names(area, name)) {
            for (b, _) in ACTS.into_iter().filter(|(_, name)| names(act, name)) {
                powers = powers.with(Power::new(a, b));
            }
        }
        let rights = Rights { data, powers };
        (!rights.is_empty()).then_some(rights)
    }
}

fn word<'t>(text: &'t str, words: &[(&str, &'static str)]) -> &'t str {
    let known = words.iter().find(|(theirs, _)| text.eq_ignore_ascii_case(theirs));
    known.map_or(text, |(_, ours)| ours)
}

impl TryFrom<BTreeMap<String, Vec<String>>> for Rights {
    type Error = ParseRightsError;

    fn try_from(map: BTreeMap<String, Vec<String>>) -> Result<Self, ParseRightsError> {
        let mut rights = Rights::NONE;
        for (resource, actions) in &map {
            for action in actions {
                let named = Rights::named(resource, action);
                rights = rights.union(named.ok_or_else(|| ParseRightsError(format!("{resource}:{action}")))?);
            }
        }
        Ok(rights)
    }
}

impl From<Rights> for BTreeMap<String, Vec<String>> {
    fn from(rights: Rights) -> Self {
        let mut map: Self = BTreeMap::new();
        for text in rights.texts() {
            if let Some((resource, action)) = text.split_once(':') {
                map.entry(resource.to_owned()).or_default().push(action.to_owned());
            }
        }
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rights() -> impl Strategy<Value = Rights> {
        any::<u128>().prop_map(|bits| {
            let texts: Vec<String> = Rights::ALL.texts().collect();
            let chosen = texts.iter().enumerate().filter(|(n, _)| bits >> n & 1 == 1);
            Rights::parse(chosen.map(|(_, text)| text.as_str())).expect("its own texts")
        })
    }

    proptest! {
        #[test]
        fn a_set_survives_being_written(set in rights()) {
            let map = BTreeMap::from(set);
            prop_assert_eq!(Rights::try_from(map), Ok(set));
            let json = serde_json::to_string(&set).expect("JSON");
            prop_assert_eq!(serde_json::from_str::<Rights>(&json).expect("its own JSON"), set);
        }

        #[test]
        fn sets_behave_as_sets(a in rights(), b in rights()) {
            prop_assert!(a.union(b).cover(a) && a.cover(a.intersection(b)));
            prop_assert_eq!(a.cover(b), a.union(b) == a);
        }
    }

    #[test]
    fn both_spellings_name_rights() {
        let read = |patterns: &[&str]| Rights::parse(patterns.iter().copied());
        assert_eq!(read(&["*"]), Ok(Rights::ALL));
        assert_eq!(read(&["METRICS:READ"]), read(&["metrics:read"]));
        assert_eq!(read(&["auditlog:view"]), read(&["AUDIT:READ"]));
        assert_eq!(read(&["logs:VIEW", "logs:list"]), read(&["logs:read"]));
        assert_eq!(read(&["*:read"]).map(|rights| rights.texts().count()), Ok(7 + 12));
        for bad in ["", "FLOW:READ", "metrics", "metrics:create", "BINDING:WRITE", "a:b:c"] {
            assert!(read(&[bad]).is_err(), "{bad:?}");
        }
    }
}
