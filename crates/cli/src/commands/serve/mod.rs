//! `plimsoll serve`

mod models;

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use plimsoll_catalog::Catalog;
use plimsoll_kernels::Cpu;
use plimsoll_lab::predict::here::Here;
use plimsoll_panel::rubric::Rubric;
use plimsoll_panel::slug;
use plimsoll_server::{Launch, Mail, Options, bind};
use tokio::sync::oneshot;

use crate::args::{Args, Serve, parse_token};
use crate::notice::say;
use crate::settings::Settings;
use crate::{catalogue, evidence, model};

/// Who told the server to end is told after this why it is still there.
const STILL: Duration = Duration::from_secs(1);
/// What blocks has this long to end once nothing is answered any more.
const LAST: Duration = Duration::from_secs(1);

/// Serves until it is interrupted.
pub fn run(command: &Serve, settings: &Settings, args: &Args) -> anyhow::Result<()> {
    let address = SocketAddr::new(command.host, command.port);
    let key = command.api_key_file.as_deref().map(key_in).transpose()?;
    let token = match command.token.clone().or(key) {
        None if !command.host.is_loopback() => Some(random_token()?),
        given => given,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let end = runtime.block_on(async { End::heard() })?;
    let catalog = catalogue::open()?.clone();
    let models = models::offered(command, settings)?;
    let options = Options {
        address,
        token: token.clone(),
        store: evidence::path(&command.store)?,
        models,
        drain: Duration::from_secs(command.drain_seconds.into()),
        launch: Arc::new(Compare::new(settings, args, catalog.clone())?),
        catalog,
        rubric: command.rubric.as_deref().map_or_else(|| Ok(Rubric::builtin()), Rubric::open)?,
        mail: mail(command)?,
        site: command.site.clone(),
    };
    let served = runtime.block_on(async {
        let server = bind(options).await?;
        let stop = end.of_serving();
        // A key in a file is known there, and what is printed may be kept where others read.
        let told = token.filter(|_| command.api_key_file.is_none());
        let query = told.map_or(String::new(), |token| format!("/?token={token}"));
        announce(&server.addresses(), &query)?;
        if let (Some(address), false) = (server.addresses().first(), command.models.is_empty()) {
            writeln!(std::io::stdout(), "models at {}/v1", address.trim_end_matches('/'))?;
        }
        server.run(stop).await;
        Ok(())
    });
    // What still blocks, such as a mail server that does not answer, is not waited for: it ends with the program.
    runtime.shutdown_timeout(LAST);
    served
}

/// The key in a file: its first line that is not blank.
fn key_in(path: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    parse_token(line).map_err(|why| anyhow::anyhow!("the key in `{}`: {why}", path.display()))
}

/// Says where the pages are: on this machine, and on each network that others reach it by.
fn announce(addresses: &[String], query: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for (at, address) in addresses.iter().enumerate() {
        let from = if at == 0 { "serving at" } else { "  for other devices:" };
        writeln!(out, "{from} {address}{query}")?;
    }
    out.flush()
}

/// The end of the server, by Ctrl-C or where a service manager says so.
struct End {
    serves: Arc<AtomicBool>,
    told: oneshot::Receiver<()>,
}

impl End {
    /// Hears signals from now on: until there is something to finish, one ends the program at once, also where the program is
    /// the first of a container, which no signal ends by itself.
    fn heard() -> std::io::Result<End> {
        let (tell, told) = oneshot::channel();
        let serves = Arc::<AtomicBool>::default();
        tokio::spawn(end(Signals::new()?, Arc::clone(&serves), tell));
        Ok(End { serves, told })
    }

    /// The end of a server that serves from now on: by the first signal, and by a second one at once.
    fn of_serving(self) -> impl Future<Output = ()> {
        self.serves.store(true, Ordering::SeqCst);
        async { drop(self.told.await) } // who tells it goes on as long as the program
    }
}

/// Hears the signals one after the other.
async fn end(mut signals: Signals, serves: Arc<AtomicBool>, tell: oneshot::Sender<()>) {
    let status = signals.next().await;
    if !serves.load(Ordering::SeqCst) || tell.send(()).is_err() {
        std::process::exit(status);
    }
    if let Ok(status) = tokio::time::timeout(STILL, signals.next()).await {
        std::process::exit(status);
    }
    say("note: answers in the making are being finished; Ctrl-C ends at once");
    std::process::exit(signals.next().await);
}

/// The signals that end a server.
#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next; the exit status of a program that it ended.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.terminate.recv() => 128 + 15,
            _ = self.interrupt.recv() => 128 + 2,
        }
    }
}

/// The signals that end a server.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Signals> {
        Ok(Signals)
    }

    /// Waits for Ctrl-C; the exit status of a program that it ended.
    async fn next(&mut self) -> i32 {
        // Without the signal there is nothing to wait for: whoever started it ends it.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        128 + 2
    }
}

fn random_token() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).context("the system gives no random bytes for a token; name one with --token")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn mail(command: &Serve) -> anyhow::Result<Option<Mail>> {
    let Some(url) = command.smtp.clone().or_else(|| std::env::var("PLIMSOLL_SMTP").ok()) else { return Ok(None) };
    let from = command.mail_from.as_deref().context("mail needs a sender; name one with --mail-from")?;
    Ok(Some(Mail::new(&url, from, &command.mail_to)?))
}

/// Measures in a process of this same program.
struct Compare {
    program: PathBuf,
    catalog: Catalog,
    /// Flags that the process is started with.
    flags: Vec<String>,
    settings: Settings,
}

impl Compare {
    fn new(settings: &Settings, args: &Args, catalog: Catalog) -> anyhow::Result<Compare> {
        let mut flags = settings.flags();
        if let Some(folder) = &args.common.catalog {
            flags.extend(["--catalog".to_owned(), folder.to_str().context("--catalog: not UTF-8")?.to_owned()]);
        }
        Ok(Compare { program: std::env::current_exe()?, catalog, flags, settings: settings.clone() })
    }

    /// The catalogue's own name of a model that pages call `id`.
    fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.catalog.cards().find(|card| slug(&card.id) == id).map_or(id, |card| &card.id)
    }
}

impl Launch for Compare {
    fn command(&self, a: &str, b: &str, store: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["compare", self.name(a), self.name(b), "--progress-json"]).arg("--store").arg(store);
        // The report is in the store; files of it would lie about.
        command.arg("--no-report").args(&self.flags);
        command
    }

    fn refusal(&self, id: &str) -> Option<String> {
        model::locate(self.name(id)).err().map(|error| error.to_string())
    }

    fn here(&self) -> Option<Here> {
        // A processor that cannot be used has every command fail; pages say that speed is not known.
        Cpu::new(self.settings.isa, self.settings.threads).ok().map(|cpu| Here::measure(&cpu))
    }
}
