//! Limits of resources.

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::Limits;

/// Sets them on this process, for good.
pub(super) fn limit(limits: &Limits) -> Result<(), Errno> {
    let at_most = |n: u64| Rlimit { current: Some(n), maximum: Some(n) };
    setrlimit(Resource::As, at_most(limits.memory))?;
    // The first of the two is a signal by which the cause is known, the second cannot be caught.
    setrlimit(Resource::Cpu, Rlimit { current: Some(limits.cpu), maximum: Some(limits.cpu + 1) })?;
    setrlimit(Resource::Fsize, at_most(limits.file))?;
    setrlimit(Resource::Nproc, at_most(limits.threads))?;
    setrlimit(Resource::Nofile, at_most(limits.open_files))?;
    setrlimit(Resource::Core, at_most(0))
}
