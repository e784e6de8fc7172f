//! `/api/v1/{tenant}/auditlogs`: a tenant's part of the audit log; for who may read it there. A later
//! tenant of the same id sees nothing of it.

use axum::Json;
use axum::response::IntoResponse;

use super::State;
use super::audit::{about, changed, numbered, page};
use super::auditform::{Changed, FilterQuery, Filtered, PageQuery, Paged, Shown, Wanted};
use super::caller::Caller;
use super::lines::Lines;
use super::listing::Results;
use super::path::Path;
use super::problem::Refusal;
use super::{named, words};

/// Searches the tenant's entries, the newest first. A page costs the same wherever it lies, with or
/// without `startDate` and `endDate`; other parameters have all of the tenant's entries of that time
/// looked through.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/auditlogs/search", tag = "tenant-audit",
    params(("tenant" = inline(words::TenantId), Path, description = "The tenant's id."), PageQuery, FilterQuery),
    responses((status = 200, description = "A page of entries.", body = Results<Shown>))
)]
pub(super) async fn search(
    Caller(authority): Caller,
    state: State,
    Path(tenant): Path<String>,
    Wanted(search): Wanted,
) -> Result<Json<Results<Shown>>, Refusal> {
    page(&state, &authority, Some(named::tenant(&tenant)?), search).await
}

/// Hands out the tenant's entries, the oldest first, one JSON object a line, as the whole log's export
/// does.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/auditlogs/export", tag = "tenant-audit",
    params(("tenant" = inline(words::TenantId), Path, description = "The tenant's id."), FilterQuery),
    responses((status = 200, description = "Entries, line by line.", body = String, content_type = "application/x-ndjson"))
)]
pub(super) async fn export(
    Caller(authority): Caller,
    state: State,
    Path(tenant): Path<String>,
    Filtered(filter): Filtered,
) -> Result<impl IntoResponse, Refusal> {
    Ok(Lines(state.wiring.control.export_audit(&authority, Some(named::tenant(&tenant)?), filter).await?))
}

/// Shows what happened to the tenant's records of an id, the newest first.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/auditlogs/history/{id}", tag = "tenant-audit",
    params(
        ("tenant" = inline(words::TenantId), Path, description = "The tenant's id."),
        ("id" = String, Path, description = "The id of a record."),
        PageQuery,
    ),
    responses((status = 200, description = "A page of entries.", body = Results<Shown>))
)]
pub(super) async fn history(
    Caller(authority): Caller,
    state: State,
    Path((tenant, id)): Path<(String, String)>,
    Paged(search): Paged,
) -> Result<Json<Results<Shown>>, Refusal> {
    page(&state, &authority, Some(named::tenant(&tenant)?), about(id, search)).await
}

/// Shows one of the tenant's entries.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/auditlogs/{number}", tag = "tenant-audit",
    params(
        ("tenant" = inline(words::TenantId), Path, description = "The tenant's id."),
        ("number" = inline(words::EntryNumber), Path, description = "The entry's number."),
    ),
    responses((status = 200, description = "The entry.", body = Shown))
)]
pub(super) async fn read(
    Caller(authority): Caller,
    state: State,
    Path((tenant, number)): Path<(String, String)>,
) -> Result<Json<Shown>, Refusal> {
    let (tenant, number) = (named::tenant(&tenant)?, numbered(&number)?);
    Ok(Json(state.wiring.control.audit_entry(&authority, Some(tenant), number).await?.into()))
}

/// Shows which fields of its record a change has changed.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/auditlogs/{number}/diff", tag = "tenant-audit",
    params(
        ("tenant" = inline(words::TenantId), Path, description = "The tenant's id."),
        ("number" = inline(words::EntryNumber), Path, description = "The entry's number."),
    ),
    responses((status = 200, description = "The fields that differ.", body = Vec<Changed>))
)]
pub(super) async fn diff(
    Caller(authority): Caller,
    state: State,
    Path((tenant, number)): Path<(String, String)>,
) -> Result<Json<Vec<Changed>>, Refusal> {
    let (tenant, number) = (named::tenant(&tenant)?, numbered(&number)?);
    Ok(changed(&state.wiring.control.audit_entry(&authority, Some(tenant), number).await?))
}
