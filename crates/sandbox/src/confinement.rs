//! A program of this machine that reads one file which nobody vouches for.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Limits;
#[cfg(target_os = "linux")]
use crate::{Unavailable, bubblewrap::Bubblewrap, child::Task};

/// Sets limits of resources, as far as a system has them, and becomes the program, which is its first argument.
#[cfg(unix)]
const LIMITED: &str =
    "{ ulimit -c 0; ulimit -f 0; ulimit -t $1; ulimit -v $2; } 2>/dev/null; shift 2; exec \"$0\" \"$@\"";
/// What programs may look for beside the libraries of the system: their own, and links from these to these.
#[cfg(target_os = "linux")]
const FURTHER_LIBRARIES: [&str; 2] = ["/usr/local/lib", "/etc/alternatives"];
/// Letters of a file's extension that is kept inside.
#[cfg(target_os = "linux")]
const EXTENSION: usize = 8;

/// How a program is held that reads a foreign file.
#[derive(Debug, Clone)]
pub struct Confinement {
    program: PathBuf,
    how: How,
}

#[derive(Debug, Clone)]
enum How {
    /// Behind the walls of [`crate::Sandbox`], where nothing can be written.
    #[cfg(target_os = "linux")]
    Walled(Bubblewrap),
    /// By limits of resources alone, for this reason.
    Limited(String),
}

impl Confinement {
    /// The program called `name`: behind walls if it runs there, which `trial`, arguments that end well, shows. None where
    /// the folders of the PATH hold no such program.
    pub fn of(name: &str, trial: &[&str]) -> Option<Confinement> {
        let program = on_path(name)?;
        #[cfg(target_os = "linux")]
        let how = match walls(&program, trial) {
            Ok(bubblewrap) => How::Walled(bubblewrap),
            Err(why) => How::Limited(why.to_string()),
        };
        #[cfg(not(target_os = "linux"))]
        let how = {
            let _ = trial;
            How::Limited("there are no such walls on this system".to_owned())
        };
        Some(Confinement { program, how })
    }

    /// Why the program is held by limits alone, if it is.
    pub fn lacks_walls(&self) -> Option<&str> {
        match &self.how {
            #[cfg(target_os = "linux")]
            How::Walled(_) => None,
            How::Limited(why) => Some(why),
        }
    }

    /// The command that reads `file`, which `arguments` names as it is called where the program runs. The clock and the
    /// amount of output are the caller's to watch.
    pub fn command(&self, limits: Limits, file: &Path, arguments: impl FnOnce(&Path) -> Vec<OsString>) -> Command {
        match &self.how {
            #[cfg(target_os = "linux")]
            How::Walled(bubblewrap) => {
                let inside = inside(file);
                let whole = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
                walled(bubblewrap, &self.program, limits, arguments(&inside), &[(&whole, &inside)])
            }
            How::Limited(_) => limited(&self.program, limits, arguments(file)),
        }
    }
}

#[cfg(target_os = "linux")]
fn walls(program: &Path, trial: &[&str]) -> Result<Bubblewrap, Unavailable> {
    if !crate::child::enters() {
        return Err(Unavailable::NoEntry);
    }
    let bubblewrap = Bubblewrap::find()?;
    let arguments = trial.iter().map(OsString::from).collect();
    let tried =
        walled(&bubblewrap, program, Limits::default(), arguments, &[]).stdin(std::process::Stdio::null()).output();
    let refused = |said: String| Unavailable::Refused { said };
    let tried = tried.map_err(|error| refused(error.to_string()))?;
    if tried.status.success() {
        return Ok(bubblewrap);
    }
    let said = String::from_utf8_lossy(&tried.stderr);
    Err(refused(said.lines().next().map_or_else(|| tried.status.to_string(), str::to_owned)))
}

#[cfg(target_os = "linux")]
fn walled(
    bubblewrap: &Bubblewrap,
    program: &Path,
    limits: Limits,
    arguments: Vec<OsString>,
    shown: &[(&Path, &Path)],
) -> Command {
    let whole = std::fs::canonicalize(program).unwrap_or_else(|_| program.to_owned());
    let arguments = arguments.into_iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let task = Task { limits, scratch: false, program: whole.clone(), arguments };
    bubblewrap.command(&task, [whole].into_iter().chain(FURTHER_LIBRARIES.map(PathBuf::from)), shown)
}

/// What a file is called inside: its own name stays out, its extension tells programs what it may be.
#[cfg(target_os = "linux")]
fn inside(file: &Path) -> PathBuf {
    let plain = |kind: &&str| kind.len() <= EXTENSION && kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match file.extension().and_then(|kind| kind.to_str()).filter(plain) {
        Some(kind) => PathBuf::from(format!("/input.{kind}")),
        None => PathBuf::from("/input"),
    }
}

#[cfg(unix)]
fn limited(program: &Path, limits: Limits, arguments: Vec<OsString>) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", LIMITED]).arg(program).arg(limits.cpu.to_string()).arg((limits.memory >> 10).to_string());
    command.args(arguments);
    command
}

#[cfg(not(unix))]
fn limited(program: &Path, _: Limits, arguments: Vec<OsString>) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// The first file of this name in the folders of the PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let (folders, file) = (std::env::var_os("PATH")?, format!("{name}{}", std::env::consts::EXE_SUFFIX));
    std::env::split_paths(&folders).map(|folder| folder.join(&file)).find(|path| path.is_file())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(limits: Limits, script: &str) -> std::process::Output {
        // A test's own program does not go inside, so that there are limits alone.
        let shell = Confinement::of("sh", &["-c", "true"]).expect("every system has one");
        assert!(shell.lacks_walls().is_some());
        let arguments = |file: &Path| vec!["-c".into(), script.into(), "sh".into(), file.into()];
        shell.command(limits, Path::new("a 'file'; exit 7"), arguments).output().expect("it starts")
    }

    #[test]
    fn without_walls_there_are_limits() {
        let limits = Limits { cpu: 7, memory: 64 << 20, ..Limits::default() };
        let told = shell(limits, "ulimit -t; ulimit -f; ulimit -c");
        assert_eq!(String::from_utf8_lossy(&told.stdout), "7\n0\n0\n");
        if cfg!(target_os = "linux") {
            assert_eq!(String::from_utf8_lossy(&shell(limits, "ulimit -v").stdout), "65536\n");
        }
        let endless = shell(Limits { cpu: 1, ..limits }, "while :; do :; done");
        assert!(!endless.status.success());
    }

    #[test]
    fn names_of_files_are_no_words_of_a_shell() {
        let told = shell(Limits::default(), "printf %s \"$1\"");
        assert_eq!(String::from_utf8_lossy(&told.stdout), "a 'file'; exit 7");
    }
}
