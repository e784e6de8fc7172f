//! `/api/v1/keys` and `/api/v1/{tenant}/keys`: the keys whose tokens are believed, for all tenants or
//! for one.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::State;
use super::body::Body;
use super::caller::Caller;
use super::etag::{ETag, IfMatch, Precondition};
use super::keyform::{Draft, Form, Shown};
use super::listing::{Listing, ListingQuery, Results};
use super::path::Path;
use super::problem::Refusal;
use super::{named, words};
use crate::control::{Authority, Search, Seen};
use crate::model::{KeyId, TenantId, Timestamp, TrustedKey};
use crate::store::Stored;

/// The key that a path names. What is no id names none.
fn key(text: &str) -> Result<KeyId, Refusal> {
    KeyId::parse(text).ok_or_else(|| Refusal::NoRecord(format!("key {text:?}")))
}

/// The keys of an owner, as a caller sees them.
struct Ring {
    state: State,
    authority: Authority,
    /// The instance when none.
    owner: Option<TenantId>,
}

impl Ring {
    fn of_instance(state: State, authority: Authority) -> Self {
        Ring { state, authority, owner: None }
    }

    fn of_tenant(state: State, authority: Authority, tenant: &str) -> Result<Self, Refusal> {
        Ok(Ring { state, authority, owner: Some(named::tenant(tenant)?) })
    }

    async fn add(self, form: Form) -> Result<impl IntoResponse + use<>, Refusal> {
        let new = form.create(self.owner.as_ref())?;
        let owner = self.owner.clone();
        let added = self.state.wiring.control.add_key(&self.authority, owner, new, Timestamp::now()).await?;
        let below = self.owner.map(|tenant| format!("/{tenant}")).unwrap_or_default();
        let location = format!("/api/v1{below}/keys/{}", segment(&added.value.id));
        Ok((StatusCode::CREATED, [(header::LOCATION, location)], shown(added)))
    }

    async fn list(self, search: Search) -> Result<Json<Results<Shown>>, Refusal> {
        let page = self.state.wiring.control.keys(&self.authority, self.owner, search).await?;
        let results = page.items.into_iter().map(|stored| stored.value.into()).collect();
        Ok(Json(Results { results, total: page.total }))
    }

    async fn read(self, id: &str) -> Result<(ETag, Json<Shown>), Refusal> {
        Ok(shown(self.state.wiring.control.key(&self.authority, self.owner, key(id)?).await?))
    }

    async fn replace(self, id: &str, seen: Seen, form: Form) -> Result<(ETag, Json<Shown>), Refusal> {
        let (id, now) = (key(id)?, Timestamp::now());
        let change = form.replace(self.owner.as_ref(), &id)?;
        let control = &self.state.wiring.control;
        Ok(shown(control.replace_key(&self.authority, self.owner, id, change, seen, now).await?))
    }

    async fn remove(self, id: &str, seen: Seen) -> Result<StatusCode, Refusal> {
        let (id, now) = (key(id)?, Timestamp::now());
        self.state.wiring.control.remove_key(&self.authority, self.owner, id, seen, now).await?;
        Ok(StatusCode::NO_CONTENT)
    }
}

fn shown(stored: Stored<TrustedKey>) -> (ETag, Json<Shown>) {
    (ETag(stored.version), Json(stored.value.into()))
}

/// A key id as a path segment (RFC 3986 §3.3): all but unreserved characters encoded.
fn segment(id: &KeyId) -> String {
    id.as_str().bytes().fold(String::new(), |mut path, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                path.push(char::from(byte))
            }
            other => path.push_str(&format!("%{other:02X}")),
        }
        path
    })
}

/// Trusts a key; its tokens are believed when this is answered.
///
/// For super admins, as are all keys of the instance.
#[utoipa::path(
    post, path = "/api/v1/keys", tag = "keys", request_body = Draft, 
    responses(
        (status = 201, description = "The key.", body = Shown,
            headers(("ETag" = String, description = "Its version."), ("Location" = String, description = "Its path."))),
        (status = 409, description = "There is a key of that id, or another key is the fallback."),
    )
)]
pub(super) async fn add(
    Caller(authority): Caller,
    state: State,
    Body(form): Body<Form>,
) -> Result<impl IntoResponse, Refusal> {
    Ring::of_instance(state, authority).add(form).await
}

/// Lists keys; `q` searches ids and descriptions.
#[utoipa::path(
    get, path = "/api/v1/keys", tag = "keys", params(ListingQuery),
    responses((status = 200, description = "A page of keys.", body = Results<Shown>))
)]
pub(super) async fn list(
    Caller(authority): Caller,
    state: State,
    Listing(search): Listing,
) -> Result<Json<Results<Shown>>, Refusal> {
    Ring::of_instance(state, authority).list(search).await
}

