//! The interleaved rounds: every scenario with every proxy once a round, the first proxy of a
//! scenario another one each time, so that a slow stretch of the machine hits all alike.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::load::{Load, Target, Until};
use crate::material::{self, DOMAIN};
use crate::plan::{Effort, Scenario, Subject};
use crate::proxies::Proxy;
use crate::request::Request;

/// How much longer than planned a measurement may take.
const GRACE: Duration = Duration::from_secs(20);

/// One measurement.
#[derive(Clone, Copy, serde::Serialize)]
pub struct Sample {
    pub requests_per_second: f64,
    /// CPU time of the proxy per request, user and system, in microseconds.
    pub cpu: f64,
    /// Latencies in milliseconds.
    pub p50: f64,
    pub p99: f64,
}

/// All measurements of one subject in one scenario.
#[derive(serde::Serialize)]
pub struct Row {
    pub scenario: Scenario,
    pub subject: Subject,
    pub samples: Vec<Sample>,
}

pub async fn measure(
    scenarios: &[Scenario],
    proxies: &[Proxy],
    tokens: &[String],
    effort: &Effort,
) -> Result<Vec<Row>> {
    let kinds: Vec<_> = proxies.iter().map(|proxy| proxy.kind).collect();
    let mut rows = Vec::new();
    for scenario in scenarios {
        let subjects = scenario.subjects(&kinds, tokens.len());
        let row = |subject| Row { scenario: *scenario, subject, samples: Vec::new() };
        rows.push(subjects.into_iter().map(row).collect::<Vec<_>>());
    }
    for round in 0..effort.rounds {
        eprintln!("round {} of {}", round + 1, effort.rounds);
        for group in &mut rows {
            for turn in 0..group.len() {
                let count = group.len();
                let row = &mut group[(round + turn) % count];
                let proxy = proxies.iter().find(|proxy| proxy.kind == row.subject.kind);
                let proxy = proxy.context("a subject without its proxy")?;
                let sample = sample(row.scenario, proxy, &tokens[..row.subject.tokens], effort);
                row.samples.push(sample.await.with_context(|| {
                    format!("{} in the scenario «{}»", row.subject.kind.name(), row.scenario.title())
                })?);
            }
        }
    }
    Ok(rows.into_iter().flatten().collect())
}

async fn sample(scenario: Scenario, proxy: &Proxy, tokens: &[String], effort: &Effort) -> Result<Sample> {
    let limit = effort.warm_up + effort.measured + GRACE;
    let work = async {
        let mut load = open(scenario, proxy, tokens).await?;
        load.drive(Until { time: effort.warm_up, requests: tokens.len() }).await?;
        let before = proxy.process.cpu()?;
        let tally = load.drive(Until { time: effort.measured, requests: 1 }).await?;
        let spent = proxy.process.cpu()?.saturating_sub(before);
        let count = tally.latencies.total() as f64;
        let milliseconds = |share| tally.latencies.quantile(share).as_secs_f64() * 1e3;
        Ok(Sample {
            requests_per_second: count / tally.elapsed.as_secs_f64(),
            cpu: spent.as_secs_f64() * 1e6 / count,
            p50: milliseconds(0.5),
            p99: milliseconds(0.99),
        })
    };
    tokio::time::timeout(limit, work).await.with_context(|| format!("took longer than {limit:?}"))?
}

/// The connections of a scenario to a proxy.
pub async fn open(scenario: Scenario, proxy: &Proxy, tokens: &[String]) -> Result<Load> {
    let (how, connections) = scenario.shape();
    Load::open(&target(scenario, proxy)?, how, connections, scenario.requests(tokens)?).await
}

fn target(scenario: Scenario, proxy: &Proxy) -> Result<Target> {
    Ok(match scenario.alpn() {
        None => Target { address: proxy.plain, tls: None },
        Some(alpn) => Target { address: proxy.tls, tls: Some(material::tls(alpn)?) },
    })
}

/// Shows that a proxy does what it is measured for: forwards what may pass, with the tenant's
/// header in place of the token, and refuses what may not.
pub async fn check(proxy: &Proxy, token: &str) -> Result<()> {
    let name = proxy.kind.name();
    let target = Target { address: proxy.plain, tls: None };
    let echo = answer(&target, &Request::get("acme", Some(token), "/echo")?).await?;
    let seen = echo.to_ascii_lowercase();
    if !seen.starts_with("http/1.1 200") {
        bail!("{name} does not forward:\n{echo}");
    }
    if !proxy.kind.authenticates() {
        return Ok(());
    }
    if !seen.contains("\r\nx-scope-orgid: acme\r\n") || seen.contains("\r\nauthorization:") {
        bail!("{name} does not put the tenant's header in the token's place; it forwards\n{echo}");
    }
    let forged = format!("{}AAAA", &token[..token.len() - 4]);
    let refused = [
        ("no token", Request::get("acme", None, "/echo")?),
        ("a forged token", Request::get("acme", Some(&forged), "/echo")?),
        ("another tenant's token", Request::get("other", Some(token), "/echo")?),
    ];
    for (what, request) in refused {
        let answer = answer(&target, &request).await?;
        if !answer.starts_with("HTTP/1.1 401") && !answer.starts_with("HTTP/1.1 403") {
            bail!("{name} lets {what} pass for a host of {DOMAIN}:\n{answer}");
        }
    }
    Ok(())
}

/// What is answered to one request, as text, cut at what one read gives.
async fn answer(target: &Target, request: &Request) -> Result<String> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = crate::load::connect(target).await?;
    stream.write_all(&request.bytes).await?;
    let mut buffer = vec![0; 16 * 1024];
    let read = tokio::time::timeout(GRACE, stream.read(&mut buffer)).await??;
    Ok(String::from_utf8_lossy(&buffer[..read]).into_owned())
}
