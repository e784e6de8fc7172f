//! `/api/v1/tenants`: tenants as Kestra's clients know them, with an org id and times beside.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::State;
use super::body::Body;
use super::caller::Caller;
use super::etag::{ETag, IfMatch, Precondition};
use super::listing::{Listing, ListingQuery, Results};
use super::path::Path;
use super::problem::Refusal;
use super::tenantform::{Draft, Form, Patch, Shown};
use super::words;
use crate::model::{Tenant, TenantId, Timestamp};
use crate::store::Stored;

/// The tenant that a path names. What is no id names none.
fn named(text: &str) -> Result<TenantId, Refusal> {
    TenantId::parse(text).map_err(|_| Refusal::NoRecord(format!("tenant {text:?}")))
}

fn shown(stored: Stored<Tenant>) -> (ETag, Json<Shown>) {
    (ETag(stored.version), Json(stored.value.into()))
}

/// Makes a tenant; it is live when this is answered.
#[utoipa::path(
    post, path = "/api/v1/tenants", tag = "tenants", request_body = Draft,
    responses(
        (status = 200, description = "The tenant.", body = Shown,
            headers(("ETag" = String, description = "Its version."), ("Location" = String, description = "Its path."))),
        (status = 409, description = "There is a tenant of that id."),
    )
)]
pub(super) async fn create(
    Caller(authority): Caller,
    state: State,
    Body(form): Body<Form>,
) -> Result<impl IntoResponse, Refusal> {
    let made = state.wiring.control.create_tenant(&authority, form.create()?, Timestamp::now()).await?;
    let location = [(header::LOCATION, format!("/api/v1/tenants/{}", made.value.id))];
    Ok((location, shown(made)))
}

/// Lists tenants; `q` searches ids and names.
#[utoipa::path(
    get, path = "/api/v1/tenants", tag = "tenants", params(ListingQuery),
    responses((status = 200, description = "A page of tenants.", body = Results<Shown>))
)]
pub(super) async fn list(
    Caller(authority): Caller,
    state: State,
    Listing(search): Listing,
) -> Result<Json<Results<Shown>>, Refusal> {
    let page = state.wiring.control.tenants(&authority, search).await?;
    let results = page.items.into_iter().map(|stored| stored.value.into()).collect();
    Ok(Json(Results { results, total: page.total }))
}

/// Searches tenants: the same as the list, where Kestra's clients look for it.
#[utoipa::path(
    get, path = "/api/v1/tenants/search", tag = "tenants", params(ListingQuery),
    responses((status = 200, description = "A page of tenants.", body = Results<Shown>))
)]
pub(super) async fn search(
    caller: Caller,
    state: State,
    listing: Listing,
) -> Result<Json<Results<Shown>>, Refusal> {
    list(caller, state, listing).await
}

/// Shows a tenant.
#[utoipa::path(
    get, path = "/api/v1/tenants/{id}", tag = "tenants", params(("id" = inline(words::TenantId), Path, description = "The tenant's id.")),
    responses((status = 200, description = "The tenant.", body = Shown,
        headers(("ETag" = String, description = "Its version."))))
)]
pub(super) async fn read(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Refusal> {
    Ok(shown(state.wiring.control.tenant(&authority, named(&id)?).await?))
}

/// Replaces what can be changed about a tenant: what is left out gets its default.
#[utoipa::path(
    put, path = "/api/v1/tenants/{id}", tag = "tenants", request_body = Form,
    params(
        ("id" = inline(words::TenantId), Path, description = "The tenant's id."),
        Precondition,
    ),
    responses((status = 200, description = "The tenant.", body = Shown,
        headers(("ETag" = String, description = "Its new version."))))
)]
pub(super) async fn replace(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
    IfMatch(seen): IfMatch,
    Body(form): Body<Form>,
) -> Result<impl IntoResponse, Refusal> {
    let id = named(&id)?;
    let change = form.replace(&id)?;
    let changed = state.wiring.control.change_tenant(&authority, id, change, seen, Timestamp::now()).await?;
    Ok(shown(changed))
}

/// Changes what is given about a tenant.
#[utoipa::path(
    patch, path = "/api/v1/tenants/{id}", tag = "tenants",
    request_body(content((Patch = "application/json"), (Patch = "application/merge-patch+json"))),
    params(
        ("id" = inline(words::TenantId), Path, description = "The tenant's id."),
        Precondition,
    ),
    responses((status = 200, description = "The tenant.", body = Shown,
        headers(("ETag" = String, description = "Its new version."))))
)]
pub(super) async fn change(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
    IfMatch(seen): IfMatch,
    Body(patch): Body<Patch>,
) -> Result<impl IntoResponse, Refusal> {
    let id = named(&id)?;
    let change = patch.change(&id)?;
    let changed = state.wiring.control.change_tenant(&authority, id, change, seen, Timestamp::now()).await?;
    Ok(shown(changed))
}

/// Deletes a tenant: its tokens are refused when this is answered. What it stored in back ends stays
/// there, out of reach of any later tenant. Keys that named it no longer do.
#[utoipa::path(
    delete, path = "/api/v1/tenants/{id}", tag = "tenants",
    params(
        ("id" = inline(words::TenantId), Path, description = "The tenant's id."),
        Precondition,
    ),
    responses((status = 204, description = "It is gone."))
)]
pub(super) async fn delete(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
    IfMatch(seen): IfMatch,
) -> Result<StatusCode, Refusal> {
    state.wiring.control.delete_tenant(&authority, named(&id)?, seen, Timestamp::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
