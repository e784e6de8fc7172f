//! `…/api-tokens`: the tokens of users, of service accounts, and one's own.

use axum::Json;
use axum::http::StatusCode;

use super::body::Body;
use super::caller::Caller;
use super::path::Path;
use super::problem::Refusal;
use super::tokenform::{All, Form, Made};
use super::{State, named, words};
use crate::control::{Authority, TokenOwner};
use crate::model::Timestamp;

type Answer = Result<(StatusCode, Json<Made>), Refusal>;

async fn make(state: State, authority: &Authority, owner: TokenOwner, form: Form) -> Answer {
    let made = state.wiring.control.create_token(authority, owner, form.create()?, Timestamp::now()).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

async fn all(state: State, authority: &Authority, owner: TokenOwner) -> Result<Json<All>, Refusal> {
    let tokens = state.wiring.control.tokens(authority, owner).await?;
    Ok(Json(All::new(tokens, Timestamp::now())))
}

async fn revoke(
    state: State,
    authority: &Authority,
    owner: TokenOwner,
    token: &str,
) -> Result<StatusCode, Refusal> {
    let id = named::record("API token", token)?;
    state.wiring.control.delete_token(authority, owner, id, Timestamp::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn user(id: &str) -> Result<TokenOwner, Refusal> {
    named::record("user", id).map(TokenOwner::User)
}

fn machine(id: &str) -> Result<TokenOwner, Refusal> {
    named::record("service account", id).map(|id| TokenOwner::Machine(None, id))
}

fn tenants_machine(tenant: &str, id: &str) -> Result<TokenOwner, Refusal> {
    Ok(TokenOwner::Machine(Some(named::tenant(tenant)?), named::record("service account", id)?))
}

/// Makes a token of a user; only a super admin may. It can do what its user can, within its scopes.
#[utoipa::path(
    post, path = "/api/v1/users/{id}/api-tokens", tag = "user-api-tokens", operation_id = "create",
    request_body = Form,
    params(("id" = inline(words::Id), Path, description = "The user's id.")),
    responses(
        (status = 201, description = "The token, shown this once.", body = Made),
        (status = 409, description = "There is a token of that name, or there are too many."),
    )
)]
pub(super) async fn make_of_users(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
    Body(form): Body<Form>,
) -> Answer {
    make(state, &authority, user(&id)?, form).await
}

/// Lists the tokens of a user; only a super admin may.
#[utoipa::path(
    get, path = "/api/v1/users/{id}/api-tokens", tag = "user-api-tokens", operation_id = "list",
    params(("id" = inline(words::Id), Path, description = "The user's id.")),
    responses((status = 200, description = "All of them.", body = All))
)]
pub(super) async fn list_of_users(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
) -> Result<Json<All>, Refusal> {
    all(state, &authority, user(&id)?).await
}

/// Revokes a token of a user: it is refused when this is answered. Only a super admin may.
#[utoipa::path(
    delete, path = "/api/v1/users/{id}/api-tokens/{token}", tag = "user-api-tokens", operation_id = "revoke",
    params(
        ("id" = inline(words::Id), Path, description = "The user's id."),
        ("token" = inline(words::Id), Path, description = "The token's id."),
    ),
    responses((status = 204, description = "It is revoked."))
)]
pub(super) async fn revoke_of_users(
    Caller(authority): Caller,
    state: State,
    Path((id, token)): Path<(String, String)>,
) -> Result<StatusCode, Refusal> {
    revoke(state, &authority, user(&id)?, &token).await
}

/// Makes a token of one's own. Not for restricted users, nor for service accounts. Who comes with a
/// token can make none that can do more than it; if it has scopes, `API_TOKEN:CREATE` must be among
/// them. A token outlives the one that it was made with.
#[utoipa::path(
    post, path = "/api/v1/me/api-tokens", tag = "own-api-tokens", operation_id = "create",
    request_body = Form,
    responses(
        (status = 201, description = "The token, shown this once.", body = Made),
        (status = 409, description = "There is a token of that name, or there are too many."),
    )
)]
pub(super) async fn make_own(Caller(authority): Caller, state: State, Body(form): Body<Form>) -> Answer {
    make(state, &authority, TokenOwner::Own, form).await
}

/// Lists one's own tokens. Who comes with a token sees those that can do no more than it; if it has
/// scopes, `API_TOKEN:READ` must be among them.
#[utoipa::path(
    get, path = "/api/v1/me/api-tokens", tag = "own-api-tokens", operation_id = "list",
    responses((status = 200, description = "All of them.", body = All))
)]
pub(super) async fn list_own(Caller(authority): Caller, state: State) -> Result<Json<All>, Refusal> {
    all(state, &authority, TokenOwner::Own).await
}

