//! `/api/v1/users`: the people of the instance, as Kestra's clients know them. For super admins.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::State;
use super::body::Body;
use super::caller::Caller;
use super::etag::{ETag, IfMatch, Precondition};
use super::listing::{Listing, ListingQuery, Results};
use super::named::record;
use super::path::Path;
use super::problem::Refusal;
use super::userform::{Form, Patch};
use super::userview::{Auth, Entry, Shown};
use super::words;
use crate::control::{Person, UserChange};
use crate::model::{Id, Timestamp};
use crate::store::Stored;

pub(super) fn named(text: &str) -> Result<Id, Refusal> {
    record("user", text)
}

pub(super) fn shown(stored: Stored<Person>) -> (ETag, Json<Shown>) {
    (ETag(stored.version), Json(stored.value.into()))
}

/// Makes a user. Without a password they sign in by none until one is set.
#[utoipa::path(
    post, path = "/api/v1/users", tag = "users", request_body = Form,
    responses(
        (status = 201, description = "The user.", body = Shown,
            headers(("ETag" = String, description = "Its version."), ("Location" = String, description = "Its path."))),
        (status = 404, description = "There is no such tenant or group."),
        (status = 409, description = "There is a user of that name."),
    )
)]
pub(super) async fn create(
    Caller(authority): Caller,
    state: State,
    Body(form): Body<Form>,
) -> Result<impl IntoResponse, Refusal> {
    let made = state.wiring.control.create_user(&authority, form.create()?, Timestamp::now()).await?;
    let location = [(header::LOCATION, format!("/api/v1/users/{}", made.value.user.id))];
    Ok((StatusCode::CREATED, location, shown(made)))
}

/// Lists users; `q` searches names and ids.
#[utoipa::path(
    get, path = "/api/v1/users", tag = "users", params(ListingQuery),
    responses((status = 200, description = "A page of users.", body = Results<Entry>))
)]
pub(super) async fn list(
    Caller(authority): Caller,
    state: State,
    Listing(search): Listing,
) -> Result<Json<Results<Entry>>, Refusal> {
    let page = state.wiring.control.users(&authority, search).await?;
    let results = page.items.into_iter().map(|stored| stored.value.into()).collect();
    Ok(Json(Results { results, total: page.total }))
}

/// Shows a user.
#[utoipa::path(
    get, path = "/api/v1/users/{id}", tag = "users",
    params(("id" = inline(words::Id), Path, description = "The user's id.")),
    responses((status = 200, description = "The user.", body = Shown,
        headers(("ETag" = String, description = "Its version."))))
)]
pub(super) async fn read(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Refusal> {
    authority.require_super_admin()?;
    Ok(shown(state.wiring.control.user(&authority, named(&id)?).await?))
}

/// Replaces what can be changed about a user. Names that are left out are emptied; what else is left
/// out stays as it is.
#[utoipa::path(
    put, path = "/api/v1/users/{id}", tag = "users", request_body = Form,
    params(
        ("id" = inline(words::Id), Path, description = "The user's id."),
        Precondition,
    ),
    responses(
        (status = 200, description = "The user.", body = Shown,
            headers(("ETag" = String, description = "Its new version."))),
        (status = 404, description = "There is no such user, tenant or group."),
        (status = 409, description = "There is a user of that name, or no other super admin."),
    )
)]
pub(super) async fn replace(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
    IfMatch(seen): IfMatch,
    Body(form): Body<Form>,
) -> Result<impl IntoResponse, Refusal> {
    authority.require_super_admin()?;
    let id = named(&id)?;
    let change = form.replace(id)?;
    Ok(shown(state.wiring.control.change_user(&authority, id, change, seen, Timestamp::now()).await?))
}

/// Changes a user's names, or by what they sign in.
#[utoipa::path(
    patch, path = "/api/v1/users/{id}", tag = "users",
    request_body(content((Patch = "application/json"), (Patch = "application/merge-patch+json"))),
    params(
        ("id" = inline(words::Id), Path, description = "The user's id."),
        Precondition,
    ),
    responses(
        (status = 200, description = "The user.", body = Shown,
            headers(("ETag" = String, description = "Its new version."))),
        (status = 409, description = "There is a user of that name."),
    )
)]
pub(super) async fn change(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
    IfMatch(seen): IfMatch,
    Body(patch): Body<Patch>,
) -> Result<impl IntoResponse, Refusal> {
    authority.require_super_admin()?;
    let id = named(&id)?;
    let change = patch.change()?;
    Ok(shown(state.wiring.control.change_user(&authority, id, change, seen, Timestamp::now()).await?))
}

/// Deletes a user with all they have: access to tenants, bindings, places in groups, API tokens,
/// sessions. The last super admin stays.
#[utoipa::path(
    delete, path = "/api/v1/users/{id}", tag = "users",
    params(
        ("id" = inline(words::Id), Path, description = "The user's id."),
        Precondition,
    ),
    responses(
        (status = 204, description = "They are gone."),
        (status = 409, description = "There is no other super admin."),
    )
)]
pub(super) async fn delete(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
    IfMatch(seen): IfMatch,
) -> Result<StatusCode, Refusal> {
    authority.require_super_admin()?;
    state.wiring.control.delete_user(&authority, named(&id)?, seen, Timestamp::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a way to sign in from a user: `password` is the only one. All their sessions end.
#[utoipa::path(
    delete, path = "/api/v1/users/{id}/auths/{auth}", tag = "users",
    params(
        ("id" = inline(words::Id), Path, description = "The user's id."),
        ("auth" = String, Path, description = "The id of one of the user's `auths`.", max_length = 64),
        Precondition,
    ),
    responses(
        (status = 200, description = "The user.", body = Shown,
            headers(("ETag" = String, description = "Its new version."))),
        (status = 404, description = "There is no such user, or they cannot sign in so."),
        (status = 409, description = "There is no other super admin."),
    )
)]
pub(super) async fn remove_auth(
    Caller(authority): Caller,
    state: State,
    Path((id, auth)): Path<(String, String)>,
    IfMatch(seen): IfMatch,
) -> Result<impl IntoResponse, Refusal> {
    authority.require_super_admin()?;
    let (id, control) = (named(&id)?, &state.wiring.control);
    let user = control.user(&authority, id).await?.value.user;
    if auth != Auth::PASSWORD || user.password_hash.is_none() {
        return Err(Refusal::NoRecord(format!("way to sign in {auth:?} of user \"{id}\"")));
    }
    let change = UserChange { password: Some(None), ..UserChange::default() };
    Ok(shown(control.change_user(&authority, id, change, seen, Timestamp::now()).await?))
}

/// Ends all sessions of a user.
#[utoipa::path(
    delete, path = "/api/v1/users/{id}/refresh-token", tag = "users",
    params(("id" = inline(words::Id), Path, description = "The user's id.")),
    responses((status = 204, description = "They have to sign in again."))
)]
pub(super) async fn end_sessions(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    authority.require_super_admin()?;
    state.wiring.control.end_sessions(&authority, named(&id)?, Timestamp::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
