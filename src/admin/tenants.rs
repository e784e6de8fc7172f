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
use super::{named, words};
use crate::control::Authority;
use crate::model::{Act, Area, Power, Tenant, TenantId, Timestamp};
use crate::snapshot::Snapshot;
use crate::store::Stored;

/// Whether a caller sees a tenant's options: where its back ends are is nobody else's business.
fn sees_options(authority: &Authority, snapshot: &Snapshot, tenant: &TenantId) -> bool {
    authority.require(snapshot, tenant, Power::new(Area::Service, Act::Read)).is_ok()
}

fn shown(state: &State, authority: &Authority, stored: Stored<Tenant>) -> (ETag, Json<Shown>) {
    let with_options = sees_options(authority, &state.wiring.control.snapshot(), &stored.value.id);
    (ETag(stored.version), Json(Shown::of(stored.value, with_options)))
}

/// Makes a tenant; it is live when this is answered.
///
/// For super admins. Nobody gets a role in it but the user whom `admin` names: a super admin manages
/// it without one, and reaches its data only by one.
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
    Ok((location, shown(&state, &authority, made)))
}

/// Lists the tenants to which the caller has access: all, for super admins. `q` searches ids and names.
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
    let snapshot = state.wiring.control.snapshot();
    let show = |stored: Stored<Tenant>| {
        let with_options = sees_options(&authority, &snapshot, &stored.value.id);
        Shown::of(stored.value, with_options)
    };
    let results = page.items.into_iter().map(show).collect();
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

/// Shows a tenant, to whoever has access to it.
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
    let found = state.wiring.control.tenant(&authority, named::tenant(&id)?).await?;
    Ok(shown(&state, &authority, found))
}

/// Replaces what can be changed about a tenant: name and description get their defaults where they are
/// left out, the other fields stay.
///
/// Needs TENANT:UPDATE in the tenant; a super admin, for `state` and `options`.
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
    let id = named::tenant(&id)?;
    let change = form.replace(&id)?;
    let changed = state.wiring.control.change_tenant(&authority, id, change, seen, Timestamp::now()).await?;
    Ok(shown(&state, &authority, changed))
}

/// Changes what is given about a tenant; labels and options one by one.
///
/// Needs TENANT:UPDATE in the tenant; a super admin, for `state` and `options`.
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
    let id = named::tenant(&id)?;
    let change = patch.change(&id)?;
    let changed = state.wiring.control.change_tenant(&authority, id, change, seen, Timestamp::now()).await?;
    Ok(shown(&state, &authority, changed))
}

/// Deletes a tenant and all that belongs to it: roles, groups, members, bindings, invitations, keys,
/// service accounts, and tokens that are limited to it. Its tokens are refused when this is answered.
///
/// For super admins. What it stored in back ends stays there, out of reach of any later tenant. Keys
/// of the instance that named it no longer do.
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
    state.wiring.control.delete_tenant(&authority, named::tenant(&id)?, seen, Timestamp::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
