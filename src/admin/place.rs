//! Paths within a tenant: `/api/v1/{tenant}/…`. What is no id names nothing.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::path::Path;
use super::problem::Refusal;
use super::words;
use crate::model::{Id, TenantId};

/// The parameters of a path, read: the names in it are of their own kinds.
pub(super) struct Place<T>(pub T);

/// What is in a tenant.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct InTenant {
    /// The tenant's id.
    #[param(value_type = words::TenantId, inline)]
    pub(super) tenant: TenantId,
}

/// One record of a tenant.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct OneOf {
    /// The tenant's id.
    #[param(value_type = words::TenantId, inline)]
    pub(super) tenant: TenantId,
    /// The record's id.
    #[param(value_type = words::Id, inline)]
    pub(super) id: Id,
}

/// A user or service account, as a tenant knows them.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
#[serde(rename_all = "camelCase")]
pub(super) struct OnePerson {
    /// The tenant's id.
    #[param(value_type = words::TenantId, inline)]
    pub(super) tenant: TenantId,
    /// The id of a user or a service account.
    #[param(value_type = words::Id, inline)]
    pub(super) user_id: Id,
}

/// A user or service account in a group.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
#[serde(rename_all = "camelCase")]
pub(super) struct OneSeat {
    /// The tenant's id.
    #[param(value_type = words::TenantId, inline)]
    pub(super) tenant: TenantId,
    /// The group's id.
    #[param(value_type = words::Id, inline)]
    pub(super) id: Id,
    /// The id of a user or a service account.
    #[param(value_type = words::Id, inline)]
    pub(super) user_id: Id,
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Place<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(place)) => Ok(Place(place)),
            Err(_) => Err(Refusal::NoRecord(format!("{:?}", parts.uri.path()))),
        }
    }
}