/// Shows a key.
#[utoipa::path(
    get, path = "/api/v1/keys/{id}", tag = "keys", params(("id" = inline(words::KeyId), Path, description = "The key's id.")),
    responses((status = 200, description = "The key.", body = Shown,
        headers(("ETag" = String, description = "Its version."))))
)]
pub(super) async fn read(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Refusal> {
    Ring::of_instance(state, authority).read(&id).await
}

/// Puts a key under other conditions: what is left out gets its default. The key itself stays.
#[utoipa::path(
    put, path = "/api/v1/keys/{id}", tag = "keys", request_body = Form,
    params(("id" = inline(words::KeyId), Path, description = "The key's id."), Precondition),
    responses(
        (status = 200, description = "The key.", body = Shown,
            headers(("ETag" = String, description = "Its new version."))),
        (status = 409, description = "Another key is the fallback."),
    )
)]
pub(super) async fn replace(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
    IfMatch(seen): IfMatch,
    Body(form): Body<Form>,
) -> Result<impl IntoResponse, Refusal> {
    Ring::of_instance(state, authority).replace(&id, seen, form).await
}

/// Trusts a key no longer: its tokens are refused when this is answered.
#[utoipa::path(
    delete, path = "/api/v1/keys/{id}", tag = "keys",
    params(("id" = inline(words::KeyId), Path, description = "The key's id."), Precondition),
    responses((status = 204, description = "It is gone."))
)]
pub(super) async fn remove(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
    IfMatch(seen): IfMatch,
) -> Result<StatusCode, Refusal> {
    Ring::of_instance(state, authority).remove(&id, seen).await
}

/// Trusts a key of a tenant; its tokens are believed when this is answered, for this tenant and for no
/// other, whatever they claim.
///
/// Needs KEY:CREATE, and all rights that the key gives. A token whose `kid` names a key of the tenant
/// and one of the instance is checked with the tenant's.
#[utoipa::path(
    post, path = "/api/v1/{tenant}/keys", tag = "tenant-keys", operation_id = "add", request_body = Draft, params(("tenant" = inline(words::TenantId), Path, description = "The tenant's id.")),
    responses(
        (status = 201, description = "The key.", body = Shown,
            headers(("ETag" = String, description = "Its version."), ("Location" = String, description = "Its path."))),
        (status = 409, description = "The tenant has a key of that id."),
    )
)]
pub(super) async fn add_own(
    Caller(authority): Caller,
    state: State,
    Path(tenant): Path<String>,
    Body(form): Body<Form>,
) -> Result<impl IntoResponse, Refusal> {
    Ring::of_tenant(state, authority, &tenant)?.add(form).await
}

/// Lists the keys of a tenant; `q` searches ids and descriptions. Needs KEY:READ.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/keys", tag = "tenant-keys", operation_id = "list", params(("tenant" = inline(words::TenantId), Path, description = "The tenant's id."), ListingQuery),
    responses((status = 200, description = "A page of keys.", body = Results<Shown>))
)]
pub(super) async fn list_own(
    Caller(authority): Caller,
    state: State,
    Path(tenant): Path<String>,
    Listing(search): Listing,
) -> Result<Json<Results<Shown>>, Refusal> {
    Ring::of_tenant(state, authority, &tenant)?.list(search).await
}

/// Shows a key of a tenant. Needs KEY:READ.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/keys/{id}", tag = "tenant-keys", operation_id = "read", params(("tenant" = inline(words::TenantId), Path, description = "The tenant's id."), ("id" = inline(words::KeyId), Path, description = "The key's id.")),
    responses((status = 200, description = "The key.", body = Shown,
        headers(("ETag" = String, description = "Its version."))))
)]
pub(super) async fn read_own(
    Caller(authority): Caller,
    state: State,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<impl IntoResponse, Refusal> {
    Ring::of_tenant(state, authority, &tenant)?.read(&id).await
}

/// Puts a key of a tenant under other conditions: what is left out gets its default. The key itself
/// stays.
///
/// Needs KEY:UPDATE, and all rights that the key gives.
#[utoipa::path(
    put, path = "/api/v1/{tenant}/keys/{id}", tag = "tenant-keys", operation_id = "replace", request_body = Form,
    params(("tenant" = inline(words::TenantId), Path, description = "The tenant's id."), ("id" = inline(words::KeyId), Path, description = "The key's id."), Precondition),
    responses(
        (status = 200, description = "The key.", body = Shown,
            headers(("ETag" = String, description = "Its new version."))),
    )
)]
pub(super) async fn replace_own(
    Caller(authority): Caller,
    state: State,
    Path((tenant, id)): Path<(String, String)>,
    IfMatch(seen): IfMatch,
    Body(form): Body<Form>,
) -> Result<impl IntoResponse, Refusal> {
    Ring::of_tenant(state, authority, &tenant)?.replace(&id, seen, form).await
}

/// Trusts a key of a tenant no longer: its tokens are refused when this is answered. Needs KEY:DELETE.
#[utoipa::path(
    delete, path = "/api/v1/{tenant}/keys/{id}", tag = "tenant-keys", operation_id = "remove",
    params(("tenant" = inline(words::TenantId), Path, description = "The tenant's id."), ("id" = inline(words::KeyId), Path, description = "The key's id."), Precondition),
    responses((status = 204, description = "It is gone."))
)]
pub(super) async fn remove_own(
    Caller(authority): Caller,
    state: State,
    Path((tenant, id)): Path<(String, String)>,
    IfMatch(seen): IfMatch,
) -> Result<StatusCode, Refusal> {
    Ring::of_tenant(state, authority, &tenant)?.remove(&id, seen).await
}
