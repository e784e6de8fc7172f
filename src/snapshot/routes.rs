//! The configured services as decided upon: tables from host and path to service and tenant, and
//! from path and method to permission. Built once per configuration; knows no tenant.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::RandomState;
use http::{HeaderName, Method};

use super::Options;
use super::trie::{Found, Step, Trie};
use crate::catalog::{self, Methods};
use crate::model::{
    Api, HostTemplate, MatchRule, PathTemplate, Permission, Service as Configured, Timeouts, Unlisted,
    Upstream,
};

type Map<V> = HashMap<Box<str>, V, RandomState>;

/// What requests are matched against.
#[derive(Default)]
pub struct Routes {
    /// Hosts without a placeholder.
    fixed: Map<Trie<Rule>>,
    /// Hosts with the placeholder at a label (counted from 0, left): what follows it, then what
    /// stands before it.
    wild: Vec<(usize, Map<Map<Trie<Rule>>>)>,
    /// Rules for any host.
    any: Trie<Rule>,
    services: Vec<Arc<Service>>,
    tenant_headers: Vec<HeaderName>,
}

/// A service ready for requests.
pub struct Service {
    /// Its place in [`Routes::services`].
    pub index: usize,
    pub name: Arc<str>,
    pub tenant_header: HeaderName,
    /// At least one.
    pub backends: Vec<Backend>,
    pub timeouts: Timeouts,
    catalog: Arc<Trie<Entries>>,
    unlisted: Option<Arc<Trie<Entries>>>,
}

/// One back end of a service. A copy is the same one.
#[derive(Clone, Debug)]
pub struct Backend {
    /// Differs from that of every other back end that this process ever knew; connections are kept
    /// under it.
    pub id: u64,
    pub address: Upstream,
}

/// Whether they are alike: not whether they are one.
impl PartialEq for Backend {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address
    }
}

impl Eq for Backend {}

/// The lines of a table that share a path.
type Entries = Vec<(Methods, Permission)>;

struct Rule {
    service: Arc<Service>,
    /// The segment that names the tenant, when the host does not.
    segment: Option<usize>,
    strip: bool,
    /// The template's steps from the left, two bits each: literal above placeholder above end.
    rank: u64,
}

/// A request's service and the text that stands for its tenant.
pub struct Matched<'r, 'a> {
    pub service: &'r Arc<Service>,
    pub tenant: &'a str,
    /// Where the path that the back end sees begins.
    pub start: usize,
}

/// What the catalog says of a path and method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Needs(Permission),
    /// The path is known, with these methods.
    OtherMethods(Methods),
    Unlisted,
}

impl Routes {
    /// Compiles services whose rules are unambiguous (`config` has seen to it; of two rules for the
    /// same place the first stays).
    pub fn new(services: &[Configured]) -> Self {
        let tables: Vec<(Api, Arc<Trie<Entries>>)> = Api::ALL.map(|api| (api, Arc::new(table(api)))).into();
        let table = |api: Api| {
            tables.iter().find(|(of, _)| *of == api).map(|(_, table)| table.clone()).unwrap_or_default()
        };
        let mut routes = Routes::default();
        for configured in services {
            let Ok(tenant_header) = HeaderName::from_bytes(configured.tenant_header.as_bytes()) else {
                tracing::error!(
                    service = configured.name,
                    "tenant_header is no header name; the service is left out"
                );
                continue;
            };
            if !routes.tenant_headers.contains(&tenant_header) {
                routes.tenant_headers.push(tenant_header.clone());
            }
            let service = Arc::new(Service {
                index: routes.services.len(),
                name: configured.name.as_str().into(),
                tenant_header,
                backends: configured.upstreams.iter().cloned().map(Backend::new).collect(),
                timeouts: configured.timeouts,
                catalog: table(configured.api),
                unlisted: match configured.unlisted {
                    Unlisted::Deny => None,
                    Unlisted::Allow => Some(table(Api::ReadWrite)),
                },
            });
            for rule in &configured.rules {
                routes.insert(rule, &service);
            }
            routes.services.push(service);
        }
        routes
    }

    pub fn services(&self) -> &[Arc<Service>] {
        &self.services
    }

    /// The headers that carry the tenant to any service: no caller may send one of them.
    pub fn tenant_headers(&self) -> &[HeaderName] {
        &self.tenant_headers
    }

