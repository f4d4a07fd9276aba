//! `/tmp` inside: a file system in memory, bounded in bytes and in entries. Bubblewrap's own is bounded in bytes alone, and
//! an empty file takes a kilobyte of the kernel's memory, which no limit of resources sees.

use std::ffi::CString;
use std::io;

use rustix::mount::MountFlags;
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

use crate::Limits;

/// Where it is.
const PLACE: &str = "/tmp";

/// Makes it, and gives up the capability that this took.
pub(super) fn mount(limits: &Limits) -> io::Result<()> {
    let bounds = CString::new(format!("size={},nr_inodes={}", limits.file, limits.entries))?;
    rustix::mount::mount(PLACE, PLACE, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, bounds.as_c_str())?;
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    // The folder that bubblewrap changed to lies below it now.
    std::env::set_current_dir(PLACE)
}
