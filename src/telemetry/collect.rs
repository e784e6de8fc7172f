//! A page of metric families in the Prometheus text format 0.0.4. Each family is written as it
//! is added, so that only one is in memory as samples.

use prometheus::TextEncoder;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};

use super::histogram::Observed;

/// Label names and values of one sample; the encoder escapes the values.
pub(super) type Labels<'a> = &'a [(&'static str, &'a str)];

#[derive(Default)]
pub(super) struct Page {
    text: String,
}

impl Page {
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.family(MetricType::GAUGE, name, help, vec![gauge(&[], value)]);
    }

    pub(super) fn gauges(&mut self, name: &str, help: &str, samples: Vec<Metric>) {
        self.family(MetricType::GAUGE, name, help, samples);
    }

    pub(super) fn counter(&mut self, name: &str, help: &str, value: f64) {
        self.family(MetricType::COUNTER, name, help, vec![counter(&[], value)]);
    }

    pub(super) fn counters(&mut self, name: &str, help: &str, samples: Vec<Metric>) {
        self.family(MetricType::COUNTER, name, help, samples);
    }

    pub(super) fn histograms(&mut self, name: &str, help: &str, samples: Vec<Metric>) {
        self.family(MetricType::HISTOGRAM, name, help, samples);
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// A family without samples is left out, as the format has no way to show it.
    fn family(&mut self, kind: MetricType, name: &str, help: &str, samples: Vec<Metric>) {
        if samples.is_empty() {
            return;
        }
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        family.set_metric(samples);
        if let Err(error) = TextEncoder::new().encode_utf8(&[family], &mut self.text) {
            tracing::error!(%error, family = name, "a metric family cannot be shown");
        }
    }
}

pub(super) fn gauge(labels: Labels<'_>, value: f64) -> Metric {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = Metric::from_gauge(gauge);
    metric.set_label(pairs(labels));
    metric
}

pub(super) fn counter(labels: Labels<'_>, value: f64) -> Metric {
    let mut counter = Counter::default();
    counter.set_value(value);
    let mut metric = Metric::from_label(pairs(labels));
    metric.set_counter(counter);
    metric
}

pub(super) fn histogram(labels: Labels<'_>, observed: &Observed) -> Metric {
    let bucket = |(bound, count)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(bound);
        bucket.set_cumulative_count(count);
        bucket
    };
    let mut histogram = Histogram::default();
    histogram.set_bucket(observed.cumulative().map(bucket).collect());
    histogram.set_sample_count(observed.count());
    histogram.set_sample_sum(observed.sum_seconds());
    let mut metric = Metric::from_label(pairs(labels));
    metric.set_histogram(histogram);
    metric
}

fn pairs(labels: Labels<'_>) -> Vec<LabelPair> {
    let pair = |&(name, value): &(&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.to_owned());
        pair
    };
    labels.iter().map(pair).collect()
}
