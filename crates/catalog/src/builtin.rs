//! The files that come inside the binary. Adding one is adding its word here; a test holds the lists to the folders.

/// A file's path in the repository, and its text.
type File = (&'static str, &'static str);

macro_rules! files {
    ($folder:literal: $($name:literal)*) => {
        &[$((
            concat!("catalog/", $folder, "/", $name, ".toml"),
            include_str!(concat!("../../../catalog/", $folder, "/", $name, ".toml")),
        )),*]
    };
}

pub(crate) const MODELS: &[File] = files!("models":);

pub(crate) const LICENCES: &[File] = files!("licences":);
