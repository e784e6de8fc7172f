//! What every request to the admin port has around it: an id, a span, an end in time, a trail for
//! the audit log, and answers that nobody stores.

use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

use super::State;
use super::caller::address;
use super::problem::Refusal;
use super::trail::{Asked, Trail, Watch};
use crate::model::{Ticket, TicketKind};

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const IN_TIME: Duration = Duration::from_secs(30);
/// Ten thousand documents may ask for as many passwords to be hashed, and as many commits.
const AT_LENGTH: Duration = Duration::from_secs(600);

pub(super) async fn frame(state: State, mut request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let trail = Trail::default();
    request.extensions_mut().insert(trail.clone());
    let asked = Asked {
        method: request.method().clone(),
        path: without_tickets(request.uri().path()),
        address: address(request.extensions()),
        request_id: id.to_str().unwrap_or_default().to_owned(),
    };
    let span = tracing::info_span!(
        "admin",
        id = id.to_str().unwrap_or_default(),
        method = %request.method(),
        path = asked.path,
    );
    let control = &*state.wiring.control;
    let watch = Watch { control, trail: &trail, asked: &asked };
    let time = match asked.path.as_str() {
        "/api/v1/apply" | "/api/v1/export" => AT_LENGTH,
        _ => IN_TIME,
    };
    let answer = tokio::time::timeout(time, next.run(request)).instrument(span).await;
    let mut response = answer.unwrap_or_else(|_elapsed| Refusal::TimedOut.into_response());
    trail.tell(control, &asked, &response);
    drop(watch);
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A path without what is a secret in it: the link of an invitation is one.
fn without_tickets(path: &str) -> String {
    let kinds = [TicketKind::ApiToken, TicketKind::Session, TicketKind::Invitation];
    let ticket = |part: &str| kinds.iter().any(|kind| Ticket::claimed(*kind, part));
    let parts = path.split('/').map(|part| if ticket(part) { "***" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// The caller's own id when it is one word of at most 128 visible characters, else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let sane = |value: &&HeaderValue| {
        (1..=128).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    headers.get(REQUEST_ID).filter(sane).cloned().unwrap_or_else(new_id)
}

fn new_id() -> HeaderValue {
    let random = getrandom::u64().unwrap_or_default();
    HeaderValue::try_from(format!("{random:016x}")).expect("hex digits are a header value")
}
