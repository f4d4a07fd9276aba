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
    /// The body as it came, put together again where it came in parts.
    pub bytes: Vec<u8>,
}

impl Answer {
    /// What the form on the page has to carry.
    pub fn csrf(&self) -> &str {
        let at = self.body.find("name=\"csrf\" value=\"").expect("a form") + "name=\"csrf\" value=\"".len();
        self.body[at..].split('"').next().unwrap()
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
    let cut = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(cut)?;
    let (head, body) = (String::from_utf8_lossy(&bytes[..end]).into_owned(), &bytes[end + 4..]);
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).ok_or_else(cut)?;
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers: BTreeMap<String, String> =
        headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let is_in_parts = headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked");
    let bytes = if is_in_parts { parts(body).ok_or_else(cut)? } else { body.to_owned() };
    Ok(Answer { status, headers, body: String::from_utf8_lossy(&bytes).into_owned(), bytes })
}

/// The parts of a body (RFC 9112, 7.1) in one.
fn parts(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let line = body.windows(2).position(|two| two == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&body[..line]).ok()?.trim(), 16).ok()?;
        if length == 0 {
            return Some(whole);
        }
        whole.extend_from_slice(body.get(line + 2..line + 2 + length)?);
        body = body.get(line + 2 + length + 2..)?;
    }
}
