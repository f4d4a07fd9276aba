//! A control group for each run, where the system lets this user make one: what the kernel itself keeps for a process is
//! counted there, and by no limit of resources.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Where the system shows its groups.
const ROOT: &str = "/sys/fs/cgroup";
/// Joins the group that is its first argument and becomes the rest.
const JOIN: &str = "echo $$ >\"$0/cgroup.procs\" && exec \"$@\"";
/// How often it is tried to take away a group whose processes were killed a moment ago, and how long between.
const TRIES: usize = 100;
const BETWEEN: Duration = Duration::from_millis(2);

/// Where groups can be made.
#[derive(Debug, Clone)]
pub(crate) struct ControlGroups {
    folder: PathBuf,
    /// The file in a group that holds its limit of memory.
    limit: &'static str,
}

impl ControlGroups {
    /// The place, tried: a limited group can be made in it.
    pub fn find() -> Option<ControlGroups> {
        let own = std::fs::read_to_string("/proc/self/cgroup").ok()?;
        let place = |line: &str| {
            let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
            ControlGroups::of(controllers, Path::new(path.trim_start_matches('/')))
        };
        own.lines().filter_map(place).find(|groups| groups.make(1 << 30).is_ok())
    }

    /// The place for a process that stands at `path` of these controllers: none in name where it is the second version.
    fn of(controllers: &str, path: &Path) -> Option<ControlGroups> {
        if controllers.split(',').any(|controller| controller == "memory") {
            return Some(ControlGroups {
                folder: Path::new(ROOT).join("memory").join(path),
                limit: "memory.limit_in_bytes",
            });
        }
        // A group that holds processes hands no controller on, so that ours stands beside the one that we are in.
        let folder = Path::new(ROOT).join(path.parent().unwrap_or(path));
        let handed_on = std::fs::read_to_string(folder.join("cgroup.subtree_control")).ok()?;
        let has_memory =
            controllers.is_empty() && handed_on.split_whitespace().any(|controller| controller == "memory");
        has_memory.then_some(ControlGroups { folder, limit: "memory.max" })
    }

    /// A group whose processes may take so many bytes together, those of the kernel for them included.
    pub fn make(&self, memory: u64) -> io::Result<ControlGroup> {
        let folder = tempfile::Builder::new().prefix("plimsoll-").tempdir_in(&self.folder)?.keep();
        let group = ControlGroup { folder };
        std::fs::write(group.folder.join(self.limit), memory.to_string())?;
        Ok(group)
    }
}

/// A group, until it is dropped; its processes are gone or were killed by then.
#[derive(Debug)]
pub(crate) struct ControlGroup {
    folder: PathBuf,
}

impl ControlGroup {
    /// The command as a member of the group, without our environment.
    pub fn member(&self, command: &Command) -> Command {
        let mut member = Command::new("/bin/sh");
        member.env_clear().args(["-c", JOIN]).arg(&self.folder).arg(command.get_program()).args(command.get_args());
        member
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        for _ in 0..TRIES {
            match std::fs::remove_dir(&self.folder) {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => std::thread::sleep(BETWEEN),
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_bounds_what_its_processes_take_together_and_goes_with_them() {
        let Some(groups) = ControlGroups::find() else {
            eprintln!("skipped: no control group can be made here");
            return;
        };
        let group = groups.make(64 << 20).unwrap();
        let run = |bytes: &str| {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", &format!("head -c {bytes} /dev/zero | tail -c {bytes} | wc -c")]);
            group.member(&shell).output().unwrap().stdout
        };
        assert_eq!(String::from_utf8(run("1000000")).unwrap().trim(), "1000000");
        assert_ne!(String::from_utf8(run("200000000")).unwrap().trim(), "200000000");
        let folder = group.folder.clone();
        drop(group);
        assert!(!folder.exists());
    }
}
