//! HTTP/2 callers, frame by frame where a test wants that.

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use http::{HeaderMap, Request, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::raw::PATIENCE;
use super::wire::Wire;

/// An open connection; its task ends with it.
pub struct Caller {
    pub send: SendRequest<Bytes>,
    pub task: JoinHandle<Result<(), h2::Error>>,
}

/// An answer, read whole.
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub trailers: Option<HeaderMap>,
}

/// Begins HTTP/2 with prior knowledge.
pub async fn connect(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Caller {
    let (send, connection) = h2::client::handshake(io).await.expect("a handshake");
    Caller { send, task: tokio::spawn(connection) }
}

/// A permitted request for `acme`.
pub fn request(wire: &Wire, method: &str, path: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(format!("http://gateway/t/acme{path}"))
        .header("authorization", format!("Bearer {}", wire.token))
}

impl Caller {
    /// Sends a request without a body.
    pub async fn get(&mut self, request: http::request::Builder) -> Result<Reply, h2::Error> {
        self.send(request, None, None).await
    }

    pub async fn send(
        &mut self,
        request: http::request::Builder,
        body: Option<&'static [u8]>,
        trailers: Option<HeaderMap>,
    ) -> Result<Reply, h2::Error> {
        let request = request.body(()).expect("a request");
        self.send = self.send.clone().ready().await?;
        let end = body.is_none() && trailers.is_none();
        let (response, mut stream) = self.send.send_request(request, end)?;
        if let Some(body) = body {
            stream.send_data(Bytes::from_static(body), trailers.is_none())?;
        }
        if let Some(trailers) = trailers {
            stream.send_trailers(trailers)?;
        }
        reply(response).await
    }
}

/// Reads an answer to its end.
pub async fn reply(response: ResponseFuture) -> Result<Reply, h2::Error> {
    let whole = async {
        let (head, mut stream) = response.await?.into_parts();
        let mut body = Vec::new();
        while let Some(piece) = stream.data().await {
            let piece = piece?;
            body.extend_from_slice(&piece);
            stream.flow_control().release_capacity(piece.len())?;
        }
        let trailers = stream.trailers().await?;
        Ok(Reply { status: head.status, headers: head.headers, body, trailers })
    };
    timeout(PATIENCE, whole).await.expect("an answer in time")
}
