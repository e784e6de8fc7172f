//! Back ends: one permitted request goes out, one answer comes back, over connections that this
//! thread keeps for itself.

mod connect;
mod pool;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use http::uri::PathAndQuery;
use http::{Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;

use super::body::{Answer, Upload};
use super::exchange::{Awaited, Exchange};
use super::reject::Refusal;
use crate::auth::Permit;
use crate::snapshot::Backend;
use crate::telemetry::UpstreamFailure;

pub use pool::{Lease, Pool};

/// Sends a request to one of the permitted back ends and waits for the head of the
/// answer. `path` is what a back end without a base path sees.
///
/// A request that was not sent at all, because a kept connection had just closed or a back end took
/// none, goes out again elsewhere. One that a back end may have seen never does.
pub async fn send(
    permit: &Permit<'_>,
    exchange: &Rc<Exchange>,
    path: PathAndQuery,
    mut request: Request<Upload>,
) -> Result<Response<Answer>, Refusal> {
    let backends = permit.backends();
    let pool = exchange.worker.pool();
    let first = pool.turn(backends);
    let mut failure = UpstreamFailure::ConnectFailed;
    for backend in backends[first..].iter().chain(&backends[..first]) {
        *request.uri_mut() = uri_at(backend, &path)?;
        loop {
            let (mut lease, kept) = match pool.take(backend) {
                Some(lease) => (lease, true),
                None => match connect_in_time(exchange, backend).await {
                    Ok(lease) => (lease, false),
                    Err(_) if exchange.whole_time_is_up() => {
                        return Err(Refusal::Upstream(UpstreamFailure::Timeout));
                    }
                    Err(why) => {
                        pool.failed(backend);
                        failure = why;
                        break;
                    }
                },
            };
            exchange.sent_to(lease.name());
            exchange.waits_for(Awaited::BackEnd);
            match in_time(exchange, lease.send(request)).await? {
                // hyper passes over all others of 1xx; a switch was never asked for.
                Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                    return Err(Refusal::Upstream(UpstreamFailure::Malformed));
                }
                Ok(response) => return Ok(answer(exchange, lease, response)),
                Err(mut error) => match error.take_message() {
                    Some(unsent) if kept => request = unsent,
                    _ => return Err(refusal(exchange, &error)),
                },
            }
        }
    }
    Err(Refusal::Upstream(failure))
}

fn answer(exchange: &Rc<Exchange>, lease: Lease, response: Response<Incoming>) -> Response<Answer> {
    exchange.answered(response.status());
    let mut response = response.map(|incoming| Answer::relay(incoming, lease, exchange.clone()));
    // Ours to say: an old back end must not make the caller's connection an old one.
    *response.version_mut() = Version::HTTP_11;
    response
}

fn refusal(exchange: &Exchange, error: &TrySendError<Request<Upload>>) -> Refusal {
    match exchange.awaited() {
        Awaited::Nobody => Refusal::BrokenBody,
        Awaited::Less => Refusal::TooLarge,
        Awaited::Caller | Awaited::BackEnd if error.error().is_parse() => {
            Refusal::Upstream(UpstreamFailure::Malformed)
        }
        Awaited::Caller | Awaited::BackEnd => Refusal::Upstream(UpstreamFailure::Closed),
    }
}

/// The target for a back end: its base, then the path.
fn uri_at(backend: &Backend, path: &PathAndQuery) -> Result<Uri, Refusal> {
    match backend.address.base.as_str() {
        "" => Ok(Uri::from(path.clone())),
        base => Uri::try_from(format!("{base}{path}")).map_err(|_| Refusal::Internal),
    }
}

async fn connect_in_time(exchange: &Exchange, backend: &Backend) -> Result<Lease, UpstreamFailure> {
    exchange.allow(exchange.timeouts().connect);
    // Boxed: rare, and large beside what a request needs over a kept connection.
    let mut connecting = Box::pin(connect::connect(backend));
    let connected = poll_fn(|cx| match connecting.as_mut().poll(cx) {
        Poll::Ready(connected) => Poll::Ready(connected),
        Poll::Pending => exchange.poll_late(cx).map(|()| Err(UpstreamFailure::ConnectTimeout)),
    })
    .await?;
    Ok(exchange.worker.pool().lease(backend, connected))
}

/// What `work` comes to, unless the caller or the back end keeps it waiting for too long.
async fn in_time<T>(exchange: &Exchange, work: impl Future<Output = T>) -> Result<T, Refusal> {
    let mut work = pin!(work);
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Ok(done)),
        Poll::Pending => exchange.poll_late(cx).map(|()| Err(late(exchange))),
    })
    .await
}

fn late(exchange: &Exchange) -> Refusal {
    match exchange.awaited() {
        _ if exchange.whole_time_is_up() => Refusal::Upstream(UpstreamFailure::Timeout),
        Awaited::Caller => Refusal::SlowBody,
        Awaited::Nobody => Refusal::BrokenBody,
        Awaited::Less => Refusal::TooLarge,
        Awaited::BackEnd => Refusal::Upstream(UpstreamFailure::FirstByteTimeout),
    }
}
