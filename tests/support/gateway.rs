//! A real gateway in this process: its own store in a temporary directory, all ports from the
//! kernel, tenants and keys by its own admin API.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tenantry::cli::keypair::KeypairKind;
use tenantry::cli::signer::Signer;
use tenantry::config;
use tenantry::model::Secret;
use tenantry::server::{FirstAdmin, Gateway};

pub const ADMIN: &str = "root";
pub const PASSWORD: &str = "planted-secret-of-the-admin";

/// A gateway and what is needed to talk to it. Stops when dropped with [`Running::stop`].
pub struct Running {
    pub gateway: Gateway,
    /// The listener called `plain`.
    pub proxy: SocketAddr,
    pub admin: SocketAddr,
    pub dir: TempDir,
    pub http: reqwest::Client,
}

/// The configuration for one service, with the listener that [`start`] expects. `extra` goes into
/// the service (indented by 4), `top` stands at the top level.
pub fn yaml(upstream: SocketAddr, api: &str, extra: &str, top: &str) -> String {
    format!(
        "listeners:\n  - {{name: plain, address: '127.0.0.1:0'}}\nadmin: {{address: '127.0.0.1:0'}}\n\
         store: {{path: store}}\ntelemetry: {{access_log: {{output: ./access.log, format: json}}}}\nworkers: 2\n\
         services:\n  metrics:\n    match:\n      - host: \"{{tenant}}.example.com\"\n      - path: /t/{{tenant}}\n    \
         upstream: [\"http://{upstream}\"]\n    api: {api}\n{extra}{top}"
    )
}

/// Starts a gateway from a configuration text. Relative paths are inside its directory.
pub async fn start(yaml: &str) -> Running {
    start_in(TempDir::new().expect("a temporary directory"), yaml).await
}

/// As [`start`], in a directory that has files already (certificates, an earlier store).
pub async fn start_in(dir: TempDir, yaml: &str) -> Running {
    let name = dir.path().join("tenantry.yaml");
    std::fs::write(&name, yaml).expect("the configuration is written");
    let settings = config::load(&name).unwrap_or_else(|problems| panic!("{problems}"));
    let first = FirstAdmin { user: Some(ADMIN.to_owned()), password: Some(Secret::new(PASSWORD.to_owned())) };
    let gateway = Gateway::start(settings, first).await.expect("the gateway starts");
    let proxy = gateway.listeners().iter().find(|(name, _)| name == "plain").expect("a plain listener").1;
    Running { proxy, admin: gateway.admin(), gateway, dir, http: client() }
}

/// A client that follows nothing and decodes nothing.
pub fn client() -> reqwest::Client {
    provider();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(30))
        .build()
        .expect("a client")
}

/// The process-wide crypto provider of clients that want one.
pub fn provider() {
    // Fails when another test of this process was first, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

impl Running {
    /// One call of the admin API as the super admin.
    pub async fn api(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let url = format!("http://{}/api/v1{path}", self.admin);
        let mut request = self.http.request(method, url).basic_auth(ADMIN, Some(PASSWORD));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.expect("the admin port answers");
        let status = response.status();
        (status, response.json().await.unwrap_or(Value::Null))
    }

    pub async fn create_tenant(&self, id: &str) {
        let (status, body) = self.api(Method::POST, "/tenants", Some(json!({ "id": id, "name": id }))).await;
        assert!(status.is_success(), "{status} {body}");
    }

    /// Trusts a signer's key, under further conditions.
    pub async fn trust(&self, signer: &Signer, conditions: Value) {
        let mut body = json!({ "public_key": signer.public().pem() });
        let conditions = conditions.as_object().cloned().unwrap_or_default();
        body.as_object_mut().expect("an object").extend(conditions);
        let (status, body) = self.api(Method::POST, "/keys", Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
    }

    /// Tenants that exist, and a P-256 key that speaks for all of them.
    pub async fn with_tenants(&self, tenants: &[&str]) -> Signer {
        for tenant in tenants {
            self.create_tenant(tenant).await;
        }
        let signer = Signer::generate(KeypairKind::P256).expect("a key");
        self.trust(&signer, json!({})).await;
        signer
    }

    /// The access log so far, once it holds at least `lines` lines.
    pub async fn log(&self, lines: usize) -> Vec<Value> {
        let path: PathBuf = self.dir.path().join("access.log");
        for _ in 0..200 {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let read: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            if read.len() >= lines {
                return read;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the access log never had {lines} lines");
    }

    /// The text of `/metrics`.
    pub async fn metrics(&self) -> String {
        let response = self.http.get(format!("http://{}/metrics", self.admin)).send().await.expect("metrics");
        response.text().await.expect("text")
    }

    pub async fn stop(self) {
        self.gateway.stop().await;
    }
}

/// Seconds since the epoch.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs()
}

/// A token for a tenant, good for an hour.
pub fn token(signer: &Signer, tenant: &str) -> String {
    let claims = json!({ "iat": now(), "exp": now() + 3600, "sub": format!("tenant-{tenant}") });
    signer.sign(&claims).expect("a token")
}
