//! What a large store costs the real program: its file, its start, its memory, a change until it is
//! live, a page of a list at any offset. Start it by `benches/scale/run`.

mod fill;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use fill::{Size, fill};

const USER: &str = "bench";
const PASSWORD: &str = "only-for-this-run-9f2c";
/// Writes of which the percentiles are taken.
const WRITES: usize = 300;
/// How often each page is asked for; the median counts.
const ASKED: usize = 9;
const PATIENCE: Duration = Duration::from_secs(120);

struct Served {
    child: Child,
    client: Client,
    admin: SocketAddr,
    plain: SocketAddr,
    /// From the start of the process until it is ready.
    start: Duration,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    // Cargo adds `--bench` of its own.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    // `cargo test --benches` and the like ask for nothing that this does.
    if words.first().is_none_or(|word| word != "run") {
        println!("scale: start it by benches/scale/run [TENANTS]");
        return Ok(());
    }
    let tenants = words.get(1).map_or(Ok(100_000), |word| word.parse()).context("the number of tenants")?;
    let size = Size { tenants, bindings: 10, tokens: 10 };
    // The caller's own needs one, though nothing here is encrypted. Only the first counts.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = tempfile::tempdir()?;
    measure(folder.path(), size).await
}

async fn measure(folder: &Path, size: Size) -> Result<()> {
    // Once empty, so that the first admin is there.
    drop(serve(folder).await?);
    let begin = Instant::now();
    let (tenant, token) = fill(&folder.join("data"), size)?;
    println!(
        "{} tenants, {} bindings, {} API tokens; filled in {:.0} s",
        size.tenants,
        size.tenants * size.bindings,
        size.tenants * size.tokens,
        begin.elapsed().as_secs_f64()
    );
    let bytes = fs::metadata(folder.join("data/tenantry.redb"))?.len();
    println!("store file             {:8.0} MiB", mib(bytes));
    let served = serve(folder).await?;
    println!("start until ready      {:8.1} s    (< 10)", served.start.as_secs_f64());
    served.passes(tenant.as_str(), token.reveal()).await?;
    println!("resident memory        {:8.0} MiB  (< 1536)", served.resident()?);
    served.writes().await?;
    served.pages(size).await?;
    println!("resident memory after  {:8.0} MiB", served.resident()?);
    Ok(())
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Starts the program over the store in the folder.
async fn serve(folder: &Path) -> Result<Served> {
    let (admin, plain) = (free()?, free()?);
    let config = format!(
        "workers: 1
listeners: [{{name: plain, address: \"{plain}\"}}]
admin: {{address: \"{admin}\"}}
store: {{path: data}}
telemetry: {{access_log: {{output: \"off\"}}, log_level: warn}}
services:
  bench:
    match: [{{host: \"{{tenant}}.example.com\"}}]
    upstream: [\"http://127.0.0.1:9\"]
    api: read-write
"
    );
    fs::write(folder.join("tenantry.yaml"), config)?;
    let begin = Instant::now();
    let child = Command::new(env!("CARGO_BIN_EXE_tenantry"))
        .args(["serve", "--config", "tenantry.yaml"])
        .current_dir(folder)
        .env("TENANTRY_ADMIN_USER", USER)
        .env("TENANTRY_ADMIN_PASSWORD", PASSWORD)
        .stdin(Stdio::null())
        .spawn()?;
    let client = Client::builder().timeout(PATIENCE).build()?;
    let mut served = Served { child, client, admin, plain, start: Duration::ZERO };
    while served.client.get(format!("http://{admin}/-/ready")).send().await.is_err() {
        if begin.elapsed() > PATIENCE || served.child.try_wait()?.is_some() {
            bail!("tenantry does not get ready");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    served.start = begin.elapsed();
    Ok(served)
}

fn free() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

impl Served {
    /// One call of the admin API, and how long it took.
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<(Value, Duration)> {
        let url = format!("http://{}/api/v1{path}", self.admin);
        let mut request = self.client.request(method, url).basic_auth(USER, Some(PASSWORD));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let begin = Instant::now();
        let answer = request.send().await?;
        let status = answer.status();
        let answer: Value = answer.json().await?;
        if !status.is_success() {
            bail!("{path} was answered with {status}: {answer}");
        }
        Ok((answer, begin.elapsed()))
    }

    /// A token of the store is known: what it may write goes on to the back end, which is not there.
    async fn passes(&self, tenant: &str, token: &str) -> Result<()> {
        let request = self.client.post(format!("http://{}/write", self.plain));
        let request = request.header("host", format!("{tenant}.example.com")).bearer_auth(token).body("x");
        match request.send().await?.status().as_u16() {
            502 => Ok(()),
            other => bail!("a token of the store was answered with {other}"),
        }
    }

    async fn writes(&self) -> Result<()> {
        let mut taken = Vec::with_capacity(WRITES);
        // The first pays for the check of the password.
        self.call(Method::POST, "/tenants", Some(json!({ "id": "late" }))).await?;
        for number in 0..WRITES {
            let body = json!({ "id": format!("late-{number}") });
            taken.push(self.call(Method::POST, "/tenants", Some(body)).await?.1);
        }
        taken.sort();
        let at = |part: usize| taken[(WRITES - 1) * part / 100].as_secs_f64() * 1e3;
        println!("a write until it is live {:6.1} ms p50, {:.1} ms p99  (p99 < 20)", at(50), at(99));
        Ok(())
    }

    async fn pages(&self, size: Size) -> Result<()> {
        let last = size.tenants / 100;
        for (name, path) in [
            ("tenants, first page", "/tenants?size=100&page=1".to_owned()),
            ("tenants, middle", format!("/tenants?size=100&page={}", last / 2)),
            ("tenants, last page", format!("/tenants?size=100&page={last}")),
            ("users", "/users?size=100&page=1".to_owned()),
            ("bindings of a tenant", "/t000007/bindings/search?size=100&page=1".to_owned()),
            ("service accounts of one", "/t000007/service-accounts?size=100".to_owned()),
        ] {
            let mut taken = Vec::with_capacity(ASKED);
            let mut total = Value::Null;
            for _ in 0..ASKED {
                let (answer, time) = self.call(Method::GET, &path, None).await?;
                taken.push(time);
                total = answer["total"].clone();
            }
            taken.sort();
            let (median, most) = (taken[ASKED / 2].as_secs_f64() * 1e3, taken[ASKED - 1].as_secs_f64() * 1e3);
            println!("list: {name:<24} {median:6.1} ms, at most {most:.1} ms of {total}  (< 50)");
        }
        Ok(())
    }

    /// MiB.
    fn resident(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
        let kib: f64 = line.split_whitespace().nth(1).context("no number")?.parse()?;
        Ok(kib / 1024.0)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
