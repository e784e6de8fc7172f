//! The audit log as it is asked for and shown on the wire.

use std::collections::BTreeSet;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::listing::{number, query};
use super::problem::Refusal;
use super::words;
use crate::control::{AuditFilter, AuditSearch, Difference, Flaws};
use crate::model::{AuditEntry, Timestamp, Verdict};

const SIZE: usize = 10;
const MOST: usize = 1000;

/// Which entries.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query to readers of the document; `Wanted` reads it")]
pub(super) struct FilterQuery {
    /// Only entries that contain this text, in any case, the records before and after included.
    q: Option<String>,
    /// By whom: a name or an id.
    actor: Option<String>,
    /// About which kind of record, as in paths: `tenants`, `bindings`; `sessions` for failed
    /// sign-ins.
    resource: Option<String>,
    /// About which record.
    id: Option<String>,
    /// What was done, or tried.
    #[param(value_type = Option<words::Deed>, inline)]
    deed: Option<String>,
    /// How it ended.
    #[param(value_type = Option<words::Outcome>, inline)]
    outcome: Option<String>,
    /// From this moment on.
    #[param(rename = "startDate", value_type = Option<words::Moment>, inline)]
    start_date: Option<String>,
    /// Up to this moment.
    #[param(rename = "endDate", value_type = Option<words::Moment>, inline)]
    end_date: Option<String>,
}

/// Which page.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query to readers of the document; `Wanted` reads it")]
pub(super) struct PageQuery {
    /// Which page, from 1.
    #[param(default = 1, minimum = 1)]
    page: Option<usize>,
    /// Entries on a page.
    #[param(default = 10, minimum = 1, maximum = 1000)]
    size: Option<usize>,
}

/// [`PageQuery`] and [`FilterQuery`], read.
pub(super) struct Wanted(pub AuditSearch);

/// [`FilterQuery`] alone, read.
pub(super) struct Filtered(pub AuditFilter);

/// [`PageQuery`] alone, read.
pub(super) struct Paged(pub AuditSearch);

impl<S: Sync> FromRequestParts<S> for Wanted {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        read(query(parts)?, true, true).map(Wanted)
    }
}

impl<S: Sync> FromRequestParts<S> for Filtered {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        read(query(parts)?, false, true).map(|search| Filtered(search.filter))
    }
}

impl<S: Sync> FromRequestParts<S> for Paged {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        read(query(parts)?, true, false).map(Paged)
    }
}

fn read(query: Vec<(String, String)>, pages: bool, filters: bool) -> Result<AuditSearch, Refusal> {
    let mut flaws = Flaws::default();
    let (mut page, mut size, mut filter) = (1, SIZE, AuditFilter::default());
    let mut seen = BTreeSet::new();
    for (field, value) in query {
        if seen.contains(&field) {
            flaws.add(&field, "is given twice");
            continue;
        }
        let text = Some(value.clone()).filter(|text| !text.is_empty());
        match field.as_str() {
            "page" if pages => page = flaws.take(&field, number(&value, usize::MAX)).unwrap_or(page),
            "size" if pages => size = flaws.take(&field, number(&value, MOST)).unwrap_or(size),
            "q" if filters => filter.text = text,
            "actor" if filters => filter.actor = text,
            "resource" if filters => filter.resource = text,
            "id" if filters => filter.id = text,
            "deed" if filters => filter.deed = flaws.take(&field, word(value)),
            "outcome" if filters => filter.outcome = flaws.take(&field, word(value)),
            "startDate" if filters => filter.from = flaws.take(&field, moment(&value)),
            "endDate" if filters => filter.to = flaws.take(&field, moment(&value)),
            _ => flaws.add(&field, "there is no such parameter"),
        }
        seen.insert(field);
    }
    flaws.settle()?;
    Ok(AuditSearch { filter, skip: (page - 1_usize).saturating_mul(size), take: size })
}

fn word<T: DeserializeOwned>(text: String) -> Result<T, serde_json::Error> {
    serde_json::from_value(Value::String(text))
}

fn moment(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::parse(text).ok_or("must be a moment in UTC, such as 2026-01-31T12:00:00Z")
}

/// An entry of the audit log.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditEntry)]
pub(super) struct Shown {
    /// Counts from 1, without gaps.
    number: u64,
    /// RFC 3339.
    #[schema(format = DateTime)]
    at: String,
    actor: Actor,
    /// Of the request that it belongs to; empty for what the gateway does of itself.
    request_id: String,
    #[schema(value_type = words::Deed, inline)]
    deed: Value,
    /// The kind of record, as in paths.
    #[schema(example = "bindings")]
    resource: String,
    id: String,
    /// The tenant that it belongs to; none for what is the instance's.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    /// The record before, without secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    /// The record after, without secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
    #[schema(value_type = words::Outcome, inline)]
    outcome: Value,
    /// Why it was refused, and how often the same came within a second; for people.
    detail: String,
    /// The hash of the entry before, in hex.
    previous: String,
    /// The entry's own: SHA-256 of its line in the export with an empty `hash`, in hex.
    hash: String,
}

