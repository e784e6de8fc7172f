//! The data plane's threads: one runtime, one socket per listener and one worker each. A request
//! never leaves the thread that accepted its connection.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::certificates::Watched;
use super::vital::Vitals;
use crate::auth::{Checker, Reporter};
use crate::config::Settings;
use crate::model::TokenUse;
use crate::net::{self, Port, Timers};
use crate::proxy::{self, Worker, WorkerParts};
use crate::snapshot::Published;
use crate::telemetry::{AccessLog, Metrics};

/// The sockets of all listeners, for each thread.
pub struct Ports {
    pub addresses: Vec<(String, SocketAddr)>,
    threads: Vec<Vec<Port>>,
}

/// What all threads are told.
#[derive(Clone)]
pub struct Orders {
    pub stopped: watch::Receiver<bool>,
    pub drain: Duration,
    pub vitals: Vitals,
    /// Where uses of API tokens are handed in.
    pub uses: Sender<TokenUse>,
    pub checker: Arc<Checker>,
    /// Where refused passwords are handed in.
    pub reporter: Reporter,
}

/// The running threads.
pub struct Plane {
    threads: Vec<thread::JoinHandle<()>>,
}

/// How many threads the machine has room for.
pub fn cores() -> anyhow::Result<usize> {
    let cores = thread::available_parallelism().context("the number of cores; set `workers`")?;
    Ok(cores.get())
}

/// Opens every listener for every thread.
pub fn bind(settings: &Settings, workers: usize, watched: &[Watched]) -> anyhow::Result<Ports> {
    let mut ports = Ports { addresses: Vec::new(), threads: (0..workers).map(|_| Vec::new()).collect() };
    for listener in &settings.listeners {
        let (address, sockets) =
            net::bind(listener.address, workers).with_context(|| format!("listener {}", listener.name))?;
        ports.addresses.push((listener.name.clone(), address));
        let pair = watched.iter().find(|pair| pair.listener == listener.name);
        let tls = pair.map(Watched::server_config).transpose()?;
        let name: Arc<str> = listener.name.as_str().into();
        for (thread, socket) in ports.threads.iter_mut().zip(sockets) {
            thread.push(Port {
                name: name.clone(),
                listener: socket,
                tls: tls.clone(),
                limits: listener.limits,
                connections: listener.limits.connections.div_ceil(workers),
            });
        }
    }
    Ok(ports)
}

impl Plane {
    /// Starts one thread for each set of ports.
    pub fn start(
        ports: Ports,
        published: &Arc<Published>,
        metrics: &Metrics,
        access: Option<&AccessLog>,
        orders: &Orders,
    ) -> anyhow::Result<Plane> {
        let start = |(index, ports): (usize, Vec<Port>)| {
            let published = published.clone();
            let Orders { stopped, drain, vitals, uses, checker, reporter } = orders.clone();
            let (counters, access) = (metrics.worker(), access.map(AccessLog::worker));
            let run = move || {
                let part = vitals.part(format!("data-plane thread {index}"));
                let parts =
                    WorkerParts { reader: published.reader(), counters, access, uses, checker, reporter };
                if let Err(error) = run(ports, parts, stopped, drain) {
                    tracing::error!(error = format!("{error:#}"), "a data-plane thread failed");
                }
                drop(part);
            };
            thread::Builder::new().name(format!("data-{index}")).spawn(run).context("a data-plane thread")
        };
        let threads = ports.threads.into_iter().enumerate().map(start).collect::<anyhow::Result<_>>()?;
        Ok(Plane { threads })
    }

    /// Waits until all threads have ended. Blocks.
    pub fn join(self) {
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a data-plane thread panicked");
            }
        }
    }
}

/// The life of one thread.
fn run(
    ports: Vec<Port>,
    parts: WorkerParts,
    mut stopped: watch::Receiver<bool>,
    drain: Duration,
) -> anyhow::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async move {
        let timers = Timers::new();
        let worker = Worker::new(parts)?;
        let mut serving = JoinSet::new();
        for port in ports {
            let (noting, handling) = (worker.clone(), worker.clone());
            let note = Rc::new(move |event| noting.note(event));
            let handle = move |request, conn| proxy::handle(handling.clone(), request, conn);
            serving.spawn_local(net::serve(port, timers.clone(), note, handle));
        }
        let served = async {
            tokio::select! {
                // An error means that the gateway is gone, which is a stop too.
                _ = stopped.wait_for(|stop| *stop) => {}
                Some(ended) = serving.join_next() => {
                    ended.context("a listener")?.context("a listener")?;
                    anyhow::bail!("a listener ended");
                }
            }
            timers.stop();
            if tokio::time::timeout(drain, serving.join_all()).await.is_err() {
                tracing::warn!("requests were cut off at the end of the drain time");
            }
            Ok(())
        };
        // Deadlines hold until the last request is done.
        let result = tokio::select! {
            result = served => result,
            () = timers.run(|| worker.tick()) => anyhow::bail!("the deadlines ended"),
        };
        worker.tick();
        result
    })
}
