//! All metrics of the process: hands counters to the data plane's threads, takes what the control
//! side sets, and shows both as one page. Knows no tenant rule: who exists is asked of the caller.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::proto::Metric;

use super::access::AccessLog;
use super::cell::{Count, Level};
use super::collect::{Page, counter, gauge, histogram};
use super::failure::{HandshakeFailure, UpstreamFailure};
use super::node::Node;
use super::process;
use super::series::{CLASSES, Key, Series, ServiceTotals, TrafficTotals};
use super::worker::{Sheet, Worker};

/// The process's metrics; clones are the same metrics.
#[derive(Clone)]
pub struct Metrics(Arc<Shared>);

struct Shared {
    outcomes: &'static [&'static str],
    next_worker: AtomicUsize,
    sheets: Mutex<Vec<Arc<Sheet>>>,
    series: Arc<Series>,
    node: Node,
    access_logs: Mutex<Vec<Arc<AtomicU64>>>,
    /// Unix seconds.
    started: f64,
}

impl Metrics {
    /// `outcomes` are the reasons by which authentications are counted; `services` have series
    /// from the start, and `tenant_cap` tenants may have series of their own.
    pub fn new(
        outcomes: &'static [&'static str],
        services: impl IntoIterator<Item = Arc<str>>,
        tenant_cap: usize,
    ) -> Self {
        Metrics(Arc::new(Shared {
            outcomes,
            next_worker: AtomicUsize::new(0),
            sheets: Mutex::default(),
            series: Arc::new(Series::new(services, tenant_cap)),
            node: Node::default(),
            access_logs: Mutex::default(),
            started: unix_seconds(SystemTime::now()),
        }))
    }

    /// The counters of one more data-plane thread. What it counted stays counted when it is gone.
    pub fn worker(&self) -> Worker {
        let index = self.0.next_worker.fetch_add(1, Ordering::Relaxed);
        let sheet = Arc::new(Sheet::new(self.0.outcomes.len()));
        self.0.sheets.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&sheet));
        Worker::new(index, sheet, Arc::clone(&self.0.series))
    }

    /// A deleted tenant's series go, and its place under the cap is free.
    pub fn forget_tenant(&self, tenant: &str) {
        self.retain_tenants(|other| other != tenant);
    }

    /// The series of all tenants that do not exist go: also those that a request made which was
    /// still under way when its tenant was forgotten.
    pub fn retain_tenants(&self, exists: impl Fn(&str) -> bool) {
        self.0.series.retain_tenants(exists);
    }

    /// Counts the lines that this access log drops.
    pub fn watch_access_log(&self, log: &AccessLog) {
        self.0.access_logs.lock().unwrap_or_else(PoisonError::into_inner).push(log.dropped());
    }

    /// Shows this count of password checks.
    pub fn watch_password_checks(&self, made: Arc<AtomicU64>) {
        self.0.node.password_checks.lock().unwrap_or_else(PoisonError::into_inner).push(made);
    }

    pub fn set_store_revision(&self, revision: u64) {
        self.0.node.revision.store(revision, Ordering::Relaxed);
    }

    pub fn set_tenants(&self, tenants: u64) {
        self.0.node.tenants.store(tenants, Ordering::Relaxed);
    }

    pub fn set_keys(&self, keys: u64) {
        self.0.node.keys.store(keys, Ordering::Relaxed);
    }

    /// When the set of trusted keys last changed, in Unix seconds; its age is made of it.
    pub fn set_keys_changed(&self, unix_seconds: u64) {
        self.0.node.keys_changed.store(unix_seconds, Ordering::Relaxed);
    }

    /// When a listener's certificate expires, in Unix seconds.
    pub fn set_certificate(&self, listener: &str, not_after_unix: i64) {
        self.0.node.certificates(|all| {
            all.entry(listener.to_owned()).or_default().not_after = Some(not_after_unix);
        });
    }

    pub fn count_certificate_reload(&self, listener: &str, ok: bool) {
        self.0.node.certificates(|all| all.entry(listener.to_owned()).or_default().reloads.count(ok));
    }

    pub fn count_config_reload(&self, ok: bool) {
        self.0.node.config_reloads.count(ok);
    }

    pub fn set_ready(&self, ready: bool) {
        self.0.node.ready.store(ready, Ordering::Relaxed);
    }

    /// The page, in the Prometheus text format 0.0.4. Blocks no thread that counts.
    pub fn render(&self) -> String {
        self.render_at(SystemTime::now())
    }

    fn render_at(&self, now: SystemTime) -> String {
        let mut page = Page::default();
        show_traffic(&mut page, &self.0.series.traffic_totals());
        show_services(&mut page, &self.0.series.service_totals());
        self.show_workers(&mut page);
        self.show_node(&mut page, unix_seconds(now));
        self.show_certificates(&mut page);
        self.show_process(&mut page);
        page.into_text()
    }

    fn show_workers(&self, page: &mut Page) {
        let sheets = self.0.sheets.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let sum = |count: fn(&Sheet) -> &Count| sheets.iter().map(|sheet| count(sheet).value() as f64).sum();
        let level =
            |level: fn(&Sheet) -> &Level| sheets.iter().map(|sheet| level(sheet).value() as f64).sum();

        let outcomes = self.0.outcomes.iter().enumerate().map(|(at, outcome)| {
            let shares = sheets.iter().filter_map(|sheet| sheet.outcomes.at(at));
            counter(&[("outcome", outcome)], shares.map(Count::value).sum::<u64>() as f64)
        });
        let help = "Authentications by how they ended.";
        page.counters("tenantry_authentications_total", help, outcomes.collect());
        let failures = HandshakeFailure::ALL.iter().map(|failure| {
            let shares = sheets.iter().map(|sheet| &sheet.handshake_failures[*failure as usize]);
            counter(&[("reason", failure.label())], shares.map(Count::value).sum::<u64>() as f64)
        });
        let help = "TLS handshakes that did not complete.";
        page.counters("tenantry_tls_handshake_failures_total", help, failures.collect());

        let help = "Connections accepted by the data plane.";
        page.counter("tenantry_connections_total", help, sum(|sheet| &sheet.connections));
        let help = "Connections of the data plane that are open.";
        page.gauge("tenantry_connections_open", help, level(|sheet| &sheet.connections_open));
        let help = "Credentials found in the cache of verified tokens.";
        page.counter("tenantry_token_cache_hits_total", help, level(|sheet| &sheet.cache_hits));
        let help = "Credentials not found in the cache of verified tokens.";
        page.counter("tenantry_token_cache_misses_total", help, level(|sheet| &sheet.cache_misses));
        let help = "Verified tokens in the caches of all workers.";
        page.gauge("tenantry_token_cache_entries", help, level(|sheet| &sheet.cache_entries));
        let help = "Connections closed because the framing of a request could be read in two ways.";
        page.counter("tenantry_guard_violations_total", help, sum(|sheet| &sheet.guard_violations));
    }

    fn show_node(&self, page: &mut Page, now: f64) {
        let node = &self.0.node;
        let read = |value: &AtomicU64| value.load(Ordering::Relaxed) as f64;
        let logs = self.0.access_logs.lock().unwrap_or_else(PoisonError::into_inner).clone();

        let dropped = logs.iter().map(|log| read(log)).sum();
        page.counter(
            "tenantry_access_log_dropped_total",
            "Lines the access log could not keep up with.",
            dropped,
        );
        let checkers = node.password_checks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let help = "Passwords that were checked at the full cost of a check.";
        let made = checkers.iter().map(|made| read(made)).sum();
        page.counter("tenantry_password_checks_total", help, made);
        let help = "The store's revision that this node decides upon.";
        page.gauge("tenantry_store_revision", help, read(&node.revision));
        page.gauge("tenantry_tenants", "Tenants that exist.", read(&node.tenants));
        page.gauge("tenantry_keys", "Trusted keys.", read(&node.keys));
        let changed = read(&node.keys_changed);
        if changed > 0.0 {
            let help = "Time since the set of trusted keys last changed.";
            page.gauge("tenantry_key_set_age_seconds", help, (now - changed).max(0.0));
        }
        let ready = f64::from(u8::from(node.ready.load(Ordering::Relaxed)));
        page.gauge("tenantry_ready", "Whether this node takes requests.", ready);
        let reloads =
            node.config_reloads.results().map(|(result, n)| counter(&[("result", result)], n as f64));
        page.counters("tenantry_config_reloads_total", "Reloads of the configuration.", reloads.into());
    }

    fn show_certificates(&self, page: &mut Page) {
        let (expiries, reloads) = self.0.node.certificates(|all| {
            let expiry = |(listener, certificate): (&String, &super::node::Certificate)| {
                certificate.not_after.map(|at| gauge(&[("listener", listener)], at as f64))
            };
            let mut reloads = Vec::new();
            for (listener, certificate) in all.iter() {
                for (result, n) in certificate.reloads.results() {
                    reloads.push(counter(&[("listener", listener), ("result", result)], n as f64));
                }
            }
            (all.iter().filter_map(expiry).collect(), reloads)
        });
        let help = "When the certificate in use expires, in Unix time.";
        page.gauges("tenantry_certificate_expiry_timestamp_seconds", help, expiries);
        let help = "Reloads of certificate files that changed.";
        page.counters("tenantry_certificate_reloads_total", help, reloads);
    }

    fn show_process(&self, page: &mut Page) {
        let build = gauge(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
        page.gauges("tenantry_build_info", "The version that runs.", vec![build]);
        let help = "When this process started, in Unix time.";
        page.gauge("process_start_time_seconds", help, self.0.started);
        if let Some(bytes) = process::resident_bytes() {
            page.gauge("process_resident_memory_bytes", "Physical memory in use.", bytes as f64);
        }
        if let Some(seconds) = process::cpu_seconds() {
            page.counter("process_cpu_seconds_total", "User and system time taken.", seconds);
        }
        if let Some(count) = process::open_files() {
            page.gauge("process_open_fds", "Open file descriptors.", count as f64);
        }
    }
}

