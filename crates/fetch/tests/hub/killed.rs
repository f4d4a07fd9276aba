//! A process that is killed a hundred times fetches a whole file.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use plimsoll_fetch::{Cache, Cancel, Hub, HubOptions, Parts, Reference, State, Want};

use crate::client::{Client, bytes, patience};
use crate::mock::{Mock, Request};

const SIZE: usize = 6_000_011;
const KILLS: usize = 100;
/// How often it is looked whether the child has ended.
const GLANCE: Duration = Duration::from_millis(2);
const PARTS: Parts = Parts { connections: 3, part: 400_000, step: 16_384 };
/// Where the child finds the hub and its cache.
const HUB: &str = "PLIMSOLL_TEST_HUB";
const CACHE: &str = "PLIMSOLL_TEST_CACHE";

fn options() -> HubOptions {
    HubOptions { patience: patience(), parts: PARTS, ..HubOptions::default() }
}

/// What the child does: run by the other test, in a process of its own.
#[test]
#[ignore = "a child of the test below"]
fn child() {
    let Ok(endpoint) = std::env::var(HUB) else { return };
    let hub = Hub::new(&endpoint, options()).unwrap();
    let cache = Cache::at(std::env::var(CACHE).unwrap());
    let Ok(Reference::Hub(reference)) = "org/name".parse() else { unreachable!() };
    let cancel = Cancel::default();
    let listing = hub.listing(&reference, &cancel).unwrap();
    let plan = hub.plan(&listing, &Want::default(), &cache, &|_| None, &cancel).unwrap();
    hub.pull(&plan, &cache, &mut |_| {}, &cancel).unwrap();
}

fn start(mock: &Mock, cache: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::child", "--ignored", "--nocapture"])
        .env(HUB, &mock.endpoint)
        .env(CACHE, cache)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Says when so many more bytes of bodies left the hub.
fn after(mock: &Mock, bytes: u64) -> Receiver<()> {
    let (send, receive) = channel();
    mock.change(|inside| inside.sent = Box::new(counting(bytes, move || send.send(()).unwrap_or_default())));
    receive
}

fn counting(limit: u64, reached: impl Fn() + Send + Sync + 'static) -> impl Fn(usize) + Send + Sync {
    let count = Arc::new(Mutex::new(0));
    move |n| {
        let mut count = count.lock().unwrap();
        let before = *count;
        *count += n as u64;
        if before < limit && *count >= limit {
            reached();
        }
    }
}

fn asked(requests: &[Request]) -> Vec<(u64, u64)> {
    requests.iter().filter(|r| r.is_for("model.safetensors")).filter_map(Request::range).collect()
}

/// Bytes that the cache says are on the disk, by a look at the journal as a plan has it.
fn kept(client: &Client) -> u64 {
    match client.plan().unwrap().files.last().unwrap().state {
        State::Partly { bytes } => bytes,
        State::Here => SIZE as u64,
        _ => 0,
    }
}

/// The same by the lines of the journal, while somebody writes it.
fn noted(mock: &Mock, client: &Client) -> u64 {
    let name = format!("blobs/{}.plimsoll-journal.incomplete", mock.file("model.safetensors").etag());
    let text = std::fs::read_to_string(client.cache.folder("org/name").join(name)).unwrap_or_default();
    let whole = &text[..text.rfind('\n').map_or(0, |at| at + 1)];
    let spans = whole.lines().skip(1).filter_map(|line| line.split_once(' '));
    spans.map(|(start, end)| end.parse::<u64>().unwrap() - start.parse::<u64>().unwrap()).sum()
}

#[test]
fn a_process_that_is_killed_a_hundred_times_fetches_a_whole_file() {
    let mock = Mock::new(&[("config.json", b"{}".to_vec(), false), ("model.safetensors", bytes(SIZE), true)]);
    let client = Client::with(&mock, options());
    let mut before = 0;
    let mut random = bytes(KILLS * 2).into_iter();
    let mut killed = 0;
    while killed < KILLS {
        if before == SIZE as u64 {
            // A machine that was slow to kill has the file whole by now: it begins again, that a kill meets something.
            std::fs::remove_dir_all(client.cache.folder("org/name")).unwrap();
            before = 0;
        }
        let pair = [random.next().unwrap(), random.next().unwrap()];
        // Between nothing and what would be done in eighty such times: most die in the midst of something.
        let limit = u64::from(u16::from_le_bytes(pair)) * 2;
        let reached = after(&mock, limit);
        let already = mock.requests().len();
        let mut child = start(&mock, client.cache.root());
        // What is there already cannot send so much; then the child ends by itself.
        while reached.recv_timeout(GLANCE).is_err() && child.try_wait().unwrap().is_none() {}
        // Now and then only when more is on the disk than before: that must not be lost.
        let late = killed % 10 == 9;
        while late && noted(&mock, &client) <= before && child.try_wait().unwrap().is_none() {
            std::thread::sleep(GLANCE);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        killed += 1;
        let now = kept(&client);
        assert!(now > before || now == before && !late, "kill {killed}: {now} bytes are noted, and {before} were");
        let again: u64 = asked(&mock.requests()[already..]).iter().map(|(start, end)| end - start + 1).sum();
        assert!(again <= SIZE as u64 - before, "kill {killed}: what is on the disk is asked for again");
        before = now;
    }
    mock.change(|inside| inside.sent = Box::new(|_| {}));
    let before = kept(&client);
    let already = mock.requests().len();
    assert!(start(&mock, client.cache.root()).wait().unwrap().success());
    let rest: u64 = asked(&mock.requests()[already..]).iter().map(|(start, end)| end - start + 1).sum();
    assert_eq!(rest, SIZE as u64 - before, "what is missing, and nothing else");
    let Ok(Reference::Hub(reference)) = "org/name".parse() else { unreachable!() };
    let cache = Cache::at(client.cache.root());
    let file = cache.find(&reference).unwrap().join("model.safetensors");
    assert!(std::fs::read(file).unwrap() == bytes(SIZE));
    assert_eq!(client.unfinished(), Vec::<String>::new());
}

#[test]
#[cfg(unix)]
fn a_disk_that_takes_no_more_is_told_with_the_file_and_what_came_is_gone_on_with() {
    let mock = Mock::new(&[("config.json", b"{}".to_vec(), false), ("model.safetensors", bytes(SIZE), true)]);
    let client = Client::with(&mock, options());
    let test = std::env::current_exe().unwrap();
    // A limit that any shell counts as less than the file, and a signal that would end the process before the error.
    let limited = "trap '' XFSZ; ulimit -f 2000; exec \"$0\" --exact killed::child --ignored --nocapture";
    let output = Command::new("sh")
        .args(["-c", limited, test.to_str().unwrap()])
        .env(HUB, &mock.endpoint)
        .env(CACHE, client.cache.root())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("Disk") && said.contains("plimsoll.incomplete"), "{said}");
    assert!(client.cache.find(&client.reference).is_none());
    assert!(start(&mock, client.cache.root()).wait().unwrap().success());
    let file = client.cache.find(&client.reference).unwrap().join("model.safetensors");
    assert!(std::fs::read(file).unwrap() == bytes(SIZE));
}
