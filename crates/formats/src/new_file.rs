//! A file that is there when it is whole, and not before.

use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::error::FormatError;
use crate::files::{file_name, parent};

/// A file under a name of its own beside where it is to be; without [`NewFile::keep`] it is gone when this is dropped.
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
}

impl NewFile {
    /// Begins the file that is to be `path`.
    ///
    /// # Errors
    /// Its folder is none or takes no files.
    pub fn create(path: &Path) -> Result<NewFile, FormatError> {
        let (prefix, mut builder) = (format!(".{}.", file_name(path)), Builder::new());
        builder.prefix(&prefix).suffix(".part");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // Less what the user's mask takes, as of any file.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let file = builder.tempfile_in(parent(path)).map_err(|error| FormatError::io(path, "write", error))?;
        Ok(NewFile { path: path.to_owned(), file: BufWriter::with_capacity(1 << 18, file) })
    }

    /// Where what was written lies meanwhile, for whoever reads it before it has its name.
    ///
    /// # Errors
    /// The disk is full.
    pub fn written(&mut self) -> Result<&Path, FormatError> {
        self.flush().map_err(|error| FormatError::io(&self.path, "write", error))?;
        Ok(self.file.get_ref().path())
    }

    /// Writes over its beginning.
    ///
    /// # Errors
    /// The disk is full.
    pub fn write_over(&mut self, bytes: &[u8]) -> Result<(), FormatError> {
        let written = self.file.rewind().and_then(|()| self.file.write_all(bytes)).and_then(|()| self.file.flush());
        written.map_err(|error| FormatError::io(&self.path, "write", error))
    }

    /// Gives it its name, in the place of what had it.
    ///
    /// # Errors
    /// The disk is full, or the system refuses.
    pub fn keep(self) -> Result<(), FormatError> {
        let failed = |error| FormatError::io(&self.path, "write", error);
        let file = self.file.into_inner().map_err(|error| failed(error.into_error()))?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&self.path).map(drop).map_err(|error| failed(error.error))
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_when_it_is_kept_and_leaves_nothing_when_it_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.gguf");
        let count = || std::fs::read_dir(folder.path()).unwrap().count();
        let mut dropped = NewFile::create(&path).unwrap();
        dropped.write_all(b"half").unwrap();
        assert!(!path.exists());
        drop(dropped);
        assert_eq!(count(), 0);
        let mut kept = NewFile::create(&path).unwrap();
        kept.write_all(b"whole").unwrap();
        kept.keep().unwrap();
        assert_eq!((std::fs::read(&path).unwrap(), count()), (b"whole".to_vec(), 1));
    }
}
