//! Services and match rules, from as written to as used: what only holds within a rule and
//! between rules is checked here.

use std::collections::HashMap;

use super::file::{RuleFile, ServiceFile, TimeoutsFile};
use super::problem::{At, Place, Report};
use super::read::{Key, List, Named};
use super::rules::{ambiguous, segments};
use super::settle::time;
use super::word::{Name, Word};
use crate::model::{Api, HostTemplate, MatchRule, PathTemplate, Service, Timeouts, Unlisted};

/// The header of Cortex, Mimir and Loki.
const TENANT_HEADER: &str = "x-scope-orgid";

/// All services that are whole; the faults of the others are in `report`.
pub(super) fn services(key: Key<Named<ServiceFile>>, report: &mut Report) -> Vec<Service> {
    let Some(Named(named)) = key.value() else { return Vec::new() };
    let mut services = Vec::new();
    let mut rules = Vec::new();
    for (name, At { place, value }) in named {
        if let Err(fault) = Name::word(&name) {
            report.add(&place, fault);
        }
        let own = rules_of(value.r#match, report);
        rules.extend(own.iter().cloned());
        let upstreams = value.upstream.value().map_or_else(Vec::new, |upstreams| upstreams.0);
        services.push(Service {
            name,
            rules: own.into_iter().map(|rule| rule.value).collect(),
            upstreams: upstreams.into_iter().map(|upstream| upstream.value).collect(),
            tenant_header: value
                .tenant_header
                .value()
                .map_or_else(|| TENANT_HEADER.to_owned(), |name| name.0),
            api: value.api.value().map_or(Api::ReadWrite, |api| api.0),
            unlisted: value.unlisted.value().map_or(Unlisted::Deny, |unlisted| unlisted.0),
            timeouts: value.timeouts.value().map_or_else(Timeouts::default, timeouts),
        });
    }
    distinct_rules(&rules, report);
    services
}

fn timeouts(file: TimeoutsFile) -> Timeouts {
    let default = Timeouts::default();
    Timeouts {
        connect: time(file.connect, default.connect),
        first_byte: time(file.first_byte, default.first_byte),
        whole: time(file.whole, default.whole),
    }
}

fn rules_of(key: Key<List<RuleFile>>, report: &mut Report) -> Vec<At<MatchRule>> {
    let files = key.value().map_or_else(Vec::new, |list| list.0);
    files.into_iter().filter_map(|file| rule(file, report)).collect()
}

fn rule(At { place, value }: At<RuleFile>, report: &mut Report) -> Option<At<MatchRule>> {
    if value.host.is_absent() && value.path.is_absent() {
        report.add(&place, "a rule needs `host`, `path` or both");
        return None;
    }
    let broken = matches!(value.host, Key::Broken) || matches!(value.path, Key::Broken);
    let strip = value.strip.value().unwrap_or(true);
    let rule = MatchRule { host: value.host.value(), path: value.path.value(), strip };
    let in_host = rule.host.as_ref().is_some_and(HostTemplate::has_tenant);
    let in_path = rule.path.as_ref().is_some_and(PathTemplate::has_tenant);
    match (in_host, in_path) {
        _ if broken => return None,
        (true, false) | (false, true) => return Some(At { place, value: rule }),
        (true, true) => report.add(&place, "{tenant} stands in `host` and in `path`; only one can catch it"),
        (false, false) => {
            report.add(&place, "no {tenant} in `host` or `path`: put it where the tenant stands");
        }
    }
    None
}

/// Names, for each rule, the first one before it that catches some request equally well.
fn distinct_rules(rules: &[At<MatchRule>], report: &mut Report) {
    let mut by_path: HashMap<&[Option<String>], Vec<&At<MatchRule>>> = HashMap::new();
    for rule in rules {
        let earlier = by_path.entry(segments(&rule.value)).or_default();
        if let Some(other) = earlier.iter().find(|other| ambiguous(&other.value, &rule.value)) {
            let Place { path, line, .. } = &other.place;
            let message = format!(
                "catches requests that {path} on line {line} catches equally well; make one more specific"
            );
            report.add(&rule.place, message);
        }
        earlier.push(rule);
    }
}
