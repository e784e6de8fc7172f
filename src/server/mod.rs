//! The composition root: settings -> store -> snapshot -> listeners -> drain. Wires the rooms
//! together and decides nothing that is theirs.

mod certificates;
mod door;
mod keepers;
mod passwords;
mod plane;
mod vital;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::admin;
use crate::auth::OUTCOMES;
use crate::config::{self, IssuerSettings, Settings};
use crate::control::{self, Control};
use crate::model::{Secret, Timestamp};
use crate::net;
use crate::net::fetch::{Fetcher, Policy};
use crate::snapshot::{self, Published, Routes, Snapshot};
use crate::store::Store;
use crate::telemetry::{AccessLog, Format, Metrics, Sink};

use certificates::Watched;
use door::TlsDoor;
use keepers::Keepers;
use plane::Plane;
use vital::{Lost, Vitals, vital};

/// Who the first super admin of an empty store will be.
#[derive(Clone, Default)]
pub struct FirstAdmin {
    /// `admin` when none.
    pub user: Option<String>,
    /// Drawn at random when none; see [`Gateway::made_admin`].
    pub password: Option<Secret>,
}

/// A running gateway.
pub struct Gateway {
    settings: Settings,
    listeners: Vec<(String, SocketAddr)>,
    admin: SocketAddr,
    made_admin: Option<(String, Secret)>,
    published: Arc<Published>,
    metrics: Metrics,
    access: Option<Arc<AccessLog>>,
    ready: Arc<AtomicBool>,
    watched: Arc<Vec<Watched>>,
    plane: Plane,
    stop: watch::Sender<bool>,
    /// Apart from `stop`: while requests finish, the admin port tells that this node is not ready.
    stop_admin: watch::Sender<bool>,
    admin_task: JoinHandle<()>,
    keepers: Keepers,
    tasks: Vec<JoinHandle<()>>,
    lost: Lost,
}

impl Gateway {
    /// Starts everything. Runs on the control runtime; the data plane gets threads of its own. When
    /// this returns, every port listens and requests are answered.
    pub async fn start(settings: Settings, first: FirstAdmin) -> anyhow::Result<Gateway> {
        let workers = settings.workers.map_or_else(plane::cores, Ok)?;
        let watched = Arc::new(Watched::open_all(&settings)?);
        let ports = plane::bind(&settings, workers, &watched)?;
        let admin_listener = bind_admin(&settings)?;
        let fetcher = Arc::new(open_fetcher(&settings)?);
        let admin = admin_listener.local_addr()?;

        let (metrics, access) = open_telemetry(&settings)?;
        let (vitals, lost) = Vitals::new();
        let (store, published, following) = open_store(&settings, &vitals).await?;
        let checker = passwords::checker(&settings.login, &metrics);
        let control = Arc::new(Control::new(store, published.clone(), checker.clone())?);
        let made_admin = control.first_admin(first.user, first.password, Timestamp::now()).await?;

        let (stop, stopped) = watch::channel(false);
        let (stop_admin, admin_stopped) = watch::channel(false);
        let listeners = ports.addresses.clone();
        let (uses, reporter, drain) = (control.uses(), control.reporter(), settings.drain);
        let orders = plane::Orders { stopped, drain, vitals: vitals.clone(), uses, checker, reporter };
        let plane = Plane::start(ports, &published, &metrics, access.as_deref(), &orders)?;
        let tasks = vec![
            following,
            tokio::spawn(show_snapshot(published.clone(), metrics.clone())),
            tokio::spawn(certificates::watch(watched.clone(), metrics.clone())),
            vital(
                vitals.part("the task that fetches keys"),
                control::issuers::keep(control.clone(), fetcher),
            ),
        ];

        let keepers = Keepers::start(&control, &settings.audit, &vitals);
        let ready = Arc::new(AtomicBool::new(true));
        metrics.set_ready(true);
        let admin_task = {
            let router = admin::router(wiring(&settings, control, &metrics, &ready, &listeners));
            let tls = admin_tls(&watched)?;
            serve_admin(admin_listener, tls, router, admin_stopped, settings.drain.min(ADMIN_DRAIN))?
        };
        let revision = published.load().revision;
        tracing::info!(workers, listeners = ?listeners, %admin, revision, "tenantry is ready");
        Ok(Gateway {
            settings,
            listeners,
            admin,
            made_admin,
            published,
            metrics,
            access,
            ready,
            watched,
            plane,
            stop,
            stop_admin,
            admin_task,
            keepers,
            tasks,
            lost,
        })
    }

    /// The listeners' names and addresses, with the real ports where the settings said 0.
    pub fn listeners(&self) -> &[(String, SocketAddr)] {
        &self.listeners
    }

    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The first super admin's name and password, when both were made up just now: to be shown once.
    pub fn made_admin(&self) -> Option<(&str, &Secret)> {
        self.made_admin.as_ref().map(|(name, password)| (name.as_str(), password))
    }

