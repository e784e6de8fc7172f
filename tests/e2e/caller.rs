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
        answer.iter().map(|row| (name(row), number(&row["value"]).expect("a number"))).collect()
    }

    /// The counter as the tenant's store has it, over one way, in the order of the samples' times.
    pub async fn counts(&self, tenant: &str, way: &str, token: &str) -> Vec<Count> {
        let query = format!("{{__name__=~\"up|{METRIC}\",job=\"counter\",way=\"{way}\"}}[10m]");
        let answer = rows(self.query(tenant, way, token, &query)).await;
        assert!(answer.iter().all(|series| series["metric"]["tenant"] == tenant), "{answer:?}");
        let (mut ups, mut counts) = (samples(&answer, "up").peekable(), Vec::new());
        for (time, number) in samples(&answer, METRIC) {
            let mut missed = 0;
            while let Some((_, up)) = ups.next_if(|(when, _)| *when <= time) {
                missed += u64::from(up == 0);
            }
            counts.push(Count { number, missed });
        }
        counts
    }
}

/// One sample of the counter.
#[derive(Clone, Copy, Debug)]
pub struct Count {
    pub number: u64,
    /// Scrapes since the sample before that the agent itself gave up, by its `up`: the exporter has
    /// counted them, but there is no sample that could be lost.
    pub missed: u64,
}

impl Count {
    /// How many samples between this one and the next are lost.
    pub fn lost(self, next: Count) -> u64 {
        next.number.saturating_sub(self.number + 1 + next.missed)
    }
}

/// Time and value of a metric's samples; there is one series of it at most.
fn samples<'a>(answer: &'a [Value], metric: &str) -> impl Iterator<Item = (f64, u64)> + use<'a> {
    let mut series = answer.iter().filter(|series| series["metric"]["__name__"] == metric);
    let values = series.next().map(|series| series["values"].as_array().expect("values"));
    assert!(series.next().is_none(), "more than one series: {answer:?}");
    let pairs = values.into_iter().flatten();
    pairs.filter_map(|pair| Some((pair[0].as_f64().expect("a time"), number(pair)?)))
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

/// The number of a `[time, "value"]` pair; none for `NaN`, which marks the end of a series.
fn number(pair: &Value) -> Option<u64> {
    pair[1].as_str().expect("a value").parse().ok()
}
