//! A gateway over the seeded store, with a back end that answers everything, and callers of both its
//! ports.

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::seed::{self, ANN, PASSWORD, ROOT};
use super::support::gateway::{Running, start_in, yaml};
use super::support::upstream::Upstream;

/// Who asks the admin port.
#[derive(Clone, Copy, Debug)]
pub enum Who<'t> {
    Root,
    Ann,
    User(&'t str),
    Token(&'t str),
}

pub struct Stage {
    pub running: Running,
    pub upstream: Upstream,
}

/// An answer of the admin port.
pub struct Answer {
    pub status: u16,
    pub etag: Option<String>,
    pub json: Value,
}

impl Answer {
    /// The body, when the status is this one.
    pub fn of(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.json);
        self.json
    }

    /// The fields that a 422 names.
    pub fn flaws(self) -> Vec<String> {
        let json = self.of(422);
        let errors = json["errors"].as_array().expect("errors").iter();
        errors.map(|error| error["field"].as_str().expect("a text").to_owned()).collect()
    }
}

/// The services `metrics`, by host and at `/t/{tenant}`, and `other`, at `/o/{tenant}`.
fn settings(upstream: &Upstream) -> String {
    let address = upstream.address;
    let other = format!(
        "  other:\n    match:\n      - path: /o/{{tenant}}\n    upstream: [\"http://{address}\"]\n    api: cortex\n"
    );
    yaml(address, "cortex", &other, "")
}

impl Stage {
    pub async fn start() -> Stage {
        Stage::over(seed::store()).await
    }

    pub async fn over(dir: TempDir) -> Stage {
        let upstream = Upstream::ok().await;
        Stage { running: start_in(dir, &settings(&upstream)).await, upstream }
    }

    /// Stops the gateway; gives back its files.
    pub async fn stop(self) -> TempDir {
        let Running { gateway, dir, .. } = self.running;
        gateway.stop().await;
        dir
    }

    /// One call of the admin API, on a connection of its own.
    pub async fn call(&self, who: Who<'_>, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.call_at(who, method, path, body, None).await
    }

    /// As [`Stage::call`], at a version.
    pub async fn call_at(
        &self,
        who: Who<'_>,
        method: Method,
        path: &str,
        body: Option<Value>,
        version: Option<&str>,
    ) -> Answer {
        let url = format!("http://{}/api/v1{path}", self.running.admin);
        let mut request = self.running.http.request(method, url);
        request = match who {
            Who::Root => request.basic_auth(ROOT, Some(PASSWORD)),
            Who::Ann => request.basic_auth(ANN, Some(PASSWORD)),
            Who::User(name) => request.basic_auth(name, Some(PASSWORD)),
            Who::Token(token) => request.bearer_auth(token),
        };
        if let Some(body) = body {
            request = request.json(&body);
        }
        if let Some(version) = version {
            request = request.header("if-match", version);
        }
        let response = request.send().await.expect("the admin port answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let etag = headers.get("etag").map(|tag| tag.to_str().expect("text").to_owned());
        let text = response.text().await.expect("a text");
        let json = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).expect("JSON") };
        Answer { status, etag, json }
    }

    /// Makes a service account of `acme` in groups; gives its path.
    pub async fn machine(&self, name: &str, groups: &[&str]) -> String {
        let groups: Vec<Value> = groups.iter().map(|name| seed::group(name)).collect();
        let body = json!({ "name": name, "description": "", "superAdmin": false, "groups": groups });
        let made = self.call(Who::Root, Method::POST, "/acme/service-accounts", Some(body)).await.of(200);
        format!("/acme/service-accounts/{}", made["id"].as_str().expect("an id"))
    }

    /// Makes a token of what is at a path, as a super admin; gives its id and its text.
    pub async fn token(&self, owner: &str, body: Value) -> (String, String) {
        self.token_by(Who::Root, owner, body).await
    }

    pub async fn token_by(&self, who: Who<'_>, owner: &str, body: Value) -> (String, String) {
        let made = self.call(who, Method::POST, &format!("{owner}/api-tokens"), Some(body)).await.of(201);
        let text = |field: &str| made[field].as_str().expect("a text").to_owned();
        (text("id"), text("fullToken"))
    }

    /// The status with which the data plane answers.
    pub async fn ask(&self, request: &str, authorization: &str) -> u16 {
        let (method, path) = request.split_once(' ').expect("a method and a path");
        let method: Method = method.parse().expect("a method");
        let url = format!("http://{}{path}", self.running.proxy);
        let request = self.running.http.request(method, url).header("authorization", authorization);
        request.send().await.expect("the gateway answers").status().as_u16()
    }

    pub async fn bearer(&self, request: &str, token: &str) -> u16 {
        self.ask(request, &format!("Bearer {token}")).await
    }
}
