//! `/api/v1/issuers` and `/api/v1/{tenant}/issuers`: the identity providers whose tokens are
//! believed, those of the instance and those of a tenant.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::State;
use super::body::Body;
use super::caller::Caller;
use super::etag::{ETag, IfMatch, Precondition};
use super::issuerform::{Draft, Form, Shown};
use super::listing::{Listing, ListingQuery, Results};
use super::path::Path;
use super::problem::Refusal;
use super::{named, words};
use crate::control::{Authority, Search, Seen};
use crate::model::{Issuer, Slug, TenantId, Timestamp};
use crate::store::Stored;

/// Whose issuers: a tenant's, or the instance's when none.
type Owner = Option<TenantId>;

/// One issuer and its version.
type One = (ETag, Json<Shown>);

/// The issuer that a path names. What is no name names none.
fn issuer(text: &str) -> Result<Slug, Refusal> {
    Slug::parse(text).map_err(|_| Refusal::NoRecord(format!("issuer {text:?}")))
}

fn shown(state: &State, stored: Stored<Issuer>) -> One {
    let standing = state.wiring.control.standing(&stored.value);
    (ETag(stored.version), Json(Shown::new(stored.value, standing)))
}

async fn add_to(
    state: State,
    authority: Authority,
    owner: Owner,
    form: Form,
) -> Result<impl IntoResponse, Refusal> {
    let (id, terms) = form.create(owner.as_ref())?;
    let base = owner.as_ref().map_or_else(|| "/api/v1".to_owned(), |tenant| format!("/api/v1/{tenant}"));
    let control = &state.wiring.control;
    let added = control.add_issuer(&authority, owner, id, terms, Timestamp::now()).await?;
    let location = [(header::LOCATION, format!("{base}/issuers/{}", added.value.id))];
    Ok((StatusCode::CREATED, location, shown(&state, added)))
}

async fn list_of(
    state: State,
    authority: Authority,
    owner: Owner,
    search: Search,
) -> Result<Json<Results<Shown>>, Refusal> {
    let control = &state.wiring.control;
    let page = control.issuers(&authority, owner, search).await?;
    let show = |stored: Stored<Issuer>| {
        let standing = control.standing(&stored.value);
        Shown::new(stored.value, standing)
    };
    Ok(Json(Results { results: page.items.into_iter().map(show).collect(), total: page.total }))
}

async fn read_of(state: State, authority: Authority, owner: Owner, id: &str) -> Result<One, Refusal> {
    let found = state.wiring.control.issuer(&authority, owner, issuer(id)?).await?;
    Ok(shown(&state, found))
}

async fn replace_of(
    state: State,
    authority: Authority,
    (owner, id): (Owner, &str),
    seen: Seen,
    form: Form,
) -> Result<One, Refusal> {
    let id = issuer(id)?;
    let terms = form.replace(owner.as_ref(), &id)?;
    let control = &state.wiring.control;
    let replaced = control.replace_issuer(&authority, owner, id, terms, seen, Timestamp::now()).await?;
    Ok(shown(&state, replaced))
}

async fn remove_of(
    state: State,
    authority: Authority,
    (owner, id): (Owner, &str),
    seen: Seen,
) -> Result<StatusCode, Refusal> {
    state.wiring.control.remove_issuer(&authority, owner, issuer(id)?, seen, Timestamp::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Trusts an issuer of the instance. Its keys are fetched at once; what came of that is told when it
/// is read.
#[utoipa::path(
    post, path = "/api/v1/issuers", tag = "issuers", request_body = Draft,
    responses(
        (status = 201, description = "The issuer.", body = Shown,
            headers(("ETag" = String, description = "Its version."), ("Location" = String, description = "Its path."))),
        (status = 409, description = "There is one of that id, or of that `iss`."),
    )
)]
pub(super) async fn add(
    Caller(authority): Caller,
    state: State,
    Body(form): Body<Form>,
) -> Result<impl IntoResponse, Refusal> {
    add_to(state, authority, None, form).await
}

/// Lists the issuers of the instance; `q` searches ids, issuers and descriptions.
#[utoipa::path(
    get, path = "/api/v1/issuers", tag = "issuers", params(ListingQuery),
    responses((status = 200, description = "A page of issuers.", body = Results<Shown>))
)]
pub(super) async fn list(
    Caller(authority): Caller,
    state: State,
    Listing(search): Listing,
) -> Result<Json<Results<Shown>>, Refusal> {
    list_of(state, authority, None, search).await
}

/// Shows an issuer of the instance, its keys, and how their fetching stands.
#[utoipa::path(
    get, path = "/api/v1/issuers/{id}", tag = "issuers",
    params(("id" = inline(words::Slug), Path, description = "The issuer's id.")),
    responses((status = 200, description = "The issuer.", body = Shown,
        headers(("ETag" = String, description = "Its version."))))
)]
pub(super) async fn read(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
) -> Result<One, Refusal> {
    read_of(state, authority, None, &id).await
}

