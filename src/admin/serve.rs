//! Serving the admin port on any listener: HTTP/1.1, bounded in time and number, with a graceful end.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderValue, header};
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::reader::Reader;

/// For a request's head, and for the next request on an open connection.
const HEAD: Duration = Duration::from_secs(20);
/// The answer to a request that comes on a connection older than this is its last, so that those who
/// wait get their turn.
const LIFE: Duration = Duration::from_secs(5 * 60);
/// Open at once; more wait in the kernel's queue.
const CONNECTIONS: usize = 256;

/// Serves until `stop` is done, then lets requests finish within `drain`.
pub async fn serve<L>(mut listener: L, router: Router, stop: impl Future<Output = ()>, drain: Duration)
where
    L: Listener<Addr = SocketAddr>,
{
    let http = http();
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let open = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let next = async {
            let place = room.clone().acquire_owned().await;
            (listener.accept().await, place)
        };
        let ((io, peer), place) = tokio::select! {
            accepted = next => accepted,
            () = &mut stop => break,
        };
        let (routes, opened) = (TowerToHyperService::new(router.clone()), Instant::now());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            let answer = routes.call(request);
            async move {
                let mut answer = answer.await?;
                if opened.elapsed() > LIFE {
                    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(answer)
            }
        });
        let connection = http.serve_connection(TokioIo::new(Reader::new(io)), service);
        let connection = open.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%peer, error = %error, "admin connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(drain, open.shutdown()).await.is_err() {
        tracing::warn!("admin requests were cut off at the end of the drain time");
    }
}

fn http() -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(64 * 1024);
    http
}
