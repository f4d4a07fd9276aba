//! A server with one comparison in its store, until it is dropped.
#![allow(dead_code)] // each user takes what it needs

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use plimsoll_catalog::Catalog;
use plimsoll_graph::cost::{Machine, ProductRate};
use plimsoll_kernels::{Activations, DType};
use plimsoll_lab::predict::here::Here;
use plimsoll_panel::rubric::Rubric;
use plimsoll_panel::store::Store;
use plimsoll_server::{Launch, Mail, Options, bind};

use crate::client::{Answer, ask};
use crate::fixture;

/// The page of the pair that was compared.
pub const PAIR: &str = "/compare/demo-large-vs-demo-small";

/// Measures nothing; what it starts tells of one step and ends as it is told to.
pub struct Imagined(pub &'static str);

impl Launch for Imagined {
    fn command(&self, _: &str, _: &str, _: &Path) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", self.0]);
        command
    }

    fn refusal(&self, model: &str) -> Option<String> {
        (!model.starts_with("demo-")).then(|| format!("no artifact known of `{model}`"))
    }

    fn here(&self) -> Option<Here> {
        Some(imagined_machine())
    }
}

/// A machine that reads 30 GB/s.
pub fn imagined_machine() -> Here {
    let product = ProductRate { dtype: DType::Q8_0, values: 1 << 22, decode: 50e9, streamed: 20e9, prefill: 400e9 };
    let machine = Machine {
        read_bandwidth: 30e9,
        cache_bytes: 8e6,
        arithmetic_rate: 500e9,
        arithmetic: Activations::F32,
        products: vec![product],
        attention_rate: 10e9,
        prompt_attention_rate: 20e9,
        node_seconds: 2e-6,
    };
    let readings = vec![machine.read_bandwidth; 2];
    let (cpu, processor) = ("an imagined processor".to_owned(), "scalar, 2 threads".to_owned());
    Here { machine, cpu, processor, readings, disturbances: Vec::new() }
}

/// Options of a server on this machine, whose store is at `store`.
pub fn options(store: PathBuf, launch: Arc<dyn Launch>) -> Options {
    Options {
        address: "127.0.0.1:0".parse().unwrap(),
        token: None,
        store,
        catalog: Catalog::builtin(),
        rubric: Rubric::builtin(),
        launch,
        models: plimsoll_server::Models::default(),
        drain: std::time::Duration::ZERO,
        mail: None,
        site: None,
    }
}

/// A server with one comparison in its store, until it is dropped.
pub struct Running {
    pub address: SocketAddr,
    pub folder: tempfile::TempDir,
    pub comparison: String,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    runtime: Option<tokio::runtime::Runtime>,
}

/// With these options, but for the store.
pub fn running_as(make: impl FnOnce(PathBuf) -> Options) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("evidence.db");
    let comparison = Store::open(&store).unwrap().keep_report(&fixture::report(), &Rubric::builtin()).unwrap();
    let (address, stop, runtime) = start(make(store));
    Running { address, folder, comparison, stop: Some(stop), runtime: Some(runtime) }
}

fn start(options: Options) -> (SocketAddr, tokio::sync::oneshot::Sender<()>, tokio::runtime::Runtime) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(bind(options)).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let address = server.address();
    runtime.spawn(server.run(async move { drop(stopped.await) }));
    (address, stop, runtime)
}

pub fn running_with(token: Option<&str>, script: &'static str) -> Running {
    running_as(|store| Options { token: token.map(str::to_owned), ..options(store, Arc::new(Imagined(script))) })
}

pub fn running() -> Running {
    running_with(None, "true")
}

/// A server that sends mail through `smtp`, to `to` whether or not they asked.
pub fn running_with_mail(smtp: SocketAddr, to: &[String]) -> Running {
    running_as(|store| with_mail(store, smtp, to))
}

fn with_mail(store: PathBuf, smtp: SocketAddr, to: &[String]) -> Options {
    let mail = Mail::new(&format!("smtp://{smtp}"), "plimsoll@example.org", to).unwrap();
    let site = Some("https://plimsoll.example/".to_owned());
    Options { mail: Some(mail), site, ..options(store, Arc::new(Imagined("true"))) }
}

impl Running {
    pub fn get(&self, path: &str) -> Answer {
        ask(self.address, path, &[], None).unwrap()
    }

    pub fn post(&self, path: &str, cookie: &str, body: &str) -> Answer {
        ask(self.address, path, &[("Cookie", cookie)], Some(body)).unwrap()
    }

    pub fn store(&self) -> PathBuf {
        self.folder.path().join("evidence.db")
    }

    /// Stops it and starts another on the same store.
    pub fn again_with_mail(mut self, smtp: SocketAddr) -> Running {
        drop(self.stop.take());
        drop(self.runtime.take());
        let (address, stop, runtime) = start(with_mail(self.store(), smtp, &[]));
        Running { address, stop: Some(stop), runtime: Some(runtime), ..self }
    }
}
