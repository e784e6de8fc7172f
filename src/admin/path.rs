//! What a path names, as text. Knows no record: what is no name of one is the handlers' to say.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Refusal;

/// The parameters of a path, decoded. What is no UTF-8 then names nothing.
pub(super) struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(names)) => Ok(Path(names)),
            Err(_not_utf8) => Err(Refusal::NoRoute),
        }
    }
}
