//! `/api/v1/{tenant}/invitations`: who is invited into a tenant; and how that is accepted.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::State;
use super::body::Body;
use super::caller::{Caller, Whence};
use super::etag::{ETag, IfMatch, Precondition};
use super::invitationform::{Accepted, Form, PersonForm, Sent, Shown};
use super::listing::{Listing, ListingQuery, Results};
use super::path::Path;
use super::place::{InTenant, OneOf, Place};
use super::problem::Refusal;
use super::words;
use crate::control::Invited;
use crate::model::{Id, Secret, TenantId, Ticket, TicketKind, Timestamp, UserName};

/// The invitations of an address.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct OfAddress {
    /// The tenant's id.
    #[param(value_type = words::TenantId, inline)]
    tenant: TenantId,
    /// The e-mail address.
    #[param(value_type = words::UserName, inline)]
    email: UserName,
}

/// Invites somebody into the tenant, for seven days. A user of that name gets access, roles and groups
/// at once, without being asked (204). Nobody can invite to more than they have themselves, and what
/// was sent is looked at again when it is accepted: whoever sent it has to be able to give it still,
/// and roles and groups that are gone by then are passed over.
#[utoipa::path(
    post, path = "/api/v1/{tenant}/invitations", tag = "invitations", params(InTenant), request_body = Form,
    responses(
        (status = 201, description = "The invitation, with its link, which is shown this once.", body = Sent,
            headers(("ETag" = String, description = "Its version."), ("Location" = String, description = "Its path."))),
        (status = 204, description = "There was such a user, or there is now: they have access."),
        (status = 409, description = "They are invited, or have access, already."),
    )
)]
pub(super) async fn invite(
    Caller(authority): Caller,
    state: State,
    Place(InTenant { tenant }): Place<InTenant>,
    Body(form): Body<Form>,
) -> Result<Response, Refusal> {
    let (new, path) = (form.read(&tenant)?, format!("/api/v1/{tenant}/invitations"));
    let invited = state.wiring.control.invite(&authority, tenant, new, Timestamp::now()).await?;
    Ok(match invited {
        Invited::Admitted => StatusCode::NO_CONTENT.into_response(),
        Invited::Sent(entry, ticket) => {
            let location = [(header::LOCATION, format!("{path}/{}", entry.value.invitation.id))];
            let sent = Json(Sent::new(entry.value, &ticket));
            (StatusCode::CREATED, location, ETag(entry.version), sent).into_response()
        }
    })
}

/// Searches invitations; `q` searches ids, addresses and statuses.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/invitations/search", tag = "invitations", params(InTenant, ListingQuery),
    responses((status = 200, description = "A page of invitations.", body = Results<Shown>))
)]
pub(super) async fn search(
    Caller(authority): Caller,
    state: State,
    Place(InTenant { tenant }): Place<InTenant>,
    Listing(search): Listing,
) -> Result<Json<Results<Shown>>, Refusal> {
    let control = &state.wiring.control;
    let (found, total) = control.invitations(&authority, tenant, search, Timestamp::now()).await?;
    Ok(Json(Results { results: found.into_iter().map(Shown::from).collect(), total }))
}

/// Lists the invitations of an address.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/invitations/email/{email}", tag = "invitations", params(OfAddress),
    responses((status = 200, description = "All of them, whatever has become of them.", body = Vec<Shown>))
)]
pub(super) async fn by_address(
    Caller(authority): Caller,
    state: State,
    Place(OfAddress { tenant, email }): Place<OfAddress>,
) -> Result<Json<Vec<Shown>>, Refusal> {
    let control = &state.wiring.control;
    let found = control.invitations_of(&authority, tenant, email, Timestamp::now()).await?;
    Ok(Json(found.into_iter().map(Shown::from).collect()))
}

/// Shows an invitation; never its link.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/invitations/{id}", tag = "invitations", params(OneOf),
    responses((status = 200, description = "The invitation.", body = Shown,
        headers(("ETag" = String, description = "Its version."))))
)]
pub(super) async fn read(
    Caller(authority): Caller,
    state: State,
    Place(OneOf { tenant, id }): Place<OneOf>,
) -> Result<impl IntoResponse, Refusal> {
    let found = state.wiring.control.invitation(&authority, tenant, id, Timestamp::now()).await?;
    Ok((ETag(found.version), Json(Shown::from(found.value))))
}

/// Takes an invitation back: its link is worth nothing any more. Who has accepted it stays.
#[utoipa::path(
    delete, path = "/api/v1/{tenant}/invitations/{id}", tag = "invitations", params(OneOf, Precondition),
    responses((status = 204, description = "It is gone."))
)]
pub(super) async fn revoke(
    Caller(authority): Caller,
    state: State,
    Place(OneOf { tenant, id }): Place<OneOf>,
    IfMatch(seen): IfMatch,
) -> Result<StatusCode, Refusal> {
    state.wiring.control.revoke_invitation(&authority, tenant, id, seen, Timestamp::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Accepts an invitation as a new user, who signs in by the invited address from then on. The link is
/// good once.
#[utoipa::path(
    post, path = "/api/v1/invitation/create/{ticket}", tag = "invitations", security(()),
    request_body = PersonForm,
    params(("ticket" = inline(words::Ticket), Path, description = "The last part of the link.")),
    responses(
        (status = 200, description = "The new user.", body = Accepted),
        (status = 409, description = "It has expired, there is such a user already, or whoever sent it can no longer give what it gives."),
    )
)]
pub(super) async fn create(
    Whence(origin): Whence,
    state: State,
    Path(ticket): Path<String>,
    Body(form): Body<PersonForm>,
) -> Result<Json<Accepted>, Refusal> {
    let (ticket, new) = (Secret::new(ticket), form.read()?);
    let user = state.wiring.control.accept_as_new(ticket, new, origin, Timestamp::now()).await?;
    Ok(Json(Accepted { id: user.id.to_string(), username: user.name.into() }))
}

/// Accepts an invitation to the address by which the caller signs in. Not with a token of narrower
/// rights, and not by restricted users.
#[utoipa::path(
    post, path = "/api/v1/invitation/accept/{ticket}", tag = "invitations",
    params(("ticket" = String, Path, description = "The last part of the link, or the invitation's id.")),
    responses(
        (status = 200, description = "Who has accepted it.", body = Accepted),
        (status = 409, description = "It was accepted, has expired, or whoever sent it can no longer give what it gives."),
    )
)]
pub(super) async fn accept(
    Caller(authority): Caller,
    state: State,
    Path(ticket): Path<String>,
) -> Result<Json<Accepted>, Refusal> {
    // Whose name is the address needs no other proof.
    let id = Ticket::parse(TicketKind::Invitation, &ticket).map(|ticket| ticket.id);
    let id: Option<Id> = id.or_else(|| ticket.parse().ok());
    let id = id.ok_or_else(|| Refusal::NoRecord("such an invitation".to_owned()))?;
    state.wiring.control.accept_invitation(&authority, id, Timestamp::now()).await?;
    let principal = authority.principal().map(|principal| principal.id().to_string());
    Ok(Json(Accepted { id: principal.unwrap_or_default(), username: authority.who().to_owned() }))
}
