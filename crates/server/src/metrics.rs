//! Counts of requests and of what models do, for Prometheus.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use metrics::{Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

/// What stands with every number.
const ABOUT: Metadata<'static> = Metadata::new("plimsoll", Level::INFO, None);
/// Bounds of the histogram of requests, in s.
const BUCKETS: [f64; 8] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];

/// Counts requests of one server; two servers in one process count apart.
pub struct Meter {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
}

impl Meter {
    pub fn new() -> Meter {
        let all = [("http_request_seconds", &BUCKETS[..])].into_iter().chain(plimsoll_api::HISTOGRAMS);
        let builder = all.fold(PrometheusBuilder::new(), |builder, (name, bounds)| {
            let buckets = builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), bounds);
            buckets.expect("no histogram is without buckets")
        });
        let recorder = Arc::new(builder.build_recorder());
        recorder.describe_counter("http_requests_total".into(), None, "Requests by route and status".into());
        recorder.describe_histogram("http_request_seconds".into(), None, "Seconds a request took".into());
        Meter { handle: recorder.handle(), recorder }
    }

    /// Where others count too.
    pub fn recorder(&self) -> Arc<dyn Recorder + Send + Sync> {
        Arc::clone(&self.recorder) as Arc<dyn Recorder + Send + Sync>
    }

    /// Puts what histograms were told into their buckets, lest it lie there until somebody reads.
    pub fn tidy(&self) {
        self.handle.run_upkeep();
    }

    /// Counts a request to `route`, a pattern and never the path itself.
    pub fn answered(&self, route: &str, status: StatusCode, took: Duration) {
        let labels = vec![Label::new("route", route.to_owned()), Label::new("status", status.as_str().to_owned())];
        self.recorder.register_counter(&Key::from_parts("http_requests_total", labels), &ABOUT).increment(1);
        let labels = vec![Label::new("route", route.to_owned())];
        let histogram = self.recorder.register_histogram(&Key::from_parts("http_request_seconds", labels), &ABOUT);
        histogram.record(took.as_secs_f64());
    }

    /// Everything counted, in Prometheus' text format.
    pub fn render(&self) -> String {
        self.handle.render()
    }
}
