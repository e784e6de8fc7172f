//! `/api/v1/users/{id}/unlock`: an end to a lock before its time. For super admins.

use axum::http::StatusCode;

use super::State;
use super::caller::Caller;
use super::path::Path;
use super::problem::Refusal;
use super::{users, words};
use crate::model::Timestamp;

/// Forgets the wrong passwords of a user, at the node that answers: whoever was kept out by them may
/// try again at once. Addresses that are locked for their own failures stay so.
#[utoipa::path(
    post, path = "/api/v1/users/{id}/unlock", tag = "users",
    params(("id" = inline(words::Id), Path, description = "The user's id.")),
    responses((status = 204, description = "The user is not locked, or not any more."))
)]
pub(super) async fn unlock(
    Caller(authority): Caller,
    state: State,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    authority.require_super_admin()?;
    state.wiring.control.unlock_user(&authority, users::named(&id)?, Timestamp::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
