//! The multi-tenant back end, as Cortex would be: it believes `X-Scope-OrgID`. nginx reads that header
//! and passes on to one store per organisation, victoria-metrics for acme and prometheus for globex,
//! and answers 500 to anything else, so a missing, doubled or wrong header shows.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::process::{Process, bound};

/// The programs of the back end and of the agents.
pub struct Programs {
    pub prometheus: PathBuf,
    pub victoria: PathBuf,
    pub vmagent: PathBuf,
    pub nginx: PathBuf,
}

/// A running back end; nginx stops first.
pub struct Stores {
    /// nginx's.
    pub address: SocketAddr,
    log: PathBuf,
    _processes: [Process; 3],
}

impl Stores {
    pub async fn start(programs: &Programs, dir: &Path) -> Stores {
        let (victoria, acme) =
            Process::serve("victoria-metrics", dir, "/health", |at| victoria_metrics(programs, dir, at))
                .await;
        let (prometheus, globex) =
            Process::serve("prometheus", dir, "/-/ready", |at| prometheus(programs, dir, at)).await;
        let log = dir.join("nginx.log");
        let (nginx, address) = Process::serve("nginx", dir, "/ready", |at| {
            let file = dir.join("nginx.conf");
            fs::write(&file, nginx_conf(dir, at, acme, globex)).expect("a file");
            let mut command = bound(&programs.nginx);
            command.arg("-p").arg(dir).arg("-e").arg("stderr").arg("-c").arg(file);
            command
        })
        .await;
        Stores { address, log, _processes: [nginx, victoria, prometheus] }
    }

    /// What nginx has seen: `org_id`, `authorization`, `user_agent`, `status` of each request.
    pub fn seen(&self) -> Vec<Value> {
        let log = fs::read_to_string(&self.log).expect("nginx's log");
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

fn victoria_metrics(programs: &Programs, dir: &Path, at: SocketAddr) -> Command {
    let mut command = bound(&programs.victoria);
    command.arg(format!("-storageDataPath={}", dir.join("victoria").display()));
    command.arg(format!("-httpListenAddr={at}"));
    // Show what has come at once.
    command.args(["-search.latencyOffset=0s", "-search.disableCache", "-memory.allowedBytes=64MB"]);
    command
}

fn prometheus(programs: &Programs, dir: &Path, at: SocketAddr) -> Command {
    let file = dir.join("store.yml");
    fs::write(&file, "{}\n").expect("a file");
    let mut command = bound(&programs.prometheus);
    command.arg("--web.enable-remote-write-receiver");
    command.arg(format!("--config.file={}", file.display()));
    command.arg(format!("--web.listen-address={at}"));
    command.arg(format!("--storage.tsdb.path={}", dir.join("prometheus").display()));
    command
}

fn nginx_conf(dir: &Path, at: SocketAddr, acme: SocketAddr, globex: SocketAddr) -> String {
    let dir = dir.display();
    // With master_process off there is one process, which dies with us. Underscores are on, as some
    // back ends have it: X_Scope_OrgID then is the tenant header too.
    format!(
        r#"daemon off;
master_process off;
pid {dir}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
  underscores_in_headers on;
  client_body_buffer_size 1m;
  client_body_temp_path {dir}/nginx-body;
  proxy_temp_path {dir}/nginx-proxy;
  fastcgi_temp_path {dir}/nginx-fastcgi;
  uwsgi_temp_path {dir}/nginx-uwsgi;
  scgi_temp_path {dir}/nginx-scgi;
  map $http_x_scope_orgid $store {{ default ""; acme {acme}; globex {globex}; }}
  log_format seen escape=json '{{"org_id":"$http_x_scope_orgid","authorization":"$http_authorization",'
    '"user_agent":"$http_user_agent","status":$status}}';
  access_log {dir}/nginx.log seen;
  server {{
    listen {at};
    location = /ready {{ access_log off; return 200; }}
    location = /api/v1/push {{
      if ($store = "") {{ return 500; }}
      rewrite ^ /api/v1/write break;
      proxy_pass http://$store;
    }}
    location /prometheus/ {{
      if ($store = "") {{ return 500; }}
      rewrite ^/prometheus(/.*)$ $1 break;
      proxy_pass http://$store;
    }}
    location / {{ return 404; }}
  }}
}}
"#
    )
}
