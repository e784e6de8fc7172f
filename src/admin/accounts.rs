//! `/api/v1/service-accounts`: the machines of the instance. For super admins.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::accountform::{Form, Patch, Rank, Shown};
use super::body::Body;
use super::caller::Caller;
use super::etag::{ETag, IfMatch, Precondition};
use super::listing::{Listing, ListingQuery, Results};
use super::path::Path;
use super::problem::Refusal;
use super::{State, named, words};
use crate::control::{AccountChange, Authority, Machine, Seen};
use crate::model::{Id, Timestamp};
use crate::store::Stored;

const NOUN: &str = "service account";

pub(super) fn account(text: &str) -> Result<Id, Refusal> {
    named::record(NOUN, text)
}

pub(super) fn shown(stored: Stored<Machine>) -> (ETag, Json<Shown>) {
    (ETag(stored.version), Json(stored.value.into()))
}

/// Makes a service account of the instance, with access to tenants.
#[utoipa::path(
    post, path = "/api/v1/service-accounts", tag = "service-accounts", request_body = Form,
    responses(
        (status = 200, description = "The service account.", body = Shown,
            headers(("ETag" = String, description = "Its version."), ("Location" = String, description = "Its path."))),
        (status = 404, description = "There is no such tenant."),
        (status = 409, description = "There is a service account of that name."),
    )
)]
pub(super) async fn create(
    Caller(authority): Caller,
    state: State,
    Body(form): Body<Form>,
) -> Result<impl IntoResponse, Refusal> {
    let new = form.create()?;
    let made = state.wiring.control.create_service_account(&authority, None, new, Timestamp::now()).await?;
    let location = [(header::LOCATION, format!("/api/v1/service-accounts/{}", made.value.account.id))];
    Ok((location, shown(made)))
}

/// Lists the service accounts of the instance, not those of tenants; `q` searches ids, names and
/// descriptions.
#[utoipa::path(
    get, path = "/api/v1/service-accounts", tag = "service-accounts", params(ListingQuery),
    responses((status = 200, description = "A page of service accounts.", body = Results<Shown>))
)]
pub(super) async fn list(
    Caller(authority): Caller,
    state: State,
    Listing(search): Listing,
) -> Result<Json<Results<Shown>>, Refusal> {
    let page = state.wiring.control.service_accounts(&authority, None, search).await?;
    let results = page.items.into_iter().map(|stored| stored.value.into()).collect();
    Ok(Json(Results { results, total: page.total }))
}

/// Shows a service account of the instance.
#[utoipa::path(
    get, path = "/api/v1/service-accounts/{id}", tag = "service-accounts",
    params(("id" = inline(words::Id), Path, description = "The service account's id.")),
    responses((status = 200, description = "The service account.", body = Shown,
        headers(("ETag" = String, description = "Its version."))))
)]
pub(super) async fn read(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Refusal> {
    Ok(shown(state.wiring.control.service_account(&authority, None, account(&id)?).await?))
}

async fn apply(
    state: State,
    authority: &Authority,
    id: &str,
    change: AccountChange,
    seen: Seen,
) -> Result<impl IntoResponse + use<>, Refusal> {
    let (id, now) = (account(id)?, Timestamp::now());
    Ok(shown(state.wiring.control.change_service_account(authority, None, id, change, seen, now).await?))
}

/// Changes what is given about a service account of the instance.
#[utoipa::path(
    patch, path = "/api/v1/service-accounts/{id}", tag = "service-accounts",
    request_body(content((Patch = "application/json"), (Patch = "application/merge-patch+json"))),
    params(("id" = inline(words::Id), Path, description = "The service account's id."), Precondition),
    responses(
        (status = 200, description = "The service account.", body = Shown,
            headers(("ETag" = String, description = "Its new version."))),
        (status = 409, description = "There is a service account of that name, or it is the last super admin."),
    )
)]
pub(super) async fn change(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
    IfMatch(seen): IfMatch,
    Body(patch): Body<Patch>,
) -> Result<impl IntoResponse, Refusal> {
    apply(state, &authority, &id, patch.change()?, seen).await
}

/// Makes a service account of the instance a super admin, or none.
#[utoipa::path(
    patch, path = "/api/v1/service-accounts/{id}/superadmin", tag = "service-accounts", request_body = Rank,
    params(("id" = inline(words::Id), Path, description = "The service account's id."), Precondition),
    responses(
        (status = 200, description = "The service account.", body = Shown,
            headers(("ETag" = String, description = "Its new version."))),
        (status = 409, description = "It is the last super admin."),
    )
)]
pub(super) async fn rank(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
    IfMatch(seen): IfMatch,
    Body(rank): Body<Rank>,
) -> Result<impl IntoResponse, Refusal> {
    apply(state, &authority, &id, rank.change()?, seen).await
}

/// Deletes a service account of the instance with its access to tenants, its bindings and its tokens,
/// which are refused when this is answered.
#[utoipa::path(
    delete, path = "/api/v1/service-accounts/{id}", tag = "service-accounts",
    params(("id" = inline(words::Id), Path, description = "The service account's id."), Precondition),
    responses(
        (status = 204, description = "It is gone."),
        (status = 409, description = "It is the last super admin."),
    )
)]
pub(super) async fn delete(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
    IfMatch(seen): IfMatch,
) -> Result<StatusCode, Refusal> {
    let (id, now) = (account(&id)?, Timestamp::now());
    state.wiring.control.delete_service_account(&authority, None, id, seen, now).await?;
    Ok(StatusCode::NO_CONTENT)
}
