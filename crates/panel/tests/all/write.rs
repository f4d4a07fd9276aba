//! Both files whole, or neither.

use crate::fixture;
use crate::skipped;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use plimsoll_lab::record::Comparison;
use plimsoll_panel::rubric::Rubric;
use plimsoll_panel::{Report, ReportError, ReportPaths, write_report};

fn names(folder: &Path) -> Vec<OsString> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

fn paths_in(folder: &Path) -> ReportPaths {
    ReportPaths::of(folder, &fixture::report().ids())
}

/// Writes the report of a comparison that was judged.
fn written(paths: &ReportPaths, comparison: Comparison) -> Result<Vec<PathBuf>, ReportError> {
    write_report(paths, &fixture::report_of(comparison), &Rubric::builtin().text)
}

#[test]
fn a_report_is_a_page_and_a_record_that_reads_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let paths = paths_in(folder.path());
    written(&paths, fixture::comparison()).unwrap();
    assert_eq!(
        names(folder.path()),
        ["plimsoll-demo-large-vs-demo-small.html", "plimsoll-demo-large-vs-demo-small.json"]
    );
    assert!(fs::read_to_string(&paths.html).unwrap().trim_end().ends_with("</html>"));
    let bytes = fs::read(&paths.json).unwrap();
    let back: Comparison = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(back, fixture::comparison());
    assert_eq!(serde_json::from_slice::<Report>(&bytes).unwrap(), fixture::report());
    assert!(back.measurements().iter().all(|measurement| measurement.is_intact()));
}

#[test]
fn a_second_report_replaces_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let paths = paths_in(folder.path());
    written(&paths, fixture::comparison()).unwrap();
    let mut second = fixture::comparison();
    second.created = "2027-01-01T00:00:00Z".into();
    assert_eq!(written(&paths, second).unwrap(), [paths.html.clone(), paths.json.clone()], "what was replaced is told");
    assert!(fs::read_to_string(&paths.json).unwrap().contains("2027-01-01"));
    assert_eq!(names(folder.path()).len(), 2);
}

#[test]
fn a_missing_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let paths = paths_in(&folder.path().join("nowhere"));
    let message = written(&paths, fixture::comparison()).unwrap_err().to_string();
    assert!(message.contains("nowhere/plimsoll-demo-large-vs-demo-small.html"), "{message}");
    assert_eq!(names(folder.path()), Vec::<OsString>::new());
}

#[test]
fn a_folder_in_the_way_of_either_file_stops_both() {
    for taken in ["plimsoll-demo-large-vs-demo-small.html", "plimsoll-demo-large-vs-demo-small.json"] {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(taken)).unwrap();
        let error = write_report(&paths_in(folder.path()), &fixture::report(), "").unwrap_err();
        assert!(matches!(&error, ReportError::IsFolder { path } if path.ends_with(taken)), "{error}");
        assert_eq!(names(folder.path()), [taken]);
    }
}

#[cfg(unix)]
mod unix {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_read_only_folder_is_named_and_stays_empty() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o555)).unwrap();
        if fs::write(folder.path().join("probe"), "").is_ok() {
            super::skipped::skipped("this user may write read-only folders");
            return;
        }
        let message = write_report(&paths_in(folder.path()), &fixture::report(), "").unwrap_err().to_string();
        assert!(message.contains("plimsoll-demo-large-vs-demo-small.html`: permission denied"), "{message}");
        assert_eq!(names(folder.path()), Vec::<OsString>::new());
    }

    /// Not for this file system, but for the folder of a process table: nobody may make files there.
    #[test]
    fn a_folder_that_takes_no_files_is_named() {
        let error = write_report(&paths_in(Path::new("/proc")), &fixture::report(), "").unwrap_err();
        assert!(error.to_string().contains("/proc/plimsoll-demo-large-vs-demo-small.html"), "{error}");
    }

    /// Runs this test program again under a limit on the size of files, which fails a write in the middle as a
    /// full disk does.
    #[test]
    fn a_disk_that_fills_up_leaves_the_old_report_and_no_half_file() {
        let folder = tempfile::tempdir().unwrap();
        let paths = paths_in(folder.path());
        fs::write(&paths.html, "old page").unwrap();
        let status = Command::new("sh")
            .args(["-c", r#"trap '' XFSZ; ulimit -f 8; exec "$0" --exact write::unix::under_a_limit --ignored"#])
            .arg(std::env::current_exe().unwrap())
            .env("PLIMSOLL_TEST_FOLDER", folder.path())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&status.stdout);
        assert!(status.status.success() && told.contains("1 passed"), "{told}");
        assert_eq!(names(folder.path()), ["plimsoll-demo-large-vs-demo-small.html"]);
        assert_eq!(fs::read_to_string(&paths.html).unwrap(), "old page");
    }

    #[test]
    #[ignore = "run by the test above, under a limit"]
    fn under_a_limit() {
        let folder = std::env::var_os("PLIMSOLL_TEST_FOLDER").expect("set by the test above");
        let error = write_report(&paths_in(folder.as_ref()), &fixture::report(), "").unwrap_err();
        assert!(error.to_string().contains("plimsoll-demo-large-vs-demo-small.html"), "{error}");
    }
}
