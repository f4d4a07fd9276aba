//! Room on a disk.

use std::path::Path;

/// Bytes that this user may still write where `folder` is, or will be; `None` where the system does not say.
#[cfg(unix)]
pub fn free_at(folder: &Path) -> Option<u64> {
    let there = folder.ancestors().find(|folder| folder.exists()).filter(|folder| !folder.as_os_str().is_empty());
    let found = rustix::fs::statvfs(there.unwrap_or(Path::new("."))).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Bytes that this user may still write where `folder` is, or will be; `None` where the system does not say.
#[cfg(not(unix))]
pub fn free_at(_folder: &Path) -> Option<u64> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_yet_has_the_room_of_where_it_will_be() {
        let dir = tempfile::tempdir().unwrap();
        assert!(free_at(&dir.path().join("not/yet")).unwrap() > 0);
        assert!(free_at(Path::new("not-here")).is_some());
    }
}
