//! A gateway with one recording back end behind it, and questions to its front door.

use std::net::SocketAddr;

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::forge::Forge;
use super::gateway::{self, Running};
use super::raw;
use super::upstream::Upstream;

pub struct Door {
    pub running: Running,
    pub upstream: Upstream,
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Door {
    /// In front of a service with this table of paths.
    pub async fn open(api: &str) -> Door {
        let upstream = Upstream::ok().await;
        let running = gateway::start(&gateway::yaml(upstream.address, api, "", "")).await;
        Door { running, upstream }
    }

    /// As [`Door::open`] with the generic table, with tenants and a key that speaks for all of them.
    pub async fn with(forge: &Forge, tenants: &[&str]) -> Door {
        let door = Door::open("read-write").await;
        for tenant in tenants {
            door.running.create_tenant(tenant).await;
        }
        door.running.trust(&forge.signer(), json!({})).await;
        door
    }

    pub fn address(&self) -> SocketAddr {
        self.running.proxy
    }

    /// A GET below a tenant's prefix.
    pub async fn get(&self, tenant: &str, authorization: Option<&str>) -> Answer {
        let url = format!("http://{}/t/{tenant}/x", self.address());
        let mut request = self.running.http.get(url);
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, body: response.text().await.expect("a text") }
    }

    pub async fn bearer(&self, tenant: &str, token: &str) -> Answer {
        self.get(tenant, Some(&format!("Bearer {token}"))).await
    }

    /// The token is believed, and the tenant's name reaches the back end.
    pub async fn admits(&self, tenant: &str, token: &str, what: &str) {
        let before = self.upstream.seen().len();
        let answer = self.bearer(tenant, token).await;
        assert_eq!(answer.status, 200, "{what}: {}", answer.body);
        assert_eq!(self.upstream.seen().len(), before + 1, "{what}");
        assert_eq!(self.upstream.last().header("x-scope-orgid"), [tenant], "{what}");
    }

    /// The token is refused as every bad token is, and nothing reaches the back end.
    pub async fn refuses(&self, tenant: &str, token: &str, what: &str) {
        let before = self.upstream.seen().len();
        let answer = self.bearer(tenant, token).await;
        answer.is_bad_token(what);
        assert_eq!(self.upstream.seen().len(), before, "{what}");
    }

    /// One call of the admin API that must succeed.
    pub async fn api(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let (status, body) = self.running.api(method.clone(), path, body).await;
        assert!(status.is_success(), "{method} {path}: {status} {body}");
        body
    }

    /// Trusts a key under conditions; gives its id.
    pub async fn trust(&self, forge: &Forge, conditions: Value) -> String {
        let mut body = json!({ "public_key": forge.public().pem() });
        body.as_object_mut().expect("an object").extend(conditions.as_object().cloned().unwrap_or_default());
        let (status, body) = self.running.api(Method::POST, "/keys", Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        body["id"].as_str().expect("an id").to_owned()
    }

    /// A raw request on a connection of its own, such as `GET /x` at a host with these header lines.
    pub async fn ask(&self, request: &str, host: &str, lines: &str) -> String {
        self.raw(&format!("{request} HTTP/1.1\r\nHost: {host}\r\n{lines}Connection: close\r\n\r\n")).await
    }

    /// Raw bytes on a connection of their own, which the gateway is expected to close.
    pub async fn raw(&self, request: &str) -> String {
        raw::exchange(self.address(), request.as_bytes()).await
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }

    /// Every fault of every token is answered so.
    pub fn is_bad_token(&self, what: &str) {
        assert_eq!(self.status, 401, "{what}: {}", self.body);
        assert_eq!(self.body.trim_end(), "bad authentication token", "{what}");
        assert_eq!(self.header("www-authenticate"), Some("Bearer error=\"invalid_token\""), "{what}");
    }
}

/// A raw answer without what differs from one answer to the next.
pub fn timeless(answer: &str) -> String {
    let differs = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default();
        name.eq_ignore_ascii_case("date") || name.eq_ignore_ascii_case("x-request-id")
    };
    answer.split("\r\n").filter(|line| !differs(line)).collect::<Vec<_>>().join("\r\n")
}
