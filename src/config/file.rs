//! The configuration as written: every key with its type, its default and what it means. The
//! comments here are the schema's descriptions. Nothing of this leaves the folder.

use crate::model::{Api, HostTemplate, Network, PathTemplate, Unlisted, Upstream};

use super::LogFormat;
use super::problem::{Place, Report};
use super::quantity::{Count, Retention, Size, Time};
use super::read::{Key, List, Named, OneOrMore, Read, entries, missing, read_key, section, unknown, written};
use super::word::{Address, FilePath, LogLevel, Name, OneOf, Output, TenantHeader};
use super::yaml::{Node, Value};

section! {
    /// The configuration of tenantry. Relative paths are relative to the file's directory.
    File
    must {}
    may {
        /// The ports of the data plane. One on 127.0.0.1:8080 when absent.
        listeners: List<ListenerFile>,
        /// The admin port: its API, health and metrics.
        admin: AdminFile,
        /// Where records (tenants, keys, admins) are kept.
        store: StoreFile,
        /// What may be fetched from identity providers whose keys are trusted.
        issuers: IssuersFile,
        /// The log of who did what to records.
        audit: AuditFile,
        /// How passwords are checked, on every port.
        login: LoginFile,
        /// What tenants can reach, by name; the name labels metrics and log lines.
        services: Named<ServiceFile>,
        /// Logs and metrics.
        telemetry: TelemetryFile,
        /// Threads of the data plane. One per core when absent.
        workers: Count<1, 1024>,
        /// How long requests may finish after SIGTERM; a duration.
        drain: Time<0> = "30s",
    }
}

section! {
    /// A port of the data plane.
    ListenerFile
    must {
        /// IP address and port to listen on; port 0 takes a free one.
        address: Address,
    }
    may {
        /// Labels metrics and log lines; one name per listener.
        name: Name = "default",
        /// TLS 1.2 and 1.3 with HTTP/2. Plain HTTP when absent.
        tls: TlsFile,
        /// What a caller's connection may take.
        limits: LimitsFile,
    }
}

section! {
    /// PEM files; read again when they change.
    TlsFile
    must {
        /// The certificate chain, leaf first; a file.
        cert: FilePath,
        /// The private key of the leaf; a file.
        key: FilePath,
    }
    may {}
}

section! {
    /// What a caller's connection may take.
    LimitsFile
    must {}
    may {
        /// For the TLS handshake; a duration. The connection closes after.
        handshake_timeout: Time<1> = "10s",
        /// From a request's first byte to the end of its head; a duration. 408 after.
        header_timeout: Time<1> = "10s",
        /// Without a request on an open connection; a duration. The connection closes after.
        idle_timeout: Time<1> = "2m",
        /// Without progress on a request's body (408 after) or its answer (cut after); a duration.
        body_timeout: Time<1> = "30s",
        /// A request's whole head; bytes. 431 above.
        header_bytes: Size<8192, 1_048_576> = "64KiB",
        /// Open connections over all threads; more wait in the kernel's queue.
        connections: Count<1, 10_000_000> = 100_000,
        /// Requests at once on one HTTP/2 connection.
        streams: Count<1, 10_000> = 200,
    }
}

section! {
    /// The admin port.
    AdminFile
    must {}
    may {
        /// IP address and port to listen on. Loopback only, unless tls is set.
        address: Address = "127.0.0.1:9080",
        /// TLS 1.2 and 1.3. Plain HTTP when absent.
        tls: TlsFile,
        /// How long somebody who has signed in stays so; a duration.
        session_ttl: Time<60_000> = "12h",
    }
}

section! {
    /// Where records are kept.
    StoreFile
    must {}
    may {
        /// The directory of the embedded store; made when it is not there.
        path: FilePath = "data",
    }
}

section! {
    /// What may be fetched from identity providers whose keys are trusted. Tenants name their URLs,
    /// so only public addresses are dialled, over TLS, unless something else is allowed here.
    IssuersFile
    must {}
    may {
        /// Networks that may be dialled although they are not public, such as 10.0.0.0/8.
        allow_networks: List<Network>,
        /// Whether http:// may be fetched. Whoever is on the way can then replace the keys.
        allow_http: bool = false,
        /// A PEM file of the only certificate authorities to believe, instead of the system's.
        ca_file: FilePath,
    }
}

