//! The gateway as its operator has it: the real program with a certificate of a private authority,
//! managed by the real command line through its admin port.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::Value;

use super::run::tenantry;
use crate::support::process::{Process, bound, until};

const USER: &str = "operator";
pub const PASSWORD: &str = "planted-secret-of-the-operator";

/// Tenants stand before this in hosts.
pub const DOMAIN: &str = "metrics.example.test";
/// The gateway's own name, for tenants in the path.
pub const GATEWAY: &str = "gateway.example.test";

/// A running gateway.
pub struct Gate {
    process: Process,
    /// The TLS listener.
    pub proxy: SocketAddr,
    pub admin: SocketAddr,
    /// The authority that callers believe, as a PEM file.
    pub ca: PathBuf,
    dir: PathBuf,
}

/// What the gateway says of one request.
#[derive(Debug)]
pub struct Line {
    /// When it began, in Unix milliseconds.
    pub began: u64,
    pub host: String,
    pub path: String,
    pub version: String,
    pub key: String,
    pub status: u64,
    pub reason: String,
    pub user_agent: String,
}

impl Gate {
    pub async fn start(upstream: SocketAddr, dir: &Path) -> Gate {
        let ca = certificates(dir);
        let file = dir.join("tenantry.yaml");
        fs::write(&file, configuration(upstream)).expect("a file");
        let mut command = bound(Path::new(env!("CARGO_BIN_EXE_tenantry")));
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TENANTRY_"))
        {
            command.env_remove(name);
        }
        command.env("TENANTRY_ADMIN_USER", USER).env("TENANTRY_ADMIN_PASSWORD", PASSWORD);
        command.arg("serve").arg("--config").arg(file);
        let process = Process::start("tenantry", command, dir);
        let (proxy, admin) = until("tenantry to be ready", async || {
            let output = process.output();
            let mut lines = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            addresses(&lines.find(|line| line["message"] == "tenantry is ready")?)
        })
        .await;
        Gate { process, proxy, admin, ca, dir: dir.to_owned() }
    }

    /// Runs a command of the CLI as the operator; gives its output. It has to succeed.
    pub fn cli(&self, words: &[&str]) -> String {
        let url = format!("http://{}", self.admin);
        let environment =
            [("TENANTRY_URL", url.as_str()), ("TENANTRY_USER", USER), ("TENANTRY_PASSWORD", PASSWORD)];
        let outcome = tenantry(words).envs(&environment).end();
        assert_eq!(outcome.code, 0, "tenantry {}: {}", words.join(" "), outcome.err);
        outcome.out
    }

    /// Makes a key pair of a kind, trusts it for one tenant, and makes a token of it; gives the
    /// key's id and the token. All by the CLI.
    pub fn credential(&self, tenant: &str, kind: &str, name: &str) -> (String, String) {
        let file = self.dir.join(name);
        let file = file.to_str().expect("a plain path");
        self.cli(&["keypair", "create", file, "--type", kind]);
        let added = self.cli(&["keys", "add", file, "--tenant", tenant, "--output", "json"]);
        let record: Value = serde_json::from_str(&added).expect("a record");
        let id = record["id"].as_str().expect("an id").to_owned();
        let token = self.cli(&["token", "create", "--tenant", tenant, "--key", file, "--ttl", "1h"]);
        (id, token.trim().to_owned())
    }

    /// The access log so far.
    pub fn log(&self) -> Vec<Line> {
        let text = fs::read_to_string(self.dir.join("access.log")).unwrap_or_default();
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .map(|line| Line::read(&line))
            .collect()
    }

    /// Everything that the gateway has written, for secrets to be looked for.
    pub fn writings(&self) -> String {
        self.process.output() + &fs::read_to_string(self.dir.join("access.log")).unwrap_or_default()
    }

    /// Asks it to stop; gives whether it ended well.
    pub fn stop(self) -> bool {
        self.process.stop().success()
    }
}

impl Line {
    fn read(line: &Value) -> Line {
        let text = |field: &str| line[field].as_str().unwrap_or_default().to_owned();
        let time = line["time"].as_str().expect("a time");
        let time = humantime::parse_rfc3339(time).expect("RFC 3339");
        Line {
            began: millis(time),
            host: text("host"),
            path: text("path"),
            version: text("version"),
            key: text("key"),
            status: line["status"].as_u64().expect("a status"),
            reason: text("reason"),
            user_agent: text("user_agent"),
        }
    }

    /// Whether an agent sent it, pushing for this tenant.
    pub fn is_push(&self, tenant: &str) -> bool {
        self.path == format!("/t/{tenant}/metrics/api/v1/push")
            || (self.host == format!("{tenant}.{DOMAIN}") && self.path == "/api/v1/push")
    }
}

/// The listener's and the admin port's address, as the gateway says them: `[("tls", 127.0.0.1:1)]`.
fn addresses(ready: &Value) -> Option<(SocketAddr, SocketAddr)> {
    let listener = ready["listeners"].as_str()?.strip_prefix("[(\"tls\", ")?.strip_suffix(")]")?;
    Some((listener.parse().ok()?, ready["admin"].as_str()?.parse().ok()?))
}

/// Milliseconds since the epoch.
pub fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_millis()).expect("before the year 584 million")
}

fn configuration(upstream: SocketAddr) -> String {
    format!(
        r#"listeners:
  - {{name: tls, address: "127.0.0.1:0", tls: {{cert: tls.crt, key: tls.key}}}}
admin: {{address: "127.0.0.1:0"}}
store: {{path: store}}
services:
  metrics:
    match:
      - host: "{{tenant}}.{DOMAIN}"
      - path: /t/{{tenant}}/metrics
    upstream: http://{upstream}
    api: cortex
telemetry:
  log_format: json
  access_log: {{output: ./access.log, format: json}}
"#
    )
}

/// Writes `tls.crt` and `tls.key`, good for the gateway's names; gives the file of their authority.
fn certificates(dir: &Path) -> PathBuf {
    let mut authority = CertificateParams::new(Vec::new()).expect("no names");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let ca = dir.join("ca.crt");
    fs::write(&ca, authority.self_signed(&key).expect("a certificate").pem()).expect("a file");
    let issuer = Issuer::new(authority, key);
    let key = KeyPair::generate().expect("a key");
    let names = vec![format!("*.{DOMAIN}"), GATEWAY.to_owned()];
    let leaf = CertificateParams::new(names).expect("names").signed_by(&key, &issuer).expect("a certificate");
    fs::write(dir.join("tls.crt"), leaf.pem()).expect("a file");
    fs::write(dir.join("tls.key"), key.serialize_pem()).expect("a file");
    ca
}
