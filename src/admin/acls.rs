//! `/api/v1/{tenant}/acls`: which permissions there are to be given. The same in every tenant, and
//! shown to all who have access to one.

use std::collections::BTreeMap;

use axum::Json;

use super::State;
use super::caller::Caller;
use super::place::{InTenant, Place};
use super::problem::Refusal;
use super::roleform::Permissions;
use crate::control::Authority;
use crate::model::{ManagedRole, Rights, TenantId};

fn admitted(authority: &Authority, state: &State, tenant: &TenantId) -> Result<(), Refusal> {
    Ok(authority.require_access(&state.wiring.control.snapshot(), tenant).map(drop)?)
}

/// Shows all permissions: actions by resource.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/acls/permissions", tag = "acls", params(InTenant),
    responses((status = 200, description = "Actions by resource.", body = BTreeMap<String, Vec<String>>))
)]
pub(super) async fn permissions(
    Caller(authority): Caller,
    state: State,
    Place(InTenant { tenant }): Place<InTenant>,
) -> Result<Json<Permissions>, Refusal> {
    admitted(&authority, &state, &tenant)?;
    Ok(Json(Rights::ALL.into()))
}

/// Shows all actions: those on data in lower case, those on records in upper case.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/acls/actions", tag = "acls", params(InTenant),
    responses((status = 200, description = "Actions.", body = Vec<String>))
)]
pub(super) async fn actions(
    Caller(authority): Caller,
    state: State,
    Place(InTenant { tenant }): Place<InTenant>,
) -> Result<Json<Vec<String>>, Refusal> {
    admitted(&authority, &state, &tenant)?;
    let mut actions: Vec<String> = Permissions::from(Rights::ALL).into_values().flatten().collect();
    actions.sort();
    actions.dedup();
    Ok(Json(actions))
}

/// Shows the permissions of the managed roles, to begin roles of one's own with.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/acls/templates", tag = "acls", params(InTenant),
    responses((status = 200, description = "By the name of the role in upper case: actions by resource.",
        body = BTreeMap<String, BTreeMap<String, Vec<String>>>))
)]
pub(super) async fn templates(
    Caller(authority): Caller,
    state: State,
    Place(InTenant { tenant }): Place<InTenant>,
) -> Result<Json<BTreeMap<String, Permissions>>, Refusal> {
    admitted(&authority, &state, &tenant)?;
    let template = |role: ManagedRole| (role.as_str().to_ascii_uppercase(), role.rights().into());
    Ok(Json(ManagedRole::ALL.into_iter().map(template).collect()))
}
