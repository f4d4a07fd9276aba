//! The command line that makes the walls.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Unavailable;
use crate::child::Task;
use crate::confinement::on_path;

/// Where the linker looks for shared libraries, with its index of them.
const SYSTEM_LIBRARIES: [&str; 4] = ["/usr/lib", "/usr/lib64", "/lib", "/lib64"];
const LINKER_INDEX: &str = "/etc/ld.so.cache";
/// Where our own program stands inside.
const OURSELVES: &str = "/plimsoll";
/// Namespaces of its own, nothing of ours, and death with us. A network namespace has a loopback of its own; a control
/// group namespace hides a path only, so its absence is let pass.
const WALLS: [&str; 17] = [
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
];
/// What our own program needs to make a `/tmp` inside, and gives up before it becomes another.
const TO_MOUNT: [&str; 2] = ["--cap-add", "CAP_SYS_ADMIN"];

/// What makes the walls: bubblewrap, and our own program, which stands inside first.
#[derive(Debug, Clone)]
pub(crate) struct Bubblewrap {
    program: PathBuf,
    ourselves: PathBuf,
}

impl Bubblewrap {
    /// What of it there is on this machine.
    pub fn find() -> Result<Bubblewrap, Unavailable> {
        let program = on_path("bwrap").ok_or(Unavailable::NoBubblewrap)?;
        let no_self = |error: std::io::Error| Unavailable::Refused { said: format!("its own program: {error}") };
        Ok(Bubblewrap { program, ourselves: std::env::current_exe().map_err(no_self)? })
    }

    /// The command that runs `task` behind every wall. Of the file system there are the libraries of the system, `needs`,
    /// and each file of `shown` under another name; all of it read-only.
    pub fn command(&self, task: &Task, needs: impl Iterator<Item = PathBuf>, shown: &[(&Path, &Path)]) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().args(WALLS);
        if task.scratch {
            command.args(TO_MOUNT);
        }
        command.args(["--dir", "/tmp"]);
        for mount in mounts(needs) {
            command.args(mount);
        }
        for (file, name) in shown {
            command.arg("--ro-bind").arg(file).arg(name);
        }
        command.arg("--ro-bind").arg(&self.ourselves).arg(OURSELVES);
        // The root holds the mounts and is a file system in memory: nobody shall fill it.
        command.args(["--remount-ro", "/", "--chdir", "/tmp", "--", OURSELVES, crate::child::ARGUMENT]);
        command.arg(task.to_argument());
        command
    }
}

/// The libraries of the system and `needs`, read-only; where a folder of these is a link, so is it inside.
fn mounts(needs: impl Iterator<Item = PathBuf>) -> Vec<[OsString; 3]> {
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
    for path in needs.chain([PathBuf::from(LINKER_INDEX)]) {
        if path.exists() && !bound.iter().any(|folder| path.starts_with(folder)) {
            mounts.push(bind(&path));
            bound.push(path);
        }
    }
    mounts
}

fn bind(path: &Path) -> [OsString; 3] {
    ["--ro-bind".into(), path.into(), path.into()]
}
