//! What a file is known by: the SHA-256 of large files, Git's own hash of small ones.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// Bytes that are hashed at a time.
const CHUNK: usize = 1 << 20;

/// The hash that a file must have.
#[derive(Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", content = "hex", rename_all = "kebab-case")]
pub enum Digest {
    /// SHA-256 of its bytes, in hexadecimal: what Git LFS and Ollama call a file by.
    Sha256(String),
    /// SHA-1 of `blob SIZE\0` and its bytes, in hexadecimal: what Git calls a file by.
    GitSha1(String),
}

impl Digest {
    /// A SHA-256 in hexadecimal.
    pub fn sha256(hex: &str) -> Option<Digest> {
        is_hex(hex, 64).then(|| Digest::Sha256(hex.to_ascii_lowercase()))
    }

    /// Git's hash of a file in hexadecimal.
    pub fn git(hex: &str) -> Option<Digest> {
        is_hex(hex, 40).then(|| Digest::GitSha1(hex.to_ascii_lowercase()))
    }

    /// The digest alone, which caches call files by.
    pub fn hex(&self) -> &str {
        match self {
            Digest::Sha256(hex) | Digest::GitSha1(hex) => hex,
        }
    }

    /// The digest of the same kind that `file` has from its first byte on; `seen` is told how many bytes were read and
    /// says whether to go on.
    ///
    /// # Errors
    /// It cannot be read; [`io::ErrorKind::Interrupted`] where `seen` said to stop.
    pub fn of_file(&self, file: &mut File, mut seen: impl FnMut(u64) -> bool) -> io::Result<Digest> {
        let size = file.metadata()?.len();
        let mut hasher = match self {
            Digest::Sha256(_) => Hasher::Sha256(Sha256::new()),
            Digest::GitSha1(_) => Hasher::Git(Sha1::new_with_prefix(format!("blob {size}\0"))),
        };
        let mut buffer = vec![0; CHUNK];
        let mut done = 0;
        loop {
            let n = file.read(&mut buffer)?;
            if n == 0 {
                return Ok(hasher.end());
            }
            hasher.update(&buffer[..n]);
            done += n as u64;
            if !seen(done) {
                return Err(io::ErrorKind::Interrupted.into());
            }
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Digest::Sha256(hex) => write!(f, "sha256:{hex}"),
            Digest::GitSha1(hex) => write!(f, "git:{hex}"),
        }
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

enum Hasher {
    Sha256(Sha256),
    Git(Sha1),
}

impl Hasher {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Sha256(hasher) => hasher.update(bytes),
            Hasher::Git(hasher) => hasher.update(bytes),
        }
    }

    fn end(self) -> Digest {
        match self {
            Hasher::Sha256(hasher) => Digest::Sha256(hex(&hasher.finalize())),
            Hasher::Git(hasher) => Digest::GitSha1(hex(&hasher.finalize())),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_hex(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek, Write};

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        file
    }

    /// `printf 'hello\n' | git hash-object --stdin`, and of nothing; `printf abc | sha256sum`.
    #[test]
    fn digests_are_those_of_git_and_sha256sum() {
        let git = Digest::git("ce013625030ba8dba906f756967f9e9ca394464a").unwrap();
        assert_eq!(git.of_file(&mut file(b"hello\n"), |_| true).unwrap(), git);
        let empty = Digest::git("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391").unwrap();
        assert_eq!(empty.of_file(&mut file(b""), |_| true).unwrap(), empty);
        let sha = Digest::sha256("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD").unwrap();
        assert_eq!(sha.of_file(&mut file(b"abc"), |_| true).unwrap(), sha);
    }

    #[test]
    fn what_is_no_digest_is_none() {
        assert_eq!(Digest::sha256("../../x"), None);
        assert_eq!(Digest::git(&"g".repeat(40)), None);
        assert_eq!(Digest::sha256(&"a".repeat(40)), None);
    }

    #[test]
    fn hashing_stops_where_it_is_told_to() {
        let sha = Digest::sha256(&"0".repeat(64)).unwrap();
        let error = sha.of_file(&mut file(&vec![0; 3 * CHUNK]), |done| done < CHUNK as u64).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
    }
}
