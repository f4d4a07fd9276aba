//! A hub on this machine, over sockets of the standard library, that fails as it is told to.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// What was asked.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// With the query.
    pub path: String,
    headers: Vec<(String, String)>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// First and last byte that are asked for.
    pub fn range(&self) -> Option<(u64, u64)> {
        let (start, end) = self.header("range")?.strip_prefix("bytes=")?.split_once('-')?;
        Some((start.parse().ok()?, end.parse().ok()?))
    }

    pub fn is_for(&self, file: &str) -> bool {
        self.path.split('?').next().unwrap().ends_with(&format!("/{file}"))
    }
}

/// What goes wrong with one answer.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Another answer, with headers and a text.
    Says(u16, Vec<(&'static str, String)>, &'static str),
    /// The connection ends after so many bytes of the body.
    CutAfter(usize),
    /// Nothing comes any more after so many bytes of the body, until the client goes away.
    StallAfter(usize),
    /// The whole file comes, whatever part was asked for.
    RangeIgnored,
    /// The bytes come under another entity tag.
    Etag(&'static str),
    /// One byte of the body is another.
    Corrupt,
    /// The body is another file of the same length.
    Replaced,
    /// The answer says something else of itself.
    Header(&'static str, String),
}

/// What a client is to be told, by its request and how many came before it for the same file.
pub type Script = dyn Fn(&Request, usize) -> Option<Fault> + Send + Sync;

/// A file of the repository with its hashes, which are made once.
#[derive(Clone)]
pub struct File {
    pub bytes: Arc<Vec<u8>>,
    pub lfs: bool,
    pub sha256: String,
    pub git: String,
}

impl File {
    pub fn new(bytes: Vec<u8>, lfs: bool) -> File {
        let mut git = Sha1::new_with_prefix(format!("blob {}\0", bytes.len()));
        git.update(&bytes);
        let (sha256, git) = (hex(&Sha256::digest(&bytes)), hex(&git.finalize()));
        File { bytes: Arc::new(bytes), lfs, sha256, git }
    }

    pub fn etag(&self) -> &str {
        if self.lfs { &self.sha256 } else { &self.git }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One repository of the hub, and how it answers.
pub struct Inside {
    pub commit: String,
    pub files: BTreeMap<String, File>,
    /// Where large files are, if not here.
    pub cdn: Option<String>,
    /// Whether the listing tells sizes and hashes.
    pub tells_blobs: bool,
    pub script: Box<Script>,
    /// Is told of bytes of bodies that are about to be sent.
    pub sent: Box<dyn Fn(usize) + Send + Sync>,
    requests: Vec<Request>,
}

/// A hub with the repository `org/name`.
#[derive(Clone)]
pub struct Mock {
    pub endpoint: String,
    inside: Arc<Mutex<Inside>>,
}

impl Mock {
    /// A hub on a port of its own.
    pub fn new(files: &[(&str, Vec<u8>, bool)]) -> Mock {
        let file = |(name, bytes, lfs): &(&str, Vec<u8>, bool)| ((*name).to_owned(), File::new(bytes.clone(), *lfs));
        let inside = Inside {
            commit: "c0ffee".repeat(7)[..40].to_owned(),
            files: files.iter().map(file).collect(),
            cdn: None,
            tells_blobs: true,
            script: Box::new(|_, _| None),
            sent: Box::new(|_| {}),
            requests: Vec::new(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let mock = Mock { endpoint, inside: Arc::new(Mutex::new(inside)) };
        let serving = mock.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mock = serving.clone();
                thread::spawn(move || mock.serve(stream));
            }
        });
        mock
    }

    pub fn change(&self, change: impl FnOnce(&mut Inside)) {
        change(&mut self.inside.lock().unwrap());
    }

    pub fn script(&self, script: impl Fn(&Request, usize) -> Option<Fault> + Send + Sync + 'static) {
        self.change(|inside| inside.script = Box::new(script));
    }

    pub fn file(&self, name: &str) -> File {
        self.inside.lock().unwrap().files[name].clone()
    }

    pub fn commit(&self) -> String {
        self.inside.lock().unwrap().commit.clone()
    }

    /// What was asked so far.
    pub fn requests(&self) -> Vec<Request> {
        self.inside.lock().unwrap().requests.clone()
    }

    /// What was asked for one file, but for what was asked of it.
    pub fn gets(&self, file: &str) -> Vec<Request> {
        self.requests().into_iter().filter(|r| r.method == "GET" && r.is_for(file)).collect()
    }

    /// Answers over one connection until it ends.
    pub fn serve(&self, stream: impl Read + Write) {
        let mut reader = BufReader::new(stream);
        while let Some(request) = read_request(&mut reader) {
            let answer = self.answer(&request);
            if answer.send(&request, reader.get_mut(), &|n| self.tell_sent(n)).is_none() {
                return;
            }
        }
    }

    fn tell_sent(&self, bytes: usize) {
        (self.inside.lock().unwrap().sent)(bytes);
    }

    fn answer(&self, request: &Request) -> Answer {
        let mut inside = self.inside.lock().unwrap();
        let bare = |request: &Request| request.path.split('?').next().unwrap().to_owned();
        let path = bare(request);
        let alike = |old: &&Request| bare(old) == path && old.method == request.method;
        let before = inside.requests.iter().filter(alike).count();
        inside.requests.push(request.clone());
        let fault = (inside.script)(request, before);
        if let Some(Fault::Says(status, headers, text)) = fault {
            let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            return Answer { status, headers, body: text.as_bytes().to_vec().into(), fault: None };
        }
        let mut answer = inside.plain(request, &path);
        answer.fault = fault;
        answer
    }
}

impl Inside {
    fn plain(&self, request: &Request, path: &str) -> Answer {
        let commit = &self.commit;
        if path == "/api/models/org/name" || path.starts_with("/api/models/org/name/revision/") {
            return Answer::json(&self.listing());
        }
        if path.starts_with("/api/models/org/name/tree/") {
            return Answer::json(&self.tree());
        }
        let resolve =
            ["/org/name/resolve/main/".to_owned(), format!("/org/name/resolve/{commit}/"), "/cdn/".to_owned()];
        let name = resolve.iter().find_map(|begin| path.strip_prefix(begin.as_str()));
        let Some(file) = name.and_then(|name| self.files.get(name)) else {
            let code = ("X-Error-Code".to_owned(), "EntryNotFound".to_owned());
            return Answer { status: 404, headers: vec![code], body: Vec::new().into(), fault: None };
        };
        let mut headers = vec![("X-Repo-Commit".to_owned(), commit.clone())];
        if let (Some(cdn), true) = (&self.cdn, file.lfs && !path.starts_with("/cdn/")) {
            headers.push(("X-Linked-ETag".to_owned(), format!("\"{}\"", file.etag())));
            headers.push(("X-Linked-Size".to_owned(), file.bytes.len().to_string()));
            headers.push(("Location".to_owned(), format!("{cdn}/cdn/{}?Signature=secret", name.unwrap())));
            return Answer { status: 302, headers, body: b"Found".to_vec().into(), fault: None };
        }
        headers.push(("ETag".to_owned(), format!("\"{}\"", file.etag())));
        headers.push(("Accept-Ranges".to_owned(), "bytes".to_owned()));
        let fresh = request.header("if-range").is_none_or(|etag| etag == format!("\"{}\"", file.etag()));
        let status = if request.range().is_some() && fresh { 206 } else { 200 };
        Answer { status, headers, body: file.bytes.clone(), fault: None }
    }

    fn listing(&self) -> serde_json::Value {
        let siblings = self.files.iter().map(|(name, file)| {
            let (size, git) = (file.bytes.len(), &file.git);
            match (self.tells_blobs, file.lfs) {
                (false, _) => serde_json::json!({ "rfilename": name }),
                (true, false) => serde_json::json!({ "rfilename": name, "size": size, "blobId": git }),
                (true, true) => serde_json::json!({
                    "rfilename": name, "size": size, "blobId": git,
                    "lfs": { "sha256": file.sha256, "size": size, "pointerSize": 130 },
                }),
            }
        });
        serde_json::json!({
            "id": "org/name", "modelId": "org/name", "sha": self.commit, "gated": false, "private": false,
            "cardData": { "license": "apache-2.0" }, "tags": ["license:apache-2.0"], "siblings": siblings.collect::<Vec<_>>(),
        })
    }

    fn tree(&self) -> serde_json::Value {
        let entries = self.files.iter().map(|(name, file)| {
            let size = file.bytes.len();
            let mut entry = serde_json::json!({ "type": "file", "oid": file.git, "size": size, "path": name });
            if file.lfs {
                entry["lfs"] = serde_json::json!({ "oid": file.sha256, "size": size, "pointerSize": 130 });
            }
            entry
        });
        serde_json::Value::Array(entries.collect())
    }
}

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Arc<Vec<u8>>,
    fault: Option<Fault>,
}

impl Answer {
    fn json(value: &serde_json::Value) -> Answer {
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        Answer { status: 200, headers, body: value.to_string().into_bytes().into(), fault: None }
    }

    /// Sends it; nothing where the connection is not to be used again.
    fn send(mut self, request: &Request, stream: &mut (impl Read + Write), sent: &dyn Fn(usize)) -> Option<()> {
        if matches!(self.fault, Some(Fault::RangeIgnored)) {
            self.status = 200;
        }
        let mut body = self.part(request).to_vec();
        match &self.fault {
            Some(Fault::Corrupt) => body[0] ^= 1,
            Some(Fault::Replaced) => body.iter_mut().for_each(|byte| *byte = !*byte),
            Some(Fault::Etag(etag)) => self.set("ETag", format!("\"{etag}\"")),
            Some(Fault::Header(name, value)) => self.set(name, value.clone()),
            _ => {}
        }
        let mut head = format!("HTTP/1.1 {} Status\r\n", self.status);
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
            self.headers.push(("Content-Length".to_owned(), body.len().to_string()));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).ok()?;
        if request.method == "HEAD" {
            return Some(());
        }
        match self.fault {
            Some(Fault::CutAfter(n)) => {
                stream.write_all(&body[..n.min(body.len())]).ok()?;
                None
            }
            Some(Fault::StallAfter(n)) => {
                stream.write_all(&body[..n.min(body.len())]).ok()?;
                // The client goes away; until then there is nothing to read.
                let _ = stream.read(&mut [0]);
                None
            }
            _ => body.chunks(4096).try_for_each(|chunk| {
                sent(chunk.len());
                stream.write_all(chunk).ok()
            }),
        }
    }

    /// The bytes that are sent, and in the headers what they are.
    fn part(&mut self, request: &Request) -> &[u8] {
        let all = self.body.len() as u64;
        let (206, Some((start, end))) = (self.status, request.range()) else { return &self.body };
        if start >= all {
            self.status = 416;
            return &[];
        }
        let end = end.min(all - 1);
        self.headers.push(("Content-Range".to_owned(), format!("bytes {start}-{end}/{all}")));
        &self.body[start as usize..=end as usize]
    }

    fn set(&mut self, name: &str, value: String) {
        self.headers.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value));
    }
}

/// The next request of a connection; nothing where it has ended.
fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
            None => return Some(Request { method, path, headers }),
        }
    }
}
