//! What was done, by whom, and with what result: one link of a chain of hashes.

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{OrgId, TenantId, Timestamp};

/// What was done to a record, or tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Deed {
    Create,
    Update,
    Delete,
    SignIn,
    SignOut,
    /// Old entries of this log were removed, as its retention says.
    Prune,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    Done,
    Refused,
}

/// Who did it, and whence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// What kind of caller: `user`, `service_account`, `key`, `system` or, where nobody was
    /// recognised, `unknown`.
    pub kind: String,
    /// The caller's id; empty for `unknown`.
    pub id: String,
    /// The name that the caller has, or gave.
    pub name: String,
    /// How they were authenticated: `password`, `api_token`, `session`, `jwt`, `invitation` or `none`.
    pub via: String,
    /// The caller's network address; empty for `system`.
    pub address: String,
}

/// Where an entry stands among those of its tenant, so that a tenant's part of the log can be read
/// without the rest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// A later tenant of the same id has another.
    pub org_id: OrgId,
    /// Counts from 1, without gaps.
    pub nth: u64,
}

/// Leads from a place to the entry that stands there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditMark {
    pub place: Place,
    /// Of the entry.
    pub number: u64,
}

/// Something that was refused and that the log shall tell of, without a place in it yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Incident {
    pub at: Timestamp,
    pub actor: Actor,
    pub request_id: String,
    pub deed: Deed,
    pub resource: String,
    pub id: String,
    pub tenant: Option<TenantId>,
    /// Why it was refused; for people.
    pub reason: String,
}

/// One entry. Its hash covers all that it says and the hash of the entry before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Counts from 1, without gaps.
    pub number: u64,
    /// Never before that of the entry before, but where the clock was set back by more than a minute.
    pub at: Timestamp,
    pub actor: Actor,
    /// Of the request that it belongs to; empty for `system`.
    pub request_id: String,
    pub deed: Deed,
    /// The kind of record, as in the paths of the admin API: `tenants`, `bindings`.
    pub resource: String,
    pub id: String,
    /// The tenant that it belongs to; none for what is the instance's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// None as well where there was no such tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The record before, without secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The record after, without secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    pub outcome: Outcome,
    /// Why it was refused, or how many entries like this one stand for; for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Of the entry before, in hex; that of nothing for the first.
    pub previous: String,
    /// SHA-256 of the JSON of this entry with this field empty, in hex.
    pub hash: String,
}

impl AuditEntry {
    /// The hash that an entry before the first would have.
    pub const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

    /// The entry with the hash that it must have.
    #[must_use]
    pub fn sealed(self) -> Self {
        let hash = self.digest();
        AuditEntry { hash, ..self }
    }

    /// Whether it says what it was written to say, and follows an entry of this hash.
    pub fn follows(&self, previous: &str) -> bool {
        self.previous == previous && self.is_sound()
    }

    /// Whether it says what it was written to say.
    pub fn is_sound(&self) -> bool {
        self.hash == self.digest()
    }

    fn digest(&self) -> String {
        let bare = AuditEntry { hash: String::new(), ..self.clone() };
        // Plain data with text keys is always JSON; were it not, no entry would verify.
        let json = serde_json::to_vec(&bare).unwrap_or_default();
        digest(&SHA256, &json).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u64, previous: &str) -> AuditEntry {
        AuditEntry {
            number,
            at: Timestamp::from_seconds(1),
            actor: Actor::default(),
            request_id: "r".to_owned(),
            deed: Deed::Create,
            resource: "tenants".to_owned(),
            id: "acme".to_owned(),
            tenant: None,
            place: None,
            before: None,
            after: Some(serde_json::json!({"name": "Acme"})),
            outcome: Outcome::Done,
            detail: String::new(),
            previous: previous.to_owned(),
            hash: String::new(),
        }
        .sealed()
    }

    #[test]
    fn an_entry_that_was_touched_does_not_follow() {
        let first = entry(1, AuditEntry::NOTHING);
        let second = entry(2, &first.hash);
        assert!(first.follows(AuditEntry::NOTHING) && second.follows(&first.hash));
        assert!(!second.follows(AuditEntry::NOTHING));
        let json = serde_json::to_string(&second).expect("JSON");
        let back: AuditEntry = serde_json::from_str(&json).expect("its own JSON");
        assert!(back.follows(&first.hash), "it survives being stored");
        let touched = AuditEntry { id: "other".to_owned(), ..second };
        assert!(!touched.follows(&first.hash));
    }
}
