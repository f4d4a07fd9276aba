//! The digest by mail: nobody gets it who did not say so twice, and whoever has it can end it.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::client::{Answer, ask};
use crate::running::{Running, running, running_with_mail};

/// Longer than any mail takes on one machine; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A mail server that accepts everything and delivers nothing.
struct Mailbox {
    address: SocketAddr,
    received: Receiver<Mail>,
}

/// A mail as it came.
struct Mail {
    to: String,
    text: String,
}

impl Mailbox {
    fn open() -> Mailbox {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (send, received) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let send = send.clone();
                std::thread::spawn(move || talk(stream.unwrap(), &send));
            }
        });
        Mailbox { address, received }
    }

    fn next(&self) -> Mail {
        self.received.recv_timeout(PATIENCE).expect("a mail")
    }
}

/// One conversation (RFC 5321).
fn talk(stream: TcpStream, send: &Sender<Mail>) {
    let mut out = stream.try_clone().unwrap();
    let mut lines = BufReader::new(stream).lines();
    let mut to = String::new();
    let mut say = |text: &str| out.write_all(format!("{text}\r\n").as_bytes()).is_ok();
    say("220 mail.example");
    while let Some(Ok(line)) = lines.next() {
        let goes_on = match line.get(..4).unwrap_or_default().to_uppercase().as_str() {
            "DATA" => {
                say("354 go on");
                let text: Vec<String> = lines.by_ref().map_while(Result::ok).take_while(|line| line != ".").collect();
                let _ = send.send(Mail { to: to.clone(), text: text.join("\n") });
                say("250 taken")
            }
            "RCPT" => {
                to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                say(&if to.starts_with("gone") { format!("550 <{to}> is unknown here") } else { "250 ok".to_owned() })
            }
            "QUIT" => {
                say("221 bye");
                false
            }
            _ => say("250 ok"),
        };
        if !goes_on {
            return;
        }
    }
}

impl Mail {
    /// The token of the link to `path`, as quoted-printable text has it or not.
    fn token(&self, path: &str) -> String {
        let text = self.text.replace("=\n", "").replace("=3D", "=");
        let at =
            text.find(&format!("https://plimsoll.example{path}?token=")).unwrap_or_else(|| panic!("no link: {text}"));
        let rest = &text[at..];
        let token = rest.split("token=").nth(1).unwrap();
        token.chars().take_while(char::is_ascii_hexdigit).collect()
    }
}

fn sign_up(server: &Running, address: &str) -> Answer {
    let page = server.get("/digest");
    server.post("/digest/subscribe", page.cookie(), &format!("csrf={}&address={address}", page.csrf()))
}

