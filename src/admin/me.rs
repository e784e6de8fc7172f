//! Who the caller is, as the gateway sees it.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::Caller;
use crate::control::Vouched;

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
pub(super) async fn read(Caller(authority): Caller) -> Json<Me> {
    let id = match (authority.principal(), authority.vouched_for()) {
        (Some(principal), _) => principal.id().to_string(),
        (None, vouched) => vouched.map(|vouched| vouched.tenant.to_string()).unwrap_or_default(),
    };
    let profile = Profile { username: authority.who().to_owned() };
    let token = authority.vouched_for().map(Token::of);
    Json(Me { id, super_admin: authority.is_super_admin(), profile, token })
}

impl Token {
    fn of(vouched: &Vouched) -> Self {
        Token {
            tenant: vouched.tenant.to_string(),
            key: vouched.key.clone(),
            grants: vouched.effective.everywhere.texts().collect(),
            expires_at: vouched.expires.map(|at| at.to_string()),
        }
    }
}
