//! Loki.

use super::{
    ALERTS_READ, DELETE, GET, LOGS_DELETE, LOGS_READ, LOGS_WRITE, Methods, POST, QUERY, RULES_DELETE,
    RULES_READ, RULES_WRITE, Route, route,
};

const REQUEST_DELETION: Methods = POST.union(Methods::PUT).union(DELETE);

/// Loki 3.7 (HTTP API reference) with the `/api/prom` paths that it deprecates, and what
/// Grafana's log views ask for (`detected_*`, `drilldown-limits`).
///
/// To ask for logs to be deleted and to take that back are one permission: both decide what is left.
pub(super) static ROUTES: &[Route] = &[
    // writing
    route(POST, "/loki/api/v1/push", LOGS_WRITE),
    route(POST, "/otlp/v1/logs", LOGS_WRITE),
    route(POST, "/api/prom/push", LOGS_WRITE),
    // querying
    route(QUERY, "/loki/api/v1/query", LOGS_READ),
    route(QUERY, "/loki/api/v1/query_range", LOGS_READ),
    route(QUERY, "/loki/api/v1/label", LOGS_READ),
    route(QUERY, "/loki/api/v1/labels", LOGS_READ),
    route(QUERY, "/loki/api/v1/label/*/values", LOGS_READ),
    route(QUERY, "/loki/api/v1/series", LOGS_READ),
    route(QUERY, "/loki/api/v1/index/stats", LOGS_READ),
    route(QUERY, "/loki/api/v1/index/shards", LOGS_READ),
    route(QUERY, "/loki/api/v1/index/volume", LOGS_READ),
    route(QUERY, "/loki/api/v1/index/volume_range", LOGS_READ),
    route(QUERY, "/loki/api/v1/patterns", LOGS_READ),
    route(QUERY, "/loki/api/v1/detected_labels", LOGS_READ),
    route(QUERY, "/loki/api/v1/detected_fields", LOGS_READ),
    route(QUERY, "/loki/api/v1/detected_field/*/values", LOGS_READ),
    route(QUERY, "/loki/api/v1/format_query", LOGS_READ),
    route(GET, "/loki/api/v1/drilldown-limits", LOGS_READ),
    route(GET, "/loki/api/v1/tail", LOGS_READ),
    route(GET, "/loki/api/v1/status/buildinfo", LOGS_READ),
    route(QUERY, "/api/prom/query", LOGS_READ),
    route(QUERY, "/api/prom/label", LOGS_READ),
    route(QUERY, "/api/prom/label/*/values", LOGS_READ),
    route(QUERY, "/api/prom/series", LOGS_READ),
    route(GET, "/api/prom/tail", LOGS_READ),
    // deleting
    route(GET, "/loki/api/v1/delete", LOGS_READ),
    route(REQUEST_DELETION, "/loki/api/v1/delete", LOGS_DELETE),
    // rules as configured: namespaces, and groups in them
    route(GET, "/loki/api/v1/rules", RULES_READ),
    route(GET, "/loki/api/v1/rules/*", RULES_READ),
    route(POST, "/loki/api/v1/rules/*", RULES_WRITE),
    route(DELETE, "/loki/api/v1/rules/*", RULES_DELETE),
    route(GET, "/loki/api/v1/rules/*/*", RULES_READ),
    route(DELETE, "/loki/api/v1/rules/*/*", RULES_DELETE),
    route(GET, "/api/prom/rules", RULES_READ),
    route(GET, "/api/prom/rules/*", RULES_READ),
    route(POST, "/api/prom/rules/*", RULES_WRITE),
    route(DELETE, "/api/prom/rules/*", RULES_DELETE),
    route(GET, "/api/prom/rules/*/*", RULES_READ),
    route(DELETE, "/api/prom/rules/*/*", RULES_DELETE),
    // rules as evaluated
    route(GET, "/prometheus/api/v1/rules", RULES_READ),
    route(GET, "/prometheus/api/v1/alerts", ALERTS_READ),
];
