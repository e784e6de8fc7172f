//! Prometheus and VictoriaMetrics.

use super::{ALERTS_READ, GET, METRICS_READ, METRICS_WRITE, Methods, POST, QUERY, RULES_READ, Route, route};

const PUSHGATEWAY: Methods = POST.union(Methods::PUT);

/// Prometheus 3 (HTTP API of the server, with the remote-write and OTLP receivers) and
/// VictoriaMetrics 1 (single node: its Prometheus querying API and the ways to import). Neither
/// knows tenants: whoever reaches one reads all of it, so each tenant needs an upstream of its own.
///
/// Scrape targets, flags, configuration and the TSDB's inside belong to the operator.
pub(super) static ROUTES: &[Route] = &[
    // writing, both
    route(POST, "/api/v1/write", METRICS_WRITE),
    // writing, Prometheus
    route(POST, "/api/v1/otlp/v1/metrics", METRICS_WRITE),
    // writing, VictoriaMetrics
    route(POST, "/opentelemetry/v1/metrics", METRICS_WRITE),
    route(POST, "/opentelemetry/api/v1/push", METRICS_WRITE),
    route(POST, "/api/v1/import", METRICS_WRITE),
    route(POST, "/api/v1/import/csv", METRICS_WRITE),
    route(POST, "/api/v1/import/native", METRICS_WRITE),
    route(PUSHGATEWAY, "/api/v1/import/prometheus/**", METRICS_WRITE),
    route(POST, "/write", METRICS_WRITE),
    route(POST, "/api/v2/write", METRICS_WRITE),
    route(POST, "/influx/write", METRICS_WRITE),
    route(POST, "/influx/api/v2/write", METRICS_WRITE),
    // querying, both
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
    route(GET, "/api/v1/status/buildinfo", METRICS_READ),
    route(GET, "/federate", METRICS_READ),
    // querying, VictoriaMetrics
    route(QUERY, "/api/v1/export", METRICS_READ),
    route(QUERY, "/api/v1/export/csv", METRICS_READ),
    route(QUERY, "/api/v1/export/native", METRICS_READ),
    // rules, both
    route(GET, "/api/v1/rules", RULES_READ),
    route(GET, "/api/v1/alerts", ALERTS_READ),
];