/// Puts an issuer of the instance on other terms: what is left out gets its default.
#[utoipa::path(
    put, path = "/api/v1/issuers/{id}", tag = "issuers", request_body = Form,
    params(
        ("id" = inline(words::Slug), Path, description = "The issuer's id."),
        Precondition,
    ),
    responses(
        (status = 200, description = "The issuer.", body = Shown,
            headers(("ETag" = String, description = "Its new version."))),
        (status = 409, description = "Another one has that `iss`."),
    )
)]
pub(super) async fn replace(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
    IfMatch(seen): IfMatch,
    Body(form): Body<Form>,
) -> Result<One, Refusal> {
    replace_of(state, authority, (None, &id), seen, form).await
}

/// Trusts an issuer of the instance no longer: its tokens are refused when this is answered.
#[utoipa::path(
    delete, path = "/api/v1/issuers/{id}", tag = "issuers",
    params(
        ("id" = inline(words::Slug), Path, description = "The issuer's id."),
        Precondition,
    ),
    responses((status = 204, description = "It is gone."))
)]
pub(super) async fn remove(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
    IfMatch(seen): IfMatch,
) -> Result<StatusCode, Refusal> {
    remove_of(state, authority, (None, &id), seen).await
}

/// Trusts an issuer of a tenant, for which alone it can speak. Needs `KEY:CREATE` there.
#[utoipa::path(
    post, path = "/api/v1/{tenant}/issuers", tag = "issuers", request_body = Draft,
    params(("tenant" = inline(words::TenantId), Path, description = "The tenant's id.")),
    responses(
        (status = 201, description = "The issuer.", body = Shown,
            headers(("ETag" = String, description = "Its version."), ("Location" = String, description = "Its path."))),
        (status = 409, description = "There is one of that id, or of that `iss`, or there are too many."),
    )
)]
pub(super) async fn tenant_add(
    Caller(authority): Caller,
    state: State,
    Path(tenant): Path<String>,
    Body(form): Body<Form>,
) -> Result<impl IntoResponse, Refusal> {
    add_to(state, authority, Some(named::tenant(&tenant)?), form).await
}

/// Lists the issuers of a tenant; `q` searches ids, issuers and descriptions. Needs `KEY:READ` there.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/issuers", tag = "issuers",
    params(("tenant" = inline(words::TenantId), Path, description = "The tenant's id."), ListingQuery),
    responses((status = 200, description = "A page of issuers.", body = Results<Shown>))
)]
pub(super) async fn tenant_list(
    Caller(authority): Caller,
    state: State,
    Path(tenant): Path<String>,
    Listing(search): Listing,
) -> Result<Json<Results<Shown>>, Refusal> {
    list_of(state, authority, Some(named::tenant(&tenant)?), search).await
}

/// Shows an issuer of a tenant, its keys, and how their fetching stands. Needs `KEY:READ` there.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/issuers/{id}", tag = "issuers",
    params(
        ("tenant" = inline(words::TenantId), Path, description = "The tenant's id."),
        ("id" = inline(words::Slug), Path, description = "The issuer's id."),
    ),
    responses((status = 200, description = "The issuer.", body = Shown,
        headers(("ETag" = String, description = "Its version."))))
)]
pub(super) async fn tenant_read(
    Caller(authority): Caller,
    state: State,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<One, Refusal> {
    read_of(state, authority, Some(named::tenant(&tenant)?), &id).await
}

/// Puts an issuer of a tenant on other terms: what is left out gets its default. Needs `KEY:UPDATE`
/// there.
#[utoipa::path(
    put, path = "/api/v1/{tenant}/issuers/{id}", tag = "issuers", request_body = Form,
    params(
        ("tenant" = inline(words::TenantId), Path, description = "The tenant's id."),
        ("id" = inline(words::Slug), Path, description = "The issuer's id."),
        Precondition,
    ),
    responses(
        (status = 200, description = "The issuer.", body = Shown,
            headers(("ETag" = String, description = "Its new version."))),
        (status = 409, description = "Another one has that `iss`."),
    )
)]
pub(super) async fn tenant_replace(
    Caller(authority): Caller,
    state: State,
    Path((tenant, id)): Path<(String, String)>,
    IfMatch(seen): IfMatch,
    Body(form): Body<Form>,
) -> Result<One, Refusal> {
    replace_of(state, authority, (Some(named::tenant(&tenant)?), &id), seen, form).await
}

/// Trusts an issuer of a tenant no longer: its tokens are refused when this is answered. Needs
/// `KEY:DELETE` there.
#[utoipa::path(
    delete, path = "/api/v1/{tenant}/issuers/{id}", tag = "issuers",
    params(
        ("tenant" = inline(words::TenantId), Path, description = "The tenant's id."),
        ("id" = inline(words::Slug), Path, description = "The issuer's id."),
        Precondition,
    ),
    responses((status = 204, description = "It is gone."))
)]
pub(super) async fn tenant_remove(
    Caller(authority): Caller,
    state: State,
    Path((tenant, id)): Path<(String, String)>,
    IfMatch(seen): IfMatch,
) -> Result<StatusCode, Refusal> {
    remove_of(state, authority, (Some(named::tenant(&tenant)?), &id), seen).await
}
