//! The report on disk: both files whole, or neither.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub use plimsoll_lab::compare::questions;
use plimsoll_lab::hash::sha256_hex;
use serde::Serialize;
use tempfile::NamedTempFile;

use crate::field::FieldReport;
use crate::pages::{Chrome, ComparePage, FieldPage};
use crate::report::Report;
use crate::sealed::Sealed;

/// Bytes of a report's name before its hash; file systems allow 255 with the ending and what a temporary name adds.
const LONGEST_NAME: usize = 200;

/// Where the two files of a report go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportPaths {
    /// The page.
    pub html: PathBuf,
    /// The record.
    pub json: PathBuf,
}

impl ReportPaths {
    /// `plimsoll-A-vs-B.html` and `.json` in `folder`, after the names by which pages are found: `ids` of a report. Where
    /// these are too long for a file's name, each is cut and a hash of them all tells which they were.
    pub fn of(folder: &Path, ids: &[String]) -> ReportPaths {
        let mut name = format!("plimsoll-{}", ids.join("-vs-"));
        if name.len() > LONGEST_NAME {
            let whole = sha256_hex(name.as_bytes());
            let each = LONGEST_NAME / ids.len().max(1) - "-vs-".len();
            let cut: Vec<&str> = ids.iter().map(|id| &id[..id.len().min(each)]).collect();
            name = format!("plimsoll-{}-{}", cut.join("-vs-"), &whole[..8]);
        }
        ReportPaths { html: folder.join(format!("{name}.html")), json: folder.join(format!("{name}.json")) }
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file could not be written; nothing was left behind.
    #[error("cannot write `{}`: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The page would have to replace a folder.
    #[error("cannot write `{}`: it is a folder", path.display())]
    IsFolder {
        /// The path.
        path: PathBuf,
    },
}

/// Writes the page and the record.
///
/// Both are written whole under other names in the same folder and renamed only then, so that a full disk or a
/// folder that may not be written leaves neither, and an older report stays as it was. If the page cannot be renamed
/// after the record was, the record is put back as it was.
///
/// Returns those of the two files that were there before and are replaced.
///
/// # Errors
/// [`ReportError`], which names the path.
pub fn write_report(paths: &ReportPaths, report: &Report, rubric: &str) -> Result<Vec<PathBuf>, ReportError> {
    write_both(paths, &render_html(report, rubric), report)
}

/// Writes the page and the record of three models or more, as [`write_report`] does.
///
/// # Errors
/// [`ReportError`], which names the path.
pub fn write_field(paths: &ReportPaths, report: &FieldReport, rubric: &str) -> Result<Vec<PathBuf>, ReportError> {
    write_both(paths, &render_field_html(report, rubric), report)
}

fn write_both(paths: &ReportPaths, page: &str, record: &impl Serialize) -> Result<Vec<PathBuf>, ReportError> {
    let mut record =
        serde_json::to_string_pretty(&Sealed::new(record)).expect("records hold only strings, numbers and lists");
    record.push('\n');
    let html = prepared(&paths.html, page.as_bytes())?;
    let json = prepared(&paths.json, record.as_bytes())?;
    let old: Vec<PathBuf> = [&paths.html, &paths.json].into_iter().filter(|path| path.exists()).cloned().collect();
    both(paths, json, html)?;
    Ok(old)
}

/// Writes one file: the whole of it, or an older one stays as it was.
///
/// # Errors
/// [`ReportError`], which names the path.
pub fn write_whole(path: &Path, content: &[u8]) -> Result<(), ReportError> {
    prepared(path, content)?.persist(path).map(drop).map_err(|error| failed(path, &error.error))
}

/// The report as one page that needs nothing else: no network, no script, no second file. `rubric` is the text of the
/// rubric that it was judged by.
pub fn render_html(report: &Report, rubric: &str) -> String {
    let suite = questions(&report.comparison);
    let record = embedded(report);
    ComparePage::of_report(report, suite.as_ref(), rubric, Chrome::File).with_record(record).html()
}

/// The report of three models or more as one page that needs nothing else, as [`render_html`] gives that of two.
pub fn render_field_html(report: &FieldReport, rubric: &str) -> String {
    FieldPage::new(report, rubric, embedded(report)).html()
}

/// What opens the record that a page carries; `template` is neither shown nor printed, and nothing in it runs.
const OPENS: &str = "<template id=\"plimsoll-report\">";
/// What closes it.
const CLOSES: &str = "</template>";

/// The record as text of an element: what HTML would read in it is spelled, and the rest stays as it is.
fn embedded(report: &impl Serialize) -> String {
    let json = serde_json::to_string(&Sealed::new(report)).expect("records hold only strings, numbers and lists");
    json.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The JSON of the report that a page was rendered from; `None` where it carries none.
pub fn embedded_record(page: &str) -> Option<String> {
    // The record is last; whatever a name earlier in the page says is spelled so that it opens nothing.
    let (_, behind) = page.rsplit_once(OPENS)?;
    let (record, _) = behind.split_once(CLOSES)?;
    Some(record.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
}

/// Renames both, or neither.
fn both(paths: &ReportPaths, json: NamedTempFile, html: NamedTempFile) -> Result<(), ReportError> {
    let old_record = match fs::read(&paths.json) {
        Ok(bytes) => Some(prepared(&paths.json, &bytes)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(failed(&paths.json, &error)),
    };
    json.persist(&paths.json).map_err(|error| failed(&paths.json, &error.error))?;
    html.persist(&paths.html).map(drop).map_err(|error| {
        // The error that is told is the one that led here.
        let _ = match old_record {
            Some(old) => old.persist(&paths.json).map(drop).map_err(|error| error.error),
            None => fs::remove_file(&paths.json),
        };
        failed(&paths.html, &error.error)
    })
}

/// The content under a temporary name beside `path`, safely on disk; removed again unless it is renamed.
fn prepared(path: &Path, content: &[u8]) -> Result<NamedTempFile, ReportError> {
    if path.is_dir() {
        return Err(ReportError::IsFolder { path: path.to_owned() });
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = new_file(folder).map_err(|error| failed(path, &error))?;
    file.write_all(content).and_then(|()| file.as_file().sync_all()).map_err(|error| failed(path, &error))?;
    Ok(file)
}

#[cfg(unix)]
fn new_file(folder: &Path) -> io::Result<NamedTempFile> {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    // A temporary file is its owner's secret; a report is as readable as any file, as far as the umask allows.
    let permissions = Permissions::from_mode(0o666);
    tempfile::Builder::new().prefix(".plimsoll-report-").permissions(permissions).tempfile_in(folder)
}

#[cfg(not(unix))]
fn new_file(folder: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(".plimsoll-report-").tempfile_in(folder)
}

/// The library's message names the temporary file, which the reader never asked for; its kind says the rest.
fn failed(path: &Path, error: &io::Error) -> ReportError {
    ReportError::Write { path: path.to_owned(), source: io::Error::from(error.kind()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_cannot_be_renamed_leaves_the_record_as_it_was() {
        for old in [None, Some("old record")] {
            let folder = tempfile::tempdir().unwrap();
            let file = |kind: &str| folder.path().join(format!("report.{kind}"));
            let paths = ReportPaths { html: file("html"), json: file("json") };
            if let Some(old) = old {
                fs::write(&paths.json, old).unwrap();
            }
            let (json, html) = (prepared(&paths.json, b"new").unwrap(), prepared(&paths.html, b"new").unwrap());
            fs::create_dir(&paths.html).unwrap(); // after the checks, so that the rename itself fails
            both(&paths, json, html).unwrap_err();
            assert_eq!(fs::read_to_string(&paths.json).ok().as_deref(), old);
        }
    }
}
