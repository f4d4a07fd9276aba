//! `plimsoll serve` as a process that is watched and told to end.
#![cfg(unix)]

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

struct Server {
    process: Child,
    address: String,
    /// Held open: it goes on to write there.
    out: BufReader<ChildStdout>,
    _folder: tempfile::TempDir,
}

impl Server {
    /// Answers one request at a time, slowly.
    fn start(drain_seconds: u16) -> Server {
        Server::start_in(tempfile::tempdir().unwrap(), drain_seconds, &[])
    }

    fn start_in(folder: tempfile::TempDir, drain_seconds: u16, more: &[&OsStr]) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        command.args(["serve", "demo:large", "--port", "0", "--threads", "1", "--parallel", "1", "--store"]);
        command.arg(folder.path().join("evidence.db")).args(["--drain-seconds", &drain_seconds.to_string()]);
        let mut process = command.args(more).env("PLIMSOLL_ISA", "scalar").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("serving at http://").unwrap().to_owned();
        Server { process, address, out, _folder: folder }
    }

    fn send(&self, head: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (address, length) = (&self.address, body.len());
        write!(
            stream,
            "{head} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        stream
    }

    fn get(&self, path: &str) -> String {
        rest(self.send(&format!("GET {path}"), ""))
    }

    fn completion(&self, more: Value) -> TcpStream {
        // Its end forbidden, an answer has as many tokens as it may.
        let mut body = json!({"model": "demo:large", "prompt": "Once", "seed": 1, "logit_bias": {"2": -100}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.send("POST /v1/completions", &body.to_string())
    }

    /// Answers that go on for long, of which the first has begun.
    fn long_stream(&self, n: usize, max_tokens: usize) -> TcpStream {
        let mut stream = self.completion(json!({"n": n, "max_tokens": max_tokens, "stream": true}));
        let mut begin = Vec::new();
        while !contains(&begin, "data: ") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            begin.extend(byte);
        }
        stream
    }

    fn terminate(&self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
    }

    fn ended(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "the server goes on");
            sleep(Duration::from_millis(20));
        }
    }

    /// Waits until as many answers wait; what it tells then.
    fn has_waiting(&self, n: usize) -> String {
        let started = Instant::now();
        loop {
            let told = self.get("/metrics");
            if number(&told, &of("vllm:num_requests_waiting")) == n as f64 {
                return told;
            }
            assert!(started.elapsed() < PATIENCE, "{told}");
        }
    }

    /// Waits until it takes nothing new any more.
    fn drains(&self) {
        let started = Instant::now();
        while !self.get("/readyz").starts_with("HTTP/1.1 503") {
            assert!(started.elapsed() < PATIENCE, "the server is ready all the time");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn rest(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all); // a server that ended may have cut it
    String::from_utf8_lossy(&all).into_owned()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// A number of the model that is served.
fn of(name: &str) -> String {
    format!("{name}{{model_name=\"demo:large\"}}")
}

/// The number behind `name` in what `/metrics` tells.
fn number(metrics: &str, name: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {metrics}")).parse().unwrap()
}

#[test]
fn told_to_end_it_finishes_what_it_answers_and_takes_nothing_new() {
    let mut server = Server::start(600);
    let stream = server.long_stream(4, 400);
    server.terminate();
    server.drains();
    assert!(server.get("/livez").starts_with("HTTP/1.1 200"));
    let refused = rest(server.completion(json!({})));
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after: 5"), "{refused}");
    let body: Value = serde_json::from_str(refused.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(body["error"]["type"], "server_error");
    let told = server.get("/metrics");
    assert_eq!(number(&told, "plimsoll:num_requests_running{model_name=\"demo:large\"}"), 1.0);
    let answers = rest(stream);
    assert!(answers.contains("data: [DONE]") && !answers.contains("\"error\""));
    assert_eq!(answers.matches("\"finish_reason\":\"length\"").count(), 4);
    assert!(server.ended().success());
}

#[test]
fn what_takes_longer_than_it_may_is_told_that_the_server_ends() {
    let mut server = Server::start(0);
    let (stream, whole) = (server.long_stream(8, 900), server.completion(json!({"max_tokens": 900})));
    server.has_waiting(8);
    server.terminate();
    let answers = rest(stream);
    assert!(answers.contains("\"error\"") && answers.contains("the server is ending"), "{answers}");
    assert!(!answers.contains("[DONE]"));
    let refused = rest(whole);
    assert!(refused.starts_with("HTTP/1.1 50") && refused.contains("the server is ending"), "{refused}");
    assert!(server.ended().success());
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut server = Server::start(600);
    let stream = server.long_stream(8, 900);
    server.terminate();
    server.drains();
    server.terminate();
    assert_eq!(server.ended().code(), Some(128 + 15));
    assert!(!rest(stream).contains("[DONE]"));
}

#[test]
fn schedulers_read_how_busy_a_model_is_while_it_computes() {
    let server = Server::start(0);
    let (first, second) = (server.long_stream(1, 900), server.completion(json!({"max_tokens": 1})));
    let busy = server.has_waiting(1);
    for names in ["num_requests_waiting", "num_requests_running"] {
        assert_eq!(number(&busy, &of(&format!("plimsoll:{names}"))), 1.0, "{names}");
        assert_eq!(number(&busy, &of(&format!("vllm:{names}"))), 1.0, "{names}");
    }
    let usage = number(&busy, &of("vllm:kv_cache_usage_perc"));
    assert!(usage > 0.0 && usage < 1.0, "{usage}");
    assert!(busy.contains("vllm:cache_config_info{model_name=\"demo:large\",block_size=\"16\",num_gpu_blocks=\""));

    drop(first); // who left is counted as that, and the next is let in
    assert!(rest(second).starts_with("HTTP/1.1 200"));
    let told = server.get("/metrics");
    let ended = |reason: &str| {
        let name = "plimsoll:requests_finished_total";
        number(&told, &format!("{name}{{model_name=\"demo:large\",finished_reason=\"{reason}\"}}"))
    };
    assert_eq!((ended("abort"), ended("length"), ended("error")), (1.0, 1.0, 0.0));
    assert_eq!(number(&told, &of("plimsoll:time_to_first_token_seconds_count")), 2.0);
    let asked = number(&told, &of("plimsoll:prompt_tokens_total"));
    assert_eq!(number(&told, &of("plimsoll:prefix_cache_queries_total")), asked);
    let found = number(&told, &of("plimsoll:prefix_cache_hits_total"));
    assert!(found > 0.0 && found < asked, "the second prompt is the first again: {found} of {asked}");
    let one = number(&told, &of("plimsoll:generation_tokens_total"));
    let between = number(&told, &of("plimsoll:inter_token_latency_seconds_count"));
    assert_eq!(one, between + 2.0, "each answer has a first token");
}

#[test]
fn a_key_in_a_file_is_asked_for_and_not_printed() {
    let (folder, key) = (tempfile::tempdir().unwrap(), "0123456789abcdef");
    let file = folder.path().join("key");
    std::fs::write(&file, format!("\n{key}\n")).unwrap();
    let mut server = Server::start_in(folder, 0, &["--api-key-file".as_ref(), file.as_os_str()]);
    assert!(!server.address.contains(key));
    assert!(server.get("/metrics").starts_with("HTTP/1.1 401") && server.get("/readyz").starts_with("HTTP/1.1 200"));
    let head = format!("GET /metrics HTTP/1.1\r\nAuthorization: Bearer {key}\r\nX-Rest:");
    assert!(rest(server.send(&head, "")).starts_with("HTTP/1.1 200"));
    server.terminate();
    let mut printed = String::new();
    server.out.read_to_string(&mut printed).unwrap();
    assert!(printed.contains("/v1") && !printed.contains(key), "{printed}");
    assert!(server.ended().success(), "with nothing to finish it ends");
}
