//! System calls per request, counted by strace while a proxy is under load.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::Signal;

use crate::load::Until;
use crate::plan::{Scenario, Subject};
use crate::process::{PATIENCE, Process};
use crate::proxies::{Proxy, find};
use crate::rounds;

/// How long to count for.
const WHILE: Duration = Duration::from_millis(400);

/// The system calls of one subject in one scenario, per request.
#[derive(serde::Serialize)]
pub struct Counted {
    pub scenario: Scenario,
    pub subject: Subject,
    pub total: f64,
    /// By name, the most frequent first.
    pub calls: Vec<(String, f64)>,
}

/// Whether this machine can count at all.
pub fn possible() -> bool {
    find("strace").is_some()
}

pub async fn count(
    scenario: Scenario,
    proxy: &Proxy,
    token: &[String],
    core: usize,
    folder: &Path,
) -> Result<Counted> {
    let mut load = rounds::open(scenario, proxy, token).await?;
    load.drive(Until { time: WHILE / 4, requests: 1 }).await?;
    let table = folder.join("strace.table");
    let mut command = Command::new(find("strace").context("strace is missing")?);
    command.args(["-c", "-f", "-o"]).arg(&table);
    for id in proxy.process.family() {
        command.args(["-p", &id.to_string()]);
    }
    let mut strace = Process::start("strace", core, folder, &command)?;
    attached(proxy, &mut strace).await?;
    let tally = load.drive(Until { time: WHILE, requests: 1 }).await?;
    strace.signal(Signal::SIGINT);
    if !strace.ended() {
        bail!("strace does not end");
    }
    let calls = parse(&fs::read_to_string(&table)?, tally.latencies.total() as f64);
    let total = calls.iter().map(|(_, count)| count).sum();
    let subject = Subject { kind: proxy.kind, tokens: 1 };
    Ok(Counted { scenario, subject, total, calls })
}

/// Waits until every thread of the proxy has a tracer.
async fn attached(proxy: &Proxy, strace: &mut Process) -> Result<()> {
    let late = Instant::now() + PATIENCE;
    while !traced(proxy) {
        strace.check()?;
        if Instant::now() > late {
            bail!("strace cannot attach to {}", proxy.kind.name());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

fn traced(proxy: &Proxy) -> bool {
    proxy.process.threads().iter().all(|task| {
        let status = fs::read_to_string(task.join("status")).unwrap_or_default();
        !status.contains("TracerPid:\t0\n")
    })
}

/// Lines of `strace -c`: share, seconds, µs per call, calls, errors (may be missing), name.
fn parse(table: &str, requests: f64) -> Vec<(String, f64)> {
    let lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let calls = lines.filter_map(|fields| {
        let (count, name) = (fields.get(3)?.parse::<f64>().ok()?, *fields.last()?);
        (name != "total").then(|| (name.to_owned(), count / requests))
    });
    let mut calls: Vec<_> = calls.collect();
    calls.sort_by(|a, b| b.1.total_cmp(&a.1));
    calls
}
