//! A tenant's state and options on the data plane.

use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::gateway::{self, token};
use crate::support::raw::{exchange, status};
use crate::support::upstream::Upstream;
use crate::support::wire::Setup;

use tenantry::cli::signer::Signer;

struct Plane {
    running: gateway::Running,
    signer: Signer,
    upstream: Upstream,
}

impl Plane {
    async fn start() -> Plane {
        let upstream = Upstream::ok().await;
        let running = gateway::start(&Setup::to(upstream.address).yaml()).await;
        let signer = running.with_tenants(&["acme", "beta"]).await;
        Plane { running, signer, upstream }
    }

    async fn patch(&self, body: Value) {
        let (status, body) = self.running.api(Method::PATCH, "/tenants/acme", Some(body)).await;
        assert_eq!(status, 200, "{body}");
    }

    async fn send(&self, method: Method, tenant: &str, body: Option<reqwest::Body>) -> Response {
        let url = format!("http://{}/t/{tenant}/x", self.running.proxy);
        let request = self.running.http.request(method, url).bearer_auth(token(&self.signer, tenant));
        let request = match body {
            Some(body) => request.body(body),
            None => request,
        };
        request.send().await.expect("an answer")
    }

    async fn get(&self, tenant: &str) -> u16 {
        self.send(Method::GET, tenant, None).await.status().as_u16()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_tenant_is_told_to_come_back() {
    let plane = Plane::start().await;
    assert_eq!(plane.get("acme").await, 200);
    plane.patch(json!({"state": "SUSPENDED"})).await;
    let refused = plane.send(Method::GET, "acme", None).await;
    assert_eq!(
        (refused.status().as_u16(), refused.headers()["retry-after"].as_bytes()),
        (503, b"30".as_slice())
    );
    assert_eq!(plane.get("beta").await, 200, "nobody else is");
    let url = format!("http://{}/t/acme/x", plane.running.proxy);
    let stranger = plane.running.http.get(url).bearer_auth("x").send().await.expect("an answer");
    assert_eq!(stranger.status(), 401, "strangers are not told");
    plane.patch(json!({"state": "ACTIVE"})).await;
    assert_eq!(plane.get("acme").await, 200);
    let reasons: Vec<Value> = plane.running.log(5).await.iter().map(|line| line["reason"].clone()).collect();
    assert!(reasons.contains(&json!("suspended")), "{reasons:?}");
    plane.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_own_back_ends_are_its_own_and_stay_connected() {
    let plane = Plane::start().await;
    let (first, second) = (Upstream::ok().await, Upstream::ok().await);
    let at = |upstream: &Upstream| format!("http://{}", upstream.address);
    plane.patch(json!({"options": {"metrics": {"upstreams": [format!("{}/base", at(&first))]}}})).await;
    assert_eq!((plane.get("acme").await, plane.get("beta").await), (200, 200));
    assert_eq!((first.last().target(), first.last().header("x-scope-orgid")), ("/base/x", vec!["acme"]));
    assert_eq!(
        (plane.upstream.seen().len(), plane.upstream.last().header("x-scope-orgid")),
        (1, vec!["beta"])
    );
    // Other options, labels, names: the connection goes on.
    for body in [
        json!({"options": {"metrics": {"max_body_bytes": 100}}}),
        json!({"name": "Acme", "labels": {"a": "b"}}),
    ] {
        plane.patch(body).await;
        assert_eq!(plane.get("acme").await, 200);
    }
    let over: Vec<usize> = first.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(over, [0, 0, 0]);
    plane.patch(json!({"options": {"metrics": {"upstreams": [at(&second)]}}})).await;
    assert_eq!(plane.get("acme").await, 200);
    assert_eq!((first.seen().len(), second.seen().len()), (3, 1));
    plane.patch(json!({"options": {"metrics": {"upstreams": null}}})).await;
    assert_eq!(plane.get("acme").await, 200);
    assert_eq!((second.seen().len(), plane.upstream.seen().len()), (1, 2), "the service's again");
    plane.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_that_a_tenant_does_not_have_are_refused() {
    let plane = Plane::start().await;
    plane.patch(json!({"options": {"metrics": {"methods": ["GET", "PUT"]}}})).await;
    assert_eq!(plane.get("acme").await, 200);
    assert_eq!(plane.send(Method::HEAD, "acme", None).await.status(), 200);
    let refused = plane.send(Method::POST, "acme", Some("x".into())).await;
    assert_eq!(
        (refused.status().as_u16(), refused.headers()["allow"].as_bytes()),
        (405, b"GET, HEAD, PUT".as_slice())
    );
    assert_eq!(plane.send(Method::POST, "beta", Some("x".into())).await.status(), 200);
    let methods: Vec<String> = plane
        .upstream
        .seen()
        .iter()
        .map(|seen| seen.head.split(' ').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(methods, ["GET", "HEAD", "POST"], "what was refused went nowhere");
    plane.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_says_it_is_too_long_goes_nowhere() {
    let plane = Plane::start().await;
    plane.patch(json!({"options": {"metrics": {"max_body_bytes": 1000}}})).await;
    assert_eq!(plane.send(Method::POST, "acme", Some(vec![b'x'; 1000].into())).await.status(), 200);
    for length in [1001, 100_000] {
        let refused = plane.send(Method::POST, "acme", Some(vec![b'x'; length].into())).await;
        assert_eq!(refused.status(), 413, "{length}");
    }
    // Of what is so long the gateway reads a part at most, and a caller who sends on may lose the answer.
    let token = token(&plane.signer, "acme");
    let head = format!(
        "POST /t/acme/x HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\ncontent-length: 10000000\r\n\r\n"
    );
    assert_eq!(status(&exchange(plane.running.proxy, head.as_bytes()).await), 413);
    assert_eq!(plane.upstream.seen().len(), 1);
    assert_eq!(plane.send(Method::POST, "beta", Some(vec![b'x'; 100_000].into())).await.status(), 200);
    plane.running.stop().await;
}

/// Sends a request whose body has no known length, in these chunks, over a connection of its own; gives
/// the head of the answer.
async fn send_chunks(plane: &Plane, chunks: impl Iterator<Item = usize>) -> String {
    let mut stream = TcpStream::connect(plane.running.proxy).await.expect("a connection");
    let token = token(&plane.signer, "acme");
    let head = format!(
        "POST /t/acme/x HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("the head is sent");
    for chunk in chunks {
        let frame = format!("{chunk:x}\r\n{}\r\n", "x".repeat(chunk));
        // The gateway may have answered and closed already.
        if stream.write_all(frame.as_bytes()).await.is_err() {
            break;
        }
    }
    let _ = stream.write_all(b"0\r\n\r\n").await;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while !answer.windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(read) => answer.extend_from_slice(&buffer[..read]),
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_grows_too_long_is_cut_and_its_connection_goes() {
    let plane = Plane::start().await;
    plane.patch(json!({"options": {"metrics": {"max_body_bytes": 1000}}})).await;
    assert_eq!(plane.get("acme").await, 200);
    let within = send_chunks(&plane, [400, 600].into_iter()).await;
    assert!(within.starts_with("HTTP/1.1 200 "), "{within}");
    assert_eq!((plane.upstream.last().body.len(), plane.upstream.last().connection), (1000, 0));
    for chunks in [vec![400, 601], vec![1001], vec![500; 40], vec![65536; 400]] {
        let refused = send_chunks(&plane, chunks.into_iter()).await;
        assert!(refused.starts_with("HTTP/1.1 413 "), "{refused:?}");
        assert!(refused.contains("connection: close"), "{refused:?}");
    }
    assert_eq!(plane.upstream.seen().len(), 2, "no such request was whole");
    assert_eq!(plane.get("acme").await, 200);
    assert_ne!(plane.upstream.last().connection, 0, "a connection with half a request is not used again");
    let reasons: Vec<Value> = plane.running.log(7).await.iter().map(|line| line["reason"].clone()).collect();
    assert_eq!(reasons.iter().filter(|reason| **reason == "too_large").count(), 4, "{reasons:?}");
    plane.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn options_that_no_service_has_are_refused() {
    let plane = Plane::start().await;
    let body = json!({"options": {"traces": {"max_body_bytes": 1}}});
    let (status, body) = plane.running.api(Method::PATCH, "/tenants/acme", Some(body)).await;
    assert_eq!((status.as_u16(), &body["errors"][0]["field"]), (422, &json!("options.traces")));
    assert!(body["detail"].as_str().is_some_and(|text| text.contains("metrics")), "{body}");
    let made = json!({"id": "gamma", "options": {"metrics": {"max_body_bytes": 1, "methods": ["POST"]}}});
    let (status, made) = plane.running.api(Method::POST, "/tenants", Some(made)).await;
    assert_eq!((status.as_u16(), &made["options"]["metrics"]["methods"]), (200, &json!(["POST"])));
    assert_eq!(plane.send(Method::POST, "gamma", Some("xy".into())).await.status(), 413);
    plane.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_explanation_knows_the_options() {
    let plane = Plane::start().await;
    let own = json!({"metrics": {"methods": ["GET"], "max_body_bytes": 7, "upstreams": ["http://own:1"]}});
    plane.patch(json!({ "options": own })).await;
    let explain = async |method: &str| {
        let url = format!("http://{}/t/acme/x", plane.running.proxy);
        let asked = json!({"url": url, "method": method, "token": token(&plane.signer, "acme")});
        let (status, told) = plane.running.api(Method::POST, "/explain", Some(asked)).await;
        assert_eq!(status, 200, "{told}");
        told
    };
    let refused = explain("POST").await;
    assert_eq!((&refused["status"], &refused["reason"]), (&json!(405), &json!("method")), "{refused}");
    let passed = explain("GET").await;
    assert_eq!(passed["allowed"], true, "{passed}");
    let text = passed["steps"].to_string();
    assert!(text.contains("at most 7 bytes") && text.contains("goes to http://own:1 with"), "{text}");
    plane.running.stop().await;
}
