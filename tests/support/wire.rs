//! A gateway for the tests of connections: small limits where a test wants them, one tenant `acme`,
//! and requests that are permitted but for what the test puts into them.

use std::net::SocketAddr;

use tempfile::TempDir;
use tenantry::cli::signer::Signer;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::gateway::{self, Running, token};
use super::raw;

/// What a test wants other than the defaults, in the configuration's own words.
#[derive(Default)]
pub struct Setup {
    /// `host:port` or `host:port/base`.
    pub upstreams: Vec<String>,
    /// `header_timeout: 200ms, …`
    pub limits: String,
    /// `connect: 200ms, …`
    pub timeouts: String,
    /// Further listeners, one a line, as `{name: …, …}`.
    pub listeners: Vec<String>,
    /// Further keys at the top level, one a line.
    pub top: String,
}

/// A running gateway with a tenant, `acme`, and a token for it.
pub struct Wire {
    pub running: Running,
    pub signer: Signer,
    pub token: String,
}

impl Setup {
    pub fn to(upstream: SocketAddr) -> Setup {
        Setup::to_all([upstream])
    }

    pub fn to_all(upstreams: impl IntoIterator<Item = SocketAddr>) -> Setup {
        let upstreams = upstreams.into_iter().map(|address| address.to_string()).collect();
        Setup { upstreams, ..Setup::default() }
    }

    pub fn limits(self, limits: &str) -> Setup {
        Setup { limits: limits.to_owned(), ..self }
    }

    pub fn timeouts(self, timeouts: &str) -> Setup {
        Setup { timeouts: timeouts.to_owned(), ..self }
    }

    pub fn listener(mut self, listener: &str) -> Setup {
        self.listeners.push(listener.to_owned());
        self
    }

    pub fn top(self, top: &str) -> Setup {
        Setup { top: top.to_owned(), ..self }
    }

    /// The configuration; one data-plane thread, so that what threads keep for themselves is there
    /// for every request.
    pub fn yaml(&self) -> String {
        let mut listeners =
            format!("  - {{name: plain, address: '127.0.0.1:0', limits: {{{}}}}}\n", self.limits);
        for listener in &self.listeners {
            listeners.push_str(&format!("  - {listener}\n"));
        }
        let upstreams: Vec<String> = self.upstreams.iter().map(|at| format!("\"http://{at}\"")).collect();
        let admin = if self.top.contains("admin:") { "" } else { "admin: {address: '127.0.0.1:0'}\n" };
        format!(
            "listeners:\n{listeners}{admin}store: {{path: store}}\n\
             telemetry: {{access_log: {{output: ./access.log, format: json}}}}\nworkers: 1\n{}\n\
             services:\n  metrics:\n    match: [{{path: '/t/{{tenant}}'}}]\n    upstream: [{}]\n    \
             api: read-write\n    timeouts: {{{}}}\n",
            self.top,
            upstreams.join(", "),
            self.timeouts,
        )
    }

    pub async fn start(&self) -> Wire {
        self.start_in(TempDir::new().expect("a temporary directory")).await
    }

    pub async fn start_in(&self, dir: TempDir) -> Wire {
        let running = gateway::start_in(dir, &self.yaml()).await;
        let signer = running.with_tenants(&["acme"]).await;
        let token = token(&signer, "acme");
        Wire { running, signer, token }
    }
}

impl Wire {
    /// A permitted HTTP/1.1 request's head, with further header lines (each ended by CRLF).
    pub fn head(&self, method: &str, path: &str, lines: &str) -> String {
        let token = &self.token;
        format!(
            "{method} /t/acme{path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {token}\r\n{lines}\r\n"
        )
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.running.proxy).await.expect("it listens")
    }

    /// A new connection with these bytes sent.
    pub async fn open(&self, bytes: &str) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_bytes()).await.expect("it takes the bytes");
        stream
    }

    /// Sends bytes and reads until the gateway closes.
    pub async fn exchange(&self, bytes: &str) -> String {
        raw::exchange(self.running.proxy, bytes.as_bytes()).await
    }

    /// One GET on a connection of its own.
    pub async fn get(&self, path: &str) -> String {
        self.exchange(&self.head("GET", path, "Connection: close\r\n")).await
    }

    pub async fn stop(self) {
        self.running.stop().await;
    }
}
