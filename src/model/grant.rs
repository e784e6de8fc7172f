//! What a caller may be allowed to do to a tenant's data: resources × actions, and sets of those.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A kind of data. `Data` is what the generic `read-write` table asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    Metrics,
    Logs,
    Traces,
    Profiles,
    Rules,
    Alerts,
    Data,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    Read,
    Write,
    Delete,
}

/// One resource and one action, written `metrics:read`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Permission {
    pub resource: Resource,
    pub action: Action,
}

impl Permission {
    pub const fn new(resource: Resource, action: Action) -> Self {
        Permission { resource, action }
    }

    const fn bit(self) -> u32 {
        1 << (self.resource as u32 * 3 + self.action as u32)
    }
}

const RESOURCES: [(Resource, &str); 7] = [
    (Resource::Metrics, "metrics"),
    (Resource::Logs, "logs"),
    (Resource::Traces, "traces"),
    (Resource::Profiles, "profiles"),
    (Resource::Rules, "rules"),
    (Resource::Alerts, "alerts"),
    (Resource::Data, "data"),
];
const ACTIONS: [(Action, &str); 3] =
    [(Action::Read, "read"), (Action::Write, "write"), (Action::Delete, "delete")];

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, resource) = RESOURCES[self.resource as usize];
        let (_, action) = ACTIONS[self.action as usize];
        write!(f, "{resource}:{action}")
    }
}

/// A set of permissions. Written as a list of patterns: `*`, `metrics:*`, `*:read`, `logs:write`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Grants(u32);

/// A text that names no permission.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no permission: expected \"*\" or RESOURCE:ACTION with RESOURCE one of metrics, logs, traces, \
     profiles, rules, alerts, data or *, and ACTION one of read, write, delete or *"
)]
pub struct ParsePermissionError(pub String);

impl Grants {
    pub const NONE: Grants = Grants(0);
    /// Everything on the tenant's data; what the role Editor has.
    pub const ALL: Grants = Grants((1 << (RESOURCES.len() * ACTIONS.len())) - 1);

    /// Reading, of all kinds of data.
    pub const READ: Grants = Grants::of(Action::Read);
    /// Writing, of all kinds of data.
    pub const WRITE: Grants = Grants::of(Action::Write);

    /// One action on every resource.
    const fn of(action: Action) -> Grants {
        let (mut set, mut at) = (0, 0);
        while at < RESOURCES.len() {
            set |= Permission::new(RESOURCES[at].0, action).bit();
            at += 1;
        }
        Grants(set)
    }

    pub const fn allows(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    #[must_use]
    pub const fn union(self, other: Grants) -> Grants {
        Grants(self.0 | other.0)
    }

    #[must_use]
    pub const fn intersection(self, other: Grants) -> Grants {
        Grants(self.0 & other.0)
    }

    /// All permissions of the set, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        RESOURCES
            .iter()
            .flat_map(|(resource, _)| ACTIONS.iter().map(|(action, _)| Permission::new(*resource, *action)))
            .filter(move |permission| self.allows(*permission))
    }

    /// What a resource and an action name, each in any case or `*`.
    pub(super) fn named(resource: &str, action: &str) -> Option<Grants> {
        let names = |text: &str, name: &str| text == "*" || text.eq_ignore_ascii_case(name);
        let mut set = Grants::NONE;
        for (r, _) in RESOURCES.into_iter().filter(|(_, name)| names(resource, name)) {
            for (a, _) in ACTIONS.into_iter().filter(|(_, name)| names(action, name)) {
                set.0 |= Permission::new(r, a).bit();
            }
        }
        (set != Grants::NONE).then_some(set)
    }

    /// Reads a list of patterns; the set is their union.
    pub fn parse<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Grants, ParsePermissionError> {
        patterns.into_iter().try_fold(Grants::NONE, |set, pattern| Ok(set.union(pattern.parse()?)))
    }
}

impl FromStr for Grants {
    type Err = ParsePermissionError;

    /// Reads one pattern.
    fn from_str(pattern: &str) -> Result<Grants, ParsePermissionError> {
        let fault = || ParsePermissionError(pattern.to_owned());
        let (resource, action) = match pattern {
            "*" => ("*", "*"),
            other => other.split_once(':').ok_or_else(fault)?,
        };
        // Patterns are written in lower case.
        let lower = !pattern.bytes().any(|byte| byte.is_ascii_uppercase());
        Grants::named(resource, action).filter(|_| lower).ok_or_else(fault)
    }
}

impl TryFrom<Vec<String>> for Grants {
    type Error = ParsePermissionError;

    fn try_from(patterns: Vec<String>) -> Result<Self, ParsePermissionError> {
        Grants::parse(patterns.iter().map(String::as_str))
    }
}

impl From<Grants> for Vec<String> {
    fn from(grants: Grants) -> Vec<String> {
        match grants {
            Grants::ALL => vec!["*".to_owned()],
            some => some.iter().map(|permission| permission.to_string()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_sets() {
        let read: Grants = "*:read".parse().expect("a pattern");
        assert!(read.allows(Permission::new(Resource::Logs, Action::Read)));
        assert!(!read.allows(Permission::new(Resource::Logs, Action::Write)));
        assert_eq!("*".parse(), Ok(Grants::ALL));
        assert_eq!(Grants::ALL.iter().count(), 21);
        for bad in ["", "metrics", "metrics:", "metrics:own", "Metrics:read", "*:*:*"] {
            assert!(bad.parse::<Grants>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_set_survives_being_written() {
        for permission in Grants::ALL.iter() {
            let one: Grants = permission.to_string().parse().expect("its own form");
            assert_eq!(Grants::try_from(Vec::from(one)), Ok(one));
        }
    }
}
