//! What back ends look like: one table per API, method and path to permission. Data, not code:
//! matching is compiled from it elsewhere, and nothing here knows of tenants or requests.
//!
//! A path that no row matches must not be reached. The tables list what a tenant may use, so what
//! operates a back end (its configuration, rings, flushes, profiles, tenant deletion) is missing
//! on purpose, and what a later version of a back end adds is missing until somebody judged it.

mod cortex;
mod loki;
mod methods;
mod prometheus;
mod read_write;

pub use methods::Methods;

use crate::model::{Action, Api, Permission, Resource};

/// One line of a table: a request by one of `methods` to `path` needs `permission`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    pub methods: Methods,
    /// The path as the back end sees it: our own prefix is gone. It begins with `/` and is cut at
    /// every `/`; a segment is a literal, compared byte by byte, or `*`, exactly one segment that
    /// is not empty, or, as the last one, `**`, any number of segments or none. A path that ends
    /// with `/` therefore has an empty last segment, and is another path than the one without.
    ///
    /// No path is matched by two patterns of one table, so a matcher needs no order of precedence.
    /// Rows may share a pattern; their methods are then apart.
    pub path: &'static str,
    pub permission: Permission,
}

/// The table of an API.
pub fn routes(api: Api) -> &'static [Route] {
    match api {
        Api::Cortex => cortex::ROUTES,
        Api::Loki => loki::ROUTES,
        Api::Prometheus => prometheus::ROUTES,
        Api::ReadWrite => read_write::ROUTES,
    }
}

const GET: Methods = Methods::GET;
const POST: Methods = Methods::POST;
const DELETE: Methods = Methods::DELETE;
/// Queries, whose parameters may be too long for a URL.
const QUERY: Methods = GET.union(POST);

const METRICS_READ: Permission = Permission::new(Resource::Metrics, Action::Read);
const METRICS_WRITE: Permission = Permission::new(Resource::Metrics, Action::Write);
const LOGS_READ: Permission = Permission::new(Resource::Logs, Action::Read);
const LOGS_WRITE: Permission = Permission::new(Resource::Logs, Action::Write);
const LOGS_DELETE: Permission = Permission::new(Resource::Logs, Action::Delete);
const RULES_READ: Permission = Permission::new(Resource::Rules, Action::Read);
const RULES_WRITE: Permission = Permission::new(Resource::Rules, Action::Write);
const RULES_DELETE: Permission = Permission::new(Resource::Rules, Action::Delete);
const ALERTS_READ: Permission = Permission::new(Resource::Alerts, Action::Read);
const ALERTS_WRITE: Permission = Permission::new(Resource::Alerts, Action::Write);
const ALERTS_DELETE: Permission = Permission::new(Resource::Alerts, Action::Delete);
const DATA_READ: Permission = Permission::new(Resource::Data, Action::Read);
const DATA_WRITE: Permission = Permission::new(Resource::Data, Action::Write);

