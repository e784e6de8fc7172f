//! `/api/v1/{tenant}/roles`: what can be given to people, machines and groups of a tenant.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::State;
use super::body::Body;
use super::caller::Caller;
use super::etag::{ETag, IfMatch, Precondition};
use super::listing::{Listing, ListingQuery, Results};
use super::pick::{Autocomplete, Ids, joined};
use super::place::{InTenant, Place};
use super::problem::Refusal;
use super::roleform::{Form, Shown, Summary};
use super::words;
use crate::control::RoleEntry;
use crate::model::{RoleId, TenantId, Timestamp};
use crate::store::Stored;

/// A role of a tenant, as a path names it.
#[derive(serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct OneRole {
    /// The tenant's id.
    #[param(value_type = words::TenantId, inline)]
    tenant: TenantId,
    /// The role's id.
    #[param(value_type = words::RoleId, inline)]
    id: String,
}

impl OneRole {
    fn role(&self) -> Result<RoleId, Refusal> {
        named(&self.id, &self.tenant)
    }
}

/// The role of an id as clients know it. What is no id of a role of this tenant names none.
pub(super) fn named(text: &str, tenant: &TenantId) -> Result<RoleId, Refusal> {
    let none = || Refusal::NoRecord(format!("role {text:?} of tenant \"{tenant}\""));
    RoleId::parse(text, tenant).ok_or_else(none)
}

fn shown(stored: Stored<RoleEntry>) -> (ETag, Json<Shown>) {
    (ETag(stored.version), Json(stored.value.into()))
}

/// Makes a role. Nobody makes one with rights that they do not have themselves.
#[utoipa::path(
    post, path = "/api/v1/{tenant}/roles", tag = "roles", params(InTenant), request_body = Form,
    responses(
        (status = 200, description = "The role.", body = Shown,
            headers(("ETag" = String, description = "Its version."), ("Location" = String, description = "Its path."))),
        (status = 409, description = "The tenant has a role of that name."),
    )
)]
pub(super) async fn create(
    Caller(authority): Caller,
    state: State,
    Place(InTenant { tenant }): Place<InTenant>,
    Body(form): Body<Form>,
) -> Result<impl IntoResponse, Refusal> {
    let (form, path) = (form.read(None)?, format!("/api/v1/{tenant}/roles"));
    let made = state.wiring.control.create_role(&authority, tenant, form, Timestamp::now()).await?;
    Ok(([(header::LOCATION, format!("{path}/{}", made.value.id))], shown(made)))
}

/// Lists roles, the managed ones among them; `q` searches ids, names and descriptions.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/roles", tag = "roles", params(InTenant, ListingQuery),
    responses((status = 200, description = "A page of roles.", body = Results<Summary>))
)]
pub(super) async fn list(
    Caller(authority): Caller,
    state: State,
    Place(InTenant { tenant }): Place<InTenant>,
    Listing(search): Listing,
) -> Result<Json<Results<Summary>>, Refusal> {
    let (roles, total) = state.wiring.control.roles(&authority, tenant, search).await?;
    Ok(Json(Results { results: roles.into_iter().map(Summary::from).collect(), total }))
}

/// Searches roles: the same as the list, where Kestra's clients look for it.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/roles/search", tag = "roles", params(InTenant, ListingQuery),
    responses((status = 200, description = "A page of roles.", body = Results<Summary>))
)]
pub(super) async fn search(
    caller: Caller,
    state: State,
    place: Place<InTenant>,
    listing: Listing,
) -> Result<Json<Results<Summary>>, Refusal> {
    list(caller, state, place, listing).await
}

/// Finds roles while somebody types.
#[utoipa::path(
    post, path = "/api/v1/{tenant}/roles/autocomplete", tag = "roles", params(InTenant), request_body = Autocomplete,
    responses((status = 200, description = "Roles.", body = Vec<Summary>))
)]
pub(super) async fn autocomplete(
    Caller(authority): Caller,
    state: State,
    Place(InTenant { tenant }): Place<InTenant>,
    Body(form): Body<Autocomplete>,
) -> Result<Json<Vec<Summary>>, Refusal> {
    let (search, ids) = form.read()?;
    let control = &state.wiring.control;
    let named = control.roles_of(&authority, tenant.clone(), ids).await?;
    let (found, _) = control.roles(&authority, tenant, search).await?;
    let roles = joined(named, found, |role| role.role);
    Ok(Json(roles.into_iter().map(Summary::from).collect()))
}

/// Shows the roles of some ids.
#[utoipa::path(
    post, path = "/api/v1/{tenant}/roles/ids", tag = "roles", params(InTenant), request_body = Ids,
    responses((status = 200, description = "Roles.", body = Vec<Shown>))
)]
pub(super) async fn ids(
    Caller(authority): Caller,
    state: State,
    Place(InTenant { tenant }): Place<InTenant>,
    Body(form): Body<Ids>,
) -> Result<Json<Vec<Shown>>, Refusal> {
    let roles = state.wiring.control.roles_of(&authority, tenant, form.read()?).await?;
    Ok(Json(roles.into_iter().map(Shown::from).collect()))
}

/// Shows a role.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/roles/{id}", tag = "roles", params(OneRole),
    responses((status = 200, description = "The role.", body = Shown,
        headers(("ETag" = String, description = "Its version."))))
)]
pub(super) async fn read(
    Caller(authority): Caller,
    state: State,
    Place(place): Place<OneRole>,
) -> Result<impl IntoResponse, Refusal> {
    let id = place.role()?;
    Ok(shown(state.wiring.control.role(&authority, place.tenant, id).await?))
}

/// Makes another role of a role: what is left out gets its default. Nobody adds rights that they do
/// not have themselves, or makes a role the default that has such.
#[utoipa::path(
    put, path = "/api/v1/{tenant}/roles/{id}", tag = "roles", request_body = Form,
    params(OneRole, Precondition),
    responses(
        (status = 200, description = "The role.", body = Shown,
            headers(("ETag" = String, description = "Its new version."))),
        (status = 409, description = "It is a managed role, or another role has that name."),
    )
)]
pub(super) async fn replace(
    Caller(authority): Caller,
    state: State,
    Place(place): Place<OneRole>,
    IfMatch(seen): IfMatch,
    Body(form): Body<Form>,
) -> Result<impl IntoResponse, Refusal> {
    let (id, form) = (place.role()?, form.read(Some(&place.id))?);
    let control = &state.wiring.control;
    Ok(shown(control.replace_role(&authority, place.tenant, id, form, seen, Timestamp::now()).await?))
}

/// Deletes a role that no binding gives. When it was the default, the tenant has none then.
#[utoipa::path(
    delete, path = "/api/v1/{tenant}/roles/{id}", tag = "roles",
    params(OneRole, Precondition),
    responses(
        (status = 204, description = "It is gone."),
        (status = 409, description = "It is a managed role, or bindings give it."),
    )
)]
pub(super) async fn delete(
    Caller(authority): Caller,
    state: State,
    Place(place): Place<OneRole>,
    IfMatch(seen): IfMatch,
) -> Result<StatusCode, Refusal> {
    let id = place.role()?;
    state.wiring.control.delete_role(&authority, place.tenant, id, seen, Timestamp::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
