//! What a served model tells of itself: how busy it is, and how long answers take.
//!
//! The names are those that the Model Server Protocol of Kubernetes' inference gateway means, with our own beginning and,
//! where schedulers have the names of vLLM built in, with those too. Nobody who reads them waits for the model: its thread
//! leaves numbers in atomics as it goes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
use plimsoll_engine::Finish;

/// What stands with every number.
const ABOUT: Metadata<'static> = Metadata::new("plimsoll", Level::INFO, None);
/// Positions of the cache are told in blocks of so many, as schedulers hash prompts; none are cut so here.
const BLOCK: usize = 16;

const FIRST_TOKEN: &str = "plimsoll:time_to_first_token_seconds";
const BETWEEN_TOKENS: &str = "plimsoll:inter_token_latency_seconds";
const WHOLE: &str = "plimsoll:e2e_request_latency_seconds";

/// The histograms with the bounds of their buckets, in s.
pub const HISTOGRAMS: [(&str, &[f64]); 3] = [
    (FIRST_TOKEN, &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0]),
    (BETWEEN_TOKENS, &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5]),
    (WHOLE, &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0]),
];

/// Every number but the histograms, with what it tells.
const TOLD: [(&str, &str); 7] = [
    ("num_requests_waiting", "Answers that wait for a place"),
    ("num_requests_running", "Answers in the making"),
    ("kv_cache_usage_perc", "Share of the room for keys and values that answers in the making have, 0 to 1"),
    ("prompt_tokens_total", "Tokens of the prompts that were let in"),
    ("generation_tokens_total", "Tokens of answers"),
    ("prefix_cache_queries_total", "Tokens that were looked for in the cache"),
    ("prefix_cache_hits_total", "Tokens that were found there"),
];

/// How busy a model is, as its thread left it last.
#[derive(Debug)]
pub struct Load {
    /// Commands that were sent and not taken yet.
    pub arriving: AtomicUsize,
    waiting: AtomicUsize,
    running: AtomicUsize,
    /// Positions of the cache that answers in the making have.
    reserved: AtomicUsize,
    /// Positions that there may be.
    capacity: usize,
}

impl Load {
    /// Of a model without requests, whose cache may have this many positions.
    pub fn new(capacity: usize) -> Load {
        let none = AtomicUsize::default;
        Load { arriving: none(), waiting: none(), running: none(), reserved: none(), capacity: capacity.max(1) }
    }

    /// Tells how many run, have reserved and wait. What goes from one to the next is never in none.
    pub fn set(&self, running: usize, reserved: usize, waiting: usize) {
        self.running.store(running, Ordering::SeqCst);
        self.reserved.store(reserved, Ordering::SeqCst);
        self.waiting.store(waiting, Ordering::SeqCst);
    }

    /// What waits to be heard, to be let in or to be finished.
    pub fn open(&self) -> usize {
        self.waiting() + self.running()
    }

    fn waiting(&self) -> usize {
        self.arriving.load(Ordering::SeqCst) + self.waiting.load(Ordering::SeqCst)
    }

    fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    fn usage(&self) -> f64 {
        (self.reserved.load(Ordering::SeqCst) as f64 / self.capacity as f64).min(1.0)
    }
}

/// When an answer was asked for, and when its last token came.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    asked: Instant,
    last: Option<Instant>,
}

impl Times {
    /// Of an answer that was asked for then.
    pub fn since(asked: Instant) -> Times {
        Times { asked, last: None }
    }
}

/// How an answer ended, for who counts.
#[derive(Debug, Clone, Copy)]
pub enum Ending {
    /// By itself or by its length.
    Finished(Finish),
    /// Nobody wanted it any more.
    Left,
    /// The model failed.
    Failed,
}

/// The numbers of one model, where they are counted.
pub struct Measures {
    waiting: [Gauge; 2],
    running: [Gauge; 2],
    usage: [Gauge; 2],
    first_token: Histogram,
    between_tokens: Histogram,
    whole: Histogram,
    prompt_tokens: Counter,
    answer_tokens: Counter,
    looked_for: Counter,
    found: Counter,
    /// In the order of [`REASONS`].
    ended: [Counter; 4],
}

/// Why answers end.
const REASONS: [&str; 4] = ["stop", "length", "abort", "error"];

