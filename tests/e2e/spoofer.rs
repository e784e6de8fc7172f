//! victoria-metrics' vmagent with a tenant's good token, which tells the back end that it is another
//! tenant. It pushes `way="spoof"` over both ways; prometheus 2.42 of Debian leaves such headers out.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use super::gate::{DOMAIN, GATEWAY, Gate};
use crate::support::process::{Process, bound};

/// What it scrapes is called so.
pub const NAME: &str = "spoofer";

/// Starts it; it pushes until the process is dropped.
pub async fn start(
    program: &Path,
    dir: &Path,
    gate: &Gate,
    exporter: SocketAddr,
    tunnel: SocketAddr,
    [tenant, claimed, token]: [&str; 3],
) -> Process {
    let (scrapes, secret) = (dir.join("spoofer.yml"), dir.join("spoofer.jwt"));
    fs::write(&secret, token).expect("a file");
    let text = format!(
        "global: {{scrape_interval: 250ms, external_labels: {{tenant: {tenant}, way: spoof}}}}\n\
         scrape_configs: [{{job_name: counter, metrics_path: /{NAME}/metrics, \
         static_configs: [{{targets: ['{exporter}']}}]}}]\n"
    );
    fs::write(&scrapes, text).expect("a file");
    let (proxy, path) = (gate.proxy, "api/v1/push");
    // One value of a flag each, in the order of the URLs.
    let flags = [
        format!("-promscrape.config={}", scrapes.display()),
        format!(
            "-remoteWrite.url=https://{tenant}.{DOMAIN}/{path},https://{proxy}/t/{tenant}/metrics/{path}"
        ),
        format!("-remoteWrite.proxyURL=http://{tunnel},"),
        format!("-remoteWrite.tlsServerName={tenant}.{DOMAIN},{GATEWAY}"),
        format!("-remoteWrite.tlsCAFile={0},{0}", gate.ca.display()),
        format!("-remoteWrite.bearerTokenFile={0},{0}", secret.display()),
        format!("-remoteWrite.headers=X-Scope-OrgID:{claimed},X_Scope_OrgID:{claimed}"),
        format!("-remoteWrite.tmpDataPath={}", dir.join(NAME).display()),
        "-remoteWrite.flushInterval=200ms".to_owned(),
    ];
    let serve = Process::serve(NAME, dir, "/health", |at| {
        let mut command = bound(program);
        command.args(&flags).arg(format!("-httpListenAddr={at}"));
        command
    });
    serve.await.0
}
