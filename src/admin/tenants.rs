//! `/api/v1/tenants`: tenants as Kestra's clients know them, with an org id and times beside.

use axum::Json;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use super::body::{Body, Rest, nullable};
use super::caller::SuperAdmin;
use super::etag::{ETag, IfMatch};
use super::listing::{Listing, ListingQuery, Results};
use super::problem::Refusal;
use crate::control::{Flaws, Name, NewTenant, Prose, TenantChange};
use crate::model::{Tenant, TenantId, Timestamp};
use crate::store::Stored;

/// What Kestra's clients say of a tenant and this gateway has no use for.
const KESTRA: &[&str] = &[
    "appCatalogConfig",
    "concurrency",
    "defaultWorkerSelector",
    "logo",
    "outputsInInternalStorage",
    "quotas",
    "requireExistingNamespace",
    "sdkDefaultAuthentication",
    "secretConfiguration",
    "secretIsolation",
    "secretReadOnly",
    "secretType",
    "settings",
    "storageConfiguration",
    "storageIsolation",
    "storageType",
    "workerGroup",
];
/// What the gateway says itself; whoever writes back what was read sends it along.
const OURS: &[&str] = &["created_at", "org_id", "updated_at"];

/// A tenant.
#[derive(Serialize, ToSchema)]
#[schema(as = Tenant)]
pub(super) struct Shown {
    #[schema(example = "acme")]
    id: String,
    #[schema(example = "Acme, Inc.")]
    name: String,
    description: String,
    /// What back ends know the tenant by. A tenant that is made again under the id of a deleted one
    /// gets another.
    #[schema(example = "acme")]
    org_id: String,
    /// RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
    /// RFC 3339.
    #[schema(format = DateTime)]
    updated_at: String,
    /// Always false: deleted tenants are not shown.
    deleted: bool,
}

impl From<Tenant> for Shown {
    fn from(tenant: Tenant) -> Self {
        Shown {
            id: tenant.id.into(),
            name: tenant.name,
            description: tenant.description,
            org_id: tenant.org_id.as_str().to_owned(),
            created_at: tenant.created_at.to_string(),
            updated_at: tenant.updated_at.to_string(),
            deleted: false,
        }
    }
}

/// A tenant to be made, or what one shall be. Fields that Kestra's clients send beside these are
/// accepted and ignored; others are refused.
#[derive(Deserialize, ToSchema)]
#[schema(as = TenantForm)]
pub(super) struct Form {
    /// `^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$` and no reserved word. Needed when creating; cannot be
    /// changed.
    #[schema(example = "acme", max_length = 63, pattern = "^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$")]
    id: Option<String>,
    /// For people; the id when left out.
    #[schema(example = "Acme, Inc.", min_length = 1, max_length = 255)]
    name: Option<String>,
    /// Empty when left out.
    #[schema(max_length = 4096)]
    description: Option<String>,
    /// Nothing but false: tenants are deleted with DELETE.
    deleted: Option<bool>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

/// What shall change about a tenant (RFC 7396): what is left out stays, null means the default.
#[derive(Deserialize, ToSchema)]
#[schema(as = TenantPatch)]
pub(super) struct Patch {
    /// Nothing but the tenant's own id.
    id: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255)]
    name: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 4096)]
    description: Option<Option<String>>,
    /// Nothing but false: tenants are deleted with DELETE.
    deleted: Option<bool>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

impl Form {
    fn create(self) -> Result<NewTenant, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[KESTRA], &mut flaws);
        undeleted(self.deleted, &mut flaws);
        let id = match self.id {
            Some(id) => flaws.take("id", TenantId::parse(&id)),
            None => flaws.take("id", Err("is missing")),
        };
        let name = read_name(self.name, &mut flaws);
        let description = read_description(self.description, &mut flaws);
        let id = flaws.yields(id)?;
        Ok(NewTenant { id, name, description })
    }

    fn replace(self, id: &TenantId) -> Result<TenantChange, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[KESTRA, OURS], &mut flaws);
        undeleted(self.deleted, &mut flaws);
        same_id(self.id, id, &mut flaws);
        let name = Some(read_name(self.name, &mut flaws));
        let description = Some(read_description(self.description, &mut flaws));
        flaws.settle()?;
        Ok(TenantChange { name, description })
    }
}

impl Patch {
    fn change(self, id: &TenantId) -> Result<TenantChange, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[KESTRA, OURS], &mut flaws);
        undeleted(self.deleted, &mut flaws);
        same_id(self.id, id, &mut flaws);
        let name = self.name.map(|name| read_name(name, &mut flaws));
        let description = self.description.map(|text| read_description(text, &mut flaws));
        flaws.settle()?;
        Ok(TenantChange { name, description })
    }
}

fn read_name(name: Option<String>, flaws: &mut Flaws) -> Option<Name> {
    name.and_then(|name| flaws.take("name", Name::parse(name)))
}

fn read_description(text: Option<String>, flaws: &mut Flaws) -> Prose {
    flaws.take("description", Prose::parse(text.unwrap_or_default())).unwrap_or_default()
}

fn undeleted(deleted: Option<bool>, flaws: &mut Flaws) {
    if deleted == Some(true) {
        flaws.add("deleted", "can only be false: DELETE deletes a tenant");
    }
}

fn same_id(given: Option<String>, id: &TenantId, flaws: &mut Flaws) {
    if given.is_some_and(|given| given != id.as_str()) {
        flaws.add("id", "cannot be changed");
    }
}

