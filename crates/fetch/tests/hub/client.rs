//! What the tests fetch with, and what they fetch.

use std::time::Duration;

use plimsoll_fetch::{
    Cache, Cancel, Event, FetchError, Hub, HubOptions, HubReference, Parts, Patience, Plan, Pulled, Reference, Token,
    Want,
};

use crate::mock::Mock;

/// Bytes of the large file: several parts of several steps, and an odd end.
pub const LARGE: usize = 1_000_003;
pub const PARTS: Parts = Parts { connections: 4, part: 200_000, step: 65_536 };

/// Bytes that differ wherever a part could be put in the wrong place.
pub fn bytes(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// A hub with a model in safetensors, and what is not needed of it.
pub fn mock() -> Mock {
    Mock::new(&[
        ("config.json", b"{\"model_type\":\"llama\"}".to_vec(), false),
        ("README.md", b"---\nlicense: apache-2.0\n---\n".to_vec(), false),
        ("empty.txt", Vec::new(), false),
        ("LICENSE", Vec::new(), false),
        ("model.safetensors", bytes(LARGE), true),
        ("original/consolidated.00.pth", bytes(5000), true),
    ])
}

/// Someone who pulls `org/name`.
pub struct Client {
    pub hub: Hub,
    pub cache: Cache,
    pub cancel: Cancel,
    pub events: Vec<String>,
    pub want: Want,
    pub reference: HubReference,
    _dir: tempfile::TempDir,
}

/// Patience that a test has.
pub fn patience() -> Patience {
    Patience {
        connect: Duration::from_secs(5),
        // Longer than a busy machine lets a thread wait.
        stall: Duration::from_secs(20),
        tries: 4,
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_secs(5),
    }
}

pub fn options() -> HubOptions {
    HubOptions { patience: patience(), parts: PARTS, ..HubOptions::default() }
}

impl Client {
    pub fn of(mock: &Mock) -> Client {
        Client::with(mock, options())
    }

    /// One that gives a silent server up soon.
    pub fn impatient(mock: &Mock) -> Client {
        let patience = Patience { stall: Duration::from_millis(300), ..patience() };
        Client::with(mock, HubOptions { patience, ..options() })
    }

    pub fn with_token(mock: &Mock) -> Client {
        Client::with(mock, HubOptions { token: Some(Token::new("hf_secret").unwrap()), ..options() })
    }

    pub fn with(mock: &Mock, options: HubOptions) -> Client {
        let dir = tempfile::tempdir().unwrap();
        let Ok(Reference::Hub(reference)) = "org/name".parse() else { unreachable!() };
        Client {
            hub: Hub::new(&mock.endpoint, options).unwrap(),
            cache: Cache::at(dir.path()),
            cancel: Cancel::default(),
            events: Vec::new(),
            want: Want::default(),
            reference,
            _dir: dir,
        }
    }

    pub fn plan(&self) -> Result<Plan, FetchError> {
        let listing = self.hub.listing(&self.reference, &self.cancel)?;
        self.hub.plan(&listing, &self.want, &self.cache, &|_| None, &self.cancel)
    }

    pub fn pull(&mut self) -> Result<Pulled, FetchError> {
        let plan = self.plan()?;
        self.do_plan(&plan, |_| {})
    }

    /// Events of each kind are kept as a word.
    pub fn do_plan(&mut self, plan: &Plan, mut seen: impl FnMut(&Event<'_>)) -> Result<Pulled, FetchError> {
        let events = &mut self.events;
        let mut tell = |event: Event<'_>| {
            seen(&event);
            match event {
                Event::Retrying { why, .. } => events.push(format!("retrying: {why}")),
                Event::Restarted { why, .. } => events.push(format!("restarted: {why}")),
                Event::Waiting { name } => events.push(format!("waiting for {name}")),
                Event::Began { name, kept, .. } if kept > 0 => events.push(format!("went on with {name}")),
                _ => {}
            }
        };
        self.hub.pull(plan, &self.cache, &mut tell, &self.cancel)
    }

    /// That the large file is there, whole, and nothing unfinished beside it.
    pub fn assert_whole(&self, mock: &Mock, pulled: &Pulled) {
        let file = mock.file("model.safetensors");
        assert!(std::fs::read(&pulled.weights[0]).unwrap() == *file.bytes, "the bytes of the weights");
        assert_eq!(self.unfinished(), Vec::<String>::new());
    }

    /// Names of what is unfinished in the cache.
    pub fn unfinished(&self) -> Vec<String> {
        let blobs = std::fs::read_dir(self.cache.folder("org/name").join("blobs")).into_iter().flatten().flatten();
        let mut names: Vec<String> = blobs.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.retain(|name| name.ends_with(".incomplete"));
        names
    }
}