/// Revokes a token of one's own: it is refused when this is answered. Not for restricted users. Who
/// comes with a token can revoke those that can do no more than it; if it has scopes,
/// `API_TOKEN:DELETE` must be among them.
#[utoipa::path(
    delete, path = "/api/v1/me/api-tokens/{token}", tag = "own-api-tokens", operation_id = "revoke",
    params(("token" = inline(words::Id), Path, description = "The token's id.")),
    responses((status = 204, description = "It is revoked."))
)]
pub(super) async fn revoke_own(
    Caller(authority): Caller,
    state: State,
    Path(token): Path<String>,
) -> Result<StatusCode, Refusal> {
    revoke(state, &authority, TokenOwner::Own, &token).await
}

/// Makes a token of a service account of the instance; only a super admin may.
#[utoipa::path(
    post, path = "/api/v1/service-accounts/{id}/api-tokens",
    tag = "service-account-api-tokens", operation_id = "create",
    request_body = Form,
    params(("id" = inline(words::Id), Path, description = "The service account's id.")),
    responses(
        (status = 201, description = "The token, shown this once.", body = Made),
        (status = 409, description = "There is a token of that name, or there are too many."),
    )
)]
pub(super) async fn make_of_machines(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
    Body(form): Body<Form>,
) -> Answer {
    make(state, &authority, machine(&id)?, form).await
}

/// Lists the tokens of a service account of the instance; only a super admin may.
#[utoipa::path(
    get, path = "/api/v1/service-accounts/{id}/api-tokens",
    tag = "service-account-api-tokens", operation_id = "list",
    params(("id" = inline(words::Id), Path, description = "The service account's id.")),
    responses((status = 200, description = "All of them.", body = All))
)]
pub(super) async fn list_of_machines(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
) -> Result<Json<All>, Refusal> {
    all(state, &authority, machine(&id)?).await
}

/// Revokes a token of a service account of the instance: it is refused when this is answered. Only a
/// super admin may.
#[utoipa::path(
    delete, path = "/api/v1/service-accounts/{id}/api-tokens/{token}",
    tag = "service-account-api-tokens", operation_id = "revoke",
    params(
        ("id" = inline(words::Id), Path, description = "The service account's id."),
        ("token" = inline(words::Id), Path, description = "The token's id."),
    ),
    responses((status = 204, description = "It is revoked."))
)]
pub(super) async fn revoke_of_machines(
    Caller(authority): Caller,
    state: State,
    Path((id, token)): Path<(String, String)>,
) -> Result<StatusCode, Refusal> {
    revoke(state, &authority, machine(&id)?, &token).await
}

/// Makes a token of a tenant's service account. It needs `API_TOKEN:CREATE` in the tenant, which no
/// power over service accounts stands for, and all the rights that the token will have.
#[utoipa::path(
    post, path = "/api/v1/{tenant}/service-accounts/{id}/api-tokens",
    tag = "tenant-service-account-api-tokens", operation_id = "create",
    request_body = Form,
    params(
        ("tenant" = inline(words::TenantId), Path, description = "The tenant's id."),
        ("id" = inline(words::Id), Path, description = "The service account's id."),
    ),
    responses(
        (status = 201, description = "The token, shown this once.", body = Made),
        (status = 409, description = "There is a token of that name, or there are too many."),
    )
)]
pub(super) async fn make_of_tenants(
    Caller(authority): Caller,
    state: State,
    Path((tenant, id)): Path<(String, String)>,
    Body(form): Body<Form>,
) -> Answer {
    make(state, &authority, tenants_machine(&tenant, &id)?, form).await
}

/// Lists the tokens of a tenant's service account. It needs `API_TOKEN:READ` in the tenant.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/service-accounts/{id}/api-tokens",
    tag = "tenant-service-account-api-tokens", operation_id = "list",
    params(
        ("tenant" = inline(words::TenantId), Path, description = "The tenant's id."),
        ("id" = inline(words::Id), Path, description = "The service account's id."),
    ),
    responses((status = 200, description = "All of them.", body = All))
)]
pub(super) async fn list_of_tenants(
    Caller(authority): Caller,
    state: State,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<Json<All>, Refusal> {
    all(state, &authority, tenants_machine(&tenant, &id)?).await
}

/// Revokes a token of a tenant's service account: it is refused when this is answered. It needs
/// `API_TOKEN:DELETE` in the tenant.
#[utoipa::path(
    delete, path = "/api/v1/{tenant}/service-accounts/{id}/api-tokens/{token}",
    tag = "tenant-service-account-api-tokens", operation_id = "revoke",
    params(
        ("tenant" = inline(words::TenantId), Path, description = "The tenant's id."),
        ("id" = inline(words::Id), Path, description = "The service account's id."),
        ("token" = inline(words::Id), Path, description = "The token's id."),
    ),
    responses((status = 204, description = "It is revoked."))
)]
pub(super) async fn revoke_of_tenants(
    Caller(authority): Caller,
    state: State,
    Path((tenant, id, token)): Path<(String, String, String)>,
) -> Result<StatusCode, Refusal> {
    revoke(state, &authority, tenants_machine(&tenant, &id)?, &token).await
}
