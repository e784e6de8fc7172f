//! One request, phase by phase: target, credential, permit, headers, back end. Forward only.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Request, Response, Version, header};
use http_body::Body;
use hyper::body::Incoming;

use super::body::{Answer, Upload};
use super::exchange::Exchange;
use super::headers::{self, Additions};
use super::limits;
use super::reject::Refusal;
use super::target::{Host, Target, target};
use super::upstream;
use super::worker::Worker;
use crate::auth::{self, Permit};
use crate::net::Call;
use crate::snapshot::Current;

/// After a refusal: how much of a body is read, and for how long, so that the caller gets to read
/// the answer instead of a reset.
const DISCARD_BYTES: usize = 256 * 1024;
const DISCARD_TIME: Duration = Duration::from_secs(1);

/// Answers one request.
pub async fn handle(worker: Rc<Worker>, request: Request<Incoming>, call: Call) -> Response<Answer> {
    let (mut parts, body) = request.into_parts();
    let version = parts.version;
    let exchange = Exchange::begin(&worker, call, &parts);
    let snapshot = worker.snapshot();
    let length = if body.is_end_stream() { Some(0) } else { body.size_hint().exact() };
    let mut response = match judge(&snapshot, &exchange, &mut parts, length) {
        Ok((permit, path)) => {
            exchange.permitted(&permit);
            let most = limits::most_bytes(permit.options());
            let body = Upload::new(body, exchange.clone(), snapshot.clone(), most);
            let request = Request::from_parts(parts, body);
            match upstream::send(&permit, &exchange, path, request).await {
                Ok(mut response) => {
                    headers::strip_answer(response.headers_mut());
                    response
                }
                Err(refusal) => refuse(&exchange, refusal),
            }
        }
        Err(refusal) => {
            // Who asks before sending is told before anything is read.
            if !body.is_end_stream() && !parts.headers.contains_key(header::EXPECT) {
                Box::pin(discard(&exchange, body)).await;
            }
            refuse(&exchange, refusal)
        }
    };
    headers::finish_answer(response.headers_mut(), version, exchange.request_id.clone());
    response
}

/// Decides on a request, and makes its head the one that the back end gets. `length`: of its body,
/// where that is known.
fn judge<'s>(
    snapshot: &'s Current,
    exchange: &Exchange,
    parts: &mut Parts,
    length: Option<u64>,
) -> Result<(Permit<'s>, PathAndQuery), Refusal> {
    let worker = &exchange.worker;
    let host = Host::of(parts)?;
    let Target { service, tenant, permission, start } =
        target(&snapshot.routes, &host, &parts.method, parts.uri.path())?;
    let credential = auth::credential(&parts.headers);
    let identity = worker
        .authenticate(snapshot, credential, tenant, exchange.now)
        .inspect_err(|_| exchange.aimed_at(service))?;
    match snapshot.tenants.get(identity.tenant.as_str()) {
        Some(tenant) => exchange.comes_from(&identity, service, tenant),
        None => exchange.aimed_at(service),
    }
    let permit = auth::permit(snapshot, identity, service, permission).map_err(Refusal::Denied)?;
    let path = forwarded_path(parts.uri.path_and_query(), start)?;
    if let Some(options) = permit.options() {
        limits::check(options, service, &parts.method, path.path(), length)?;
    }
    let (routes, conn, id) = (&snapshot.routes, &exchange.call, &exchange.request_id);
    let additions =
        Additions { permit: &permit, routes, host: &host, conn, id, unsized_body: length.is_none() };
    headers::rewrite(parts, &additions)?;
    parts.version = Version::HTTP_11;
    Ok((permit, path))
}

/// The judged path from `start` on, and the query as it came.
fn forwarded_path(whole: Option<&PathAndQuery>, start: usize) -> Result<PathAndQuery, Refusal> {
    let whole = whole.ok_or(Refusal::Internal)?;
    if start == 0 {
        return Ok(whole.clone());
    }
    let rest = &whole.as_str()[start..];
    let slash = if rest.starts_with('/') { "" } else { "/" };
    PathAndQuery::try_from(format!("{slash}{rest}")).map_err(|_| Refusal::Internal)
}

fn refuse(exchange: &Rc<Exchange>, refusal: Refusal) -> Response<Answer> {
    exchange.refused(refusal);
    refusal.response().map(|text| Answer::text(text, exchange.clone()))
}

/// Reads what there is of a body that nobody wants.
async fn discard(exchange: &Exchange, body: Incoming) {
    let mut body = pin!(body);
    let mut left = DISCARD_BYTES;
    exchange.allow(DISCARD_TIME);
    while left > 0 {
        let frame = poll_fn(|cx| match body.as_mut().poll_frame(cx) {
            Poll::Ready(frame) => Poll::Ready(frame),
            Poll::Pending => exchange.poll_late(cx).map(|()| None),
        });
        let Some(Ok(frame)) = frame.await else { return };
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
    }
}
