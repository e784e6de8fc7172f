//! The lines that the demo prints, and the trial of each: the same request that `curl` would make.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::cast::{Cast, Player};
use crate::cli::client::printable;

const PATIENCE: Duration = Duration::from_secs(10);
const LONGEST: usize = 64 * 1024;
/// The header that names the tenant to back ends.
const TENANT_HEADER: &str = "X-Scope-OrgID";

/// One line and what it should do.
pub struct Probe<'a> {
    what: &'static str,
    /// With port; the address itself when none.
    host: Option<String>,
    path: String,
    bearer: Option<&'a Player>,
    /// A tenant header as a cheat would send it.
    forged: Option<&'static str>,
    expected: StatusCode,
    /// The tenant that the back end is told.
    seen: Option<&'static str>,
    proxy: SocketAddr,
}

/// From where the lines are tried.
pub struct Stage {
    http: Client<HttpConnector, Empty<Bytes>>,
    proxy: SocketAddr,
}

/// As expected, or what came instead.
pub type Verdict = Result<(), String>;

impl<'a> Probe<'a> {
    pub fn all(cast: &'a Cast, proxy: SocketAddr) -> Vec<Probe<'a>> {
        let (acme, globex) = (&cast.acme, &cast.globex);
        let plain = |what, path: &str, bearer, expected, seen| Probe {
            what,
            host: None,
            path: path.to_owned(),
            bearer,
            forged: None,
            expected,
            seen,
            proxy,
        };
        let (ok, unauthorized) = (StatusCode::OK, StatusCode::UNAUTHORIZED);
        vec![
            plain("acme by its path", "/t/acme/hello", Some(acme), ok, Some("acme")),
            Probe {
                host: Some(format!("globex.localhost:{}", proxy.port())),
                ..plain("globex by its host", "/hello", Some(globex), ok, Some("globex"))
            },
            Probe {
                forged: Some("globex"),
                ..plain("a forged tenant header", "/t/acme/hello", Some(acme), ok, Some("acme"))
            },
            plain("no token", "/t/acme/hello", None, unauthorized, None),
            plain("the other tenant's token", "/t/acme/hello", Some(globex), unauthorized, None),
            plain("where no service is", "/elsewhere", Some(acme), StatusCode::NOT_FOUND, None),
        ]
    }

    /// As printed: what it shows, what came of it, and the command.
    pub fn line(&self, verdict: &Verdict) -> String {
        let seen = self.seen.map(|tenant| format!(", the back end sees {TENANT_HEADER}: {tenant}"));
        let expected = format!("{}{}", self.expected.as_u16(), seen.unwrap_or_default());
        let outcome = match verdict {
            Ok(()) => "ok".to_owned(),
            Err(instead) => format!("FAILED: {}", printable(instead)),
        };
        format!("\n  # {}: {expected} ({outcome})\n  {}\n", self.what, self.command())
    }

    fn command(&self) -> String {
        let mut command = "curl -i".to_owned();
        if let Some(player) = self.bearer {
            command +=
                &format!(" -H \"Authorization: Bearer $(cat {})\"", quoted(player.token_file.display()));
        }
        if let Some(forged) = self.forged {
            command += &format!(" -H '{TENANT_HEADER}: {forged}'");
        }
        let host = self.host.clone().unwrap_or_else(|| self.proxy.to_string());
        format!("{command} http://{host}{}", self.path)
    }
}

impl Stage {
    pub fn new(proxy: SocketAddr) -> Self {
        Stage { http: Client::builder(TokioExecutor::new()).build_http(), proxy }
    }

    pub async fn try_out(&self, probe: &Probe<'_>) -> Verdict {
        match tokio::time::timeout(PATIENCE, self.ask(probe)).await {
            Ok(verdict) => verdict,
            Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        }
    }

    async fn ask(&self, probe: &Probe<'_>) -> Verdict {
        let mut request = Request::get(format!("http://{}{}", self.proxy, probe.path));
        if let Some(host) = &probe.host {
            request = request.header(HOST, host);
        }
        if let Some(player) = probe.bearer {
            request = request.header(AUTHORIZATION, format!("Bearer {}", player.token.reveal()));
        }
        if let Some(forged) = probe.forged {
            request = request.header(TENANT_HEADER, forged);
        }
        let request = request.body(Empty::new()).map_err(|fault| fault.to_string())?;
        let response = self.http.request(request).await.map_err(|fault| fault.to_string())?;
        let status = response.status();
        let body =
            Limited::new(response.into_body(), LONGEST).collect().await.map_err(|fault| fault.to_string())?;
        judge(probe, status, &body.to_bytes())
    }
}

fn judge(probe: &Probe<'_>, status: StatusCode, body: &[u8]) -> Verdict {
    if status != probe.expected {
        return Err(format!("{}: {}", status.as_u16(), String::from_utf8_lossy(body).trim()));
    }
    let Some(tenant) = probe.seen else { return Ok(()) };
    let echoed: Value =
        serde_json::from_slice(body).map_err(|fault| format!("not the echo's answer: {fault}"))?;
    match echoed["headers"][TENANT_HEADER.to_ascii_lowercase()].as_str() {
        Some(seen) if seen == tenant => Ok(()),
        seen => Err(format!("the back end saw {seen:?} as tenant")),
    }
}

/// How this program was started, for a line that can be pasted.
pub fn program() -> String {
    let Ok(path) = std::env::current_exe() else { return "tenantry".to_owned() };
    let here: Option<PathBuf> = std::env::current_dir().ok();
    match here.and_then(|here| path.strip_prefix(here).ok().map(|below| Path::new(".").join(below))) {
        Some(below) => quoted(below.display()),
        None => quoted(path.display()),
    }
}

/// A text as a shell takes it for one word.
pub fn quoted(text: impl fmt::Display) -> String {
    let text = text.to_string();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-+,:@".contains(&b);
    if text.bytes().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::echo::Echo;

    /// Without a gateway between, a forged header reaches the back end and nobody is refused.
    #[tokio::test]
    async fn a_line_that_does_something_else_fails() {
        let echo = Echo::start().await.expect("a port");
        let stage = Stage::new(echo.address());
        let probe = |forged, expected, seen| Probe {
            what: "a line",
            host: None,
            path: "/".to_owned(),
            bearer: None,
            forged,
            expected,
            seen,
            proxy: echo.address(),
        };
        let ok = StatusCode::OK;
        assert_eq!(stage.try_out(&probe(Some("acme"), ok, Some("acme"))).await, Ok(()));
        for other in [
            probe(None, ok, Some("acme")),
            probe(Some("globex"), ok, Some("acme")),
            probe(None, StatusCode::UNAUTHORIZED, None),
        ] {
            let verdict = stage.try_out(&other).await;
            assert!(verdict.is_err() && other.line(&verdict).contains("FAILED"), "{verdict:?}");
        }
        let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
        assert!(Stage::new(nobody).try_out(&probe(None, ok, None)).await.is_err());
    }

    #[test]
    fn texts_are_one_word() {
        assert_eq!(quoted("/tmp/a-b.jwt"), "/tmp/a-b.jwt");
        assert_eq!(quoted("/tmp/it's here"), r"'/tmp/it'\''s here'");
    }
}
