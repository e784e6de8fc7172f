//! `/api/v1/me/invitations`: to what the caller is invited.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::State;
use super::caller::Caller;
use super::invitationform::Status;
use super::problem::Refusal;
use crate::model::{Invitation, InvitationStatus, Timestamp};

/// An invitation as whoever is invited sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Invited {
    id: String,
    tenant_id: String,
    email: String,
    status: Status,
    is_expired: bool,
    /// The roles to which whoever accepts is bound.
    roles: Vec<String>,
    group_ids: Vec<String>,
    super_admin: bool,
    /// RFC 3339.
    #[schema(format = DateTime)]
    sent_at: String,
    #[schema(format = DateTime)]
    expired_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    accepted_at: Option<String>,
}

/// Lists the invitations to the address by which the caller signs in, in all tenants.
#[utoipa::path(
    get, path = "/api/v1/me/invitations", tag = "me",
    responses((status = 200, description = "All of them, whatever has become of them.", body = Vec<Invited>))
)]
pub(super) async fn invitations(
    Caller(authority): Caller,
    state: State,
) -> Result<Json<Vec<Invited>>, Refusal> {
    let now = Timestamp::now();
    let all = state.wiring.control.own_invitations(&authority).await?;
    Ok(Json(all.into_iter().map(|invitation| Invited::of(invitation, now)).collect()))
}

impl Invited {
    fn of(invitation: Invitation, now: Timestamp) -> Self {
        let status = invitation.status(now);
        let roles = invitation.roles.iter().map(|invited| invited.role.text(&invitation.tenant)).collect();
        Invited {
            id: invitation.id.to_string(),
            roles,
            tenant_id: invitation.tenant.into(),
            email: invitation.email.into(),
            is_expired: status == InvitationStatus::Expired,
            status: status.into(),
            group_ids: invitation.groups.iter().map(ToString::to_string).collect(),
            super_admin: invitation.super_admin,
            sent_at: invitation.sent_at.to_string(),
            expired_at: invitation.expires_at.to_string(),
            accepted_at: invitation.accepted_at.map(|at| at.to_string()),
        }
    }
}