impl Measures {
    /// Has `recorder` count for the model called `name`, whose cache is that of `load`.
    pub fn new(recorder: &dyn Recorder, name: &str, load: &Load) -> Measures {
        describe(recorder);
        let labels = || vec![Label::new("model_name", name.to_owned())];
        let gauge = |name: String, labels| recorder.register_gauge(&Key::from_parts(name, labels), &ABOUT);
        let both = |name: &str| ["plimsoll", "vllm"].map(|whose| gauge(format!("{whose}:{name}"), labels()));
        for whose in ["plimsoll", "vllm"] {
            let of_blocks = [("block_size", BLOCK), ("num_gpu_blocks", load.capacity / BLOCK)];
            let of_blocks = of_blocks.map(|(label, n)| Label::new(label, n.to_string()));
            let info = [labels(), of_blocks.to_vec()].concat();
            gauge(format!("{whose}:cache_config_info"), info).set(1.0);
        }
        let histogram = |name: &'static str| recorder.register_histogram(&Key::from_parts(name, labels()), &ABOUT);
        let counter = |name: &str, more: Option<Label>| {
            let labels: Vec<Label> = labels().into_iter().chain(more).collect();
            recorder.register_counter(&Key::from_parts(format!("plimsoll:{name}"), labels), &ABOUT)
        };
        Measures {
            waiting: both("num_requests_waiting"),
            running: both("num_requests_running"),
            usage: both("kv_cache_usage_perc"),
            first_token: histogram(FIRST_TOKEN),
            between_tokens: histogram(BETWEEN_TOKENS),
            whole: histogram(WHOLE),
            prompt_tokens: counter("prompt_tokens_total", None),
            answer_tokens: counter("generation_tokens_total", None),
            looked_for: counter("prefix_cache_queries_total", None),
            found: counter("prefix_cache_hits_total", None),
            ended: REASONS
                .map(|reason| counter("requests_finished_total", Some(Label::new("finished_reason", reason)))),
        }
    }

    /// Tells how busy the model is.
    pub fn publish(&self, load: &Load) {
        let numbers = [load.waiting() as f64, load.running() as f64, load.usage()];
        for (gauges, number) in [&self.waiting, &self.running, &self.usage].into_iter().zip(numbers) {
            gauges.iter().for_each(|gauge| gauge.set(number));
        }
    }

    /// A prompt of `tokens` was let in, of which so many were cached.
    pub fn let_in(&self, tokens: usize, cached: usize) {
        self.prompt_tokens.increment(tokens as u64);
        self.looked_for.increment(tokens as u64);
        self.found.increment(cached as u64);
    }

    /// A token of an answer came.
    pub fn token(&self, times: &mut Times) {
        let now = Instant::now();
        match times.last.replace(now) {
            None => self.first_token.record(now.duration_since(times.asked).as_secs_f64()),
            Some(last) => self.between_tokens.record(now.duration_since(last).as_secs_f64()),
        }
        self.answer_tokens.increment(1);
    }

    /// An answer ended.
    pub fn ended(&self, times: &Times, ending: Ending) {
        let reason = match ending {
            Ending::Finished(Finish::Stop) => 0,
            Ending::Finished(Finish::Length | Finish::ContextFull) => 1,
            Ending::Finished(Finish::Interrupted) | Ending::Left => 2,
            Ending::Failed => 3,
        };
        self.ended[reason].increment(1);
        if let Ending::Finished(_) = ending {
            self.whole.record(times.asked.elapsed().as_secs_f64());
        }
    }
}

/// Says what each number tells.
fn describe(recorder: &dyn Recorder) {
    for (name, about) in TOLD {
        let key = format!("plimsoll:{name}").into();
        match name.ends_with("_total") {
            true => recorder.describe_counter(key, None, about.into()),
            false => recorder.describe_gauge(key, None, about.into()),
        }
    }
    recorder.describe_counter("plimsoll:requests_finished_total".into(), None, "Answers by why they ended".into());
    let info = "Room for keys and values; the blocks are a measure, nothing is cut into them";
    recorder.describe_gauge("plimsoll:cache_config_info".into(), None, info.into());
    let abouts =
        ["From a request to the first token", "From one token to the next", "From a request to the answer's end"];
    for ((name, _), about) in HISTOGRAMS.into_iter().zip(abouts) {
        recorder.describe_histogram(name.into(), None, about.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_what_arrives_waits_and_runs_and_a_full_cache_is_one() {
        let load = Load::new(64);
        assert_eq!((load.open(), load.usage()), (0, 0.0));
        load.arriving.fetch_add(1, Ordering::SeqCst);
        load.set(2, 16, 3);
        assert_eq!((load.open(), load.waiting(), load.running()), (6, 4, 2));
        assert_eq!(load.usage(), 0.25);
        load.set(1, 100, 0); // one answer is let in whatever it takes
        assert_eq!(load.usage(), 1.0);
    }
}
