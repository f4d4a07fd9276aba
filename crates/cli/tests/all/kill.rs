//! Killed at any moment, the server has lost nothing that it had acknowledged.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::client::ask;
use plimsoll_panel::store::Store;

const KILLS: usize = 100;
/// More would be refused: so many may come from one network in an hour.
const VOTES_PER_STORE: usize = 50;
const PAGE: &str = "demo-large-vs-demo-small";

fn serve(store: &Path) -> (Child, SocketAddr) {
    let mut server = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(["serve", "--port", "0", "--store"])
        .arg(store)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().rsplit('/').next().unwrap().parse().unwrap_or_else(|_| panic!("{line}"));
    (server, address)
}

/// Votes as new readers until the server is gone; sends how many were acknowledged after each.
fn vote_on(address: SocketAddr, acknowledged: &mpsc::Sender<()>) {
    let vote = || {
        let page = ask(address, &format!("/compare/{PAGE}"), &[], None).ok()?;
        if page.status != 200 {
            return None;
        }
        let body = format!("csrf={}&page={PAGE}&choice=neither", page.csrf());
        let answer = ask(address, "/vote", &[("Cookie", page.cookie())], Some(&body)).ok()?;
        (answer.status == 303).then_some(())
    };
    while vote().is_some() && acknowledged.send(()).is_ok() {}
}

/// The program has ended within this time, or something keeps it.
const ENDED: Duration = Duration::from_secs(20);

#[test]
fn a_request_that_waits_does_not_keep_the_server_from_ending() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("evidence.db");
    let (mut server, address) = serve(&store);
    let page = ask(address, &format!("/compare/{PAGE}"), &[], None).unwrap();
    // Whoever writes waits for this for half a minute.
    let db = rusqlite::Connection::open(&store).unwrap();
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    let body = format!("csrf={}&page={PAGE}&choice=neither", page.csrf());
    let cookie = page.cookie().to_owned();
    let voting = std::thread::spawn(move || ask(address, "/vote", &[("Cookie", &cookie)], Some(&body)).is_ok());
    std::thread::sleep(Duration::from_millis(500)); // until the vote waits; were it later, it would be refused
    Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap();
    let begin = std::time::Instant::now();
    let status = loop {
        match server.try_wait().unwrap() {
            Some(status) => break Some(status),
            None if begin.elapsed() > ENDED => break None,
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    server.kill().unwrap();
    assert!(status.is_some_and(|status| status.success()), "{status:?}");
    assert!(!voting.join().unwrap(), "the vote waited");
}

#[test]
fn no_acknowledged_vote_is_lost_in_a_hundred_kills() {
    let mut folder = tempfile::tempdir().unwrap();
    let (mut acknowledged, mut in_all) = (0, 0);
    for kill in 0..KILLS {
        if acknowledged >= VOTES_PER_STORE {
            folder = tempfile::tempdir().unwrap();
            acknowledged = 0;
        }
        let store = folder.path().join("evidence.db");
        let (mut server, address) = serve(&store);
        let (tell, heard) = mpsc::channel();
        let voting = std::thread::spawn(move || vote_on(address, &tell));
        // At another moment each time: mostly some milliseconds after the first vote, sometimes before it.
        let moment = Duration::from_micros(300 + 900 * (kill as u64 % 23));
        let first = kill % 4 != 0 && heard.recv_timeout(Duration::from_secs(60)).is_ok();
        let second = heard.recv_timeout(moment).is_ok();
        server.kill().unwrap(); // SIGKILL
        server.wait().unwrap();
        voting.join().unwrap();
        let now = usize::from(first) + usize::from(second) + heard.try_iter().count();
        (acknowledged, in_all) = (acknowledged + now, in_all + now);
        let store = Store::open(&store).unwrap();
        let kept: i64 = store.tally(PAGE).unwrap().iter().map(|tally| tally.raw).sum();
        assert!(kept as usize >= acknowledged, "kill {kill}: {acknowledged} acknowledged, {kept} kept");
        assert!(store.audit_votes().unwrap().passed(), "kill {kill}");
        acknowledged = kept as usize; // one that was kept and not yet acknowledged when the server died
    }
    assert!(in_all >= KILLS / 2, "only {in_all} votes were acknowledged: nothing was put to the test");
}