    /// The most specific rule for a canonical host (lower case, no port, no final dot) and path:
    /// by host (fixed before placeholder before any), then by path.
    pub fn find<'r, 'a>(&'r self, host: &'a str, path: &'a str) -> Option<Matched<'r, 'a>> {
        let fixed = self.fixed.get(host).and_then(|paths| paths.find(path));
        let fixed = fixed.map(|found| (found, ""));
        let wild = || self.find_wild(host, path);
        let any = || self.any.find(path).map(|found| (found, ""));
        let (found, label) = fixed.or_else(wild).or_else(any)?;
        let rule = found.value;
        let tenant = match rule.segment {
            Some(index) => path.split('/').nth(index + 1)?,
            None => label,
        };
        Some(Matched { service: &rule.service, tenant, start: if rule.strip { found.end } else { 0 } })
    }

    fn find_wild<'r, 'a>(&'r self, host: &'a str, path: &str) -> Option<(Found<'r, Rule>, &'a str)> {
        let candidates = self.wild.iter().filter_map(|(position, suffixes)| {
            let (before, label, after) = around_label(host, *position)?;
            let found = suffixes.get(after)?.get(before)?.find(path)?;
            Some((found, label))
        });
        candidates.max_by_key(|(found, _)| found.value.rank)
    }

    fn insert(&mut self, rule: &MatchRule, service: &Arc<Service>) {
        let no_path = PathTemplate(Vec::new());
        let path = rule.path.as_ref().unwrap_or(&no_path);
        let paths = match &rule.host {
            None => &mut self.any,
            Some(host) => self.paths_of(host),
        };
        let steps = path.0.iter().map(|step| step.as_deref().map_or(Step::Wildcard, Step::Literal));
        paths.slot(steps, true).get_or_insert_with(|| Rule {
            service: service.clone(),
            segment: path.0.iter().position(Option::is_none),
            strip: rule.strip,
            rank: rank(path),
        });
    }

    fn paths_of(&mut self, host: &HostTemplate) -> &mut Trie<Rule> {
        let text = host.to_string();
        let Some(position) = host.0.iter().position(Option::is_none) else {
            return self.fixed.entry(text.into()).or_default();
        };
        let place = self.wild.iter().position(|(at, _)| *at == position).unwrap_or_else(|| {
            self.wild.push((position, Map::default()));
            self.wild.len() - 1
        });
        let (before, _, after) = around_label(&text, position).unwrap_or(("", "", ""));
        self.wild[place].1.entry(after.into()).or_default().entry(before.into()).or_default()
    }
}

impl Backend {
    pub(super) fn new(address: Upstream) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Backend { id: NEXT.fetch_add(1, Ordering::Relaxed), address }
    }
}

impl Service {
    /// What `method` on `path` (as the back end sees it) does.
    pub fn judge(&self, method: &Method, path: &str) -> Verdict {
        let Some(entries) = self.entries(path) else { return Verdict::Unlisted };
        match entries.iter().find(|(methods, _)| methods.contains(method)) {
            Some((_, permission)) => Verdict::Needs(*permission),
            None => Verdict::OtherMethods(all_methods(entries)),
        }
    }

    /// Where requests go under a tenant's options: its own back ends, or the service's.
    pub fn backends_with<'s>(&'s self, options: Option<&'s Options>) -> &'s [Backend] {
        options.and_then(|options| options.backends.as_deref()).unwrap_or(&self.backends)
    }

    /// The methods that `path` (as the back end sees it) is listed with.
    pub fn methods(&self, path: &str) -> Methods {
        self.entries(path).map_or(Methods::NONE, all_methods)
    }

    fn entries(&self, path: &str) -> Option<&Entries> {
        let listed = self.catalog.find(path);
        let found = listed.or_else(|| self.unlisted.as_ref().and_then(|table| table.find(path)));
        found.map(|found| found.value)
    }
}

fn all_methods(entries: &Entries) -> Methods {
    entries.iter().fold(Methods::NONE, |all, (methods, _)| all.union(*methods))
}

/// The text before the label at `position` (with its dot), the label, and the text after (with its
/// dot).
fn around_label(host: &str, position: usize) -> Option<(&str, &str, &str)> {
    let start = match position {
        0 => 0,
        n => memchr::memchr_iter(b'.', host.as_bytes()).nth(n - 1)? + 1,
    };
    let len = host[start..].find('.').unwrap_or(host.len() - start);
    Some((&host[..start], &host[start..start + len], &host[start + len..]))
}

fn rank(path: &PathTemplate) -> u64 {
    let bits = |step: &Option<String>| if step.is_some() { 2 } else { 1 };
    let steps = path.0.iter().take(32).enumerate();
    steps.fold(0, |rank, (index, step)| rank | bits(step) << (62 - 2 * index))
}

