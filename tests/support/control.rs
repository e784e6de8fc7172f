//! A running admin port over a store of its own, without a data plane, and a client that checks of
//! every answer what must hold of all: its status is documented, nobody stores it, no secret is in it.
#![allow(dead_code, reason = "every test binary uses its own part of this")]

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use tenantry::admin::{Sessions, Wiring, router, serve};
use tenantry::auth::lockout::Policy;
use tenantry::auth::{Capacity, Checker};
use tenantry::control::Control;
use tenantry::model::{Api, Secret, Service, Timeouts, Timestamp, Unlisted};
use tenantry::snapshot::{Published, Routes, Snapshot, follow};
use tenantry::store::{Change, Record, Store, Stored};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub const USER: &str = "root";
pub const PASSWORD: &str = "planted-s3cret:with-colon";
pub const METRICS: &str = "tenantry_up 1\n";

pub struct Port {
    pub control: Arc<Control>,
    pub store: Arc<Store>,
    pub published: Arc<Published>,
    pub address: SocketAddr,
    pub client: reqwest::Client,
    document: Value,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<()>>,
    /// What writes refusals to the audit log, and ends it.
    kept: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    _dir: TempDir,
}

/// An answer, read whole.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {:?}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().expect("text")
    }

    pub fn etag(&self) -> &str {
        self.header("etag")
    }

    /// The answer is this refusal; gives its message.
    pub fn refused(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], "about:blank");
        assert_eq!(problem["message"], problem["detail"]);
        problem["detail"].as_str().expect("a text").to_owned()
    }

    /// The answer is 422 and names exactly these fields.
    pub fn flaws(&self, fields: &[&str]) -> String {
        let message = self.refused(422);
        let problem = self.json();
        let named: Vec<_> =
            problem["errors"].as_array().expect("errors").iter().map(|e| &e["field"]).collect();
        assert_eq!(named, fields, "{message}");
        message
    }
}

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        LOG.lock().expect("no panic while writing").extend(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes all that the program says of itself from now on to memory.
fn log() {
    let ours = tracing_subscriber::EnvFilter::new("tenantry=trace,info");
    let log = tracing_subscriber::fmt().with_env_filter(ours).with_ansi(false).with_writer(|| Log);
    // Only the first test of the process sets it.
    let _ = log.try_init();
}

/// What has been logged in this process since its first [`Port::start`].
pub fn logged() -> String {
    String::from_utf8_lossy(&LOG.lock().expect("no panic while writing")).into_owned()
}

/// As in a gateway with four cores.
pub fn checker() -> Arc<Checker> {
    Arc::new(Checker::new(Policy::default(), Capacity { at_once: 2, waiting: 64 }))
}

/// The services of a [`control`].
const SERVICES: [&str; 4] = ["loki", "loki-2", "metrics", "tempo"];

fn service(name: &str) -> Service {
    Service {
        name: name.to_owned(),
        rules: Vec::new(),
        upstreams: Vec::new(),
        tenant_header: "x-scope-orgid".to_owned(),
        api: Api::ReadWrite,
        unlisted: Unlisted::Deny,
        timeouts: Timeouts::default(),
    }
}

/// Control over a new store, followed and live.
pub fn control(dir: &TempDir) -> (Arc<Control>, Arc<Store>, Arc<Published>) {
    let store = Arc::new(Store::open(dir.path()).expect("a store"));
    let mut first = Snapshot::empty(Routes::new(&SERVICES.map(service)).into());
    let each = |stored: Stored<Record>| first.put(stored.value, stored.version);
    let (revision, commits) = store.follow(Snapshot::KINDS, each).expect("the records");
    let published = Published::new(Snapshot { revision, ..first });
    tokio::spawn(follow(commits, published.clone()));
    let control = Control::new(store.clone(), published.clone(), checker()).expect("the audit log");
    (Arc::new(control), store, published)
}

/// Starts what writes refusals to the audit log.
fn keep(control: &Arc<Control>) -> (oneshot::Sender<()>, JoinHandle<()>) {
    let (stop, stopped) = oneshot::channel::<()>();
    let control = control.clone();
    let stopped = async { drop(stopped.await) };
    (stop, tokio::spawn(async move { control.keep_incidents(Timestamp::now, stopped).await }))
}

impl Port {
    /// Writes past all use cases, and waits until it is live.
    pub async fn commit(&self, changes: Vec<Change>) {
        let revision = self.store.commit(&[], changes).expect("a commit");
        self.published.reached(revision).await;
    }

    /// A port with one admin, [`USER`].
    pub async fn start() -> Port {
        let dir = tempfile::tempdir().expect("a directory");
        let (control, store, published) = control(&dir);
        let first = (Some(USER.to_owned()), Some(Secret::new(PASSWORD.to_owned())));
        let drawn = control.first_admin(first.0, first.1, Timestamp::now()).await.expect("an admin");
        assert!(drawn.is_none(), "a given password is not shown");
        Port::open(dir, (control, store, published)).await
    }

    /// A port of an instance that is nobody's.
    pub async fn vacant() -> Port {
        let dir = tempfile::tempdir().expect("a directory");
        let parts = control(&dir);
        Port::open(dir, parts).await
    }

    async fn open(dir: TempDir, parts: (Arc<Control>, Arc<Store>, Arc<Published>)) -> Port {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        log();
        let (control, store, published) = parts;
        let kept = keep(&control);
        let wiring = Wiring {
            control: control.clone(),
            sessions: Sessions::default(),
            ready: Box::new(|| true),
            metrics: Box::new(|| METRICS.to_owned()),
            listeners: Vec::new(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async { drop(stopped.await) };
        let served = tokio::spawn(serve(listener, router(wiring), stopped, Duration::from_secs(5)));
        let client = reqwest::Client::new();
        let document = client.get(format!("http://{address}/api/v1/openapi.json")).send().await;
        let document = document.expect("an answer").json().await.expect("JSON");
        let (stop, served, kept) = (Some(stop), Some(served), Some(kept));
        Port { control, store, published, address, client, document, stop, served, kept, _dir: dir }
    }

    pub fn document(&self) -> &Value {
        &self.document
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A request as the admin.
    pub fn admin(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.anonymous(method, path).basic_auth(USER, Some(PASSWORD))
    }

    pub fn anonymous(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, self.url(path))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.admin(Method::GET, path)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.admin(Method::DELETE, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.admin(Method::POST, path).json(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.admin(Method::PUT, path).json(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(self.admin(Method::PATCH, path).json(body)).await
    }

    /// Sends a request and checks of its answer what holds of all.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let request = request.build().expect("a request");
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = self.client.execute(request).await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.expect("a text");
        if let Some(documented) = self.documented(&method, &path) {
            assert!(
                documented.contains(&status.as_str().to_owned()),
                "{method} {path}: {status} is not documented"
            );
        }
        assert_eq!(
            headers.get("cache-control"),
            Some(&HeaderValue::from_static("no-store")),
            "{method} {path}"
        );
        assert!(headers.contains_key("x-request-id"), "{method} {path}");
        let shown = format!("{headers:?}{text}");
        for secret in [PASSWORD, "$argon2", &STANDARD.encode(format!("{USER}:{PASSWORD}"))] {
            assert!(!shown.contains(secret), "{method} {path} shows a secret");
        }
        Answer { status, headers, text }
    }

    /// The statuses that the document has for an operation; none when it has no such operation.
    fn documented(&self, method: &Method, path: &str) -> Option<Vec<String>> {
        let paths = self.document["paths"].as_object().expect("paths");
        let item = paths.get(path).or_else(|| {
            let fits = |template: &str| {
                let mut parts = template.split('/').zip(path.split('/'));
                template.split('/').count() == path.split('/').count()
                    && parts.all(|(want, have)| want == have || want.starts_with('{'))
            };
            // Words go before placeholders, from the left: '{' is after all letters.
            paths
                .iter()
                .filter(|(template, _)| fits(template))
                .min_by_key(|(template, _)| *template)
                .map(|(_, item)| item)
        })?;
        let operation = item.get(method.as_str().to_lowercase())?;
        Some(operation["responses"].as_object().expect("responses").keys().cloned().collect())
    }

    /// Ends the serving; returns when it has ended.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        self.served.take().expect("not stopped yet").await.expect("no panic");
        let (stop, kept) = self.kept.take().expect("not stopped yet");
        drop(stop);
        kept.await.expect("no panic");
    }
}