section! {
    /// The log of who did what to records, failed sign-ins and refused writes included.
    AuditFile
    must {}
    may {
        /// How long entries are kept: none for ever, or a duration of at least a day. Older ones are
        /// removed once a day.
        retention: Retention = "365d",
    }
}

section! {
    /// How passwords are checked. Those whom a lock keeps out get 429 with the time that is left;
    /// callers who are right from elsewhere are not kept out by others' failures.
    LoginFile
    must {}
    may {
        /// Wrong passwords within `window` that lock an address, or a user for whoever was wrong.
        /// An IPv6 /64 counts as one address, and so do all callers behind one proxy.
        failures: Count<1, 1000> = 10,
        /// How long a wrong password counts; a duration.
        window: Time<1> = "5m",
        /// How long a lock holds; a duration.
        lock: Time<1> = "30m",
        /// Passwords checked at once. Each takes a core for tens of milliseconds and 19 MiB. Half
        /// as many as there are cores when absent, and at least 1.
        at_once: Count<1, 1024>,
        /// Checks that may wait for their turn. 503 above.
        waiting: Count<0, 100_000> = 64,
    }
}

section! {
    /// One kind of back end that tenants reach.
    ServiceFile
    must {
        /// The rules by which requests reach this service; any of them. Of several that match a
        /// request the most specific wins: an exact host before {tenant} in the host before any
        /// host, then the longer path and in it a literal before {tenant}.
        r#match: List<RuleFile>,
        /// One or more addresses, http://host[:port][/base]; requests go round them.
        upstream: OneOrMore<Upstream>,
    }
    may {
        /// The header that tells the back end the tenant. Callers' own are removed.
        tenant_header: TenantHeader = "X-Scope-OrgID",
        /// Which table says what a request does: cortex (Mimir too), loki, prometheus, or
        /// read-write (GET and HEAD read, the rest writes).
        api: OneOf<Api> = "read-write",
        /// What happens to paths that the table does not list: deny (404), or allow (judged as
        /// read-write would).
        unlisted: OneOf<Unlisted> = "deny",
        /// How long each phase of an exchange with the back end may take.
        timeouts: TimeoutsFile,
    }
}

section! {
    /// One way to reach a service: a host, a path prefix or both, with {tenant} exactly once.
    RuleFile
    must {}
    may {
        /// A host with {tenant} for at most one label. Any host when absent.
        host: HostTemplate,
        /// A path prefix with {tenant} for at most one segment. Any path when absent.
        path: PathTemplate,
        /// Whether the prefix is taken off before the request is judged and forwarded.
        strip: bool = true,
    }
}

section! {
    /// How long each phase of an exchange with the back end may take.
    TimeoutsFile
    must {}
    may {
        /// Until connected; a duration. 504 after.
        connect: Time<1> = "5s",
        /// From the request's last byte to the answer's first; a duration. 504 after.
        first_byte: Time<1> = "1m",
        /// The whole exchange; a duration. 504 after, or cut when the answer has begun.
        whole: Time<1> = "10m",
    }
}

section! {
    /// Logs and metrics.
    TelemetryFile
    must {}
    may {
        /// The least severe diagnostics shown: off, error, warn, info, debug or trace, or
        /// MODULE=LEVEL, with commas between.
        log_level: LogLevel = "info",
        /// How diagnostics are written, on stderr: logfmt or json.
        log_format: OneOf<LogFormat> = "logfmt",
        /// One line per request.
        access_log: AccessLogFile,
        /// Tenants with metric series of their own; those beyond share one.
        tenant_series: Count<0, 1_000_000> = 1000,
    }
}

section! {
    /// One line per request.
    AccessLogFile
    must {}
    may {
        /// off, stdout, or a file: a path with a "/" in it.
        output: Output = "stdout",
        /// How lines are written: logfmt or json.
        format: OneOf<LogFormat> = "logfmt",
    }
}

impl File {
    /// Reads a whole document; one with nothing in it sets nothing.
    pub(super) fn read_root(node: &Node, place: &Place, report: &mut Report) -> Self {
        match node.value {
            Value::Nothing => File::empty(),
            _ => File::read(node, place, report).unwrap_or_else(File::empty),
        }
    }
}
