//! `/api/v1/users/{id}/…`: single facts about a user, each with a route of its own as Kestra's
//! clients know it.

use axum::response::IntoResponse;
use serde::Deserialize;
use utoipa::ToSchema;

use super::State;
use super::body::{Body, Rest};
use super::caller::Caller;
use super::etag::{IfMatch, Precondition};
use super::path::Path;
use super::problem::Refusal;
use super::userform::one_of;
use super::users::{named, shown};
use super::userview::Shown;
use super::words;
use crate::control::{Authority, Flaws, Seen, UserChange};
use crate::model::{Secret, Timestamp};

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "a JSON object")]
#[schema(as = UserPassword)]
pub(super) struct Password {
    #[schema(value_type = words::NewPassword)]
    password: String,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

/// Whether somebody is a super admin.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "a JSON object")]
#[schema(as = UserSuperAdmin)]
pub(super) struct SuperAdmin {
    super_admin: Option<bool>,
    /// The same as `superAdmin`.
    instance_owner: Option<bool>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

/// Whether a user may not change the own profile, password and tokens.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "a JSON object")]
#[schema(as = UserRestricted)]
pub(super) struct Restricted {
    restricted: bool,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

/// Whether a user is refused everywhere.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "a JSON object")]
#[schema(as = UserDisabled)]
pub(super) struct Disabled {
    disabled: bool,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

/// Sets a user's password. All their sessions end, but for the one that asks.
#[utoipa::path(
    patch, path = "/api/v1/users/{id}/password", tag = "users", request_body = Password,
    params(
        ("id" = inline(words::Id), Path, description = "The user's id."),
        Precondition,
    ),
    responses((status = 200, description = "The user.", body = Shown,
        headers(("ETag" = String, description = "Its new version."))))
)]
pub(super) async fn password(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
    IfMatch(seen): IfMatch,
    Body(form): Body<Password>,
) -> Result<impl IntoResponse, Refusal> {
    let change = UserChange { password: Some(Some(Secret::new(form.password))), ..UserChange::default() };
    set(&authority, &state, &id, seen, change, (&form.rest, Flaws::default())).await
}

/// Makes a user a super admin, or takes that from them. The last super admin stays one.
#[utoipa::path(
    patch, path = "/api/v1/users/{id}/superadmin", tag = "users", request_body = SuperAdmin,
    params(
        ("id" = inline(words::Id), Path, description = "The user's id."),
        Precondition,
    ),
    responses(
        (status = 200, description = "The user.", body = Shown,
            headers(("ETag" = String, description = "Its new version."))),
        (status = 409, description = "There is no other super admin."),
    )
)]
pub(super) async fn super_admin(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
    IfMatch(seen): IfMatch,
    Body(form): Body<SuperAdmin>,
) -> Result<impl IntoResponse, Refusal> {
    let mut flaws = Flaws::default();
    let super_admin = one_of(form.super_admin, form.instance_owner, &mut flaws);
    if super_admin.is_none() {
        flaws.add("superAdmin", "is missing");
    }
    let change = UserChange { super_admin, ..UserChange::default() };
    set(&authority, &state, &id, seen, change, (&form.rest, flaws)).await
}

/// Keeps a user from changing the own profile, password and tokens, or lets them.
#[utoipa::path(
    patch, path = "/api/v1/users/{id}/restricted", tag = "users", request_body = Restricted,
    params(
        ("id" = inline(words::Id), Path, description = "The user's id."),
        Precondition,
    ),
    responses((status = 200, description = "The user.", body = Shown,
        headers(("ETag" = String, description = "Its new version."))))
)]
pub(super) async fn restricted(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
    IfMatch(seen): IfMatch,
    Body(form): Body<Restricted>,
) -> Result<impl IntoResponse, Refusal> {
    let change = UserChange { restricted: Some(form.restricted), ..UserChange::default() };
    set(&authority, &state, &id, seen, change, (&form.rest, Flaws::default())).await
}

/// Refuses a user everywhere, tokens and all, or lets them in again. Their sessions end. The last
/// super admin stays enabled.
#[utoipa::path(
    patch, path = "/api/v1/users/{id}/disabled", tag = "users", request_body = Disabled,
    params(
        ("id" = inline(words::Id), Path, description = "The user's id."),
        Precondition,
    ),
    responses(
        (status = 200, description = "The user.", body = Shown,
            headers(("ETag" = String, description = "Its new version."))),
        (status = 409, description = "There is no other super admin."),
    )
)]
pub(super) async fn disabled(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
    IfMatch(seen): IfMatch,
    Body(form): Body<Disabled>,
) -> Result<impl IntoResponse, Refusal> {
    let change = UserChange { disabled: Some(form.disabled), ..UserChange::default() };
    set(&authority, &state, &id, seen, change, (&form.rest, Flaws::default())).await
}

async fn set(
    authority: &Authority,
    state: &State,
    id: &str,
    seen: Seen,
    change: UserChange,
    (rest, mut flaws): (&Rest, Flaws),
) -> Result<impl IntoResponse + use<>, Refusal> {
    authority.require_super_admin()?;
    let id = named(id)?;
    rest.refuse(&[], &mut flaws);
    flaws.settle()?;
    Ok(shown(state.wiring.control.change_user(authority, id, change, seen, Timestamp::now()).await?))
}
