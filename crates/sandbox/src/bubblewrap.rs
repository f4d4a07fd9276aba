//! The command line that makes the walls.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::child::Task;
use crate::python::Python;
use crate::{Limits, Unavailable};

/// Where the linker looks for shared libraries, with its index of them.
const SYSTEM_LIBRARIES: [&str; 4] = ["/usr/lib", "/usr/lib64", "/lib", "/lib64"];
const LINKER_INDEX: &str = "/etc/ld.so.cache";
/// Where our own program stands inside.
const OURSELVES: &str = "/plimsoll";
/// Namespaces of its own, nothing of ours, and death with us. A network namespace has a loopback of its own; a control
/// group namespace hides a path only, so its absence is let pass.
const WALLS: [&str; 18] = [
    "--unshare-user",
    "--unshare-pid",
    "--unshare-net",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--uid",
    "1000",
    "--gid",
    "1000",
    "--hostname",
    "plimsoll",
    "--clearenv",
    "--die-with-parent",
    "--new-session",
    "--cap-drop",
    "ALL",
    "--size",
];

/// Everything that is needed to start a process inside.
#[derive(Debug, Clone)]
pub(crate) struct Bubblewrap {
    program: PathBuf,
    ourselves: PathBuf,
    python: Python,
}

impl Bubblewrap {
    /// What of it there is on this machine.
    pub fn find() -> Result<Bubblewrap, Unavailable> {
        let program = on_path("bwrap").ok_or(Unavailable::NoBubblewrap)?;
        let no_self = |error: std::io::Error| Unavailable::Refused { said: format!("its own program: {error}") };
        Ok(Bubblewrap { program, ourselves: std::env::current_exe().map_err(no_self)?, python: Python::find()? })
    }

    /// The command that runs Python on `script` behind every wall.
    pub fn command(&self, script: &str, limits: Limits) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().args(WALLS).arg(limits.file.to_string()).args(["--tmpfs", "/tmp"]);
        for mount in self.mounts() {
            command.args(mount);
        }
        command.arg("--ro-bind").arg(&self.ourselves).arg(OURSELVES);
        // The root holds the mounts and is a file system in memory: nobody shall fill it.
        command.args(["--remount-ro", "/", "--chdir", "/tmp", "--", OURSELVES, crate::child::ARGUMENT]);
        let python = self.python.executable.clone();
        command.arg(Task { limits, python, script: script.to_owned() }.to_argument());
        command
    }

    /// Python and the libraries of the system, read-only; where a folder of these is a link, so is it inside.
    fn mounts(&self) -> Vec<[OsString; 3]> {
        let mut mounts = Vec::new();
        let mut bound: Vec<PathBuf> = Vec::new();
        for folder in SYSTEM_LIBRARIES {
            match std::fs::read_link(folder) {
                Ok(target) => mounts.push(["--symlink".into(), target.into(), folder.into()]),
                Err(_) if Path::new(folder).is_dir() => {
                    mounts.push(bind(Path::new(folder)));
                    bound.push(folder.into());
                }
                Err(_) => {}
            }
        }
        let own = self.python.needs().map(Path::to_owned).chain(self.python.library_folders());
        for path in own.chain([PathBuf::from(LINKER_INDEX)]) {
            if path.exists() && !bound.iter().any(|folder| path.starts_with(folder)) {
                mounts.push(bind(&path));
                bound.push(path);
            }
        }
        mounts
    }
}

fn bind(path: &Path) -> [OsString; 3] {
    ["--ro-bind".into(), path.into(), path.into()]
}

/// The first file of this name in the folders of the PATH.
fn on_path(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file())
}
