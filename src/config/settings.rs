//! The configuration as used: everything parsed, defaulted and checked. Built only by
//! [`load`](super::load) and by code that composes a gateway itself (the demo, the tests).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::model::{Limits, Network, Service};

/// How one gateway runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub listeners: Vec<Listener>,
    pub admin: AdminPort,
    pub store: StoreSettings,
    pub issuers: IssuerSettings,
    pub audit: AuditSettings,
    pub login: Login,
    pub services: Vec<Service>,
    pub telemetry: Telemetry,
    /// Data-plane threads; one per core when none.
    pub workers: Option<usize>,
    /// How long requests may finish after SIGTERM.
    pub drain: Duration,
}

/// A port of the data plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    pub name: String,
    pub address: SocketAddr,
    pub tls: Option<TlsFiles>,
    pub limits: Limits,
}

/// PEM files; read again when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, leaf first.
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// The admin port. Without TLS it binds loopback only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminPort {
    pub address: SocketAddr,
    pub tls: Option<TlsFiles>,
    /// How long a session lasts.
    pub session_ttl: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// The directory of the embedded store.
    pub path: PathBuf,
}

/// What may be fetched from identity providers, beyond public addresses over TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IssuerSettings {
    pub allow_networks: Vec<Network>,
    pub allow_http: bool,
    /// A PEM file of the only authorities to believe; the system's without it.
    pub ca_file: Option<PathBuf>,
}

/// The audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditSettings {
    /// How long its entries are kept; for ever when none.
    pub retention: Option<Duration>,
}

/// How passwords are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Wrong passwords within `window` that lock an address or a user.
    pub failures: usize,
    pub window: Duration,
    /// How long a lock holds.
    pub lock: Duration,
    /// Passwords checked at once; half as many as there are cores when none.
    pub at_once: Option<usize>,
    /// Checks that may wait for their turn.
    pub waiting: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telemetry {
    pub access_log: AccessLog,
    /// The least severe diagnostics shown: an `EnvFilter` directive such as `info`.
    pub log_level: String,
    pub log_format: LogFormat,
    /// How many tenants have metric series of their own; those beyond share one.
    pub tenant_series: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLog {
    Off,
    Stdout(LogFormat),
    File { path: PathBuf, format: LogFormat },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Logfmt,
    Json,
}

impl Default for Login {
    fn default() -> Self {
        Login {
            failures: 10,
            window: Duration::from_mins(5),
            lock: Duration::from_mins(30),
            at_once: None,
            waiting: 64,
        }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Telemetry {
            access_log: AccessLog::Stdout(LogFormat::Logfmt),
            log_level: "info".to_owned(),
            log_format: LogFormat::Logfmt,
            tenant_series: 1000,
        }
    }
}

impl Default for Settings {
    /// `tenantry serve` without a file: the proxy on 127.0.0.1:8080, the admin port on
    /// 127.0.0.1:9080, the store in `./data`, no service.
    fn default() -> Self {
        let local = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Settings {
            listeners: vec![Listener {
                name: "default".to_owned(),
                address: local(8080),
                tls: None,
                limits: Limits::default(),
            }],
            admin: AdminPort {
                address: local(9080),
                tls: None,
                session_ttl: Duration::from_secs(12 * 60 * 60),
            },
            store: StoreSettings { path: PathBuf::from("data") },
            issuers: IssuerSettings::default(),
            audit: AuditSettings { retention: Some(Duration::from_hours(365 * 24)) },
            login: Login::default(),
            services: Vec::new(),
            telemetry: Telemetry::default(),
            workers: None,
            drain: Duration::from_secs(30),
        }
    }
}
