//! What is kept of the reference: a folder of `golden/` for each case.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::tiny::Tiny;

/// A configuration and what the reference computed of its checkpoint.
pub struct Case {
    /// The name of its folder.
    pub name: String,
    /// `config.json`.
    pub config: Value,
    /// `gguf.json`: the keys that its GGUF has besides what all have; none if a GGUF would lose facts of the configuration.
    pub gguf: Option<Map<String, Value>>,
    folder: PathBuf,
}

/// The files of a case.
pub struct Written {
    /// A folder with config.json and model.safetensors.
    pub safetensors: PathBuf,
    /// A GGUF file of the same weights, with the mmproj of its tower in the same folder; none where [`Case::gguf`] is none.
    pub gguf: Option<PathBuf>,
}

impl Case {
    /// All cases, by name.
    ///
    /// # Panics
    /// The folder `golden` does not hold what it should.
    pub fn all() -> Vec<Case> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
        let entries = std::fs::read_dir(&root).expect("crates/testing/golden");
        let mut folders: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        folders.sort();
        assert!(!folders.is_empty(), "{} holds no cases", root.display());
        folders.into_iter().map(Case::read).collect()
    }

    /// The case of this name.
    ///
    /// # Panics
    /// There is none.
    pub fn named(name: &str) -> Case {
        Case::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name))
    }

    fn read(folder: PathBuf) -> Case {
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        let config = json(&folder.join("config.json")).unwrap_or_else(|| panic!("{name} has no config.json"));
        let gguf = json(&folder.join("gguf.json")).map(|keys| match keys {
            Value::Object(keys) => keys,
            other => panic!("{name}: gguf.json holds {other}"),
        });
        Case { name, config, gguf, folder }
    }

    /// Heights and widths of the tiles that the reference's tower was given, in pixels: what golden.json says, else two squares of
    /// the size that the tower has positions for.
    ///
    /// # Panics
    /// It has no tower.
    pub fn tiles(&self) -> Vec<(usize, usize)> {
        let edge = self.tiny().vision().expect("a tower").tile_size;
        let side = |size: &Value, at: usize| size[at].as_u64().expect("a number of pixels") as usize;
        match self.golden()["tiles"].as_array() {
            None => vec![(edge, edge); 2],
            Some(sizes) => sizes.iter().map(|size| (side(size, 0), side(size, 1))).collect(),
        }
    }

    /// What the reference computed; see tools/make_golden.py.
    ///
    /// # Panics
    /// It was not asked yet.
    pub fn golden(&self) -> Value {
        json(&self.folder.join("golden.json")).unwrap_or_else(|| {
            panic!("{} has no golden.json: python3 tools/make_golden.py --tiny {}", self.name, self.name)
        })
    }

    /// Writes its checkpoint into a folder of `root`, and its GGUF into another.
    ///
    /// # Panics
    /// They cannot be written.
    pub fn write(&self, root: &Path) -> Written {
        let folder = |format: &str| {
            let folder = root.join(format!("{}-{format}", self.name));
            std::fs::create_dir(&folder).expect("a new folder");
            folder
        };
        let (tiny, safetensors) = (self.tiny(), folder("safetensors"));
        tiny.write_safetensors(&safetensors).expect("a folder to write to");
        let write = |keys| tiny.write_gguf(&folder("gguf"), keys).expect("a folder to write to");
        Written { gguf: self.gguf.as_ref().map(write), safetensors }
    }

    /// Its networks with their weights.
    pub fn tiny(&self) -> Tiny {
        Tiny::new(&self.config)
    }
}

fn json(path: &Path) -> Option<Value> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}
