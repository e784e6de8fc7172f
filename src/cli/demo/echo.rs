//! The demo's back end: answers every request with what it received of it, as JSON.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A running back end; it ends when dropped.
pub struct Echo {
    address: SocketAddr,
    _running: JoinSet<()>,
}

impl Echo {
    /// Listens on a free port of this machine.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let mut running = JoinSet::new();
        running.spawn(accept(listener));
        Ok(Echo { address, _running: running })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Serves each connection beside the others; with this future they all end.
async fn accept(listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(serve(stream))),
                // Most often too many open files: those that are open go on.
                Err(_) => tokio::task::yield_now().await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream) {
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
    // A caller that goes away early is no fault of the echo's.
    drop(connection.await);
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        let mut incomplete = Response::new(Full::default());
        *incomplete.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(incomplete);
    };
    let seen = json!({
        "method": head.method.as_str(),
        "path": head.uri.to_string(),
        "headers": headers(&head.headers),
        "body_bytes": body.to_bytes().len(),
    });
    let mut response = Response::new(Full::from(format!("{seen:#}\n")));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// A header that came more than once has its values with commas between.
fn headers(map: &HeaderMap) -> Value {
    let mut seen = Map::new();
    for name in map.keys() {
        let values = map.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        seen.insert(name.to_string(), json!(values.collect::<Vec<_>>().join(", ")));
    }
    Value::Object(seen)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn it_answers_with_what_it_received() {
        let echo = Echo::start().await.expect("a port");
        let mut stream = TcpStream::connect(echo.address()).await.expect("it listens");
        let request = "POST /a/b?c=d HTTP/1.1\r\nhost: h\r\nx-a: 1\r\nX-A: 2\r\nconnection: close\r\n\
            content-length: 3\r\n\r\nabc";
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let seen: Value = serde_json::from_str(body).expect("JSON");
        assert_eq!((&seen["method"], &seen["path"]), (&json!("POST"), &json!("/a/b?c=d")));
        assert_eq!((&seen["headers"]["x-a"], &seen["body_bytes"]), (&json!("1, 2"), &json!(3)));
    }
}
