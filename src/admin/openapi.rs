//! The OpenAPI document: what stands before the routes' own parts, and the refusals that follow from
//! what a route takes.

use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use bytes::Bytes;
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    Components, ContentBuilder, Header, HeaderBuilder, Info, ObjectBuilder, OpenApi, OpenApiBuilder, Ref,
    RefOr, Response, ResponseBuilder, Schema, Type,
};
use utoipa::{PartialSchema, ToSchema};

use super::State;
use super::problem::Problem;

const SCHEME: &str = "basic";
const BEARER: &str = "bearer";
const COOKIE: &str = "cookie";

/// This document.
#[utoipa::path(
    get, path = "/api/v1/openapi.json", tag = "meta", security(()),
    responses((status = 200, description = "An OpenAPI 3.1 document.", body = serde_json::Value))
)]
pub(super) async fn read(state: State) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], state.document.clone())
}

/// What stands before the routes.
pub(super) fn preamble() -> OpenApi {
    let mut info = Info::new("tenantry", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "Tenants and trusted keys of a tenantry gateway. A write is live in the data plane of the answering \
         node when it is answered. Refusals are problems (RFC 9457); a refusal with 422 names each field that \
         breaks a rule, up to 100 of them. What takes If-Match is shown with an ETag. \
         There is no impersonation, whatever header asks for it; but super admins make API tokens for \
         others, and every write is in the audit log under whose credential was shown. \
         Writes that a page of another site sends are refused with 403."
            .to_owned(),
    );
    let mut components = Components::new();
    let basic = Http::builder()
        .scheme(HttpAuthScheme::Basic)
        .description(Some(
            "The name and password of a user; or an API token or a JSON Web Token as the password, with \
             any name.",
        ))
        .build();
    components.add_security_scheme(SCHEME, SecurityScheme::Http(basic));
    let bearer = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "An API token, or a JSON Web Token as the data plane takes it, which may in its tenant what its \
             key or issuer gives it.",
        ))
        .build();
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    let cookie = ApiKeyValue::with_description(
        "tenantry",
        "A session, from /login; over TLS its name is __Host-tenantry. Requests other than GET and HEAD need \
         the header X-CSRF-TOKEN besides. From what is no browser it is also taken from a cookie named JWT.",
    );
    components.add_security_scheme(COOKIE, SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    components.schemas.insert(Problem::name().into_owned(), Problem::schema());
    let mut nested = Vec::new();
    Problem::schemas(&mut nested);
    components.schemas.extend(nested);
    OpenApiBuilder::new()
        .info(info)
        .components(Some(components))
        .security(Some([SCHEME, BEARER, COOKIE].map(|scheme| SecurityRequirement::new(scheme, [""; 0]))))
        .build()
}

/// The document with each route's refusals, as JSON.
pub(super) fn finish(mut document: OpenApi) -> Bytes {
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            name(operation);
            for (status, description) in refusals(operation) {
                let told = operation.responses.responses.entry(status.as_str().to_owned());
                told.or_insert_with(|| RefOr::T(problem(status.as_str(), description)));
            }
            for (status, response) in &mut operation.responses.responses {
                tell_as_problem(status, response);
            }
        }
    }
    document.to_json().expect("the document has no map with other keys than texts").into()
}

/// The schema of a form of which one field, of its own kind, cannot be left out.
pub(super) fn needing<F: ToSchema, K: ToSchema>(description: &str, field: &str) -> RefOr<Schema> {
    let form = F::schema();
    // Forms are objects: one object that has it all is easier to read, for programs too, than two that
    // both must hold.
    let RefOr::T(Schema::Object(mut form)) = form else { return form };
    form.description = Some(description.to_owned());
    form.properties.insert(field.to_owned(), Ref::from_schema_name(K::name()).into());
    form.required.push(field.to_owned());
    form.into()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete].into_iter().flatten()
}

/// Operations are named by what they do to what: `tenants.list`. Handlers have short names of their own.
fn name(operation: &mut Operation) {
    let tag = operation.tags.iter().flatten().next();
    if let (Some(tag), Some(id)) = (tag, &operation.operation_id) {
        operation.operation_id = Some(format!("{tag}.{id}"));
    }
}

/// The refusals that follow from what an operation takes. Those that it declares itself are left.
fn refusals(operation: &Operation) -> Vec<(StatusCode, &'static str)> {
    let parameters = || {
        operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(_) => None,
        })
    };
    let has = |place: ParameterIn| parameters().any(|parameter| parameter.parameter_in == place);
    let mut refusals = Vec::new();
    // A public operation says so itself, by an empty requirement.
    let public = operation.security.iter().flatten().any(|needs| *needs == SecurityRequirement::default());
    if !public {
        refusals.extend([
            (StatusCode::UNAUTHORIZED, "The credentials are wrong, or there are none."),
            (StatusCode::FORBIDDEN, "The caller is known and may not do this."),
            (StatusCode::TOO_MANY_REQUESTS, "Too many failed logins; Retry-After says how long to wait."),
        ]);
    }
    if !public || operation.request_body.is_some() || parameters().next().is_some() {
        refusals.extend([
            (StatusCode::BAD_REQUEST, "The request is malformed."),
            (StatusCode::INTERNAL_SERVER_ERROR, "Something failed inside."),
        ]);
    }
    refusals.push((StatusCode::SERVICE_UNAVAILABLE, "Too much is going on; try again."));
    if operation.request_body.is_some() {
        refusals.extend([
            (StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time."),
            (StatusCode::PAYLOAD_TOO_LARGE, "The body is too large."),
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is not sent as JSON."),
            (StatusCode::UNPROCESSABLE_ENTITY, "Fields break rules; each is named."),
        ]);
    }
    if has(ParameterIn::Query) {
        refusals.push((StatusCode::UNPROCESSABLE_ENTITY, "Parameters break rules; each is named."));
    }
    if has(ParameterIn::Path) {
        refusals.push((StatusCode::NOT_FOUND, "There is no such record."));
    }
    if has(ParameterIn::Header) {
        refusals.push((StatusCode::PRECONDITION_FAILED, "The record is at another version."));
    }
    refusals
}

/// Gives every refusal without a body of its own the form of a problem.
fn tell_as_problem(status: &str, response: &mut RefOr<Response>) {
    if let RefOr::T(response) = response
        && status >= "400"
        && response.content.is_empty()
    {
        *response = problem(status, &response.description);
    }
}

fn problem(status: &str, description: &str) -> Response {
    let schema = Ref::from_schema_name(Problem::name());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let response =
        ResponseBuilder::new().description(description).content("application/problem+json", content);
    match status {
        "401" => response.header("WWW-Authenticate", header("Basic, with the realm.", Type::String)).build(),
        "429" | "503" => response.header("Retry-After", header("Seconds.", Type::Integer)).build(),
        _ => response.build(),
    }
}

fn header(description: &str, kind: Type) -> Header {
    let schema = ObjectBuilder::new().schema_type(kind);
    HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
}
