//! `/api/v1/{tenant}/bindings`: who has which role. Bindings are never changed: they are deleted, and
//! made anew.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use utoipa::IntoParams;

use super::State;
use super::bindingform::{Form, Kind, Shown};
use super::body::Body;
use super::caller::Caller;
use super::etag::{ETag, IfMatch, Precondition};
use super::listing::{ListingQuery, Results, with_own};
use super::place::{InTenant, OneOf, Place};
use super::problem::Refusal;
use super::{roles, words};
use crate::control::{Bindings, Fault, NewBinding, Search};
use crate::model::Timestamp;

/// Bindings of one request.
const BULK: usize = 1000;

/// Which bindings are listed.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query to readers of the document; `Asked` reads it")]
struct BindingsQuery {
    /// Only those of users and service accounts, or only those of groups.
    #[param(inline)]
    r#type: Option<Kind>,
    /// Only those of the user, service account or group of this id.
    #[param(value_type = Option<words::Id>, inline)]
    id: Option<String>,
    /// Only those of the role of this id.
    #[param(rename = "roleId", value_type = Option<words::RoleId>, inline)]
    role_id: Option<String>,
    /// Nothing, or empty: there are no namespaces here.
    #[param(value_type = Option<words::Nothing>, inline)]
    namespace: Option<String>,
}

/// The query of a list of bindings, read. The role is read when the tenant is known.
pub(super) struct Asked {
    search: Search,
    which: Bindings,
    role: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        let (search, mut own) = with_own(parts, &["type", "id", "roleId", "namespace"])?;
        let groups = match own.remove("type").as_deref() {
            None => None,
            Some("USER" | "SERVICE_ACCOUNT") => Some(false),
            Some("GROUP") => Some(true),
            Some(_) => return Err(Fault::invalid("type", "must be USER, GROUP or SERVICE_ACCOUNT").into()),
        };
        if own.get("namespace").is_some_and(|namespace| !namespace.is_empty()) {
            return Err(Fault::invalid("namespace", "there are no namespaces here").into());
        }
        let holder = own.remove("id").map(|id| id.parse()).transpose();
        let holder = holder.map_err(|error| Refusal::from(Fault::invalid("id", error)))?;
        Ok(Asked { search, which: Bindings { groups, holder, role: None }, role: own.remove("roleId") })
    }
}

/// Binds a user, a service account or a group to a role. Nobody gives what they do not have. A user
/// without access to the tenant gets it, and is then bound to the default role as well.
#[utoipa::path(
    post, path = "/api/v1/{tenant}/bindings", tag = "bindings", params(InTenant), request_body = Form,
    responses((status = 200, description = "The binding.", body = Shown,
        headers(("ETag" = String, description = "Its version."), ("Location" = String, description = "Its path."))),
        (status = 409, description = "They have 256 bindings in the tenant already."))
)]
pub(super) async fn create(
    Caller(authority): Caller,
    state: State,
    Place(InTenant { tenant }): Place<InTenant>,
    Body(form): Body<Form>,
) -> Result<impl IntoResponse, Refusal> {
    let (new, path) = (form.read(&tenant, "")?, format!("/api/v1/{tenant}/bindings"));
    let made = state.wiring.control.bind(&authority, tenant, vec![new], Timestamp::now()).await?;
    let binding = made.value.into_iter().next().ok_or(Fault::Broken)?;
    let location = [(header::LOCATION, format!("{path}/{}", binding.id))];
    Ok((location, ETag(made.version), Json(Shown::from(binding))))
}

/// Makes many bindings: all, or none.
#[utoipa::path(
    post, path = "/api/v1/{tenant}/bindings/bulk", tag = "bindings", params(InTenant),
    request_body(content = Vec<Form>, description = "At most 1000."),
    responses((status = 200, description = "The bindings, in their order.", body = Vec<Shown>),
        (status = 409, description = "Somebody would have more than 256 bindings in the tenant."))
)]
pub(super) async fn create_all(
    Caller(authority): Caller,
    state: State,
    Place(InTenant { tenant }): Place<InTenant>,
    Body(forms): Body<Vec<Form>>,
) -> Result<Json<Vec<Shown>>, Refusal> {
    if forms.len() > BULK {
        return Err(Fault::invalid("body", format_args!("has at most {BULK} bindings")).into());
    }
    let read = |(index, form): (usize, Form)| form.read(&tenant, &format!("[{index}]."));
    let new = forms.into_iter().enumerate().map(read).collect::<Result<Vec<NewBinding>, _>>()?;
    let made = state.wiring.control.bind(&authority, tenant, new, Timestamp::now()).await?;
    Ok(Json(made.value.into_iter().map(Shown::from).collect()))
}

/// Lists bindings; `q` searches ids and the names of roles and of those who are bound.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/bindings", tag = "bindings", params(InTenant, BindingsQuery, ListingQuery),
    responses((status = 200, description = "A page of bindings.", body = Results<Shown>))
)]
pub(super) async fn list(
    Caller(authority): Caller,
    state: State,
    Place(InTenant { tenant }): Place<InTenant>,
    asked: Asked,
) -> Result<Json<Results<Shown>>, Refusal> {
    let Asked { search, mut which, role } = asked;
    which.role = role.map(|role| roles::named(&role, &tenant)).transpose()?;
    let (bindings, total) = state.wiring.control.bindings(&authority, tenant, which, search).await?;
    Ok(Json(Results { results: bindings.into_iter().map(Shown::from).collect(), total }))
}

/// Searches bindings: the same as the list, where Kestra's clients look for it.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/bindings/search", tag = "bindings",
    params(InTenant, BindingsQuery, ListingQuery),
    responses((status = 200, description = "A page of bindings.", body = Results<Shown>))
)]
pub(super) async fn search(
    caller: Caller,
    state: State,
    place: Place<InTenant>,
    asked: Asked,
) -> Result<Json<Results<Shown>>, Refusal> {
    list(caller, state, place, asked).await
}

/// Shows a binding.
#[utoipa::path(
    get, path = "/api/v1/{tenant}/bindings/{id}", tag = "bindings", params(OneOf),
    responses((status = 200, description = "The binding.", body = Shown,
        headers(("ETag" = String, description = "Its version."))))
)]
pub(super) async fn read(
    Caller(authority): Caller,
    state: State,
    Place(OneOf { tenant, id }): Place<OneOf>,
) -> Result<impl IntoResponse, Refusal> {
    let found = state.wiring.control.binding(&authority, tenant, id).await?;
    Ok((ETag(found.version), Json(Shown::from(found.value))))
}

/// Takes a role away again: what it gave is refused when this is answered. Access to the tenant stays.
#[utoipa::path(
    delete, path = "/api/v1/{tenant}/bindings/{id}", tag = "bindings",
    params(OneOf, Precondition),
    responses((status = 204, description = "It is gone."))
)]
pub(super) async fn delete(
    Caller(authority): Caller,
    state: State,
    Place(OneOf { tenant, id }): Place<OneOf>,
    IfMatch(seen): IfMatch,
) -> Result<StatusCode, Refusal> {
    state.wiring.control.unbind(&authority, tenant, id, seen, Timestamp::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
