//! Cortex and Mimir.

use super::{
    ALERTS_DELETE, ALERTS_READ, ALERTS_WRITE, DELETE, GET, METRICS_READ, METRICS_WRITE, POST, QUERY,
    RULES_DELETE, RULES_READ, RULES_WRITE, Route, route,
};

/// Cortex 1.x and Mimir 3.2 (their HTTP API references), with their default prefixes
/// `/prometheus`, `/alertmanager` and `/api/prom`, and Alertmanager's v2 API.
///
/// `/api/v1/rules` without a prefix is the ruler's configuration, with one it is the state of the
/// rules; `/api/v1/alerts` likewise is the Alertmanager's configuration. `/alertmanager` is not
/// opened as a whole, because an Alertmanager serves its metrics, profiles and reload there too;
/// nor are the limits a tenant could set for itself (`/api/v1/user-overrides`).
pub(super) static ROUTES: &[Route] = &[
    // writing
    route(POST, "/api/v1/push", METRICS_WRITE),
    route(POST, "/api/v1/push/influx/write", METRICS_WRITE),
    route(POST, "/api/prom/push", METRICS_WRITE),
    route(POST, "/otlp/v1/metrics", METRICS_WRITE),
    route(POST, "/api/v1/otlp/v1/metrics", METRICS_WRITE),
    route(POST, "/api/v1/upload/block/*/start", METRICS_WRITE),
    route(POST, "/api/v1/upload/block/*/files", METRICS_WRITE),
    route(POST, "/api/v1/upload/block/*/finish", METRICS_WRITE),
    route(GET, "/api/v1/upload/block/*/check", METRICS_WRITE),
    // querying, by the prefix that is the default
    route(QUERY, "/prometheus/api/v1/query", METRICS_READ),
    route(QUERY, "/prometheus/api/v1/query_range", METRICS_READ),
    route(QUERY, "/prometheus/api/v1/query_exemplars", METRICS_READ),
    route(QUERY, "/prometheus/api/v1/format_query", METRICS_READ),
    route(QUERY, "/prometheus/api/v1/parse_query", METRICS_READ),
    route(QUERY, "/prometheus/api/v1/series", METRICS_READ),
    route(QUERY, "/prometheus/api/v1/labels", METRICS_READ),
    route(GET, "/prometheus/api/v1/label/*/values", METRICS_READ),
    route(GET, "/prometheus/api/v1/metadata", METRICS_READ),
    route(POST, "/prometheus/api/v1/read", METRICS_READ),
    route(QUERY, "/prometheus/api/v1/cardinality/label_names", METRICS_READ),
    route(QUERY, "/prometheus/api/v1/cardinality/label_values", METRICS_READ),
    route(QUERY, "/prometheus/api/v1/cardinality/active_series", METRICS_READ),
    route(QUERY, "/prometheus/api/v1/cardinality/active_native_histogram_metrics", METRICS_READ),
    route(GET, "/prometheus/api/v1/status/buildinfo", METRICS_READ),
    // querying, by the prefix of Cortex before 1.0
    route(QUERY, "/api/prom/api/v1/query", METRICS_READ),
    route(QUERY, "/api/prom/api/v1/query_range", METRICS_READ),
    route(QUERY, "/api/prom/api/v1/query_exemplars", METRICS_READ),
    route(QUERY, "/api/prom/api/v1/format_query", METRICS_READ),
    route(QUERY, "/api/prom/api/v1/parse_query", METRICS_READ),
    route(QUERY, "/api/prom/api/v1/series", METRICS_READ),
    route(QUERY, "/api/prom/api/v1/labels", METRICS_READ),
    route(GET, "/api/prom/api/v1/label/*/values", METRICS_READ),
    route(GET, "/api/prom/api/v1/metadata", METRICS_READ),
    route(POST, "/api/prom/api/v1/read", METRICS_READ),
    route(QUERY, "/api/prom/api/v1/cardinality/label_names", METRICS_READ),
    route(QUERY, "/api/prom/api/v1/cardinality/label_values", METRICS_READ),
    route(QUERY, "/api/prom/api/v1/cardinality/active_series", METRICS_READ),
    route(QUERY, "/api/prom/api/v1/cardinality/active_native_histogram_metrics", METRICS_READ),
    route(GET, "/api/prom/api/v1/status/buildinfo", METRICS_READ),
    // querying, without a prefix: a querier of its own, and Opstrace's layout
    route(QUERY, "/api/v1/query", METRICS_READ),
    route(QUERY, "/api/v1/query_range", METRICS_READ),
    route(QUERY, "/api/v1/query_exemplars", METRICS_READ),
    route(QUERY, "/api/v1/format_query", METRICS_READ),
    route(QUERY, "/api/v1/parse_query", METRICS_READ),
    route(QUERY, "/api/v1/series", METRICS_READ),
    route(QUERY, "/api/v1/labels", METRICS_READ),
    route(GET, "/api/v1/label/*/values", METRICS_READ),
    route(GET, "/api/v1/metadata", METRICS_READ),
    route(POST, "/api/v1/read", METRICS_READ),
    route(QUERY, "/api/v1/cardinality/label_names", METRICS_READ),
    route(QUERY, "/api/v1/cardinality/label_values", METRICS_READ),
    route(QUERY, "/api/v1/cardinality/active_series", METRICS_READ),
    route(QUERY, "/api/v1/cardinality/active_native_histogram_metrics", METRICS_READ),
    route(GET, "/api/v1/status/buildinfo", METRICS_READ),
    // the tenant's own usage and limits
    route(GET, "/api/v1/user_stats", METRICS_READ),
    route(GET, "/api/prom/user_stats", METRICS_READ),
    route(GET, "/api/v1/user_limits", METRICS_READ),
    // rules as configured: namespaces, and groups in them
    route(GET, "/prometheus/config/v1/rules", RULES_READ),
    route(GET, "/prometheus/config/v1/rules/*", RULES_READ),
    route(POST, "/prometheus/config/v1/rules/*", RULES_WRITE),
    route(DELETE, "/prometheus/config/v1/rules/*", RULES_DELETE),
    route(GET, "/prometheus/config/v1/rules/*/*", RULES_READ),
    route(DELETE, "/prometheus/config/v1/rules/*/*", RULES_DELETE),
    route(GET, "/api/v1/rules", RULES_READ),
    route(GET, "/api/v1/rules/*", RULES_READ),
    route(POST, "/api/v1/rules/*", RULES_WRITE),
    route(DELETE, "/api/v1/rules/*", RULES_DELETE),
    route(GET, "/api/v1/rules/*/*", RULES_READ),
    route(DELETE, "/api/v1/rules/*/*", RULES_DELETE),
    route(GET, "/api/prom/rules", RULES_READ),
    route(GET, "/api/prom/rules/*", RULES_READ),
    route(POST, "/api/prom/rules/*", RULES_WRITE),
    route(DELETE, "/api/prom/rules/*", RULES_DELETE),
    route(GET, "/api/prom/rules/*/*", RULES_READ),
    route(DELETE, "/api/prom/rules/*/*", RULES_DELETE),
    // rules as evaluated
    route(GET, "/prometheus/api/v1/rules", RULES_READ),
    route(GET, "/prometheus/api/v1/alerts", ALERTS_READ),
    route(GET, "/api/prom/api/v1/rules", RULES_READ),
    route(GET, "/api/prom/api/v1/alerts", ALERTS_READ),
    // the tenant's Alertmanager: its configuration
    route(GET, "/api/v1/alerts", ALERTS_READ),
    route(POST, "/api/v1/alerts", ALERTS_WRITE),
    route(DELETE, "/api/v1/alerts", ALERTS_DELETE),
    // its API
    route(GET, "/alertmanager/api/v1/status/buildinfo", ALERTS_READ),
    route(GET, "/alertmanager/api/v2/status", ALERTS_READ),
    route(GET, "/alertmanager/api/v2/receivers", ALERTS_READ),
    route(GET, "/alertmanager/api/v2/alerts", ALERTS_READ),
    route(POST, "/alertmanager/api/v2/alerts", ALERTS_WRITE),
    route(GET, "/alertmanager/api/v2/alerts/groups", ALERTS_READ),
    route(GET, "/alertmanager/api/v2/silences", ALERTS_READ),
    route(POST, "/alertmanager/api/v2/silences", ALERTS_WRITE),
    route(GET, "/alertmanager/api/v2/silence/*", ALERTS_READ),
    route(DELETE, "/alertmanager/api/v2/silence/*", ALERTS_DELETE),
    // its pages
    route(GET, "/alertmanager", ALERTS_READ),
    route(GET, "/alertmanager/", ALERTS_READ),
    route(GET, "/alertmanager/script.js", ALERTS_READ),
    route(GET, "/alertmanager/favicon.ico", ALERTS_READ),
    route(GET, "/alertmanager/lib/**", ALERTS_READ),
];
