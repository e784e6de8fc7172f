//! The series that are labelled by service and tenant: each worker writes its own share, a scrape
//! sums them. Knows tenants as text only, and how many of them may have a series.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use dashmap::DashMap;

use super::cell::{Count, Level};
use super::failure::UpstreamFailure;
use super::histogram::{Histogram, Observed};

/// The tenants beyond the cap. No tenant can be called so: names begin with a letter or a digit.
const OTHER: &str = "_other";

/// What a status outside 100–599 is counted as is the last.
pub(super) const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "other"];

/// One worker's share of what one tenant sends to one service. Written by the thread that asked
/// for it, and by no other.
#[derive(Default)]
#[repr(align(64))]
pub struct Traffic {
    classes: [Count; CLASSES.len()],
    bytes_in: Count,
    bytes_out: Count,
}

impl Traffic {
    /// Counts one request that has ended, with the bytes of the bodies that passed.
    pub fn request(&self, status: u16, bytes_in: u64, bytes_out: u64) {
        self.classes[class(status)].add(1);
        self.bytes_in.add(bytes_in);
        self.bytes_out.add(bytes_out);
    }
}

fn class(status: u16) -> usize {
    match status {
        100..=599 => usize::from(status / 100) - 1,
        _ => CLASSES.len() - 1,
    }
}

/// One worker's share of what is known of one service. Written by the thread that asked for it,
/// and by no other.
#[derive(Default)]
#[repr(align(128))]
pub struct ServiceSeries {
    in_flight: Level,
    failures: [Count; UpstreamFailure::ALL.len()],
    /// What the gateway itself took of a request: its whole time less the upstream's.
    pub overhead: Histogram,
    /// From the request's first byte sent to an upstream to the head of its answer.
    pub upstream: Histogram,
}

impl ServiceSeries {
    /// A request began; `finished` must follow on the same thread, also when it is cut short.
    pub fn started(&self) {
        self.in_flight.up();
    }

    pub fn finished(&self) {
        self.in_flight.down();
    }

    pub fn upstream_failure(&self, failure: UpstreamFailure) {
        self.failures[failure as usize].add(1);
    }
}

/// All labelled series of the process. Its locks are taken when a series is made or forgotten and
/// by scrapes; counting takes none.
pub(super) struct Series {
    seats: Mutex<Seats>,
    traffic: DashMap<Key, Shares<Traffic>>,
    services: DashMap<Arc<str>, Shares<ServiceSeries>>,
}

/// Service, then tenant label.
pub(super) type Key = (Arc<str>, Arc<str>);

impl Series {
    pub(super) fn new(services: impl IntoIterator<Item = Arc<str>>, tenant_cap: usize) -> Self {
        Series {
            seats: Mutex::new(Seats::new(tenant_cap)),
            traffic: DashMap::new(),
            services: services.into_iter().map(|name| (name, Shares::default())).collect(),
        }
    }

    pub(super) fn traffic(&self, worker: usize, service: &Arc<str>, tenant: &str) -> Arc<Traffic> {
        let label = self.seats().label(tenant);
        self.traffic.entry((Arc::clone(service), label)).or_default().of(worker)
    }

    pub(super) fn service(&self, worker: usize, service: &Arc<str>) -> Arc<ServiceSeries> {
        self.services.entry(Arc::clone(service)).or_default().of(worker)
    }

    pub(super) fn retain_tenants(&self, exists: impl Fn(&str) -> bool) {
        self.seats().retain(&exists);
        let kept = |label: &str| label.is_empty() || label == OTHER || exists(label);
        self.traffic.retain(|(_, label), _| kept(label));
    }

    pub(super) fn traffic_totals(&self) -> BTreeMap<Key, TrafficTotals> {
        self.traffic.iter().map(|entry| (entry.key().clone(), TrafficTotals::of(entry.value()))).collect()
    }

    pub(super) fn service_totals(&self) -> BTreeMap<Arc<str>, ServiceTotals> {
        self.services
            .iter()
            .map(|entry| (Arc::clone(entry.key()), ServiceTotals::of(entry.value())))
            .collect()
    }

