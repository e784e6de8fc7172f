//! `/api/v1/{tenant}/tenant-access`: who has access to a tenant.

use axum::Json;
use axum::http::StatusCode;
use axum::response::IntoResponse;

use super::State;
use super::body::Body;
use super::caller::Caller;
use super::etag::{ETag, IfMatch, Precondition};
use super::listing::{Listing, ListingQuery, Results};
use super::memberform::{Form, Shown, Summary};
use super::pick::{Autocomplete, joined, parsed};
use super::place::{InTenant, OnePerson, Place};
use super::problem::Refusal;
use crate::control::Newcomer;
use crate::model::Timestamp;

/// Lists who has access to a tenant, service accounts among them; `q` searches ids and user names.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/tenant-access", tag = "tenant-access", params(InTenant, ListingQuery),
    responses((status = 200, description = "A page of people and machines.", body = Results<Summary>))
)]
pub(super) async fn list(
    Caller(authority): Caller,
    state: State,
    Place(InTenant { tenant }): Place<InTenant>,
    Listing(search): Listing,
) -> Result<Json<Results<Summary>>, Refusal> {
    let (members, total) = state.wiring.control.members(&authority, tenant, search).await?;
    Ok(Json(Results { results: members.into_iter().map(Summary::from).collect(), total }))
}

/// Finds people with access to the tenant while somebody types.
#[utoipa::path(
    post, path = "/api/v1/{tenant}/tenant-access/autocomplete", tag = "tenant-access", params(InTenant),
    request_body = Autocomplete,
    responses((status = 200, description = "People and machines.", body = Vec<Summary>))
)]
pub(super) async fn autocomplete(
    Caller(authority): Caller,
    state: State,
    Place(InTenant { tenant }): Place<InTenant>,
    Body(form): Body<Autocomplete>,
) -> Result<Json<Vec<Summary>>, Refusal> {
    let (search, ids) = form.read()?;
    let control = &state.wiring.control;
    let named = control.members_of(&authority, tenant.clone(), parsed(&ids)).await?;
    let (found, _) = control.members(&authority, tenant, search).await?;
    let members = joined(named, found, |member| member.profile.principal);
    Ok(Json(members.into_iter().map(Summary::from).collect()))
}

/// Gives a user of the instance access to the tenant, by their whole name. A user who comes in is
/// bound to the tenant's default role, whatever it gives: who made that role the default answers
/// for it.
#[utoipa::path(
    post, path = "/api/v1/{tenant}/tenant-access", tag = "tenant-access", params(InTenant), request_body = Form,
    responses(
        (status = 204, description = "They have access."),
        (status = 409, description = "They have access already."),
    )
)]
pub(super) async fn invite(
    Caller(authority): Caller,
    state: State,
    Place(InTenant { tenant }): Place<InTenant>,
    Body(form): Body<Form>,
) -> Result<StatusCode, Refusal> {
    state.wiring.control.admit(&authority, tenant, form.read()?, Timestamp::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shows somebody's access: their groups, and their roles with where they have them from. Everybody
/// may look at their own.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/tenant-access/{userId}", tag = "tenant-access", params(OnePerson),
    responses((status = 200, description = "Their access.", body = Shown,
        headers(("ETag" = String, description = "Its version; roles do not count."))))
)]
pub(super) async fn read(
    Caller(authority): Caller,
    state: State,
    Place(OnePerson { tenant, user_id }): Place<OnePerson>,
) -> Result<impl IntoResponse, Refusal> {
    let (member, roles) = state.wiring.control.member(&authority, tenant.clone(), user_id).await?;
    Ok((ETag(member.version), Json(Shown::new(&tenant, member.value, roles))))
}

/// Gives a user, or a service account of the tenant or of the instance, access to the tenant, by
/// their id.
#[utoipa::path(
    put, path = "/api/v1/{tenant}/tenant-access/{userId}", tag = "tenant-access", params(OnePerson),
    responses(
        (status = 201, description = "They have access."),
        (status = 409, description = "They have access already."),
    )
)]
pub(super) async fn admit(
    Caller(authority): Caller,
    state: State,
    Place(OnePerson { tenant, user_id }): Place<OnePerson>,
) -> Result<StatusCode, Refusal> {
    let who = Newcomer::Id(user_id);
    state.wiring.control.admit(&authority, tenant, who, Timestamp::now()).await?;
    Ok(StatusCode::CREATED)
}

/// Takes somebody's access to the tenant away, with their bindings and groups there. What they are
/// stays: users and service accounts are deleted elsewhere.
#[utoipa::path(
    delete, path = "/api/v1/{tenant}/tenant-access/{userId}", tag = "tenant-access",
    params(OnePerson, Precondition),
    responses((status = 204, description = "They have no access."))
)]
pub(super) async fn expel(
    Caller(authority): Caller,
    state: State,
    Place(OnePerson { tenant, user_id }): Place<OnePerson>,
    IfMatch(seen): IfMatch,
) -> Result<StatusCode, Refusal> {
    state.wiring.control.expel(&authority, tenant, user_id, seen, Timestamp::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
