//! From as written to as used: defaults, paths, and what only holds between keys. Every default
//! comes from [`Settings::default`]. Services are read in `services`.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::file::{
    AccessLogFile, AdminFile, File, IssuersFile, LimitsFile, ListenerFile, LoginFile, TelemetryFile, TlsFile,
};
use super::problem::{At, Place, Report};
use super::quantity::{Count, Retention, Size, Time};
use super::read::{Key, List};
use super::services::services;
use super::word::{FilePath, Output};
use super::{
    AccessLog, AdminPort, AuditSettings, IssuerSettings, Listener, LogFormat, Login, Settings, StoreSettings,
    Telemetry, TlsFiles,
};
use crate::model::Limits;

/// Settings, and the files that they name where they name them.
pub(super) struct Settled {
    pub settings: Settings,
    /// Those that must be there before the gateway starts.
    pub files: Vec<At<PathBuf>>,
}

/// Makes settings of what was read. They are whole only when `report` is empty afterwards.
/// Relative paths begin at `base`.
pub(super) fn settle(file: File, base: &Path, report: &mut Report) -> Settled {
    let default = Settings::default();
    let mut desk = Desk { base, report, files: Vec::new(), ports: Vec::new() };
    let retention = file.audit.value().and_then(|audit| audit.retention.value());
    let store = file.store.value().and_then(|store| store.path.value());
    let settings = Settings {
        listeners: desk.listeners(file.listeners, default.listeners),
        admin: desk.admin(file.admin, default.admin),
        store: StoreSettings { path: base.join(store.map_or(default.store.path, |path| path.0.into())) },
        issuers: desk.issuers(file.issuers),
        audit: AuditSettings { retention: retention.map_or(default.audit.retention, |Retention(time)| time) },
        login: file.login.value().map_or_else(Login::default, login),
        services: services(file.services, desk.report),
        telemetry: desk.telemetry(file.telemetry),
        workers: count(file.workers).map_or(default.workers, Some),
        drain: time(file.drain, default.drain),
    };
    desk.distinct_ports();
    Settled { settings, files: desk.files }
}

/// A duration, or its default.
pub(super) fn time<const LEAST: u64>(key: Key<Time<LEAST>>, default: Duration) -> Duration {
    key.value().map_or(default, |time| time.0)
}

fn count<const LEAST: u64, const MOST: u64, N: TryFrom<u64>>(key: Key<Count<LEAST, MOST>>) -> Option<N> {
    key.value().and_then(|count| N::try_from(count.0).ok())
}

struct Desk<'a> {
    base: &'a Path,
    report: &'a mut Report,
    files: Vec<At<PathBuf>>,
    ports: Vec<Port>,
}

/// An address that something listens on.
struct Port {
    owner: String,
    address: SocketAddr,
    /// None for a default.
    place: Option<Place>,
}