    /// Takes over new services, and reads certificates and log files again. Everything else needs a
    /// restart: settings that differ there change nothing at all.
    pub fn reload(&mut self, settings: Settings) -> anyhow::Result<()> {
        let result = self.take_over(settings);
        self.metrics.count_config_reload(result.is_ok());
        result
    }

    /// Waits until a part is lost without which the gateway must not go on, and names it. From then
    /// on this node is not ready.
    pub async fn failed(&mut self) -> String {
        match self.lost.recv().await {
            Some(name) => {
                self.ready.store(false, Ordering::Relaxed);
                self.metrics.set_ready(false);
                name
            }
            None => "everything".to_owned(),
        }
    }

    /// Counts a configuration that could not even be read.
    pub fn reload_refused(&self) {
        self.metrics.count_config_reload(false);
    }

    fn take_over(&mut self, settings: Settings) -> anyhow::Result<()> {
        let fixed: Vec<&str> = fixed_sections(&self.settings, &settings).collect();
        if !fixed.is_empty() {
            bail!("{} cannot change while tenantry runs: restart it for that", fixed.join(", "));
        }
        // First what can fail: a refused reload changes nothing.
        if let Some(access) = &self.access {
            access.reopen().context("the access log cannot be opened again")?;
        }
        for pair in self.watched.iter() {
            pair.read_again(&self.metrics);
        }
        let routes = Arc::new(Routes::new(&settings.services));
        self.published.update(|snapshot| snapshot.with_routes(routes));
        self.settings = settings;
        Ok(())
    }

    /// Stops: not ready any more, no new connections, requests under way may finish within the
    /// drain time. The admin port goes last.
    pub async fn stop(self) {
        self.ready.store(false, Ordering::Relaxed);
        self.metrics.set_ready(false);
        self.stop.send_replace(true);
        let plane = self.plane;
        // Threads that panicked have said so already.
        let _ = tokio::task::spawn_blocking(move || plane.join()).await;
        self.stop_admin.send_replace(true);
        let _ = self.admin_task.await;
        self.keepers.stop().await;
        for task in self.tasks {
            task.abort();
            // Until it lets go of the store; how it ended is of no interest.
            let _ = task.await;
        }
        if let Some(access) = self.access {
            // Waits for the disk; a panic there has said so already.
            let _ = tokio::task::spawn_blocking(move || access.close(ACCESS_LOG_END)).await;
        }
    }
}

/// How long the last lines of the access log may take to be written.
const ACCESS_LOG_END: Duration = Duration::from_secs(5);

/// How long the admin port's requests may finish; none of them takes long.
const ADMIN_DRAIN: Duration = Duration::from_secs(5);

/// What the admin port is called where listeners have names.
const ADMIN: &str = "admin";

/// The sections that differ and cannot be taken over.
fn fixed_sections(old: &Settings, new: &Settings) -> impl Iterator<Item = &'static str> {
    // Taken apart, so that no section that is added can be forgotten here.
    let Settings { listeners, admin, store, issuers, audit, login, services: _, telemetry, workers, drain } =
        new;
    let differs = [
        ("listeners", old.listeners != *listeners),
        ("admin", old.admin != *admin),
        ("store", old.store != *store),
        ("issuers", old.issuers != *issuers),
        ("audit", old.audit != *audit),
        ("login", old.login != *login),
        ("telemetry", old.telemetry != *telemetry),
        ("workers", old.workers != *workers),
        ("drain", old.drain != *drain),
    ];
    differs.into_iter().filter(|(_, differs)| *differs).map(|(section, _)| section)
}

/// The store, what it holds as published, and the task that follows it.
async fn open_store(
    settings: &Settings,
    vitals: &Vitals,
) -> anyhow::Result<(Arc<Store>, Arc<Published>, JoinHandle<()>)> {
    let path = settings.store.path.clone();
    let routes = Arc::new(Routes::new(&settings.services));
    let (store, first, commits) = blocking(move || {
        let store = Store::open(&path)?;
        let mut first = Snapshot::empty(routes);
        let (revision, commits) =
            store.follow(Snapshot::KINDS, |stored| first.put(stored.value, stored.version))?;
        first.revision = revision;
        Ok((Arc::new(store), first, commits))
    })
    .await?;
    let published = Published::new(first);
    let (part, followed) = (vitals.part("the task that follows the store"), published.clone());
    let following = tokio::spawn(async move {
        snapshot::follow(commits, followed).await;
        drop(part);
    });
    Ok((store, published, following))
}

