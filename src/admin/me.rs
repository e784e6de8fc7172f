//! Who the caller is, as the gateway sees it.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::Caller;

/// A caller.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Me {
    /// The name of the account.
    #[schema(example = "admin")]
    id: String,
    /// Whether the caller may manage tenants and keys.
    super_admin: bool,
    profile: Profile,
}

/// What people know an account by.
#[derive(Serialize, ToSchema)]
struct Profile {
    #[schema(example = "admin")]
    username: String,
}

/// Who am I?
#[utoipa::path(
    get, path = "/api/v1/me", tag = "me",
    responses((status = 200, description = "The caller.", body = Me))
)]
pub(super) async fn read(caller: Caller) -> Json<Me> {
    match caller {
        Caller::SuperAdmin(authority) => {
            let name = authority.who().to_owned();
            Json(Me { id: name.clone(), super_admin: true, profile: Profile { username: name } })
        }
    }
}
