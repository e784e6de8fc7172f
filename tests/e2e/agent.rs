//! Debian's prometheus as an agent of one tenant. It scrapes that tenant's counter and itself, and
//! pushes each sample twice: to the tenant's own host (`way="host"`, HTTP/2) and to its path on the
//! gateway's host (`way="path"`, HTTP/1.1). Both over TLS with a bearer token out of a file.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use reqwest::Client;

use super::gate::{DOMAIN, GATEWAY, Gate};
use crate::support::process::{Process, bound};

/// The two ways to the gateway.
pub const WAYS: [&str; 2] = ["host", "path"];

/// A running agent.
pub struct Agent {
    address: SocketAddr,
    token: PathBuf,
    http: Client,
    _process: Process,
}

/// What an agent knows of its pushes over one way.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pushes {
    pub samples: u64,
    pub failed: u64,
    pub dropped: u64,
    pub retried: u64,
}

/// What an agent is made of.
pub struct Plan<'a> {
    pub tenant: &'a str,
    pub token: &'a str,
    pub exporter: SocketAddr,
    /// The proxy through which names are reached.
    pub tunnel: SocketAddr,
}

impl Agent {
    pub async fn start(program: &Path, dir: &Path, gate: &Gate, plan: &Plan<'_>) -> Agent {
        let name = format!("agent-{}", plan.tenant);
        let token = dir.join(format!("{name}.jwt"));
        fs::write(&token, plan.token).expect("a file");
        let file = dir.join(format!("{name}.yml"));
        let (process, address) = Process::serve(&name, dir, "/-/ready", |at| {
            fs::write(&file, configuration(gate, plan, &token, at)).expect("a file");
            let mut command = bound(program);
            command.arg("--enable-feature=agent");
            command.arg(format!("--config.file={}", file.display()));
            command.arg(format!("--web.listen-address={at}"));
            command.arg(format!("--storage.agent.path={}", dir.join(&name).display()));
            command
        })
        .await;
        Agent { address, token, http: crate::support::gateway::client(), _process: process }
    }

    /// From its next push on it uses this token.
    pub fn change_token(&self, token: &str) {
        let new = self.token.with_extension("new");
        fs::write(&new, token).expect("a file");
        fs::rename(&new, &self.token).expect("the same directory");
    }

    /// What it knows of its pushes over a way.
    pub async fn pushes(&self, way: &str) -> Pushes {
        let response = self.http.get(format!("http://{}/metrics", self.address)).send().await;
        let page = response.expect("an answer").text().await.expect("text");
        let remote = format!("remote_name=\"{way}\"");
        let value = |name: &str| {
            let start = format!("prometheus_remote_storage_{name}{{");
            let line = page.lines().find(|line| line.starts_with(&start) && line.contains(&remote));
            let line = line.unwrap_or_else(|| panic!("{start}{remote} is missing"));
            let (_, value) = line.rsplit_once(' ').expect("a value");
            value.parse().expect("a whole number")
        };
        Pushes {
            samples: value("samples_total"),
            failed: value("samples_failed_total"),
            dropped: value("samples_dropped_total"),
            retried: value("samples_retried_total"),
        }
    }
}

fn configuration(gate: &Gate, plan: &Plan<'_>, token: &Path, at: SocketAddr) -> String {
    let Plan { tenant, exporter, tunnel, .. } = plan;
    let (proxy, ca, token) = (gate.proxy, gate.ca.display(), token.display());
    format!(
        r#"global: {{scrape_interval: 250ms, scrape_timeout: 250ms, external_labels: {{tenant: {tenant}}}}}
scrape_configs:
  - job_name: counter
    metrics_path: /{tenant}/metrics
    static_configs: [{{targets: ["{exporter}"]}}]
  - job_name: agent
    scrape_interval: 1s
    scrape_timeout: 1s
    static_configs: [{{targets: ["{at}"]}}]
remote_write:
  - name: host
    url: https://{tenant}.{DOMAIN}/api/v1/push
    proxy_url: http://{tunnel}
    authorization: {{credentials_file: {token}}}
    tls_config: {{ca_file: {ca}}}
    queue_config: {{batch_send_deadline: 100ms}}
    write_relabel_configs: [{{target_label: way, replacement: host}}]
  - name: path
    url: https://{proxy}/t/{tenant}/metrics/api/v1/push
    enable_http2: false
    authorization: {{credentials_file: {token}}}
    tls_config: {{ca_file: {ca}, server_name: {GATEWAY}}}
    queue_config: {{batch_send_deadline: 100ms}}
    write_relabel_configs: [{{target_label: way, replacement: path}}]
"#
    )
}
