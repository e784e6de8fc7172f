//! The admin port: our own REST dialect as one table of routes, which also yields the OpenAPI
//! document. Turns wire forms into use cases of `control` and what comes of them into answers;
//! decides nothing itself.

mod access;
mod accountform;
mod accounts;
mod acls;
mod apply;
mod audit;
mod auditform;
mod auditpart;
mod bindingform;
mod bindings;
mod body;
mod caller;
mod cookie;
mod documents;
mod etag;
mod explain;
mod frame;
mod groupform;
mod groups;
mod health;
mod invitationform;
mod invitations;
mod invited;
mod issuerform;
mod issuers;
mod keyform;
mod keys;
mod lines;
mod listing;
mod login;
mod machines;
mod me;
mod memberform;
mod members;
mod named;
mod once;
mod openapi;
mod path;
mod pick;
mod place;
mod problem;
mod reader;
mod roleform;
mod roles;
mod serve;
mod setup;
mod tenantform;
mod tenantparts;
mod tenants;
mod tokenform;
mod tokens;
mod trail;
mod unlock;
mod userflags;
mod userform;
mod users;
mod userview;
mod words;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use bytes::Bytes;
use tokio::sync::Semaphore;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::control::Control;
use problem::Refusal;

pub use cookie::Sessions;
pub use serve::serve;

/// What the admin port stands upon.
pub struct Wiring {
    pub control: Arc<Control>,
    pub sessions: Sessions,
    /// Whether this node takes requests: `/-/ready`.
    pub ready: Box<dyn Fn() -> bool + Send + Sync>,
    /// The text of `/metrics`, in the Prometheus format.
    pub metrics: Box<dyn Fn() -> String + Send + Sync>,
    /// Where this node listens for requests.
    pub listeners: Vec<Listener>,
}

/// A port of the data plane, for those who ask.
pub struct Listener {
    pub name: String,
    pub address: SocketAddr,
    pub tls: bool,
}

/// What every handler sees.
struct Desk {
    wiring: Wiring,
    /// The OpenAPI document as JSON.
    document: Bytes,
    long_bodies: Arc<Semaphore>,
}

type State = axum::extract::State<Arc<Desk>>;

/// The admin port's routes. Callers' addresses come as `ConnectInfo<SocketAddr>`, which [`serve`]
/// sets.
pub fn router(wiring: Wiring) -> Router {
    let (router, document) = table().split_for_parts();
    let document = openapi::finish(document);
    let long_bodies = Arc::new(Semaphore::new(body::LONG_AT_ONCE));
    let desk = Arc::new(Desk { wiring, document, long_bodies });
    router
        .fallback(|| async { Refusal::NoRoute })
        .method_not_allowed_fallback(|| async { Refusal::Method })
        .with_state(desk.clone())
        .layer(from_fn_with_state(desk, frame::frame))
}

/// The one table: what is routed is documented.
fn table() -> OpenApiRouter<Arc<Desk>> {
    OpenApiRouter::with_openapi(openapi::preamble())
        .routes(routes!(tenants::list, tenants::create))
        .routes(routes!(tenants::search))
        .routes(routes!(tenants::read, tenants::replace, tenants::change, tenants::delete))
        .routes(routes!(keys::list, keys::add))
        .routes(routes!(keys::read, keys::replace, keys::remove))
        .routes(routes!(keys::list_own, keys::add_own))
        .routes(routes!(keys::read_own, keys::replace_own, keys::remove_own))
        .routes(routes!(apply::apply))
        .routes(routes!(apply::export))
        .routes(routes!(explain::explain))
        .routes(routes!(issuers::list, issuers::add))
        .routes(routes!(issuers::read, issuers::replace, issuers::remove))
        .routes(routes!(issuers::tenant_list, issuers::tenant_add))
        .routes(routes!(issuers::tenant_read, issuers::tenant_replace, issuers::tenant_remove))
        .merge(of_tenants())
        .routes(routes!(tokens::list_own, tokens::make_own))
        .routes(routes!(tokens::revoke_own))
        .routes(routes!(accounts::list, accounts::create))
        .routes(routes!(accounts::read, accounts::change, accounts::delete))
        .routes(routes!(accounts::rank))
        .routes(routes!(tokens::list_of_machines, tokens::make_of_machines))
        .routes(routes!(tokens::revoke_of_machines))
        .routes(routes!(machines::list, machines::create))
        .routes(routes!(machines::read, machines::replace, machines::delete))
        .routes(routes!(tokens::list_of_tenants, tokens::make_of_tenants))
        .routes(routes!(tokens::revoke_of_tenants))
        .routes(routes!(tokens::list_of_users, tokens::make_of_users))
        .routes(routes!(tokens::revoke_of_users))
        .merge(of_people())
        .merge(of_audit())
        .routes(routes!(openapi::read))
        .routes(routes!(health::healthy))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
}

