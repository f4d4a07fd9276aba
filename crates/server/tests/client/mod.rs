//! Just enough of an HTTP client to ask a server over a socket.
#![allow(dead_code)] // each user takes what it needs

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Answer {
    /// What the form on the page has to carry.
    pub fn csrf(&self) -> &str {
        let at = self.body.find("name=\"csrf\" value=\"").expect("a form") + "name=\"csrf\" value=\"".len();
        &self.body[at..at + 64]
    }

    /// The cookie that was set, without its attributes.
    pub fn cookie(&self) -> &str {
        self.headers["set-cookie"].split(';').next().unwrap()
    }
}

/// Asks for `path` with further header lines; `body` makes it a form that is posted.
pub fn ask(address: SocketAddr, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    let method = if body.is_some() { "POST" } else { "GET" };
    let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        request += &format!("Host: {address}\r\n");
    }
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    if let Some(body) = body {
        let kind = "application/x-www-form-urlencoded";
        request += &format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len());
    }
    stream.write_all(format!("{request}\r\n{}", body.unwrap_or_default()).as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let cut = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(cut)?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).ok_or_else(cut)?;
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    Ok(Answer { status, headers, body: body.to_owned() })
}
