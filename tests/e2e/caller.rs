//! Somebody who asks for metrics through the gateway, as a dashboard would.

use std::fs;

use reqwest::{Certificate, Client, RequestBuilder, Url};
use serde_json::Value;

use super::exporter::METRIC;
use super::gate::{DOMAIN, GATEWAY, Gate};

pub struct Caller {
    http: Client,
    port: u16,
}

impl Caller {
    /// A caller that knows the hosts of these tenants and believes the gateway's authority.
    pub fn new(gate: &Gate, tenants: &[&str]) -> Caller {
        crate::support::gateway::provider();
        let ca = Certificate::from_pem(&fs::read(&gate.ca).expect("a file")).expect("a certificate");
        let mut client = Client::builder().no_proxy().tls_certs_only([ca]).resolve(GATEWAY, gate.proxy);
        for tenant in tenants {
            client = client.resolve(&format!("{tenant}.{DOMAIN}"), gate.proxy);
        }
        Caller { http: client.build().expect("a client"), port: gate.proxy.port() }
    }

    /// An instant query at a tenant's address, over one of the ways.
    pub fn query(&self, tenant: &str, way: &str, token: &str, query: &str) -> RequestBuilder {
        let port = self.port;
        let base = match way {
            "host" => format!("https://{tenant}.{DOMAIN}:{port}"),
            _ => format!("https://{GATEWAY}:{port}/t/{tenant}/metrics"),
        };
        let mut url = Url::parse(&format!("{base}/prometheus/api/v1/query")).expect("a URL");
        url.query_pairs_mut().append_pair("query", query);
        self.http.get(url).bearer_auth(token)
    }

    /// The tenants whose samples a tenant sees, and how many series of each.
    pub async fn tenants(&self, tenant: &str, way: &str, token: &str) -> Vec<(String, u64)> {
        let answer = rows(self.query(tenant, way, token, r#"count by (tenant) ({__name__=~".+"})"#)).await;
        let name = |row: &Value| row["metric"]["tenant"].as_str().unwrap_or_default().to_owned();
        answer.iter().map(|row| (name(row), number(&row["value"]))).collect()
    }

    /// The counter's values as the tenant's store has them, over one way, in the order of their times.
    pub async fn values(&self, tenant: &str, way: &str, token: &str) -> Vec<u64> {
        let query = format!("{METRIC}{{way=\"{way}\"}}[10m]");
        let answer = rows(self.query(tenant, way, token, &query)).await;
        assert!(answer.len() <= 1, "one series: {answer:?}");
        let Some(series) = answer.first() else { return Vec::new() };
        assert_eq!(series["metric"]["tenant"], tenant);
        series["values"].as_array().expect("values").iter().map(number).collect()
    }
}

/// The rows of a query's answer; 200 it has to be.
pub async fn rows(request: RequestBuilder) -> Vec<Value> {
    let response = request.send().await.expect("an answer");
    let status = response.status();
    let text = response.text().await.expect("text");
    assert_eq!(status, 200, "{text}");
    let mut answer: Value = serde_json::from_str(&text).expect("JSON");
    serde_json::from_value(answer["data"]["result"].take()).expect("rows")
}

/// The number of a `[time, "value"]` pair.
fn number(pair: &Value) -> u64 {
    pair[1].as_str().expect("a value").parse().expect("a whole number")
}
