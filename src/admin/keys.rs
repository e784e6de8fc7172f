//! `/api/v1/keys`: the keys whose tokens are believed.

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
use super::words;
use crate::model::{KeyId, Timestamp, TrustedKey};
use crate::store::Stored;

/// The key that a path names. What is no id names none.
fn named(text: &str) -> Result<KeyId, Refusal> {
    KeyId::parse(text).ok_or_else(|| Refusal::NoRecord(format!("key {text:?}")))
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
    let added = state.wiring.control.add_key(&authority, form.create()?, Timestamp::now()).await?;
    let location = [(header::LOCATION, format!("/api/v1/keys/{}", segment(&added.value.id)))];
    Ok((StatusCode::CREATED, location, shown(added)))
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
    let page = state.wiring.control.keys(&authority, search).await?;
    let results = page.items.into_iter().map(|stored| stored.value.into()).collect();
    Ok(Json(Results { results, total: page.total }))
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
    Ok(shown(state.wiring.control.key(&authority, named(&id)?).await?))
}

/// Puts a key under other conditions: what is left out gets its default. The key itself stays.
#[utoipa::path(
    put, path = "/api/v1/keys/{id}", tag = "keys", request_body = Form,
    params(
        ("id" = inline(words::KeyId), Path, description = "The key's id."),
        Precondition,
    ),
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
    let id = named(&id)?;
    let change = form.replace(&id)?;
    Ok(shown(state.wiring.control.replace_key(&authority, id, change, seen, Timestamp::now()).await?))
}

/// Trusts a key no longer: its tokens are refused when this is answered.
#[utoipa::path(
    delete, path = "/api/v1/keys/{id}", tag = "keys",
    params(
        ("id" = inline(words::KeyId), Path, description = "The key's id."),
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
    state.wiring.control.remove_key(&authority, named(&id)?, seen, Timestamp::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
