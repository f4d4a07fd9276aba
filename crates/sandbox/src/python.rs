//! Which Python there is, and the files that it needs.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::Unavailable;

/// Asks a Python for the paths of its parts. Its own `-I -S` keep the user's files out of the answer.
const QUESTION: &str = "import json, os, sys, sysconfig
paths = sysconfig.get_paths()
print(json.dumps({
    'executable': os.path.realpath(sys.executable), 'prefix': sys.base_prefix, 'version': sys.version_info[:2],
    'libraries': [paths['stdlib'], paths['platstdlib']]}))";
/// The oldest that the harness is written for.
const OLDEST: (u32, u32) = (3, 7);

/// A Python.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Python {
    /// The program itself, past every link and shim.
    pub executable: PathBuf,
    prefix: PathBuf,
    version: (u32, u32),
    libraries: Vec<PathBuf>,
}

impl Python {
    /// The `python3` of the PATH.
    pub fn find() -> Result<Python, Unavailable> {
        let asked = Command::new("python3").args(["-I", "-S", "-c", QUESTION]).stdin(Stdio::null()).output();
        let no = |said: String| Unavailable::NoPython { said };
        let answer = asked.map_err(|error| no(error.to_string()))?;
        if !answer.status.success() {
            return Err(no(String::from_utf8_lossy(&answer.stderr).trim().to_owned()));
        }
        let python: Python = serde_json::from_slice(&answer.stdout).map_err(|error| no(error.to_string()))?;
        if python.version < OLDEST {
            let ((major, minor), (a, b)) = (python.version, OLDEST);
            return Err(no(format!("it is version {major}.{minor}, and {a}.{b} is the oldest that will do")));
        }
        Ok(python)
    }

    /// Files and folders that it needs beside the system's libraries; those for its shared library need not exist.
    pub fn needs(&self) -> impl Iterator<Item = PathBuf> {
        let folders = ["lib", "lib64"].into_iter().map(|name| self.prefix.join(name));
        [&self.executable].into_iter().chain(&self.libraries).cloned().chain(folders)
    }

    /// What it is started with to run `script`, apart from everything of the user's.
    pub fn arguments(&self, script: &str) -> Vec<String> {
        ["-I", "-S", "-B", "-X", "utf8", "-c", script].map(str::to_owned).to_vec()
    }
}