/// The metrics, and the access log unless it is off.
fn open_telemetry(settings: &Settings) -> anyhow::Result<(Metrics, Option<Arc<AccessLog>>)> {
    let services = settings.services.iter().map(|service| Arc::from(service.name.as_str()));
    let metrics = Metrics::new(OUTCOMES, services, settings.telemetry.tenant_series);
    let access = open_access_log(settings)?.map(Arc::new);
    if let Some(access) = &access {
        metrics.watch_access_log(access);
    }
    Ok((metrics, access))
}

/// The listeners as the admin port tells of them.
fn shown_listeners(settings: &Settings, bound: &[(String, SocketAddr)]) -> Vec<admin::Listener> {
    let tls = |name: &str| settings.listeners.iter().any(|one| one.name == name && one.tls.is_some());
    let shown = |(name, address): &(String, SocketAddr)| admin::Listener {
        name: name.clone(),
        address: *address,
        tls: tls(name),
    };
    bound.iter().map(shown).collect()
}

/// What reads the documents of identity providers.
fn open_fetcher(settings: &Settings) -> anyhow::Result<Fetcher> {
    let IssuerSettings { allow_networks, allow_http, ca_file } = &settings.issuers;
    let policy = Policy { networks: allow_networks.clone(), http: *allow_http };
    let Some(file) = ca_file else { return Ok(Fetcher::new(policy, None)?) };
    let shown = || format!("issuers.ca_file: {}", file.display());
    let pem = certificates::read(file).with_context(shown)?;
    Fetcher::new(policy, Some(&pem)).with_context(shown)
}

fn bind_admin(settings: &Settings) -> anyhow::Result<TcpListener> {
    let (_, mut sockets) = net::bind(settings.admin.address, 1).context("the admin port")?;
    let socket = sockets.pop().context("the admin port has no socket")?;
    Ok(TcpListener::from_std(socket)?)
}

fn open_access_log(settings: &Settings) -> anyhow::Result<Option<AccessLog>> {
    let format = |format| match format {
        config::LogFormat::Logfmt => Format::Logfmt,
        config::LogFormat::Json => Format::Json,
    };
    let (sink, format) = match &settings.telemetry.access_log {
        config::AccessLog::Off => return Ok(None),
        config::AccessLog::Stdout(written) => (Sink::Stdout, format(*written)),
        config::AccessLog::File { path, format: written } => (Sink::File(path.clone()), format(*written)),
    };
    AccessLog::open(sink, format).context("the access log").map(Some)
}

/// Keeps the metrics about the snapshot, and drops the series of tenants that are gone.
async fn show_snapshot(published: Arc<Published>, metrics: Metrics) {
    let (mut generation, mut departures) = (None, None);
    let mut changes = published.changes();
    loop {
        let snapshot = published.load();
        metrics.set_store_revision(snapshot.revision);
        metrics.set_tenants(snapshot.tenants.len() as u64);
        metrics.set_keys(snapshot.keys.len() as u64);
        if generation.replace(snapshot.keys.generation()) != Some(snapshot.keys.generation()) {
            metrics.set_keys_changed(Timestamp::now().seconds());
        }
        let departed = departures.replace(snapshot.departures) != Some(snapshot.departures);
        drop(snapshot);
        if departed {
            // Each asked of the latest snapshot: one that was made just now keeps its series.
            metrics.retain_tenants(|tenant| published.load().tenants.get(tenant).is_some());
        }
        // One look a second is enough for numbers that are scraped every few.
        tokio::time::sleep(Duration::from_secs(1)).await;
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// What the admin port stands upon.
fn wiring(
    settings: &Settings,
    control: Arc<Control>,
    metrics: &Metrics,
    ready: &Arc<AtomicBool>,
    listeners: &[(String, SocketAddr)],
) -> admin::Wiring {
    let (metrics, ready, port) = (metrics.clone(), ready.clone(), &settings.admin);
    admin::Wiring {
        control,
        sessions: admin::Sessions { ttl: port.session_ttl, secure: port.tls.is_some() },
        ready: Box::new(move || ready.load(Ordering::Relaxed)),
        metrics: Box::new(move || metrics.render()),
        listeners: shown_listeners(settings, listeners),
    }
}

fn admin_tls(watched: &[Watched]) -> anyhow::Result<Option<Arc<rustls::ServerConfig>>> {
    watched.iter().find(|pair| pair.listener == ADMIN).map(Watched::admin_config).transpose()
}

fn serve_admin(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    router: axum::Router,
    mut stopped: watch::Receiver<bool>,
    drain: Duration,
) -> anyhow::Result<JoinHandle<()>> {
    let stop = async move {
        // An error means that the gateway is gone, which is a stop too.
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    Ok(match tls {
        None => tokio::spawn(admin::serve(listener, router, stop, drain)),
        Some(config) => tokio::spawn(admin::serve(TlsDoor::open(listener, config)?, router, stop, drain)),
    })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await?
}
