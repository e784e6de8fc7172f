//! tenantry beside nginx and HAProxy in front of the same back end: requests per second, latency,
//! and the CPU time that each proxy spends on a request. The proxy under load has one core, back end
//! and load generator the other. `benches/compare/run` builds and starts it.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "figures of a run on one machine"
)]

mod backend;
mod histogram;
mod load;
mod load_h2;
mod material;
mod memory;
mod ours;
mod plan;
mod process;
mod proxies;
mod report;
mod request;
mod rounds;
mod syscalls;
mod tenants;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};
use clap::{Parser, Subcommand};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::runtime::{Builder, LocalOptions};
use tokio::signal::unix::{SignalKind, signal};

use plan::{Effort, Part, Scenario};
use proxies::{Kind, Proxy, Setting};
use report::Report;

#[derive(Parser)]
#[command(name = "compare", about = "tenantry beside nginx and HAProxy, in front of the same back end")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Task>,
    /// What cargo adds to every benchmark's arguments.
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Subcommand)]
enum Task {
    /// Measure, and print a table.
    Run(Options),
    /// Only the back end; prints its address.
    Backend,
}

#[derive(clap::Args)]
struct Options {
    /// Short rounds: under 90 seconds, and noisier.
    #[arg(long)]
    quick: bool,
    /// Only these proxies.
    #[arg(long, value_delimiter = ',', default_values_t = Kind::ALL, value_enum)]
    proxies: Vec<Kind>,
    /// Only these parts (default: all).
    #[arg(long, value_delimiter = ',', value_enum)]
    only: Vec<Part>,
    /// Interleaved rounds.
    #[arg(long)]
    rounds: Option<usize>,
    /// Tenants in the large store.
    #[arg(long)]
    tenants: Option<usize>,
    /// Write all samples to this file as well; a relative name is taken from the project's folder.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The core of the proxy under load.
    #[arg(long, default_value_t = 0)]
    proxy_core: usize,
    /// The core of back end and load generator.
    #[arg(long, default_value_t = 1)]
    load_core: usize,
    /// The program to compare.
    #[arg(long, value_name = "FILE", default_value = env!("CARGO_BIN_EXE_tenantry"))]
    tenantry: PathBuf,
}

impl Options {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    /// Whether to count a scenario's system calls: all when they are asked for by themselves.
    fn counts(&self, scenario: Scenario) -> bool {
        self.only == [Part::Syscalls] || self.wants(scenario.part())
    }

    fn effort(&self) -> Effort {
        let effort = if self.quick { Effort::QUICK } else { Effort::FULL };
        Effort {
            rounds: self.rounds.unwrap_or(effort.rounds).max(1),
            tenants: self.tenants.unwrap_or(effort.tenants),
            ..effort
        }
    }
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Some(Task::Run(options)) => run(&options),
        Some(Task::Backend) => block_on(backend::serve()),
        None => {
            println!("compare: nothing to do; benches/compare/run measures");
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Everything runs on this one thread, which the children's lives are tied to.
fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?.block_on(work)
}

fn run(options: &Options) -> Result<()> {
    process::move_to(options.load_core)?;
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let report = block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            report = compare(options) => report,
            _ = interrupt.recv() => bail!("interrupted"),
            _ = terminate.recv() => bail!("terminated"),
        }
    })?;
    print!("{report}");
    if let Some(file) = &options.json {
        std::fs::write(file, serde_json::to_vec_pretty(&report)?)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

async fn compare(options: &Options) -> Result<Report> {
    let effort = options.effort();
    let folder = tempfile::tempdir()?;
    let (_backend, address) = Backend::start(options.load_core)?;
    let setting = Setting {
        folder: folder.path().to_owned(),
        certificate: material::Certificate::create(folder.path())?,
        signer: material::Signer::create()?,
        backend: address,
        core: options.proxy_core,
        tenantry: options.tenantry.clone(),
    };
    let scenarios: Vec<_> =
        Scenario::ALL.into_iter().filter(|scenario| options.wants(scenario.part())).collect();
    let many = scenarios.contains(&Scenario::Tokens) && options.proxies.contains(&Kind::Tenantry);
    let tokens = plan::tokens(&setting.signer, if many { effort.tokens } else { 1 })?;

    let mut proxies = Vec::new();
    for kind in &options.proxies {
        let proxy = Proxy::start(*kind, kind.name(), &setting).await?;
        rounds::check(&proxy, &tokens[0]).await?;
        proxies.push(proxy);
    }
    let rows = rounds::measure(&scenarios, &proxies, &tokens, &effort).await?;
    let mut report = Report {
        about: about(),
        effort,
        rows,
        syscalls: Vec::new(),
        memory: Vec::new(),
        tenants: None,
        verdicts: Vec::new(),
    };
    if options.wants(Part::Syscalls) {
        count(&mut report, &proxies, &tokens[..1], options, folder.path()).await?;
    }
    drop(proxies);
    if options.wants(Part::Memory) {
        eprintln!("memory");
        for kind in &options.proxies {
            report.memory.push(memory::measure(*kind, &setting, &tokens[0], effort.connections).await?);
        }
    }
    if options.wants(Part::Tenants) && options.proxies.contains(&Kind::Tenantry) {
        eprintln!("{} tenants", effort.tenants);
        report.tenants = Some(tenants::measure(&setting, effort.tenants).await?);
    }
    report.judge();
    Ok(report)
}

async fn count(
    report: &mut Report,
    proxies: &[Proxy],
    token: &[String],
    options: &Options,
    folder: &Path,
) -> Result<()> {
    if !syscalls::possible() {
        eprintln!("strace is missing, so system calls are not counted: apt-get install strace");
        return Ok(());
    }
    eprintln!("system calls");
    for scenario in Scenario::ALL.into_iter().filter(|scenario| *scenario != Scenario::Tokens) {
        if !options.counts(scenario) {
            continue;
        }
        for proxy in proxies {
            let counted = syscalls::count(scenario, proxy, token, options.load_core, folder).await?;
            report.syscalls.push(counted);
        }
    }
    Ok(())
}

/// The back end as a process of its own on the load's core.
struct Backend(Child);

impl Backend {
    fn start(core: usize) -> Result<(Self, SocketAddr)> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("backend");
        let mut child = process::pinned(core, &command)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the back end by way of setpriv (Debian package util-linux)")?;
        let stdout = child.stdout.take().context("the back end has no output")?;
        let backend = Backend(child);
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line.trim().parse().context("the back end did not start")?;
        Ok((backend, address))
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, and needs not.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The machine and the versions of what is compared.
fn about() -> Vec<String> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let model = model.trim_start_matches([' ', '\t', ':']);
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let mut about =
        vec![format!("{model}, Linux {}, load average {}", kernel.trim(), &load[..load.len().min(14)])];
    for (program, option) in [("nginx", "-v"), ("haproxy", "-v")] {
        let Some(file) = proxies::find(program) else { continue };
        let Ok(output) = Command::new(file).arg(option).output() else { continue };
        let text = [output.stdout, output.stderr].concat();
        about.extend(String::from_utf8_lossy(&text).lines().next().map(str::to_owned));
    }
    about
}
