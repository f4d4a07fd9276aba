//! A folder that is there when it is whole, and not before.

use std::path::{Path, PathBuf};

use tempfile::{Builder, TempDir};

use crate::error::FormatError;
use crate::files::{file_name, parent};

/// A folder under a name of its own beside where it is to be; without [`NewFolder::keep`] it is gone when this is dropped.
#[derive(Debug)]
pub struct NewFolder {
    path: PathBuf,
    folder: TempDir,
}

impl NewFolder {
    /// Begins the folder that is to be `path`; those that it lies in are made if they are not there.
    ///
    /// # Errors
    /// The folder that it lies in cannot be made, or takes no files.
    pub fn create(path: &Path) -> Result<NewFolder, FormatError> {
        let (prefix, mut builder) = (format!(".{}.", file_name(path)), Builder::new());
        builder.prefix(&prefix).suffix(".part");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // Less what the user's mask takes, as of any folder.
            builder.permissions(std::fs::Permissions::from_mode(0o777));
        }
        std::fs::create_dir_all(parent(path)).map_err(|error| FormatError::io(path, "write", error))?;
        let folder = builder.tempdir_in(parent(path)).map_err(|error| FormatError::io(path, "write", error))?;
        Ok(NewFolder { path: path.to_owned(), folder })
    }

    /// Where its files are written meanwhile.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Gives it its name. A folder that has it goes first, and comes back if that fails.
    ///
    /// # Errors
    /// The system refuses.
    pub fn keep(self) -> Result<(), FormatError> {
        let failed = |error| FormatError::io(&self.path, "write", error);
        let written = self.folder.keep();
        if !self.path.exists() {
            return std::fs::rename(&written, &self.path).map_err(failed);
        }
        let aside = written.with_extension("before");
        std::fs::rename(&self.path, &aside).map_err(failed)?;
        if let Err(error) = std::fs::rename(&written, &self.path) {
            std::fs::rename(&aside, &self.path).map_err(failed)?;
            return Err(failed(error));
        }
        std::fs::remove_dir_all(&aside).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_there_when_it_is_kept_and_takes_the_place_of_another() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("models/mine");
        let names = || {
            let mut names: Vec<_> =
                std::fs::read_dir(path.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let dropped = NewFolder::create(&path).unwrap();
        std::fs::write(dropped.path().join("a"), b"half").unwrap();
        drop(dropped);
        assert!(names().is_empty());
        for text in [b"first", b"later"] {
            let folder = NewFolder::create(&path).unwrap();
            std::fs::write(folder.path().join("a"), text).unwrap();
            folder.keep().unwrap();
            assert_eq!((std::fs::read(path.join("a")).unwrap(), names()), (text.to_vec(), vec!["mine".into()]));
        }
    }
}