fn table(api: Api) -> Trie<Entries> {
    let mut table: Trie<Entries> = Trie::new();
    for route in catalog::routes(api) {
        let (path, open) = match route.path.strip_suffix("/**") {
            Some(path) => (path, true),
            None => (route.path, false),
        };
        let steps = path.split('/').skip(1);
        let steps = steps.map(|step| if step == "*" { Step::Wildcard } else { Step::Literal(step) });
        table.slot(steps, open).get_or_insert_default().push((route.methods, route.permission));
    }
    table
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Template = Vec<Option<String>>;

    /// A rule with its one placeholder somewhere.
    fn rule() -> impl Strategy<Value = MatchRule> {
        let parts = |least| prop::option::of(prop::collection::vec("[ab]", least..=3));
        (parts(1), parts(0), any::<prop::sample::Index>(), any::<bool>()).prop_filter_map(
            "a place for the tenant",
            |(host, path, place, strip)| {
                let literal = |parts: Vec<String>| parts.into_iter().map(Some).collect::<Template>();
                let (mut host, mut path) = (host.map(literal), path.map(literal));
                let mut places: Vec<&mut Option<String>> =
                    host.iter_mut().chain(&mut path).flatten().collect();
                if places.is_empty() {
                    return None;
                }
                let chosen = place.index(places.len());
                *places[chosen] = None;
                Some(MatchRule { host: host.map(HostTemplate), path: path.map(PathTemplate), strip })
            },
        )
    }

    fn service(index: usize, rules: Vec<MatchRule>) -> Configured {
        Configured {
            name: index.to_string(),
            rules,
            upstreams: Vec::new(),
            tenant_header: "x-scope-orgid".to_owned(),
            api: Api::ReadWrite,
            unlisted: Unlisted::Deny,
            timeouts: Timeouts::default(),
        }
    }

    /// How a rule reads a request: its rank, then tenant and start. None when it does not match.
    fn reading(rule: &MatchRule, host: &[String], path: &[String]) -> Option<(Vec<u8>, String, usize)> {
        let segments: &[Option<String>] = rule.path.as_ref().map_or(&[], |path| &path.0);
        let labels = rule.host.as_ref().map(|host| host.0.as_slice());
        if segments.len() > path.len() || labels.is_some_and(|labels| labels.len() != host.len()) {
            return None;
        }
        let wanted = labels.unwrap_or_default().iter().zip(host).chain(segments.iter().zip(path));
        let mut tenant = None;
        for (want, have) in wanted {
            match want {
                Some(literal) if literal != have => return None,
                None if have.is_empty() => return None,
                None => tenant = Some(have.clone()),
                Some(_) => {}
            }
        }
        let steps = segments.iter().map(|step| if step.is_some() { 2 } else { 1 });
        let host_rank = labels.map_or(0, |labels| if labels.contains(&None) { 1 } else { 2 });
        let covered = path[..segments.len()].iter().map(|segment| 1 + segment.len()).sum();
        Some((
            std::iter::once(host_rank).chain(steps).collect(),
            tenant?,
            if rule.strip { covered } else { 0 },
        ))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn finds_what_a_scan_over_all_rules_finds(
            services in prop::collection::vec(prop::collection::vec(rule(), 0..4), 1..4),
            host in prop::collection::vec("[abc]", 1..=3), path in prop::collection::vec("[abc]?", 1..=4),
        ) {
            let configured: Vec<_> = services.into_iter().enumerate().map(|(n, rules)| service(n, rules)).collect();
            let routes = Routes::new(&configured);
            let all = configured.iter().flat_map(|service| service.rules.iter().map(move |rule| (service, rule)));
            let mut readings: Vec<_> = all
                .filter_map(|(service, rule)| {
                    let (rank, tenant, start) = reading(rule, &host, &path)?;
                    Some((rank, (service.name.clone(), tenant, start)))
                })
                .collect();
            let best = readings.iter().map(|(rank, _)| rank.clone()).max();
            readings.retain(|(rank, _)| Some(rank) == best.as_ref());
            let (host, path) = (host.join("."), format!("/{}", path.join("/")));
            let found = routes.find(&host, &path);
            let found = found.map(|m| (m.service.name.to_string(), m.tenant.to_owned(), m.start));
            // Several are equally good only where the configuration would be refused.
            match found {
                Some(found) => prop_assert!(readings.iter().any(|(_, one)| *one == found), "{:?} {:?}", found, readings),
                None => prop_assert!(readings.is_empty(), "{:?}", readings),
            }
        }
    }
}