fn subscribers(server: &Running) -> Vec<(String, bool)> {
    let db = rusqlite::Connection::open(server.store()).unwrap();
    let mut find = db.prepare("SELECT address, confirmed IS NOT NULL FROM subscriber ORDER BY address").unwrap();
    find.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_reader_says_so_twice_gets_the_digest_and_can_end_it() {
    let mailbox = Mailbox::open();
    let server = running_with_mail(mailbox.address, &[]);
    let asked = sign_up(&server, "reader%40Example.org");
    assert_eq!((asked.status, asked.headers["location"].as_str()), (303, "/digest?mail=asked#mail"));
    assert!(server.get("/digest?mail=asked").body.contains("Look into your mail."));
    let question = mailbox.next();
    assert_eq!(question.to, "reader@example.org");
    let token = question.token("/digest/confirm");

    let looked = server.get(&format!("/digest/confirm?token={token}"));
    assert!(looked.body.contains("Yes, send me the digest"), "{}", looked.body);
    assert_eq!(
        subscribers(&server),
        [("reader@example.org".to_owned(), false)],
        "a link that was only opened says nothing"
    );
    let confirm = |token: &str| ask(server.address, &format!("/digest/confirm?token={token}"), &[], Some("")).unwrap();
    assert_eq!(confirm("0000").status, 404);
    assert_eq!(confirm(&token).status, 200);
    assert_eq!(confirm(&token).status, 404, "a link is followed once");
    assert_eq!(subscribers(&server), [("reader@example.org".to_owned(), true)]);

    // What is due goes out when a server starts, and each hour after that.
    let server = server.again_with_mail(mailbox.address);
    let digest = mailbox.next();
    assert_eq!(digest.to, "reader@example.org");
    assert!(digest.text.contains("Subject: Plimsoll digest") && digest.text.contains("judged for the first time"));
    assert!(digest.text.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click"), "{}", digest.text);
    let unfolded = digest.text.replace("\n ", " ");
    assert!(unfolded.contains("List-Unsubscribe: <https://plimsoll.example/digest/leave?token="), "{unfolded}");

    let leave = format!("/digest/leave?token={}", digest.token("/digest/leave"));
    assert!(server.get(&leave).body.contains("Yes, send me no more"));
    assert_eq!(subscribers(&server).len(), 1, "a link that was only opened ends nothing");
    // As a mail program sends it by itself, without cookie or page.
    let left = ask(server.address, &leave, &[], Some("List-Unsubscribe=One-Click")).unwrap();
    assert_eq!(left.status, 200);
    assert!(subscribers(&server).is_empty(), "the address is forgotten");
}

#[test]
fn nobody_can_tell_who_subscribed() {
    let mailbox = Mailbox::open();
    let server = running_with_mail(mailbox.address, &[]);
    let first = sign_up(&server, "a%40example.org");
    assert_eq!(mailbox.next().to, "a@example.org");
    let again = sign_up(&server, "a%40example.org");
    let other = sign_up(&server, "b%40example.org");
    for answer in [&again, &other] {
        assert_eq!(
            (answer.status, &answer.headers["location"], &answer.body),
            (303, &first.headers["location"], &first.body)
        );
    }
    assert_eq!(mailbox.next().to, "b@example.org", "the second time nothing was sent");
    let gone = |token: &str| ask(server.address, &format!("/digest/leave?token={token}"), &[], Some("")).unwrap();
    assert_eq!(gone("0000").body, gone("1111").body);
}

#[test]
fn a_network_may_ask_for_a_few_mails_and_no_more() {
    let mailbox = Mailbox::open();
    let server = running_with_mail(mailbox.address, &[]);
    let statuses: Vec<u16> = (0..6).map(|at| sign_up(&server, &format!("r{at}%40example.org")).status).collect();
    assert_eq!(statuses, [303, 303, 303, 303, 303, 429]);
}

#[test]
fn what_is_no_address_gets_no_mail() {
    let mailbox = Mailbox::open();
    let server = running_with_mail(mailbox.address, &[]);
    let long = format!("{}%40example.org", "a".repeat(300));
    for address in ["nobody", "a%40b%0D%0ABcc%3A c%40example.org", "%3Ca%40example.org%3E%2C b%40example.org", &long] {
        let answer = sign_up(&server, address);
        assert_eq!(answer.status, 400, "{address}");
        assert!(answer.body.contains("is no mail address"), "{}", answer.body);
    }
    assert!(subscribers(&server).is_empty());
    let page = server.get("/digest");
    let forged = server.post("/digest/subscribe", page.cookie(), "csrf=0&address=a%40example.org");
    assert_eq!(forged.status, 403);
}

#[test]
fn those_who_were_named_at_the_start_get_it_without_asking() {
    let mailbox = Mailbox::open();
    let _server = running_with_mail(mailbox.address, &["one@example.org".to_owned(), "two@example.org".to_owned()]);
    let mut to = [mailbox.next().to, mailbox.next().to];
    to.sort();
    assert_eq!(to, ["one@example.org", "two@example.org"]);
}

#[test]
fn without_a_mail_server_the_feed_is_offered() {
    let server = running();
    let page = server.get("/digest").body;
    assert!(page.contains("This site sends no mail.") && page.contains("href=\"/digest.atom\""));
    assert!(!page.contains("--help") && !page.contains("type=\"email\""));
    let any = server.get("/model/smollm3");
    let body = format!("csrf={}&address=a%40example.org", any.csrf());
    assert_eq!(server.post("/digest/subscribe", any.cookie(), &body).status, 404);
}

#[test]
fn addresses_are_no_evidence() {
    let mailbox = Mailbox::open();
    let server = running_with_mail(mailbox.address, &[]);
    sign_up(&server, "secret%40example.org");
    mailbox.next();
    let store = plimsoll_panel::store::Store::open(&server.store()).unwrap();
    let file = server.folder.path().join("bundle.tar");
    assert!(store.export(&file, &[]).unwrap() > 0);
    assert!(!String::from_utf8_lossy(&std::fs::read(&file).unwrap()).contains("secret@example.org"));
}

#[test]
fn an_address_that_is_refused_keeps_nobody_from_theirs_and_is_counted() {
    let mailbox = Mailbox::open();
    let server = running_with_mail(mailbox.address, &[]);
    let db = rusqlite::Connection::open(server.store()).unwrap();
    for address in ["gone@example.org", "here@example.org"] {
        let insert = "INSERT INTO subscriber(address, leave, asked, confirmed) VALUES(?1, ?1, ?2, ?2)";
        db.execute(insert, [address, "2026-01-01T00:00:00Z"]).unwrap();
    }
    let _server = server.again_with_mail(mailbox.address);
    assert_eq!(mailbox.next().to, "here@example.org");
    let refused = || -> i64 {
        let find = "SELECT refused FROM subscriber WHERE address = 'gone@example.org'";
        db.query_row(find, [], |row| row.get(0)).unwrap()
    };
    let begin = std::time::Instant::now();
    while refused() == 0 {
        assert!(begin.elapsed() < PATIENCE, "it was not counted");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(refused(), 1);
}
