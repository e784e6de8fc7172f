//! `/api/v1/{tenant}/groups/{id}/members`: who is in a group, and what they are there.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use utoipa::IntoParams;

use super::State;
use super::body::Body;
use super::caller::Caller;
use super::etag::{IfMatch, Precondition};
use super::groupform::UserGroups;
use super::listing::{Listing, ListingQuery, Results, query};
use super::memberform::{Membership, Summary};
use super::place::{OneOf, OneSeat, Place};
use super::problem::Refusal;
use crate::control::{Fault, Seat};
use crate::model::Timestamp;

/// What somebody shall be in a group.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct As {
    /// What they shall be.
    #[param(inline)]
    membership: Membership,
}

impl<S: Sync> FromRequestParts<S> for As {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        let query = query(parts)?;
        if let Some((name, _)) = query.iter().find(|(name, _)| name != "membership") {
            return Err(Fault::invalid(name, "there is no such parameter").into());
        }
        let values: Vec<&str> = query.iter().map(|(_, value)| value.as_str()).collect();
        match values.as_slice() {
            ["OWNER"] => Ok(As { membership: Membership::Owner }),
            ["MEMBER"] => Ok(As { membership: Membership::Member }),
            _ => Err(Fault::invalid("membership", "must be OWNER or MEMBER, once").into()),
        }
    }
}

impl From<OneSeat> for Seat {
    fn from(OneSeat { tenant, id, user_id }: OneSeat) -> Self {
        Seat { tenant, group: id, member: user_id }
    }
}

/// Lists who is in a group; `q` searches ids and user names. The group's owners may, besides those
/// with GROUP_MEMBERSHIP:READ.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/groups/{id}/members", tag = "group-members", params(OneOf, ListingQuery),
    responses((status = 200, description = "A page of people and machines.", body = Results<Summary>))
)]
pub(super) async fn list(
    Caller(authority): Caller,
    state: State,
    Place(OneOf { tenant, id }): Place<OneOf>,
    Listing(search): Listing,
) -> Result<Json<Results<Summary>>, Refusal> {
    let (members, total) = state.wiring.control.group_members(&authority, tenant, id, search).await?;
    Ok(Json(Results { results: members.into_iter().map(Summary::from).collect(), total }))
}

/// Puts somebody into a group. With GROUP_MEMBERSHIP:CREATE anybody, who then has access to the
/// tenant; but only into a group that gives no rights which the caller lacks. An owner of the group
/// needs no permission, whatever the group gives, and chooses among those who have access to the
/// tenant; but an owner's token with scopes gives no rights that they do not cover.
#[utoipa::path(
    put, path = "/api/v1/{tenant}/groups/{id}/members/{userId}", tag = "group-members", params(OneSeat),
    responses(
        (status = 200, description = "Who is in the group now.", body = Summary),
        (status = 409, description = "They are in it already."),
    )
)]
pub(super) async fn join(
    Caller(authority): Caller,
    state: State,
    Place(seat): Place<OneSeat>,
) -> Result<Json<Summary>, Refusal> {
    let joined = state.wiring.control.join(&authority, seat.into(), Timestamp::now()).await?;
    Ok(Json(joined.value.into()))
}

/// Takes somebody out of a group: its owners may, and who has GROUP_MEMBERSHIP:DELETE. Access to the
/// tenant stays.
#[utoipa::path(
    delete, path = "/api/v1/{tenant}/groups/{id}/members/{userId}", tag = "group-members", params(OneSeat),
    responses(
        (status = 200, description = "Who is no longer in the group.", body = Summary),
        (status = 409, description = "They are not in the group."),
    )
)]
pub(super) async fn leave(
    Caller(authority): Caller,
    state: State,
    Place(seat): Place<OneSeat>,
) -> Result<Json<Summary>, Refusal> {
    let left = state.wiring.control.leave(&authority, seat.into(), Timestamp::now()).await?;
    Ok(Json(left.value.into()))
}

/// Makes somebody of a group its owner, or an owner a mere member: its owners may, and who has
/// GROUP_MEMBERSHIP:UPDATE and all rights that the group gives.
#[utoipa::path(
    put, path = "/api/v1/{tenant}/groups/{id}/members/membership/{userId}", tag = "group-members",
    params(OneSeat, As),
    responses(
        (status = 200, description = "Who it is.", body = Summary),
        (status = 409, description = "They are not in the group."),
    )
)]
pub(super) async fn set_membership(
    Caller(authority): Caller,
    state: State,
    Place(seat): Place<OneSeat>,
    As { membership }: As,
) -> Result<Json<Summary>, Refusal> {
    let control = &state.wiring.control;
    let changed =
        control.set_membership(&authority, seat.into(), membership.into(), Timestamp::now()).await?;
    Ok(Json(changed.value.into()))
}

/// Puts somebody into exactly these groups of the tenant. Where they stay they remain what they are;
/// the groups that are added must give no rights which the caller lacks, unless the caller owns
/// them. Who has no access to the tenant gets it. With GROUP_MEMBERSHIP:UPDATE; besides, for groups
/// that are added GROUP_MEMBERSHIP:CREATE, and for those that are left GROUP_MEMBERSHIP:DELETE, which
/// owners of the groups do not need. The version is that of the person's access to the tenant.
#[utoipa::path(
    put, path = "/api/v1/{tenant}/users/{id}/groups", tag = "group-members", params(OneOf, Precondition), request_body = UserGroups,
    responses((status = 204, description = "They are in these groups."))
)]
pub(super) async fn set_groups(
    Caller(authority): Caller,
    state: State,
    Place(OneOf { tenant, id }): Place<OneOf>,
    IfMatch(seen): IfMatch,
    Body(form): Body<UserGroups>,
) -> Result<StatusCode, Refusal> {
    let groups = form.read()?;
    state.wiring.control.set_groups(&authority, tenant, id, groups, seen, Timestamp::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
