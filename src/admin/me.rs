//! Who the caller is, as the gateway sees it.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::Caller;
use crate::auth::Identity;
use crate::model::Timestamp;

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
    /// For a token: what it speaks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<Token>,
}

/// What a token of the data plane is good for.
#[derive(Serialize, ToSchema)]
struct Token {
    #[schema(example = "acme")]
    tenant: String,
    /// The id of the trusted key that vouches for it.
    key: String,
    /// What it may do to the tenant's data.
    #[schema(example = json!(["metrics:read", "metrics:write"]))]
    grants: Vec<String>,
    /// When it ends (RFC 3339); none when it never does.
    expires_at: Option<String>,
}

/// What people know an account by.
#[derive(Serialize, ToSchema)]
struct Profile {
    #[schema(example = "admin")]
    username: String,
}

/// Who am I?
#[utoipa::path(
    get, path = "/api/v1/me", tag = "me", security(("basic" = []), ("bearer" = [])),
    responses((status = 200, description = "The caller.", body = Me))
)]
pub(super) async fn read(caller: Caller) -> Json<Me> {
    match caller {
        Caller::SuperAdmin(authority) => {
            let name = authority.who().to_owned();
            Json(Me { id: name.clone(), super_admin: true, profile: Profile { username: name }, token: None })
        }
        Caller::Tenant(identity) => Json(Me::of(&identity)),
    }
}

impl Me {
    fn of(identity: &Identity) -> Self {
        let name = identity.tenant.to_string();
        let ends =
            (identity.deadline != u64::MAX).then(|| Timestamp::from_seconds(identity.deadline).to_string());
        let token = Token {
            tenant: name.clone(),
            key: identity.key.record.id.to_string(),
            grants: identity.grants.into(),
            expires_at: ends,
        };
        Me { id: name.clone(), super_admin: false, profile: Profile { username: name }, token: Some(token) }
    }
}
