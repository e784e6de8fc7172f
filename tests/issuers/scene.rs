//! A gateway, a back end and an identity provider whose keys the gateway fetches.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tenantry::cli::signer::Signer;

use crate::idp::{Idp, Reply};
use crate::support::forge::jwk;
use crate::support::gateway::{self, Running, now};
use crate::support::upstream::Upstream;

/// What lets the gateway reach a provider of this machine.
pub const ALLOWED: &str = "allow_networks: [127.0.0.0/8, '::1']";

pub struct Scene {
    pub idp: Idp,
    pub upstream: Upstream,
    pub running: Running,
}

impl Scene {
    /// Tenants `acme` and `globex`; `settings` of the section `issuers`.
    pub async fn new(settings: &str) -> Scene {
        let (idp, upstream) = (Idp::new().await, Upstream::ok().await);
        let dir = TempDir::new().expect("a directory");
        std::fs::write(dir.path().join("ca.pem"), &idp.authority).expect("the file is written");
        let running = gateway::start_in(dir, &yaml(&upstream, settings)).await;
        for tenant in ["acme", "globex"] {
            running.create_tenant(tenant).await;
        }
        Scene { idp, upstream, running }
    }

    /// The gateway goes down and comes up again over the same store.
    pub async fn restart(self, settings: &str) -> Scene {
        let Scene { idp, upstream, running } = self;
        let Running { gateway, dir, .. } = running;
        gateway.stop().await;
        let running = gateway::start_in(dir, &yaml(&upstream, settings)).await;
        Scene { idp, upstream, running }
    }

    /// Where the provider's own keys are, by discovery.
    pub fn publish(&self, signers: &[&Signer]) {
        self.publish_all(signers.iter().map(|signer| public(signer)).collect());
    }

    pub fn publish_all(&self, keys: Vec<Value>) {
        let issuer = self.issuer();
        let description = json!({ "issuer": issuer, "jwks_uri": self.idp.url("/jwks") });
        self.idp.put("/idp/.well-known/openid-configuration", Reply::text(&description.to_string()));
        self.idp.put("/jwks", Reply::text(&json!({ "keys": keys }).to_string()));
    }

    pub fn issuer(&self) -> String {
        self.idp.url("/idp")
    }

    /// How often the key set was asked for.
    pub fn fetches(&self) -> usize {
        self.idp.asked().iter().filter(|head| head.starts_with("GET /jwks ")).count()
    }

    pub async fn api(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let body = Some(body).filter(|body| !body.is_null());
        let (status, body) = self.running.api(method, path, body).await;
        (status.as_u16(), body)
    }

    /// Trusts the provider at a path such as `/issuers`, with more or other fields.
    pub async fn trust(&self, path: &str, more: Value) -> Value {
        let mut form = json!({
            "id": "idp", "issuer": self.issuer(), "claim": {"name": "tenant"},
            // A tenant's are fetched once a minute at most.
            "refresh": {"interval": "1h", "min_interval": if path == "/issuers" { 1 } else { 60 }, "grace": "3s"},
        });
        let more = more.as_object().cloned().unwrap_or_default();
        form.as_object_mut().expect("an object").extend(more);
        let (status, body) = self.api(Method::POST, path, form).await;
        assert_eq!(status, StatusCode::CREATED.as_u16(), "{body}");
        body
    }

    /// The issuer at a path, once it is as a test waits for.
    pub async fn once(&self, path: &str, is: impl Fn(&Value) -> bool) -> Value {
        let mut seen = Value::Null;
        for _ in 0..400 {
            let (status, body) = self.api(Method::GET, path, Value::Null).await;
            assert_eq!(status, 200, "{body}");
            if is(&body) {
                return body;
            }
            seen = body;
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("it was never so: {seen:#}");
    }

    /// The issuer at a path, once it has fetched `count` keys.
    pub async fn held(&self, path: &str, count: usize) -> Value {
        self.once(path, |issuer| {
            let keys = issuer["keys"].as_array().map_or(0, Vec::len);
            keys == count && !issuer["fetched_at"].is_null()
        })
        .await
    }

    /// The status of a request for a tenant's data with a token.
    pub async fn ask(&self, method: Method, tenant: &str, token: &str) -> u16 {
        let url = format!("http://{}/t/{tenant}/x", self.running.proxy);
        let request = self.running.http.request(method, url).bearer_auth(token);
        request.send().await.expect("an answer").status().as_u16()
    }

    pub async fn get(&self, tenant: &str, token: &str) -> u16 {
        self.ask(Method::GET, tenant, token).await
    }

    /// What a good token of the provider says.
    pub fn claims(&self, tenant: &str) -> Value {
        json!({ "iss": self.issuer(), "tenant": tenant, "iat": now(), "exp": now() + 3600 })
    }

    pub fn token(&self, signer: &Signer, tenant: &str) -> String {
        signer.sign(&self.claims(tenant)).expect("a token")
    }
}

/// A signer's key as a set has it.
pub fn public(signer: &Signer) -> Value {
    let mut key = jwk(signer.public());
    key["kid"] = json!(signer.key_id().expect("an id").as_str());
    key["use"] = json!("sig");
    key
}

fn yaml(upstream: &Upstream, settings: &str) -> String {
    let top = format!("issuers: {{ca_file: ca.pem, {settings}}}\n");
    gateway::yaml(upstream.address, "read-write", "", &top)
}