/// The tenant that a path names. What is no id names none.
fn named(text: &str) -> Result<TenantId, Refusal> {
    TenantId::parse(text).map_err(|_| Refusal::NoRecord(format!("tenant {text:?}")))
}

fn shown(stored: Stored<Tenant>) -> (ETag, Json<Shown>) {
    (ETag(stored.version), Json(stored.value.into()))
}

/// Makes a tenant; it is live when this is answered.
#[utoipa::path(
    post, path = "/api/v1/tenants", tag = "tenants", request_body = Form,
    responses(
        (status = 200, description = "The tenant.", body = Shown,
            headers(("ETag" = String, description = "Its version."), ("Location" = String, description = "Its path."))),
        (status = 409, description = "There is a tenant of that id."),
    )
)]
pub(super) async fn create(
    SuperAdmin(authority): SuperAdmin,
    state: State,
    Body(form): Body<Form>,
) -> Result<impl IntoResponse, Refusal> {
    let made = state.wiring.control.create_tenant(&authority, form.create()?, Timestamp::now()).await?;
    let location = [(header::LOCATION, format!("/api/v1/tenants/{}", made.value.id))];
    Ok((location, shown(made)))
}

/// Lists tenants; `q` searches ids and names.
#[utoipa::path(
    get, path = "/api/v1/tenants", tag = "tenants", params(ListingQuery),
    responses((status = 200, description = "A page of tenants.", body = Results<Shown>))
)]
pub(super) async fn list(
    SuperAdmin(authority): SuperAdmin,
    state: State,
    Listing(search): Listing,
) -> Result<Json<Results<Shown>>, Refusal> {
    let page = state.wiring.control.tenants(&authority, search).await?;
    let results = page.items.into_iter().map(|stored| stored.value.into()).collect();
    Ok(Json(Results { results, total: page.total }))
}

/// Searches tenants: the same as the list, where Kestra's clients look for it.
#[utoipa::path(
    get, path = "/api/v1/tenants/search", tag = "tenants", params(ListingQuery),
    responses((status = 200, description = "A page of tenants.", body = Results<Shown>))
)]
pub(super) async fn search(
    admin: SuperAdmin,
    state: State,
    listing: Listing,
) -> Result<Json<Results<Shown>>, Refusal> {
    list(admin, state, listing).await
}

/// Shows a tenant.
#[utoipa::path(
    get, path = "/api/v1/tenants/{id}", tag = "tenants", params(("id" = String, Path, description = "The tenant's id.")),
    responses((status = 200, description = "The tenant.", body = Shown,
        headers(("ETag" = String, description = "Its version."))))
)]
pub(super) async fn read(
    SuperAdmin(authority): SuperAdmin,
    state: State,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Refusal> {
    Ok(shown(state.wiring.control.tenant(&authority, named(&id)?).await?))
}

/// Replaces what can be changed about a tenant: what is left out gets its default.
#[utoipa::path(
    put, path = "/api/v1/tenants/{id}", tag = "tenants", request_body = Form,
    params(
        ("id" = String, Path, description = "The tenant's id."),
        ("If-Match" = Option<String>, Header, description = "Only at one of these versions."),
    ),
    responses((status = 200, description = "The tenant.", body = Shown,
        headers(("ETag" = String, description = "Its new version."))))
)]
pub(super) async fn replace(
    SuperAdmin(authority): SuperAdmin,
    state: State,
    Path(id): Path<String>,
    IfMatch(seen): IfMatch,
    Body(form): Body<Form>,
) -> Result<impl IntoResponse, Refusal> {
    let id = named(&id)?;
    let change = form.replace(&id)?;
    let changed = state.wiring.control.change_tenant(&authority, id, change, seen, Timestamp::now()).await?;
    Ok(shown(changed))
}

/// Changes what is given about a tenant.
#[utoipa::path(
    patch, path = "/api/v1/tenants/{id}", tag = "tenants",
    request_body(content((Patch = "application/json"), (Patch = "application/merge-patch+json"))),
    params(
        ("id" = String, Path, description = "The tenant's id."),
        ("If-Match" = Option<String>, Header, description = "Only at one of these versions."),
    ),
    responses((status = 200, description = "The tenant.", body = Shown,
        headers(("ETag" = String, description = "Its new version."))))
)]
pub(super) async fn change(
    SuperAdmin(authority): SuperAdmin,
    state: State,
    Path(id): Path<String>,
    IfMatch(seen): IfMatch,
    Body(patch): Body<Patch>,
) -> Result<impl IntoResponse, Refusal> {
    let id = named(&id)?;
    let change = patch.change(&id)?;
    let changed = state.wiring.control.change_tenant(&authority, id, change, seen, Timestamp::now()).await?;
    Ok(shown(changed))
}

/// Deletes a tenant: its tokens are refused when this is answered. What it stored in back ends stays
/// there, out of reach of any later tenant. Keys that named it no longer do.
#[utoipa::path(
    delete, path = "/api/v1/tenants/{id}", tag = "tenants",
    params(
        ("id" = String, Path, description = "The tenant's id."),
        ("If-Match" = Option<String>, Header, description = "Only at one of these versions."),
    ),
    responses((status = 204, description = "It is gone."))
)]
pub(super) async fn delete(
    SuperAdmin(authority): SuperAdmin,
    state: State,
    Path(id): Path<String>,
    IfMatch(seen): IfMatch,
) -> Result<StatusCode, Refusal> {
    state.wiring.control.delete_tenant(&authority, named(&id)?, seen, Timestamp::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