impl Desk<'_> {
    fn listeners(&mut self, key: Key<List<ListenerFile>>, default: Vec<Listener>) -> Vec<Listener> {
        let Some(At { value: List(items), .. }) = key.given() else {
            self.ports.extend(default.iter().map(|listener| Port {
                owner: format!("listener {:?}", listener.name),
                address: listener.address,
                place: None,
            }));
            return default;
        };
        let mut names = HashMap::new();
        items.into_iter().filter_map(|item| self.listener(item, &mut names)).collect()
    }

    fn listener(&mut self, item: At<ListenerFile>, names: &mut HashMap<String, u64>) -> Option<Listener> {
        let At { place, value: file } = item;
        let (name, place) = match file.name.given() {
            Some(At { place, value }) => (value.0, place),
            None => ("default".to_owned(), place),
        };
        if let Some(line) = names.get(&name) {
            let message =
                format!("the listener on line {line} is named {name:?} too; give each its own `name`");
            self.report.add(&place, message);
        } else {
            names.insert(name.clone(), place.line);
        }
        let tls = file.tls.value().and_then(|tls| self.tls(tls));
        let limits = file.limits.value().map_or_else(Limits::default, limits);
        let At { place, value: address } = file.address.given()?;
        let owner = format!("listener {name:?}");
        self.ports.push(Port { owner, address: address.0, place: Some(place) });
        Some(Listener { name, address: address.0, tls, limits })
    }

    fn tls(&mut self, file: TlsFile) -> Option<TlsFiles> {
        let (cert, key) = (file.cert.given()?, file.key.given()?);
        Some(TlsFiles { cert: self.file(cert), key: self.file(key) })
    }

    fn issuers(&mut self, key: Key<IssuersFile>) -> IssuerSettings {
        let Some(file) = key.value() else { return IssuerSettings::default() };
        let networks = file.allow_networks.value().map(|List(networks)| networks).unwrap_or_default();
        IssuerSettings {
            allow_networks: networks.into_iter().map(|at| at.value).collect(),
            allow_http: file.allow_http.value().unwrap_or_default(),
            ca_file: file.ca_file.given().map(|ca| self.file(ca)),
        }
    }

    /// A file that must be there.
    fn file(&mut self, at: At<FilePath>) -> PathBuf {
        let value = self.base.join(at.value.0);
        self.files.push(At { place: at.place, value: value.clone() });
        value
    }

    fn admin(&mut self, key: Key<AdminFile>, default: AdminPort) -> AdminPort {
        let file = key.value().unwrap_or_else(AdminFile::empty);
        let open = file.tls.is_absent();
        let tls = file.tls.value().and_then(|tls| self.tls(tls));
        let (address, place) = match file.address.given() {
            Some(At { place, value }) => (value.0, Some(place)),
            None => (default.address, None),
        };
        if let Some(place) = place.as_ref().filter(|_| open && !address.ip().to_canonical().is_loopback()) {
            self.report.add(
                place,
                format!(
                    "{} is not loopback, and the admin port takes passwords; set `admin.tls` or listen on 127.0.0.1",
                    address.ip()
                ),
            );
        }
        self.ports.push(Port { owner: "the admin port".to_owned(), address, place });
        let session_ttl = time(file.session_ttl, default.session_ttl);
        AdminPort { address, tls, session_ttl }
    }

    fn telemetry(&self, key: Key<TelemetryFile>) -> Telemetry {
        let default = Telemetry::default();
        let Some(file) = key.value() else { return default };
        Telemetry {
            access_log: file.access_log.value().map_or(default.access_log, |log| self.access_log(log)),
            log_level: file.log_level.value().map_or(default.log_level, |level| level.0),
            log_format: file.log_format.value().map_or(default.log_format, |format| format.0),
            tenant_series: count(file.tenant_series).unwrap_or(default.tenant_series),
        }
    }

    fn access_log(&self, file: AccessLogFile) -> AccessLog {
        let format = file.format.value().map_or(LogFormat::Logfmt, |format| format.0);
        match file.output.value() {
            None | Some(Output::Stdout) => AccessLog::Stdout(format),
            Some(Output::Off) => AccessLog::Off,
            Some(Output::File(path)) => AccessLog::File { path: self.base.join(path), format },
        }
    }

    /// Each port has one owner. A wildcard address counts as all: the kernel would let both listen
    /// and give each caller to one of them.
    fn distinct_ports(&mut self) {
        let ports = std::mem::take(&mut self.ports);
        for (index, later) in ports.iter().enumerate() {
            let Some(earlier) = ports[..index].iter().find(|earlier| overlap(earlier.address, later.address))
            else {
                continue;
            };
            let (owner, place) = match (&later.place, &earlier.place) {
                (Some(place), _) => (&earlier.owner, place),
                (None, Some(place)) => (&later.owner, place),
                (None, None) => continue,
            };
            let address = later.address;
            self.report.add(place, format!("{owner} listens on {address} too; give each its own address"));
        }
    }
}

fn login(file: LoginFile) -> Login {
    let default = Login::default();
    Login {
        failures: count(file.failures).unwrap_or(default.failures),
        window: time(file.window, default.window),
        lock: time(file.lock, default.lock),
        at_once: count(file.at_once).map_or(default.at_once, Some),
        waiting: count(file.waiting).unwrap_or(default.waiting),
    }
}

fn limits(file: LimitsFile) -> Limits {
    let default = Limits::default();
    let bytes = file.header_bytes.value().and_then(|Size(bytes)| usize::try_from(bytes).ok());
    Limits {
        handshake: time(file.handshake_timeout, default.handshake),
        header: time(file.header_timeout, default.header),
        idle: time(file.idle_timeout, default.idle),
        body: time(file.body_timeout, default.body),
        header_bytes: bytes.unwrap_or(default.header_bytes),
        connections: count(file.connections).unwrap_or(default.connections),
        streams: count(file.streams).unwrap_or(default.streams),
    }
}

/// Whether two sockets would get the same callers. Port 0 is a free one each time.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let covers = |wide: IpAddr, other: IpAddr| wide.is_unspecified() && (wide.is_ipv6() || other.is_ipv4());
    let (ip_a, ip_b) = (a.ip().to_canonical(), b.ip().to_canonical());
    a.port() != 0 && a.port() == b.port() && (ip_a == ip_b || covers(ip_a, ip_b) || covers(ip_b, ip_a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_overlap_with_what_they_cover() {
        let overlaps = |a: &str, b: &str| overlap(a.parse().expect("an address"), b.parse().expect("one"));
        assert!(overlaps("127.0.0.1:80", "127.0.0.1:80"));
        assert!(overlaps("0.0.0.0:80", "127.0.0.1:80"));
        assert!(overlaps("127.0.0.1:80", "[::]:80"));
        assert!(overlaps("[::ffff:127.0.0.1]:80", "127.0.0.1:80"));
        assert!(!overlaps("0.0.0.0:80", "[::1]:80"));
        assert!(!overlaps("127.0.0.1:80", "127.0.0.1:81"));
        assert!(!overlaps("127.0.0.1:80", "127.0.0.2:80"));
        assert!(!overlaps("127.0.0.1:0", "127.0.0.1:0"));
    }
}