const fn route(methods: Methods, path: &'static str, permission: Permission) -> Route {
    Route { methods, path, permission }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    const METHODS: [Method; 7] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];

    /// Paths that operate a back end, or show more than one tenant of it.
    const OPERATORS: [&str; 75] = [
        "/",
        "/config",
        "/runtime_config",
        "/services",
        "/ready",
        "/metrics",
        "/memberlist",
        "/log_level",
        "/ring",
        "/ruler_ring",
        "/flush",
        "/shutdown",
        "/status",
        "/all_user_stats",
        "/ha-tracker",
        "/debug",
        "/debug/pprof",
        "/debug/pprof/heap",
        "/debug/fgprof",
        "/distributor/ring",
        "/distributor/all_user_stats",
        "/distributor/ha_tracker",
        "/ingester/ring",
        "/ingester/flush",
        "/ingester/push",
        "/ingester/shutdown",
        "/ingester/prepare_shutdown",
        "/ingester/prepare-shutdown",
        "/ingester/mode",
        "/ingester/tenants",
        "/ingester/tsdb/acme",
        "/ingester/all_user_stats",
        "/querier/ring",
        "/query-scheduler/ring",
        "/scheduler/ring",
        "/indexgateway/ring",
        "/overrides-exporter/ring",
        "/store-gateway/ring",
        "/store-gateway/tenants",
        "/store-gateway/tenant/acme/blocks",
        "/compactor/ring",
        "/compactor/tenants",
        "/compactor/delete_tenant",
        "/compactor/delete_tenant_status",
        "/purger/delete_tenant",
        "/purger/delete_tenant_status",
        "/ruler/ring",
        "/ruler/rule_groups",
        "/ruler/tenants",
        "/ruler/tenant/acme/rule_groups",
        "/ruler/delete_tenant_config",
        "/multitenant_alertmanager/status",
        "/multitenant_alertmanager/configs",
        "/multitenant_alertmanager/ring",
        "/multitenant_alertmanager/delete_tenant_config",
        "/configs/deactivate",
        "/configs/restore",
        "/api/v1/user-overrides",
        "/api/v1/admin",
        "/api/v1/admin/tsdb/delete_series",
        "/api/v1/admin/tsdb/snapshot",
        "/api/v1/admin/tenants",
        "/api/v1/status/config",
        "/api/v1/status/flags",
        "/api/v1/status/tsdb",
        "/api/v1/status/runtimeinfo",
        "/api/v1/status/active_queries",
        "/api/v1/targets",
        "/api/v1/cache/generation_numbers",
        "/-/reload",
        "/-/quit",
        "/-/healthy",
        "/internal/resetRollupResultCache",
        "/internal/force_flush",
        "/snapshot/create",
    ];

    /// What back ends mount parts of their API under.
    const PREFIXES: [&str; 4] = ["", "/prometheus", "/api/prom", "/loki"];

    /// The plain reading of [`Route::path`].
    fn matches(pattern: &str, path: &str) -> bool {
        let mut have = path.split('/');
        for want in pattern.split('/') {
            let fits = match (want, have.next()) {
                ("**", _) => return true,
                ("*", Some(segment)) => !segment.is_empty(),
                (literal, Some(segment)) => literal == segment,
                (_, None) => false,
            };
            if !fits {
                return false;
            }
        }
        have.next().is_none()
    }

    /// Whether some path is matched by both patterns.
    #[expect(clippy::match_same_arms, reason = "the order of the arms is the rule")]
    fn overlap(one: &str, other: &str) -> bool {
        let (mut ones, mut others) = (one.split('/'), other.split('/'));
        loop {
            match (ones.next(), others.next()) {
                (Some("**"), _) | (_, Some("**")) | (None, None) => return true,
                (None, Some(_)) | (Some(_), None) => return false,
                (Some("*"), Some(segment)) | (Some(segment), Some("*")) if !segment.is_empty() => {}
                (Some(a), Some(b)) if a == b => {}
                (Some(_), Some(_)) => return false,
            }
        }
    }

    fn permission(api: Api, method: &Method, path: &str) -> Option<String> {
        routes(api)
            .iter()
            .find(|route| route.methods.contains(method) && matches(route.path, path))
            .map(|route| route.permission.to_string())
    }

    #[test]
    fn the_plain_matcher_reads_the_syntax() {
        for (pattern, path) in [
            ("/a/*", "/a/b"),
            ("/a/*/c", "/a/b/c"),
            ("/a/**", "/a"),
            ("/a/**", "/a/"),
            ("/a/**", "/a/b/c"),
            ("/**", "/"),
            ("/a/", "/a/"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("/a/*", "/a"),
            ("/a/*", "/a/"),
            ("/a/*", "/a/b/c"),
            ("/a/**", "/ab"),
            ("/a", "/a/"),
            ("/a", "/A"),
            ("/a/", "/a"),
        ] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn every_path_is_well_formed() {
        let plain = |segment: &str| {
            !matches!(segment, "" | "." | "..")
                && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
        };
        for route in Api::ALL.into_iter().flat_map(routes) {
            let inner = route.path.strip_prefix('/').unwrap_or_else(|| panic!("{}", route.path));
            let segments: Vec<&str> = inner.split('/').collect();
            let (last, before) = segments.split_last().expect("split yields at least one");
            assert!(before.iter().all(|s| *s == "*" || plain(s)), "{}", route.path);
            assert!(["", "*", "**"].contains(last) || plain(last), "{}", route.path);
            assert_ne!(route.methods, Methods::NONE, "{}", route.path);
        }
    }

    #[test]
    fn get_implies_head() {
        for route in Api::ALL.into_iter().flat_map(routes) {
            let [get, head] = [Method::GET, Method::HEAD].map(|method| route.methods.contains(&method));
            assert_eq!(get, head, "{}", route.path);
        }
    }

    #[test]
    fn no_request_is_judged_twice() {
        for api in Api::ALL {
            for (index, one) in routes(api).iter().enumerate() {
                for other in &routes(api)[index + 1..] {
                    if one.path == other.path {
                        let shared =
                            METHODS.iter().find(|m| one.methods.contains(m) && other.methods.contains(m));
                        assert_eq!(shared, None, "{api:?}: {} stands there twice", one.path);
                    } else {
                        assert!(!overlap(one.path, other.path), "{api:?}: {} and {}", one.path, other.path);
                    }
                }
            }
        }
    }

    #[test]
    fn what_operates_a_back_end_is_in_no_table() {
        for api in [Api::Cortex, Api::Loki, Api::Prometheus] {
            for (prefix, path) in PREFIXES.iter().flat_map(|prefix| OPERATORS.map(|path| (prefix, path))) {
                let path = format!("{prefix}{path}");
                let found = routes(api).iter().find(|route| matches(route.path, &path));
                assert_eq!(found, None, "{api:?}: {path}");
            }
        }
        for path in OPERATORS.iter().filter(|path| **path != "/") {
            let path = format!("/alertmanager{path}");
            assert!(!routes(Api::Cortex).iter().any(|route| matches(route.path, &path)), "{path}");
        }
        for path in ["/push", "/api/prom/configs/rules", "/api/v1/chunks", "/vmui", "/graph", "/loki/ui"] {
            for api in [Api::Cortex, Api::Loki, Api::Prometheus] {
                assert!(!routes(api).iter().any(|route| matches(route.path, path)), "{api:?}: {path}");
            }
        }
    }

    #[test]
    fn what_agents_and_people_send_is_judged_as_what_it_is() {
        let cases = [
            (Api::Cortex, Method::POST, "/api/v1/push", "metrics:write"),
            (Api::Cortex, Method::POST, "/api/prom/push", "metrics:write"),
            (Api::Cortex, Method::POST, "/otlp/v1/metrics", "metrics:write"),
            (Api::Cortex, Method::POST, "/prometheus/api/v1/query", "metrics:read"),
            (Api::Cortex, Method::HEAD, "/api/prom/api/v1/label/job/values", "metrics:read"),
            (Api::Cortex, Method::GET, "/api/v1/query_range", "metrics:read"),
            (Api::Cortex, Method::POST, "/prometheus/api/v1/read", "metrics:read"),
            (Api::Cortex, Method::GET, "/prometheus/api/v1/rules", "rules:read"),
            (Api::Cortex, Method::GET, "/prometheus/api/v1/alerts", "alerts:read"),
            (Api::Cortex, Method::POST, "/api/v1/rules/team%2Fone", "rules:write"),
            (Api::Cortex, Method::DELETE, "/prometheus/config/v1/rules/ns/group", "rules:delete"),
            (Api::Cortex, Method::DELETE, "/api/v1/alerts", "alerts:delete"),
            (Api::Cortex, Method::GET, "/alertmanager/", "alerts:read"),
            (Api::Cortex, Method::POST, "/alertmanager/api/v2/silences", "alerts:write"),
            (Api::Cortex, Method::DELETE, "/alertmanager/api/v2/silence/1", "alerts:delete"),
            (Api::Cortex, Method::POST, "/api/v1/upload/block/01F/start", "metrics:write"),
            (Api::Loki, Method::POST, "/loki/api/v1/push", "logs:write"),
            (Api::Loki, Method::POST, "/otlp/v1/logs", "logs:write"),
            (Api::Loki, Method::GET, "/loki/api/v1/tail", "logs:read"),
            (Api::Loki, Method::GET, "/loki/api/v1/delete", "logs:read"),
            (Api::Loki, Method::PUT, "/loki/api/v1/delete", "logs:delete"),
            (Api::Loki, Method::POST, "/api/prom/rules/ns", "rules:write"),
            (Api::Prometheus, Method::POST, "/api/v1/write", "metrics:write"),
            (Api::Prometheus, Method::PUT, "/api/v1/import/prometheus/metrics/job/a", "metrics:write"),
            (Api::Prometheus, Method::GET, "/federate", "metrics:read"),
            (Api::Prometheus, Method::GET, "/api/v1/alerts", "alerts:read"),
            (Api::ReadWrite, Method::HEAD, "/", "data:read"),
            (Api::ReadWrite, Method::DELETE, "/any/thing", "data:write"),
        ];
        for (api, method, path, expected) in cases {
            assert_eq!(permission(api, &method, path).as_deref(), Some(expected), "{api:?} {method} {path}");
        }
    }

    #[test]
    fn a_listed_path_is_not_open_to_every_method() {
        for (api, method, path) in [
            (Api::Cortex, Method::GET, "/api/v1/push"),
            (Api::Cortex, Method::DELETE, "/prometheus/api/v1/series"),
            (Api::Cortex, Method::POST, "/prometheus/api/v1/rules"),
            (Api::Loki, Method::DELETE, "/loki/api/v1/series"),
            (Api::Prometheus, Method::DELETE, "/api/v1/series"),
            (Api::Prometheus, Method::POST, "/api/v1/rules"),
            (Api::ReadWrite, Method::TRACE, "/"),
            (Api::ReadWrite, Method::CONNECT, "/"),
        ] {
            assert_eq!(permission(api, &method, path), None, "{api:?} {method} {path}");
        }
    }
}
