//! The proxies under comparison: how each is configured and started in front of the back end. One
//! worker each, no access log, keep-alive to the back end, the same certificate.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::net::TcpStream;

use crate::material::{Certificate, DOMAIN, Signer};
use crate::ours;
use crate::process::{PATIENCE, Process};

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// nginx without any authentication.
    Nginx,
    /// HAProxy with jwt_verify.
    Haproxy,
    Tenantry,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::Nginx, Kind::Haproxy, Kind::Tenantry];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Nginx => "nginx",
            Kind::Haproxy => "haproxy",
            Kind::Tenantry => "tenantry",
        }
    }

    /// As shown to people.
    pub fn title(self) -> &'static str {
        match self {
            Kind::Nginx => "nginx, no auth",
            Kind::Haproxy => "HAProxy jwt_verify",
            Kind::Tenantry => "tenantry",
        }
    }

    /// Whether it checks tokens at all.
    pub fn authenticates(self) -> bool {
        self != Kind::Nginx
    }
}

/// What every proxy is started with.
pub struct Setting {
    /// For configurations, sockets' logs and data; gone after the run.
    pub folder: PathBuf,
    pub certificate: Certificate,
    pub signer: Signer,
    pub backend: SocketAddr,
    pub core: usize,
    /// The program of tenantry itself.
    pub tenantry: PathBuf,
}

/// A proxy that answers on both ports.
pub struct Proxy {
    pub kind: Kind,
    pub process: Process,
    pub plain: SocketAddr,
    pub tls: SocketAddr,
}

impl Proxy {
    /// Starts one under a name of its own, and waits until it answers.
    pub async fn start(kind: Kind, name: &str, setting: &Setting) -> Result<Self> {
        let folder = setting.folder.join(name);
        fs::create_dir_all(&folder)?;
        let (plain, tls) = (free_port()?, free_port()?);
        let mut process = match kind {
            Kind::Nginx => nginx(setting, &folder, plain, tls)?,
            Kind::Haproxy => haproxy(setting, &folder, plain, tls)?,
            Kind::Tenantry => return ours::start(setting, &folder, plain, tls).await.map(|(proxy, _)| proxy),
        };
        answers(&mut process, plain).await?;
        Ok(Proxy { kind, process, plain, tls })
    }
}

/// Waits until a port takes connections.
pub async fn answers(process: &mut Process, port: SocketAddr) -> Result<()> {
    let late = Instant::now() + PATIENCE;
    while TcpStream::connect(port).await.is_err() {
        process.check()?;
        if Instant::now() > late {
            bail!("nothing answers on {port} after {PATIENCE:?}");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    process.check()
}

/// A port of 127.0.0.1 that nobody has just now.
pub fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Where a program is, `/usr/sbin` included; Debian keeps servers out of users' PATH.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    folders.push("/usr/sbin".into());
    folders.into_iter().map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn server(program: &str, package: &str) -> Result<Command> {
    let found = find(program);
    Ok(Command::new(found.with_context(|| {
        format!("{program} is missing: apt-get install --no-install-recommends {package}")
    })?))
}

/// Bodies are streamed, as the others do; `keepalive_requests` would otherwise close connections.
fn nginx(setting: &Setting, folder: &Path, plain: SocketAddr, tls: SocketAddr) -> Result<Process> {
    let Setting { certificate, backend, .. } = setting;
    let (here, chain, key) = (folder.display(), certificate.chain.display(), certificate.key.display());
    // Otherwise root's worker could not enter the folder.
    let user = if fs::metadata("/proc/self")?.uid() == 0 { "user root;" } else { "" };
    let config = format!(
        "{user}
worker_processes 1;
daemon off;
pid {here}/pid;
error_log stderr crit;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {here}/body;
  proxy_temp_path {here}/proxy;
  fastcgi_temp_path {here}/fastcgi;
  uwsgi_temp_path {here}/uwsgi;
  scgi_temp_path {here}/scgi;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  client_body_buffer_size 128k;
  client_max_body_size 0;
  upstream backend {{
    server {backend};
    keepalive 512;
    keepalive_requests 1000000000;
  }}
  server {{
    listen {plain};
    listen {tls} ssl http2;
    ssl_certificate {chain};
    ssl_certificate_key {key};
    ssl_protocols TLSv1.2 TLSv1.3;
    location / {{
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_request_buffering off;
    }}
  }}
}}
"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, config)?;
    let mut command = server("nginx", "nginx-light")?;
    command.arg("-e").arg("stderr").arg("-p").arg(folder).arg("-c").arg(&file);
    Process::start("nginx", setting.core, folder, &command)
}

/// The checks that tenantry makes: algorithm, times, signature, and that the token's tenant is the
/// host's first label.
fn haproxy(setting: &Setting, folder: &Path, plain: SocketAddr, tls: SocketAddr) -> Result<Process> {
    let Setting { certificate, backend, signer, .. } = setting;
    let public = folder.join("public.pem");
    fs::write(&public, &signer.public)?;
    let (public, both) = (public.display(), certificate.both.display());
    let config = format!(
        "global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
  http-reuse always
frontend gateway
  bind {plain}
  bind {tls} ssl crt {both} alpn h2,http/1.1
  http-request set-var(txn.token) http_auth_bearer
  http-request set-var(txn.alg) var(txn.token),jwt_header_query('$.alg')
  http-request set-var(txn.exp) var(txn.token),jwt_payload_query('$.exp','int')
  http-request set-var(txn.sub) var(txn.token),jwt_payload_query('$.sub')
  http-request set-var(txn.now) date()
  http-request set-var(txn.tenant) var(txn.sub),bytes(7)
  http-request set-var(txn.label) req.hdr(host),field(1,.),lower
  http-request deny deny_status 404 unless {{ req.hdr(host),lower -m end .{DOMAIN} }}
  http-request deny deny_status 401 unless {{ var(txn.alg) -m str RS256 }}
  http-request deny deny_status 401 unless {{ var(txn.exp),sub(txn.now) -m int gt 0 }}
  http-request deny deny_status 401 unless {{ var(txn.sub) -m beg tenant- }}
  http-request deny deny_status 401 unless {{ var(txn.token),jwt_verify(txn.alg,\"{public}\") -m int 1 }}
  http-request deny deny_status 403 unless {{ var(txn.tenant),strcmp(txn.label) eq 0 }}
  http-request del-header Authorization
  http-request set-header X-Scope-OrgID %[var(txn.tenant)]
  default_backend backend
backend backend
  server only {backend} maxconn 8192
"
    );
    let file = folder.join("haproxy.cfg");
    fs::write(&file, config)?;
    let mut command = server("haproxy", "haproxy")?;
    command.arg("-db").arg("-f").arg(&file);
    Process::start("haproxy", setting.core, folder, &command)
}
