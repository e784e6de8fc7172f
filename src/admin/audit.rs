//! `/api/v1/auditlogs`: what was done, and refused, on the whole instance; for super admins.

use axum::Json;
use axum::response::IntoResponse;

use super::State;
use super::auditform::{Changed, FilterQuery, Filtered, PageQuery, Paged, Shown, Verified, Wanted};
use super::caller::Caller;
use super::lines::Lines;
use super::listing::Results;
use super::path::Path;
use super::problem::Refusal;
use super::words;
use crate::control::{AuditFilter, AuditSearch, Authority, differences};
use crate::model::{AuditEntry, TenantId};

/// The number that a path names. What is no number names no entry.
pub(super) fn numbered(text: &str) -> Result<u64, Refusal> {
    let number = text.parse().ok().filter(|number: &u64| number.to_string() == text);
    number.ok_or_else(|| Refusal::NoRecord(format!("audit entry {text:?}")))
}

/// A page of the log, or of a tenant's part.
pub(super) async fn page(
    state: &State,
    authority: &Authority,
    tenant: Option<TenantId>,
    search: AuditSearch,
) -> Result<Json<Results<Shown>>, Refusal> {
    let (entries, total) = state.wiring.control.audit_entries(authority, tenant, search).await?;
    Ok(Json(Results { results: entries.into_iter().map(Shown::from).collect(), total }))
}

/// What an entry's change has changed.
pub(super) fn changed(entry: &AuditEntry) -> Json<Vec<Changed>> {
    let found = differences(entry.before.as_ref(), entry.after.as_ref());
    Json(found.into_iter().map(Changed::from).collect())
}

/// The search for what happened to one record.
pub(super) fn about(id: String, search: AuditSearch) -> AuditSearch {
    AuditSearch { filter: AuditFilter { id: Some(id), ..search.filter }, ..search }
}

/// Searches the log, the newest entry first: every change, every failed sign-in at either plane,
/// every write that was refused to somebody who was recognised. Refusals that are alike are joined:
/// the first is told within a second, those after it in ever longer pauses, nine minutes at most,
/// with how often they came. A page costs the same wherever it lies, with or without `startDate` and
/// `endDate`; other parameters have all entries of that time looked through.
#[utoipa::path(
    get, path = "/api/v1/auditlogs/search", tag = "audit", params(PageQuery, FilterQuery),
    responses((status = 200, description = "A page of entries.", body = Results<Shown>))
)]
pub(super) async fn search(
    Caller(authority): Caller,
    state: State,
    Wanted(search): Wanted,
) -> Result<Json<Results<Shown>>, Refusal> {
    page(&state, &authority, None, search).await
}

/// Hands out the log, the oldest entry first, one JSON object a line. Each line is what its `hash` was
/// made of, once that is made empty, so that `tenantry audit verify` can judge a whole export without
/// the gateway. It breaks off when something fails.
#[utoipa::path(
    get, path = "/api/v1/auditlogs/export", tag = "audit", params(FilterQuery),
    responses((status = 200, description = "Entries, line by line.", body = String, content_type = "application/x-ndjson"))
)]
pub(super) async fn export(
    Caller(authority): Caller,
    state: State,
    Filtered(filter): Filtered,
) -> Result<impl IntoResponse, Refusal> {
    Ok(Lines(state.wiring.control.export_audit(&authority, None, filter).await?))
}

/// Looks through the whole log, whether each entry is as it was written and follows the one before.
/// Entries that retention has removed are not missed. A log too long for the time of one request can
/// be exported and verified by `tenantry audit verify`.
#[utoipa::path(
    get, path = "/api/v1/auditlogs/verify", tag = "audit",
    responses((status = 200, description = "What was found.", body = Verified))
)]
pub(super) async fn verify(Caller(authority): Caller, state: State) -> Result<Json<Verified>, Refusal> {
    Ok(Json(state.wiring.control.verify_audit(&authority).await?.into()))
}

/// Shows what happened to the records of an id, the newest first.
#[utoipa::path(
    get, path = "/api/v1/auditlogs/history/{id}", tag = "audit",
    params(("id" = String, Path, description = "The id of a record."), PageQuery),
    responses((status = 200, description = "A page of entries.", body = Results<Shown>))
)]
pub(super) async fn history(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
    Paged(search): Paged,
) -> Result<Json<Results<Shown>>, Refusal> {
    page(&state, &authority, None, about(id, search)).await
}

/// Shows an entry.
#[utoipa::path(
    get, path = "/api/v1/auditlogs/{number}", tag = "audit",
    params(("number" = inline(words::EntryNumber), Path, description = "The entry's number.")),
    responses((status = 200, description = "The entry.", body = Shown))
)]
pub(super) async fn read(
    Caller(authority): Caller,
    state: State,
    Path(number): Path<String>,
) -> Result<Json<Shown>, Refusal> {
    let entry = state.wiring.control.audit_entry(&authority, None, numbered(&number)?).await?;
    Ok(Json(entry.into()))
}

/// Shows which fields of its record a change has changed.
#[utoipa::path(
    get, path = "/api/v1/auditlogs/{number}/diff", tag = "audit",
    params(("number" = inline(words::EntryNumber), Path, description = "The entry's number.")),
    responses((status = 200, description = "The fields that differ.", body = Vec<Changed>))
)]
pub(super) async fn diff(
    Caller(authority): Caller,
    state: State,
    Path(number): Path<String>,
) -> Result<Json<Vec<Changed>>, Refusal> {
    let entry = state.wiring.control.audit_entry(&authority, None, numbered(&number)?).await?;
    Ok(changed(&entry))
}