/// People, their own accounts, and how they sign in.
fn of_people() -> OpenApiRouter<Arc<Desk>> {
    OpenApiRouter::new()
        .routes(routes!(login::login))
        .routes(routes!(login::logout))
        .routes(routes!(me::read, me::change))
        .routes(routes!(invited::invitations))
        .routes(routes!(me::password))
        .routes(routes!(setup::auths))
        .routes(routes!(setup::state, setup::set_up))
        .routes(routes!(setup::validate_password))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::read, users::replace, users::change, users::delete))
        .routes(routes!(users::remove_auth))
        .routes(routes!(users::end_sessions))
        .routes(routes!(userflags::password))
        .routes(routes!(userflags::super_admin))
        .routes(routes!(userflags::restricted))
        .routes(routes!(userflags::disabled))
        .routes(routes!(unlock::unlock))
}

/// What stands below `/api/v1/{tenant}`: who may what in a tenant.
fn of_tenants() -> OpenApiRouter<Arc<Desk>> {
    OpenApiRouter::new()
        .routes(routes!(access::list, access::invite))
        .routes(routes!(access::autocomplete))
        .routes(routes!(access::read, access::admit, access::expel))
        .routes(routes!(acls::permissions))
        .routes(routes!(acls::actions))
        .routes(routes!(acls::templates))
        .routes(routes!(bindings::list, bindings::create))
        .routes(routes!(bindings::create_all))
        .routes(routes!(bindings::search))
        .routes(routes!(bindings::read, bindings::delete))
        .routes(routes!(groups::list, groups::create))
        .routes(routes!(groups::search))
        .routes(routes!(groups::autocomplete))
        .routes(routes!(groups::ids))
        .routes(routes!(groups::read, groups::replace, groups::delete))
        .routes(routes!(invitations::invite))
        .routes(routes!(invitations::search))
        .routes(routes!(invitations::by_address))
        .routes(routes!(invitations::read, invitations::revoke))
        .routes(routes!(invitations::create))
        .routes(routes!(invitations::accept))
        .routes(routes!(members::list))
        .routes(routes!(members::join, members::leave))
        .routes(routes!(members::set_membership))
        .routes(routes!(members::set_groups))
        .routes(routes!(roles::list, roles::create))
        .routes(routes!(roles::search))
        .routes(routes!(roles::autocomplete))
        .routes(routes!(roles::ids))
        .routes(routes!(roles::read, roles::replace, roles::delete))
}

/// What was done, and refused.
fn of_audit() -> OpenApiRouter<Arc<Desk>> {
    OpenApiRouter::new()
        .routes(routes!(audit::search))
        .routes(routes!(audit::export))
        .routes(routes!(audit::verify))
        .routes(routes!(audit::history))
        .routes(routes!(audit::read))
        .routes(routes!(audit::diff))
        .routes(routes!(auditpart::search))
        .routes(routes!(auditpart::export))
        .routes(routes!(auditpart::history))
        .routes(routes!(auditpart::read))
        .routes(routes!(auditpart::diff))
}