    fn seats(&self) -> std::sync::MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One series as its workers write it.
struct Shares<T>(Vec<(usize, Arc<T>)>);

impl<T> Default for Shares<T> {
    fn default() -> Self {
        Shares(Vec::new())
    }
}

impl<T: Default> Shares<T> {
    fn of(&mut self, worker: usize) -> Arc<T> {
        if let Some((_, share)) = self.0.iter().find(|(index, _)| *index == worker) {
            return Arc::clone(share);
        }
        let share = Arc::new(T::default());
        self.0.push((worker, Arc::clone(&share)));
        share
    }

    fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, share)| &**share)
    }
}

/// Which tenants have a label of their own. A decision stands until the tenant is forgotten, so
/// that a tenant has the same label on every worker at all times.
struct Seats {
    free: usize,
    other: Arc<str>,
    /// Its own label, or none for one that shares `OTHER`.
    taken: HashMap<Box<str>, Option<Arc<str>>>,
}

impl Seats {
    fn new(cap: usize) -> Self {
        Seats { free: cap, other: Arc::from(OTHER), taken: HashMap::new() }
    }

    fn label(&mut self, tenant: &str) -> Arc<str> {
        if tenant.is_empty() {
            return Arc::default();
        }
        if let Some(label) = self.taken.get(tenant) {
            return label.clone().unwrap_or_else(|| Arc::clone(&self.other));
        }
        let label = (self.free > 0).then(|| Arc::<str>::from(tenant));
        self.free -= usize::from(label.is_some());
        self.taken.insert(Box::from(tenant), label.clone());
        label.unwrap_or_else(|| Arc::clone(&self.other))
    }

    fn retain(&mut self, exists: impl Fn(&str) -> bool) {
        let freed = self.taken.extract_if(|tenant, _| !exists(tenant));
        self.free += freed.filter(|(_, label)| label.is_some()).count();
    }
}

/// The sum over the workers of one `Traffic`.
#[derive(Default)]
pub(super) struct TrafficTotals {
    pub(super) classes: [u64; CLASSES.len()],
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
}

impl TrafficTotals {
    fn of(shares: &Shares<Traffic>) -> Self {
        let mut totals = TrafficTotals::default();
        for share in shares.iter() {
            for (total, class) in totals.classes.iter_mut().zip(&share.classes) {
                *total += class.value();
            }
            totals.bytes_in += share.bytes_in.value();
            totals.bytes_out += share.bytes_out.value();
        }
        totals
    }
}

/// The sum over the workers of one `ServiceSeries`.
#[derive(Default)]
pub(super) struct ServiceTotals {
    pub(super) in_flight: u64,
    pub(super) failures: [u64; UpstreamFailure::ALL.len()],
    pub(super) overhead: Observed,
    pub(super) upstream: Observed,
}

impl ServiceTotals {
    fn of(shares: &Shares<ServiceSeries>) -> Self {
        let mut totals = ServiceTotals::default();
        for share in shares.iter() {
            totals.in_flight += share.in_flight.value();
            for (total, count) in totals.failures.iter_mut().zip(&share.failures) {
                *total += count.value();
            }
            totals.overhead.add(&share.overhead);
            totals.upstream.add(&share.upstream);
        }
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_have_their_class() {
        let classes = [101, 200, 302, 404, 599, 600, 0].map(|status| CLASSES[class(status)]);
        assert_eq!(classes, ["1xx", "2xx", "3xx", "4xx", "5xx", "other", "other"]);
    }

    #[test]
    fn a_seat_stays_taken_until_its_tenant_is_forgotten() {
        let mut seats = Seats::new(1);
        assert_eq!(&*seats.label("a"), "a");
        assert_eq!(&*seats.label("b"), OTHER);
        assert_eq!(&*seats.label(""), "");
        seats.retain(|tenant| tenant != "a");
        assert_eq!(&*seats.label("b"), OTHER, "what was counted under one label stays there");
        assert_eq!(&*seats.label("c"), "c");
        seats.retain(|tenant| tenant != "b");
        assert_eq!(&*seats.label("b"), OTHER, "one that had no seat leaves none");
    }
}
