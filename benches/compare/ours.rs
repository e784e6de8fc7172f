//! The real tenantry: its configuration, its start, and what is told to it through the admin port.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::material::DOMAIN;
use crate::process::{PATIENCE, Process};
use crate::proxies::{Kind, Proxy, Setting, free_port};

const USER: &str = "bench";
const PASSWORD: &str = "only-for-this-run-9f2c";

/// The tenants of every comparison: one that calls, one that it must not be.
pub const TENANTS: [&str; 2] = ["acme", "other"];

/// The admin port of a running tenantry.
pub struct Admin {
    address: SocketAddr,
    authorization: String,
}

/// Starts tenantry on a store in the folder, with the run's key and its tenants.
pub async fn start(
    setting: &Setting,
    folder: &Path,
    plain: SocketAddr,
    tls: SocketAddr,
) -> Result<(Proxy, Admin)> {
    let (process, admin) = launch(setting, folder, plain, tls).await?;
    admin.post("keys", &json!({ "public_key": setting.signer.public })).await?;
    for tenant in TENANTS {
        admin.post("tenants", &json!({ "id": tenant, "name": tenant })).await?;
    }
    Ok((Proxy { kind: Kind::Tenantry, process, plain, tls }, admin))
}

/// Starts tenantry on the store in the folder as it is, and waits until it says that it is ready.
pub async fn launch(
    setting: &Setting,
    folder: &Path,
    plain: SocketAddr,
    tls: SocketAddr,
) -> Result<(Process, Admin)> {
    let port = free_port()?;
    let file = folder.join("tenantry.yaml");
    fs::write(&file, config(setting, folder, [plain, tls, port]))?;
    let mut command = Command::new(&setting.tenantry);
    command.arg("serve").arg("--config").arg(&file);
    command.env("TENANTRY_ADMIN_USER", USER).env("TENANTRY_ADMIN_PASSWORD", PASSWORD);
    let mut process = Process::start("tenantry", setting.core, folder, &command)?;
    let authorization = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
    let admin = Admin { address: port, authorization };
    let late = Instant::now() + PATIENCE;
    while !matches!(admin.call("GET", "/-/ready", "").await, Ok((200, _))) {
        process.check()?;
        if Instant::now() > late {
            bail!("tenantry is not ready after {PATIENCE:?}");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok((process, admin))
}

fn config(setting: &Setting, folder: &Path, [plain, tls, admin]: [SocketAddr; 3]) -> String {
    let chain = setting.certificate.chain.display();
    let key = setting.certificate.key.display();
    let (store, backend) = (folder.join("store"), setting.backend);
    format!(
        "workers: 1
listeners:
  - {{name: plain, address: \"{plain}\"}}
  - {{name: tls, address: \"{tls}\", tls: {{cert: \"{chain}\", key: \"{key}\"}}}}
admin: {{address: \"{admin}\"}}
store: {{path: \"{}\"}}
telemetry: {{access_log: {{output: \"off\"}}}}
services:
  bench:
    match: [{{host: \"{{tenant}}.{DOMAIN}\"}}]
    upstream: [\"http://{backend}\"]
    api: read-write
",
        store.display()
    )
}

impl Admin {
    /// Makes a record; any answer but 2xx is an error.
    pub async fn post(&self, collection: &str, record: &serde_json::Value) -> Result<()> {
        let path = format!("/api/v1/{collection}");
        let (status, text) = self.call("POST", &path, &record.to_string()).await?;
        if !(200..300).contains(&status) {
            bail!("POST {path} {record} was answered with {status}:\n{text}");
        }
        Ok(())
    }

    /// One request on a connection of its own: the status, and all that was answered.
    async fn call(&self, method: &str, path: &str, body: &str) -> Result<(u16, String)> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            self.authorization,
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let text = String::from_utf8_lossy(&answer).into_owned();
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
        Ok((status.with_context(|| format!("{method} {path}: no HTTP answer: {text:?}"))?, text))
    }
}
