//! `/api/v1/{tenant}/groups`: groups of a tenant. Who is in them: see `members`.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::State;
use super::body::Body;
use super::caller::Caller;
use super::etag::{ETag, IfMatch, Precondition};
use super::groupform::{Form, Shown};
use super::listing::{Listing, ListingQuery, Results};
use super::pick::{Autocomplete, Ids, joined, parsed};
use super::place::{InTenant, OneOf, Place};
use super::problem::Refusal;
use crate::model::{Group, Timestamp};
use crate::store::Stored;

fn shown(stored: Stored<Group>) -> (ETag, Json<Shown>) {
    (ETag(stored.version), Json(stored.value.into()))
}

/// Makes a group; with members at once for whoever may put people into groups.
#[utoipa::path(
    post, path = "/api/v1/{tenant}/groups", tag = "groups", params(InTenant), request_body = Form,
    responses(
        (status = 200, description = "The group.", body = Shown,
            headers(("ETag" = String, description = "Its version."), ("Location" = String, description = "Its path."))),
        (status = 409, description = "The tenant has a group of that name."),
    )
)]
pub(super) async fn create(
    Caller(authority): Caller,
    state: State,
    Place(InTenant { tenant }): Place<InTenant>,
    Body(form): Body<Form>,
) -> Result<impl IntoResponse, Refusal> {
    let ((form, members), path) = (form.create()?, format!("/api/v1/{tenant}/groups"));
    let control = &state.wiring.control;
    let made = control.create_group(&authority, tenant, form, members, Timestamp::now()).await?;
    Ok(([(header::LOCATION, format!("{path}/{}", made.value.id))], shown(made)))
}

/// Lists groups; `q` searches ids, names and descriptions.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/groups", tag = "groups", params(InTenant, ListingQuery),
    responses((status = 200, description = "A page of groups.", body = Results<Shown>))
)]
pub(super) async fn list(
    Caller(authority): Caller,
    state: State,
    Place(InTenant { tenant }): Place<InTenant>,
    Listing(search): Listing,
) -> Result<Json<Results<Shown>>, Refusal> {
    let page = state.wiring.control.groups(&authority, tenant, search).await?;
    let results = page.items.into_iter().map(|stored| stored.value.into()).collect();
    Ok(Json(Results { results, total: page.total }))
}

/// Searches groups: the same as the list, where Kestra's clients look for it.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/groups/search", tag = "groups", params(InTenant, ListingQuery),
    responses((status = 200, description = "A page of groups.", body = Results<Shown>))
)]
pub(super) async fn search(
    caller: Caller,
    state: State,
    place: Place<InTenant>,
    listing: Listing,
) -> Result<Json<Results<Shown>>, Refusal> {
    list(caller, state, place, listing).await
}

/// Finds groups while somebody types.
#[utoipa::path(
    post, path = "/api/v1/{tenant}/groups/autocomplete", tag = "groups", params(InTenant),
    request_body = Autocomplete,
    responses((status = 200, description = "Groups.", body = Vec<Shown>))
)]
pub(super) async fn autocomplete(
    Caller(authority): Caller,
    state: State,
    Place(InTenant { tenant }): Place<InTenant>,
    Body(form): Body<Autocomplete>,
) -> Result<Json<Vec<Shown>>, Refusal> {
    let (search, ids) = form.read()?;
    let control = &state.wiring.control;
    let named = control.groups_of(&authority, tenant.clone(), parsed(&ids)).await?;
    let found = control.groups(&authority, tenant, search).await?.items;
    let found = found.into_iter().map(|stored| stored.value).collect();
    let groups = joined(named, found, |group| group.id);
    Ok(Json(groups.into_iter().map(Shown::from).collect()))
}

/// Shows the groups of some ids.
#[utoipa::path(
    post, path = "/api/v1/{tenant}/groups/ids", tag = "groups", params(InTenant), request_body = Ids,
    responses((status = 200, description = "Groups.", body = Vec<Shown>))
)]
pub(super) async fn ids(
    Caller(authority): Caller,
    state: State,
    Place(InTenant { tenant }): Place<InTenant>,
    Body(form): Body<Ids>,
) -> Result<Json<Vec<Shown>>, Refusal> {
    let groups = state.wiring.control.groups_of(&authority, tenant, parsed(&form.read()?)).await?;
    Ok(Json(groups.into_iter().map(Shown::from).collect()))
}

/// Shows a group.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/groups/{id}", tag = "groups", params(OneOf),
    responses((status = 200, description = "The group.", body = Shown,
        headers(("ETag" = String, description = "Its version; members do not count."))))
)]
pub(super) async fn read(
    Caller(authority): Caller,
    state: State,
    Place(OneOf { tenant, id }): Place<OneOf>,
) -> Result<impl IntoResponse, Refusal> {
    Ok(shown(state.wiring.control.group(&authority, tenant, id).await?))
}

/// Gives a group another name and description.
#[utoipa::path(
    put, path = "/api/v1/{tenant}/groups/{id}", tag = "groups", request_body = Form,
    params(OneOf, Precondition),
    responses(
        (status = 200, description = "The group.", body = Shown,
            headers(("ETag" = String, description = "Its new version."))),
        (status = 409, description = "Another group of the tenant has that name."),
    )
)]
pub(super) async fn replace(
    Caller(authority): Caller,
    state: State,
    Place(OneOf { tenant, id }): Place<OneOf>,
    IfMatch(seen): IfMatch,
    Body(form): Body<Form>,
) -> Result<impl IntoResponse, Refusal> {
    let form = form.replace(id)?;
    let control = &state.wiring.control;
    Ok(shown(control.replace_group(&authority, tenant, id, form, seen, Timestamp::now()).await?))
}

/// Deletes a group, and with it the bindings that it has. Those who were in it keep their access to
/// the tenant.
#[utoipa::path(
    delete, path = "/api/v1/{tenant}/groups/{id}", tag = "groups",
    params(OneOf, Precondition),
    responses((status = 200, description = "It is gone."))
)]
pub(super) async fn delete(
    Caller(authority): Caller,
    state: State,
    Place(OneOf { tenant, id }): Place<OneOf>,
    IfMatch(seen): IfMatch,
) -> Result<StatusCode, Refusal> {
    state.wiring.control.delete_group(&authority, tenant, id, seen, Timestamp::now()).await?;
    Ok(StatusCode::OK)
}