/// Who did it, and whence.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditActor)]
struct Actor {
    /// `user`, `service_account`, `key`, `system` or, where nobody was recognised, `unknown`.
    kind: String,
    id: String,
    /// The name that the caller has. Of a failed sign-in the name that was given, where it is a
    /// user's or looks like an address.
    name: String,
    /// `password`, `api_token`, `session`, `jwt`, `invitation` or `none`; empty for `system`.
    via: String,
    /// The caller's network address; empty for `system`.
    address: String,
}

impl From<AuditEntry> for Shown {
    fn from(entry: AuditEntry) -> Self {
        let actor = entry.actor;
        Shown {
            number: entry.number,
            at: entry.at.to_string(),
            actor: Actor {
                kind: actor.kind,
                id: actor.id,
                name: actor.name,
                via: actor.via,
                address: actor.address,
            },
            request_id: entry.request_id,
            deed: serde_json::to_value(entry.deed).unwrap_or_default(),
            resource: entry.resource,
            id: entry.id,
            tenant: entry.tenant.map(String::from),
            before: entry.before,
            after: entry.after,
            outcome: serde_json::to_value(entry.outcome).unwrap_or_default(),
            detail: entry.detail,
            previous: entry.previous,
            hash: entry.hash,
        }
    }
}

/// A field that is not what it was.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditDifference)]
pub(super) struct Changed {
    /// The names on the way to it, with dots between.
    #[schema(example = "rights.metrics")]
    path: String,
    /// None where it was not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
}

impl From<Difference> for Changed {
    fn from(difference: Difference) -> Self {
        let Difference { path, before, after } = difference;
        Changed { path, before, after }
    }
}

/// Whether the audit log says what it was written to say.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditVerdict)]
pub(super) struct Verified {
    /// How many were looked at.
    entries: u64,
    /// The number of the first one; none when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<u64>,
    /// The number of the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<u64>,
    /// The hash of the last one. Whoever notes it elsewhere can tell later that nothing up to there
    /// was written anew.
    hash: String,
    intact: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_broken: Option<FirstBroken>,
}

/// The first entry that is not as it was written, or does not follow.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditBroken)]
struct FirstBroken {
    number: u64,
    /// What is wrong with it; for people.
    reason: String,
}

impl From<Verdict> for Verified {
    fn from(verdict: Verdict) -> Self {
        let broken = verdict.broken;
        Verified {
            entries: verdict.entries,
            from: verdict.span.map(|(first, _)| first),
            to: verdict.span.map(|(_, last)| last),
            hash: verdict.hash,
            intact: broken.is_none(),
            first_broken: broken
                .map(|broken| FirstBroken { number: broken.number, reason: broken.flaw.to_string() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Fault;
    use crate::model::{Deed, Outcome};

    fn wanted(query: &[(&str, &str)], pages: bool, filters: bool) -> Result<AuditSearch, Refusal> {
        let query = query.iter().map(|(field, value)| ((*field).to_owned(), (*value).to_owned()));
        read(query.collect(), pages, filters)
    }

    #[test]
    fn everything_can_be_asked_for_at_once() {
        let query = [
            ("page", "3"),
            ("size", "20"),
            ("q", "x"),
            ("actor", "root"),
            ("resource", "tenants"),
            ("id", ""),
            ("deed", "SIGN_IN"),
            ("outcome", "REFUSED"),
            ("startDate", "2026-01-31T12:00:00Z"),
        ];
        let filter = AuditFilter {
            text: Some("x".into()),
            actor: Some("root".into()),
            resource: Some("tenants".into()),
            deed: Some(Deed::SignIn),
            outcome: Some(Outcome::Refused),
            from: Timestamp::parse("2026-01-31T12:00:00Z"),
            ..AuditFilter::default()
        };
        assert_eq!(wanted(&query, true, true).ok(), Some(AuditSearch { filter, skip: 40, take: 20 }));
    }

    #[test]
    fn all_that_is_wrong_is_told() {
        let query =
            [("page", "0"), ("deed", "create"), ("endDate", "today"), ("colour", "red"), ("page", "1")];
        let flaws = |pages, filters| match wanted(&query, pages, filters) {
            Err(Refusal::Fault(Fault::Invalid(flaws))) => {
                flaws.0.into_iter().map(|flaw| flaw.field).collect::<Vec<_>>()
            }
            _ => Vec::new(),
        };
        assert_eq!(flaws(true, true), ["page", "deed", "endDate", "colour", "page"]);
        assert_eq!(flaws(false, true), ["page", "deed", "endDate", "colour", "page"]);
        assert_eq!(flaws(true, false), ["page", "deed", "endDate", "colour", "page"]);
    }
}
