//! What `huggingface_hub` reads of what we wrote, and the reverse.

#[path = "../../../../tests/skipped.rs"]
mod skipped;

use std::path::Path;
use std::process::Command;

use plimsoll_fetch::{Cancel, Lookup, State, Verdict};
use serde_json::{Value, json};

use crate::client::{Client, LARGE, mock};
use crate::mock::{Fault, Mock};
use skipped::skipped;

/// A Python that has huggingface_hub, if it is not `python3`.
const PYTHON: &str = "PLIMSOLL_TEST_PYTHON";

const READ: &str = r#"
import json, os, sys
from huggingface_hub import _CACHED_NO_EXIST, hf_hub_download, scan_cache_dir, snapshot_download, try_to_load_from_cache
cache, = sys.argv[1:]
folder = snapshot_download("org/name", cache_dir=cache, local_files_only=True)
found = scan_cache_dir(cache)
repo, = found.repos
revision, = repo.revisions
absent = try_to_load_from_cache("org/name", "chat_template.jinja", cache_dir=cache)
print(json.dumps({
    "folder": folder, "warnings": [str(w) for w in found.warnings], "repo": repo.repo_id, "bytes": repo.size_on_disk,
    "commit": revision.commit_hash, "refs": sorted(revision.refs),
    "files": sorted(os.path.relpath(f.file_path, folder) for f in revision.files),
    "config": try_to_load_from_cache("org/name", "config.json", cache_dir=cache),
    "absent": absent is _CACHED_NO_EXIST,
    "incomplete": len(getattr(found, "incomplete_files", [])),
    "weights": hf_hub_download("org/name", "model.safetensors", cache_dir=cache),
}))
"#;

const WRITE: &str = r#"
import json, sys
from huggingface_hub import hf_hub_download, snapshot_download
cache, = sys.argv[1:]
print(json.dumps(snapshot_download("org/name", cache_dir=cache)))
"#;

const INTERRUPTED: &str = r#"
import json, sys
from huggingface_hub import scan_cache_dir
found = scan_cache_dir(sys.argv[1])
print(json.dumps([sorted(r.repo_id for r in found.repos), sorted(f.file_path.name for f in getattr(found, "incomplete_files", []))]))
"#;

/// What a program in Python prints, with huggingface_hub asking `mock`.
fn python(program: &str, mock: &Mock, cache: &Path) -> Value {
    let output = command(mock).args(["-c", program]).arg(cache).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn command(mock: &Mock) -> Command {
    let mut command = Command::new(std::env::var(PYTHON).unwrap_or_else(|_| "python3".to_owned()));
    command.env("HF_ENDPOINT", &mock.endpoint).env("HF_HUB_DISABLE_XET", "1").env("HF_HUB_DISABLE_TELEMETRY", "1");
    command.env("HF_HUB_DISABLE_PROGRESS_BARS", "1").env_remove("HF_TOKEN");
    command
}

/// Whether there is such a Python; says so where there is none.
fn is_missing(mock: &Mock) -> bool {
    let found = command(mock).args(["-c", "import huggingface_hub"]).output();
    let missing = !found.is_ok_and(|output| output.status.success());
    if missing {
        skipped(&format!("no huggingface_hub in python3; {PYTHON} may name another Python"));
    }
    missing
}

#[test]
fn huggingface_hub_reads_what_we_wrote() {
    let mock = mock();
    if is_missing(&mock) {
        return;
    }
    let mut client = Client::of(&mock);
    let pulled = client.pull().unwrap();
    let before = mock.gets("model.safetensors").len();
    let read = python(READ, &mock, client.cache.root());
    let folder = std::fs::canonicalize(&pulled.folder).unwrap();
    assert_eq!(
        read,
        json!({
            "folder": folder, "warnings": [], "repo": "org/name", "bytes": LARGE + 50, "commit": mock.commit(),
            "refs": ["main"], "files": ["LICENSE", "README.md", "config.json", "model.safetensors"],
            "config": folder.join("config.json"), "absent": true, "incomplete": 0,
            "weights": folder.join("model.safetensors"),
        })
    );
    assert_eq!(mock.gets("model.safetensors").len(), before, "nothing of it is fetched again");
}

#[test]
fn we_read_what_huggingface_hub_wrote() {
    let mock = mock();
    if is_missing(&mock) {
        return;
    }
    let mut client = Client::of(&mock);
    let folder = python(WRITE, &mock, client.cache.root());
    let found = client.cache.find(&client.reference).unwrap();
    assert_eq!(folder.as_str().map(Path::new), Some(std::fs::canonicalize(&found).unwrap().as_path()));
    let before = mock.gets("model.safetensors").len();
    let plan = client.plan().unwrap();
    assert!(plan.files.iter().all(|file| file.state == State::Here), "{:?}", plan.files);
    let pulled = client.do_plan(&plan, |_| {}).unwrap();
    assert_eq!((pulled.fetched, &pulled.folder), (0, &found));
    assert_eq!(mock.gets("model.safetensors").len(), before);
    let model = client.cache.model("org/name").unwrap();
    let verdicts: Vec<_> =
        model.revisions[0].files.iter().map(|file| file.verify(&Cancel::default()).unwrap()).collect();
    assert_eq!(verdicts, vec![Verdict::Whole; 6], "all six files of the repository");
    let lookup = client.cache.lookup("org/name", &mock.commit(), "original/consolidated.00.pth");
    assert!(matches!(lookup, Lookup::Here(_)));
}

#[test]
fn what_we_have_not_finished_is_unfinished_to_huggingface_hub_too() {
    let mock = mock();
    if is_missing(&mock) {
        return;
    }
    mock.script(|request, nth| {
        (request.is_for("model.safetensors") && nth > 2).then(|| Fault::Says(403, Vec::new(), ""))
    });
    let mut client = Client::of(&mock);
    client.pull().unwrap_err();
    let seen = python(INTERRUPTED, &mock, client.cache.root());
    assert_eq!(seen[0], json!(["org/name"]));
    assert_eq!(seen[1].as_array().unwrap().len(), client.unfinished().len(), "{seen}");
    mock.script(|_, _| None);
    python(WRITE, &mock, client.cache.root());
    let pulled = client.pull().unwrap();
    assert_eq!(pulled.fetched, 0, "they fetched it, and what we had of it was in nobody's way");
    assert_eq!(client.unfinished(), Vec::<String>::new());
}
