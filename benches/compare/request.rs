//! Requests made ahead of time, so that sending one costs a write.

use anyhow::Result;
use bytes::Bytes;

use crate::material::DOMAIN;

/// Bytes of a POST's body: what an agent of metrics sends at a time.
const BODY: usize = 64 * 1024;

/// One request, as HTTP/1.1 bytes and as HTTP/2 wants it.
#[derive(Clone)]
pub struct Request {
    pub bytes: Bytes,
    pub message: http::Request<()>,
}

impl Request {
    pub fn get(tenant: &str, token: Option<&str>, path: &str) -> Result<Self> {
        Request::new("GET", tenant, token, path, "", b"")
    }

    /// A GET that asks for the connection to be closed.
    pub fn last(tenant: &str, token: &str) -> Result<Self> {
        Request::new("GET", tenant, Some(token), "/bench", "Connection: close\r\n", b"")
    }

    pub fn post(tenant: &str, token: &str) -> Result<Self> {
        let more = format!("Content-Type: application/x-protobuf\r\nContent-Length: {BODY}\r\n");
        Request::new("POST", tenant, Some(token), "/bench", &more, &[b'x'; BODY])
    }

    fn new(
        method: &str,
        tenant: &str,
        token: Option<&str>,
        path: &str,
        more: &str,
        body: &[u8],
    ) -> Result<Self> {
        let host = format!("{tenant}.{DOMAIN}");
        let authorization = token.map(|token| format!("Bearer {token}"));
        let line = authorization.as_ref().map(|value| format!("Authorization: {value}\r\n"));
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: compare\r\nAccept: */*\r\n{}{more}\r\n",
            line.unwrap_or_default()
        );
        let mut message = http::Request::builder()
            .method(method)
            .uri(format!("https://{host}{path}"))
            .header("user-agent", "compare")
            .header("accept", "*/*");
        if let Some(value) = authorization {
            message = message.header("authorization", value);
        }
        Ok(Request { bytes: [head.as_bytes(), body].concat().into(), message: message.body(())? })
    }
}
