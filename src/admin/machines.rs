//! `/api/v1/{tenant}/service-accounts`: the machines of a tenant, as Kestra's clients know them.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::accountform::{Shown, TenantForm};
use super::accounts::{account, shown};
use super::body::Body;
use super::caller::Caller;
use super::etag::{IfMatch, Precondition};
use super::listing::{Listing, ListingQuery, Results};
use super::path::Path;
use super::problem::Refusal;
use super::{State, named, words};
use crate::model::Timestamp;

/// Makes a service account of a tenant, with access to that tenant. It needs `SERVICE_ACCOUNT:CREATE`
/// there; for groups also `GROUP_MEMBERSHIP:CREATE`, and all the rights that the groups give.
#[utoipa::path(
    post, path = "/api/v1/{tenant}/service-accounts",
    tag = "tenant-service-accounts", request_body = TenantForm,
    params(("tenant" = inline(words::TenantId), Path, description = "The tenant's id.")),
    responses(
        (status = 200, description = "The service account.", body = Shown,
            headers(("ETag" = String, description = "Its version."), ("Location" = String, description = "Its path."))),
        (status = 404, description = "There is no such tenant, or no such group in it."),
        (status = 409, description = "There is a service account of that name."),
    )
)]
pub(super) async fn create(
    Caller(authority): Caller,
    state: State,
    Path(tenant): Path<String>,
    Body(form): Body<TenantForm>,
) -> Result<impl IntoResponse, Refusal> {
    let (home, new, now) = (Some(named::tenant(&tenant)?), form.create()?, Timestamp::now());
    let made = state.wiring.control.create_service_account(&authority, home, new, now).await?;
    let location =
        [(header::LOCATION, format!("/api/v1/{tenant}/service-accounts/{}", made.value.account.id))];
    Ok((location, shown(made)))
}

/// Lists the service accounts that a tenant owns, not those of the instance with access to it; `q`
/// searches ids, names and descriptions. It needs `SERVICE_ACCOUNT:READ`.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/service-accounts", tag = "tenant-service-accounts",
    params(
        ("tenant" = inline(words::TenantId), Path, description = "The tenant's id."),
        ListingQuery,
    ),
    responses((status = 200, description = "A page of service accounts.", body = Results<Shown>))
)]
pub(super) async fn list(
    Caller(authority): Caller,
    state: State,
    Path(tenant): Path<String>,
    Listing(search): Listing,
) -> Result<Json<Results<Shown>>, Refusal> {
    let home = Some(named::tenant(&tenant)?);
    let page = state.wiring.control.service_accounts(&authority, home, search).await?;
    let results = page.items.into_iter().map(|stored| stored.value.into()).collect();
    Ok(Json(Results { results, total: page.total }))
}

/// Shows a service account of a tenant. It needs `SERVICE_ACCOUNT:READ`.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/service-accounts/{id}", tag = "tenant-service-accounts",
    params(
        ("tenant" = inline(words::TenantId), Path, description = "The tenant's id."),
        ("id" = inline(words::Id), Path, description = "The service account's id."),
    ),
    responses((status = 200, description = "The service account.", body = Shown,
        headers(("ETag" = String, description = "Its version."))))
)]
pub(super) async fn read(
    Caller(authority): Caller,
    state: State,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<impl IntoResponse, Refusal> {
    let (home, id) = (Some(named::tenant(&tenant)?), account(&id)?);
    Ok(shown(state.wiring.control.service_account(&authority, home, id).await?))
}

/// Replaces what can be changed about a service account of a tenant. It needs
/// `SERVICE_ACCOUNT:UPDATE`; to change groups also `GROUP_MEMBERSHIP:CREATE` or
/// `GROUP_MEMBERSHIP:DELETE`, and all the rights that new groups give. The version is that of the
/// account and of its groups, whoever changed them.
#[utoipa::path(
    put, path = "/api/v1/{tenant}/service-accounts/{id}",
    tag = "tenant-service-accounts", request_body = TenantForm,
    params(
        ("tenant" = inline(words::TenantId), Path, description = "The tenant's id."),
        ("id" = inline(words::Id), Path, description = "The service account's id."),
        Precondition,
    ),
    responses(
        (status = 200, description = "The service account.", body = Shown,
            headers(("ETag" = String, description = "Its new version."))),
        (status = 409, description = "There is a service account of that name."),
    )
)]
pub(super) async fn replace(
    Caller(authority): Caller,
    state: State,
    Path((tenant, id)): Path<(String, String)>,
    IfMatch(seen): IfMatch,
    Body(form): Body<TenantForm>,
) -> Result<impl IntoResponse, Refusal> {
    let (home, id, change) = (Some(named::tenant(&tenant)?), account(&id)?, form.replace()?);
    let control = &state.wiring.control;
    let changed =
        control.change_service_account(&authority, home, id, change, seen, Timestamp::now()).await?;
    Ok(shown(changed))
}

/// Deletes a service account of a tenant with its bindings and its tokens, which are refused when
/// this is answered. It needs `SERVICE_ACCOUNT:DELETE`.
#[utoipa::path(
    delete, path = "/api/v1/{tenant}/service-accounts/{id}", tag = "tenant-service-accounts",
    params(
        ("tenant" = inline(words::TenantId), Path, description = "The tenant's id."),
        ("id" = inline(words::Id), Path, description = "The service account's id."),
        Precondition,
    ),
    responses((status = 200, description = "It is gone."))
)]
pub(super) async fn delete(
    Caller(authority): Caller,
    state: State,
    Path((tenant, id)): Path<(String, String)>,
    IfMatch(seen): IfMatch,
) -> Result<StatusCode, Refusal> {
    let (home, id) = (Some(named::tenant(&tenant)?), account(&id)?);
    state.wiring.control.delete_service_account(&authority, home, id, seen, Timestamp::now()).await?;
    Ok(StatusCode::OK)
}