fn show_traffic(page: &mut Page, totals: &BTreeMap<Key, TrafficTotals>) {
    let mut requests = Vec::new();
    for ((service, tenant), total) in totals {
        for (code, count) in CLASSES.iter().zip(total.classes).filter(|(_, count)| *count > 0) {
            let labels = [("service", &**service), ("tenant", tenant), ("code", code)];
            requests.push(counter(&labels, count as f64));
        }
    }
    let bytes = |of: fn(&TrafficTotals) -> u64| -> Vec<Metric> {
        let labelled = totals.iter().map(|((service, tenant), total)| {
            counter(&[("service", service), ("tenant", tenant)], of(total) as f64)
        });
        labelled.collect()
    };
    page.counters("tenantry_requests_total", "Requests by class of their status.", requests);
    let help = "Bytes of request bodies forwarded.";
    page.counters("tenantry_request_bytes_total", help, bytes(|total| total.bytes_in));
    let help = "Bytes of response bodies sent.";
    page.counters("tenantry_response_bytes_total", help, bytes(|total| total.bytes_out));
}

fn show_services(page: &mut Page, totals: &BTreeMap<Arc<str>, ServiceTotals>) {
    let each = |sample: fn(&[(&'static str, &str)], &ServiceTotals) -> Metric| -> Vec<Metric> {
        totals.iter().map(|(service, total)| sample(&[("service", service)], total)).collect()
    };
    let in_flight = each(|labels, total| gauge(labels, total.in_flight as f64));
    page.gauges("tenantry_requests_in_flight", "Requests under way.", in_flight);
    let help = "Time that the gateway itself added to a request.";
    let overhead = each(|labels, total| histogram(labels, &total.overhead));
    page.histograms("tenantry_overhead_seconds", help, overhead);
    let help = "Time from sending a request upstream to the head of the answer.";
    let upstream = each(|labels, total| histogram(labels, &total.upstream));
    page.histograms("tenantry_upstream_seconds", help, upstream);

    let mut failures = Vec::new();
    for (service, total) in totals {
        for (failure, count) in UpstreamFailure::ALL.iter().zip(total.failures) {
            failures.push(counter(&[("service", service), ("reason", failure.label())], count as f64));
        }
    }
    let help = "Requests that an upstream did not answer in full.";
    page.counters("tenantry_upstream_failures_total", help, failures);
}

fn unix_seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};
    use std::thread;
    use std::time::Duration;

    use super::*;

    const OUTCOMES: &[&str] = &["ok", "expired"];

    fn metrics(cap: usize) -> (Metrics, Arc<str>) {
        let service: Arc<str> = Arc::from("metrics");
        (Metrics::new(OUTCOMES, [Arc::clone(&service)], cap), service)
    }

    /// Reads a page line by line: a family's help and type come once and before its samples, its
    /// samples follow each other, no series comes twice, every value is a number.
    fn read(page: &str) -> HashMap<String, f64> {
        let (mut samples, mut families) = (HashMap::new(), HashSet::new());
        let (mut help, mut family, mut kind) = ("", "", "");
        for line in page.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                help = rest.split_once(' ').expect("a name and a text").0;
                assert!(families.insert(help), "two families {help}");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                (family, kind) = rest.split_once(' ').expect("a name and a type");
                assert_eq!(family, help, "{line}");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert_eq!(kind == "counter", family.ends_with("_total"), "{line}");
            } else {
                let (series, value) = line.rsplit_once(' ').expect("a series and a value");
                let name = series.split('{').next().expect("a first part");
                let suffix = name.strip_prefix(family).unwrap_or_else(|| panic!("{line} is not of {family}"));
                let known = if kind == "histogram" { &["_bucket", "_sum", "_count"][..] } else { &[""] };
                assert!(known.contains(&suffix), "{line}");
                let value = value.parse().unwrap_or_else(|_| panic!("{line} has no number"));
                assert!(samples.insert(series.to_owned(), value).is_none(), "{series} comes twice");
            }
        }
        samples
    }

    fn requests(page: &HashMap<String, f64>, tenant: &str, code: &str) -> Option<f64> {
        let labels = format!("{{service=\"metrics\",tenant=\"{tenant}\",code=\"{code}\"}}");
        page.get(&format!("tenantry_requests_total{labels}")).copied()
    }

    #[test]
    fn workers_are_summed() {
        let (metrics, service) = metrics(10);
        for _ in 0..2 {
            let (worker, service) = (metrics.worker(), Arc::clone(&service));
            let counting = thread::spawn(move || {
                let (traffic, series) = (worker.traffic(&service, "acme"), worker.service(&service));
                assert!(Arc::ptr_eq(&traffic, &worker.traffic(&service, "acme")));
                series.started();
                series.started();
                series.finished();
                for _ in 0..1000 {
                    traffic.request(200, 3, 5);
                    worker.auth(0);
                }
                traffic.request(503, 0, 0);
                worker.auth(1);
                worker.set_cache(1, 2, 4);
                worker.connection_opened();
                series.overhead.observe(Duration::from_micros(30));
                series.upstream_failure(UpstreamFailure::ConnectRefused);
                worker.handshake_failed(HandshakeFailure::NotTls);
            });
            counting.join().expect("counts");
        }
        let page = read(&metrics.render());
        assert_eq!(requests(&page, "acme", "2xx"), Some(2000.0));
        assert_eq!(requests(&page, "acme", "5xx"), Some(2.0));
        for (series, value) in [
            ("tenantry_request_bytes_total{service=\"metrics\",tenant=\"acme\"}", 6000.0),
            ("tenantry_response_bytes_total{service=\"metrics\",tenant=\"acme\"}", 10_000.0),
            ("tenantry_authentications_total{outcome=\"ok\"}", 2000.0),
            ("tenantry_authentications_total{outcome=\"expired\"}", 2.0),
            ("tenantry_requests_in_flight{service=\"metrics\"}", 2.0),
            ("tenantry_token_cache_hits_total", 2.0),
            ("tenantry_token_cache_entries", 8.0),
            ("tenantry_connections_open", 2.0),
            ("tenantry_overhead_seconds_bucket{service=\"metrics\",le=\"0.000025\"}", 0.0),
            ("tenantry_overhead_seconds_bucket{service=\"metrics\",le=\"0.00005\"}", 2.0),
            ("tenantry_overhead_seconds_bucket{service=\"metrics\",le=\"+Inf\"}", 2.0),
            ("tenantry_overhead_seconds_sum{service=\"metrics\"}", 0.00006),
            ("tenantry_upstream_seconds_count{service=\"metrics\"}", 0.0),
            ("tenantry_upstream_failures_total{service=\"metrics\",reason=\"connect_refused\"}", 2.0),
            ("tenantry_tls_handshake_failures_total{reason=\"not_tls\"}", 2.0),
        ] {
            assert_eq!(page.get(series), Some(&value), "{series}");
        }
    }

    #[test]
    fn tenants_beyond_the_cap_share_a_series_on_every_worker() {
        let (metrics, service) = metrics(2);
        let (left, right) = (metrics.worker(), metrics.worker());
        for tenant in ["a", "b", "c", "d", ""] {
            left.traffic(&service, tenant).request(200, 0, 0);
        }
        for tenant in ["d", "c", "b", "a", ""] {
            right.traffic(&service, tenant).request(200, 0, 0);
        }
        let page = read(&metrics.render());
        let seen = ["a", "b", "c", "d", "_other", ""].map(|tenant| requests(&page, tenant, "2xx"));
        assert_eq!(seen, [Some(2.0), Some(2.0), None, None, Some(4.0), Some(2.0)]);
    }

    #[test]
    fn a_forgotten_tenant_leaves_no_series_and_its_place() {
        let (metrics, service) = metrics(1);
        let worker = metrics.worker();
        let old = worker.traffic(&service, "acme");
        old.request(200, 1, 1);
        worker.traffic(&service, "").request(401, 0, 0);
        metrics.forget_tenant("acme");
        old.request(200, 1, 1);
        assert!(!metrics.render().contains("acme"));
        worker.traffic(&service, "next").request(200, 1, 1);
        let page = read(&metrics.render());
        assert_eq!(requests(&page, "next", "2xx"), Some(1.0));
        assert_eq!(requests(&page, "", "4xx"), Some(1.0));
        metrics.retain_tenants(|tenant| tenant == "acme");
        worker.traffic(&service, "acme").request(200, 1, 1);
        let page = read(&metrics.render());
        assert_eq!(requests(&page, "next", "2xx"), None);
        assert_eq!(requests(&page, "acme", "2xx"), Some(1.0), "a new tenant of that name starts anew");
    }

    #[test]
    fn the_control_side_is_shown() {
        let (metrics, _) = metrics(1);
        let page = read(&metrics.render());
        assert_eq!(page.get("tenantry_key_set_age_seconds"), None, "no key set, no age");
        metrics.set_store_revision(7);
        metrics.set_tenants(3);
        metrics.set_keys(2);
        metrics.set_keys_changed(1000);
        metrics.set_certificate("web", 2_000_000_000);
        metrics.count_certificate_reload("web", false);
        metrics.count_config_reload(true);
        metrics.set_ready(true);
        let page = read(&metrics.render_at(UNIX_EPOCH + Duration::from_secs(1090)));
        for (series, value) in [
            ("tenantry_store_revision", 7.0),
            ("tenantry_tenants", 3.0),
            ("tenantry_keys", 2.0),
            ("tenantry_key_set_age_seconds", 90.0),
            ("tenantry_certificate_expiry_timestamp_seconds{listener=\"web\"}", 2e9),
            ("tenantry_certificate_reloads_total{listener=\"web\",result=\"failed\"}", 1.0),
            ("tenantry_certificate_reloads_total{listener=\"web\",result=\"ok\"}", 0.0),
            ("tenantry_config_reloads_total{result=\"ok\"}", 1.0),
            ("tenantry_ready", 1.0),
        ] {
            assert_eq!(page.get(series), Some(&value), "{series}");
        }
        assert!(page["process_resident_memory_bytes"] > 0.0);
        assert!(page["process_start_time_seconds"] > 1.6e9);
    }

    #[test]
    fn label_values_are_escaped() {
        let metrics = Metrics::new(OUTCOMES, [], 1);
        let service = Arc::from("a\"b\\c\nd");
        metrics.worker().traffic(&service, "t").request(200, 0, 0);
        let page = read(&metrics.render());
        let series = "tenantry_requests_total{service=\"a\\\"b\\\\c\\nd\",tenant=\"t\",code=\"2xx\"}";
        assert_eq!(page.get(series), Some(&1.0));
    }

    #[test]
    fn scrapes_and_counting_go_on_at_once() {
        let (metrics, service) = metrics(100);
        let worker = metrics.worker();
        thread::scope(|scope| {
            let counting = scope.spawn(move || {
                for number in 0..20_000 {
                    worker.traffic(&service, &(number % 50).to_string()).request(200, 1, 1);
                }
            });
            let mut last = 0.0;
            while !counting.is_finished() {
                let page = read(&metrics.render());
                let now: f64 = page
                    .iter()
                    .filter(|(name, _)| name.starts_with("tenantry_requests_total"))
                    .map(|(_, n)| n)
                    .sum();
                assert!(now >= last, "a counter fell from {last} to {now}");
                last = now;
            }
        });
        let total: f64 = read(&metrics.render())
            .iter()
            .filter(|(name, _)| name.starts_with("tenantry_requests_total"))
            .map(|(_, n)| n)
            .sum();
        assert_eq!(total.to_string(), "20000");
    }
}
