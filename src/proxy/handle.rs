//! One request, phase by phase: target, credential, permit, headers, back end. Forward only.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Request, Response, Version, header};
use http_body::Body;
use hyper::body::Incoming;

use super::body::{Answer, Upload};
use super::exchange::Exchange;
use super::headers::{self, Additions};
use super::limits;
use super::password;
use super::refused;
use super::reject::{self, Refusal};
use super::target::{Host, Target, target};
use super::upstream;
use super::worker::Worker;
use crate::auth::{self, Identity, Permit, Reading, Unchecked};
use crate::net::Call;
use crate::snapshot::{Account, Current};

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
    let later;
    let (judged, snapshot) = match judge(&snapshot, &exchange, &mut parts, length, recognise) {
        Ok(judged) => (Ok(judged), &snapshot),
        Err(Halt::Refused(refusal)) => (Err(refusal), &snapshot),
        Err(Halt::Password(unchecked)) => {
            // Boxed: rare, and large beside what other requests need.
            let checked = Box::pin(password::check(&exchange, &snapshot, &unchecked)).await;
            // What has been taken away while the password waited for its turn is gone.
            later = worker.snapshot();
            (judge_checked(&later, &exchange, &mut parts, length, &unchecked, checked), &later)
        }
    };
    let mut response = match judged {
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
                Err(refusal) => refuse(&exchange, refusal, false),
            }
        }
        Err(refusal) => {
            let basic = reject::offers_basic(&parts.headers);
            // Who asks before sending is told before anything is read.
            if !body.is_end_stream() && !parts.headers.contains_key(header::EXPECT) {
                Box::pin(discard(&exchange, body)).await;
            }
            refuse(&exchange, refusal, basic)
        }
    };
    headers::finish_answer(response.headers_mut(), version, exchange.request_id.clone());
    response
}

/// What a request may do, and the path that the back end sees.
type Judged<'s> = (Permit<'s>, PathAndQuery);

/// Why a request is not permitted at once.
enum Halt {
    Refused(Refusal),
    /// Its password has to be checked.
    Password(Box<Unchecked>),
}

impl From<Refusal> for Halt {
    fn from(refusal: Refusal) -> Self {
        Halt::Refused(refusal)
    }
}

/// Decides on a request, and makes its head the one that the back end gets. `length`: of its body,
/// where that is known. `who` says who sends these headers to a tenant.
fn judge<'s, E: From<Refusal>>(
    snapshot: &'s Current,
    exchange: &Exchange,
    parts: &mut Parts,
    length: Option<u64>,
    who: impl FnOnce(&'s Current, &Exchange, &HeaderMap, &str) -> Result<Rc<Identity>, E>,
) -> Result<Judged<'s>, E> {
    let host = Host::of(parts)?;
    let Target { service, tenant, permission, start } =
        target(&snapshot.routes, &host, &parts.method, parts.uri.path())?;
    let identity =
        who(snapshot, exchange, &parts.headers, tenant).inspect_err(|_| exchange.aimed_at(service))?;
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

/// Says who sends these headers, as far as that can be told at once.
fn recognise(
    snapshot: &Current,
    exchange: &Exchange,
    headers: &HeaderMap,
    tenant: &str,
) -> Result<Rc<Identity>, Halt> {
    let (credential, address) = (auth::credential(headers), exchange.call.peer.ip());
    let reading = exchange
        .worker
        .authenticate(snapshot, credential, tenant, address, exchange.now)
        .inspect_err(|refusal| refused::tell(exchange, snapshot, headers, tenant, refusal))?;
    match reading {
        Reading::Known(identity) => Ok(identity),
        Reading::Password(unchecked) => Err(Halt::Password(unchecked)),
    }
}

/// Decides once more, from the start, when a password has been checked.
fn judge_checked<'s>(
    snapshot: &'s Current,
    exchange: &Exchange,
    parts: &mut Parts,
    length: Option<u64>,
    unchecked: &Unchecked,
    checked: Result<Arc<Account>, Refusal>,
) -> Result<Judged<'s>, Refusal> {
    let tell = |headers: &HeaderMap, refusal: &Refusal| {
        refused::tell(exchange, snapshot, headers, &unchecked.tenant, refusal);
    };
    let account = checked.inspect_err(|refusal| tell(&parts.headers, refusal))?;
    judge(snapshot, exchange, parts, length, |_, _, headers, tenant| {
        exchange
            .worker
            .admit(snapshot, unchecked, account, tenant)
            .inspect_err(|refusal| tell(headers, refusal))
    })
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

fn refuse(exchange: &Rc<Exchange>, refusal: Refusal, basic: bool) -> Response<Answer> {
    exchange.refused(refusal);
    refusal.response(basic).map(|text| Answer::text(text, exchange.clone()))
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
