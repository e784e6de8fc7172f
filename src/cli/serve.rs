//! `tenantry serve`: runs the gateway until it is told to stop, and reads its configuration again when
//! it is told to. Knows signals; what a gateway is made of is `server`'s.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::args::Config;
use super::connect::secret;
use super::fault::Failure;
use super::terminal::{Handed, hand_over};
use crate::config::{self, LogFormat, Settings, Telemetry};
use crate::server::{FirstAdmin, Gateway};
use crate::telemetry;

const AFTER: &str = "\
Without a file, the proxy listens on 127.0.0.1:8080, the admin port on 127.0.0.1:9080, and the store \
is in ./data. `tenantry schema` describes the file; `tenantry check` says all that is wrong with one.

On the first start with an empty store an admin is made. Its password is shown once on the terminal; \
if standard error is none, it goes to the file first-admin-password in the store's directory.

Environment:
  TENANTRY_ADMIN_USER      the first admin's name [default: admin]
  TENANTRY_ADMIN_PASSWORD  the first admin's password [default: a random one]

Signals:
  SIGTERM, SIGINT  stop: requests under way may end in the drain time; a second one cuts them off
  SIGHUP           read the file again: its services hold from then on, certificates and the access log
                   are opened again; all else needs a restart. A file with a fault changes nothing

Examples:
  tenantry serve
  tenantry serve --config /etc/tenantry/tenantry.yaml";

#[derive(clap::Args, Debug)]
#[command(after_help = AFTER)]
pub struct Serve {
    #[command(flatten)]
    config: Config,
}

/// The signals that end a program or make it look again.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Stop,
    Reload,
}

pub fn run(args: &Serve) -> Result<(), Failure> {
    let file = args.config.config.as_deref();
    let settings = file.map_or_else(|| Ok(Settings::default()), config::load)?;
    log(&settings.telemetry)?;
    raise_open_files();
    drive(serve(file, settings))
}

/// Diagnostics go to standard error from now on.
pub fn log(settings: &Telemetry) -> Result<(), Failure> {
    let json = settings.log_format == LogFormat::Json;
    Ok(telemetry::init(&settings.log_level, json).context("telemetry.log_level")?)
}

/// Runs something on a runtime for everything but the data plane, which has threads of its own.
pub fn drive(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).thread_name("control").enable_all();
    // A password check takes 19 MiB; the allocator gives them back when the thread that had them ends.
    builder.thread_keep_alive(Duration::from_secs(1));
    let runtime = builder.build().context("cannot start the runtime")?;
    let done = runtime.block_on(work);
    // Who asks to stop a second time waits for nobody: not for the threads that let requests finish.
    runtime.shutdown_background();
    done
}

async fn serve(file: Option<&Path>, settings: Settings) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let store = settings.store.path.clone();
    let mut gateway = Gateway::start(settings, first_admin()?).await?;
    introduce(&gateway, &store)?;
    loop {
        let asked = tokio::select! {
            asked = signals.next() => asked,
            part = gateway.failed() => {
                return Err(Failure::Other(anyhow::anyhow!("{part} has ended, and nothing works without it")));
            }
        };
        match asked {
            Asked::Reload => reload(&mut gateway, file),
            Asked::Stop => break,
        }
    }
    tracing::info!("stopping");
    tokio::select! {
        () = gateway.stop() => Ok(()),
        () = signals.stop() => Err(Failure::Other(anyhow::anyhow!("stopped before all requests had ended"))),
    }
}

fn first_admin() -> Result<FirstAdmin, Failure> {
    let user = secret("TENANTRY_ADMIN_USER")?.map(|user| user.reveal().to_owned());
    Ok(FirstAdmin { user, password: secret("TENANTRY_ADMIN_PASSWORD")? })
}

/// Hands over what only this start knows.
fn introduce(gateway: &Gateway, store: &Path) -> Result<(), Failure> {
    let Some((user, password)) = gateway.made_admin() else { return Ok(()) };
    let handed = hand_over(user, password, store).with_context(|| {
        let store = store.display();
        format!("the first admin's password is lost; delete the store in {store} and start again")
    })?;
    match handed {
        Handed::Terminal => tracing::info!(user, "first admin made, password shown on the terminal"),
        Handed::File(file) => {
            tracing::info!(user, file = %file.display(), "first admin made, password in the file")
        }
    }
    Ok(())
}

fn reload(gateway: &mut Gateway, file: Option<&Path>) {
    let Some(file) = file else {
        tracing::warn!("nothing to read again: the gateway runs without a configuration file");
        return;
    };
    let settings = match config::load(file) {
        Ok(settings) => settings,
        Err(problems) => {
            gateway.reload_refused();
            for problem in &problems.list {
                let (key, line) = (&problem.key_path, problem.line);
                tracing::error!(
                    file = problems.file,
                    line,
                    key,
                    problem = problem.message,
                    "configuration refused"
                );
            }
            return;
        }
    };
    match gateway.reload(settings) {
        Ok(()) => tracing::info!(file = %file.display(), "configuration read again"),
        Err(fault) => {
            tracing::error!(file = %file.display(), problem = format!("{fault:#}"), "configuration refused")
        }
    }
}

/// To the hard limit: each connection is a file. Without it the gateway still runs, for fewer callers.
fn raise_open_files() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(fault) = raised {
        tracing::warn!(%fault, "cannot raise the limit of open files");
    }
}

impl Signals {
    /// From now on signals are kept until [`Signals::next`] asks for them.
    pub fn listen() -> Result<Self, Failure> {
        let on = |kind| signal(kind).context("cannot listen for signals");
        Ok(Signals {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            hangup: on(SignalKind::hangup())?,
        })
    }

    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }

    /// Returns when a signal asks to stop.
    pub async fn stop(&mut self) {
        while self.next().await != Asked::Stop {}
    }
}
