//! Writing safetensors: headers come first, with every tensor's place in its file; then the tensors' bytes as they are made,
//! some of one and some of another where that is how they come, so that no more than headers is in memory.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::{INDEX, MAX_HEADER, SINGLE, n_bytes, width};
use crate::error::FormatError;

/// A tensor that is to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTensor {
    /// Its name in the file.
    pub name: String,
    /// Its type as files spell it: `BF16`, `U32`, …
    pub dtype: &'static str,
    /// Its shape, slowest dimension first.
    pub shape: Vec<usize>,
}

impl NewTensor {
    /// Bytes of its values; `None` if the width of its type is not known or the size overflows.
    pub fn bytes(&self) -> Option<u64> {
        n_bytes(&self.shape, width(self.dtype)?).map(|bytes| bytes as u64)
    }
}

/// The weight files of a folder while they are written: see [`ShardWriter::create`].
#[derive(Debug)]
pub struct ShardWriter {
    folder: PathBuf,
    shards: Vec<Shard>,
    tensors: Vec<Placed>,
    total_bytes: u64,
}

#[derive(Debug)]
struct Shard {
    name: String,
    file: File,
}

/// Where the rest of a tensor goes.
#[derive(Debug)]
struct Placed {
    name: String,
    shard: usize,
    /// Of its next byte in the file.
    at: u64,
    left: u64,
}

impl ShardWriter {
    /// Writes the headers of files in `folder` that hold `tensors` in this order, none longer than `longest` bytes unless
    /// it holds but one: `model.safetensors`, or `model-00001-of-00002.safetensors` and so on. `metadata` goes into each.
    ///
    /// # Errors
    /// A name appears twice, a type or shape is none that a file may have, or the system does not write.
    pub fn create(
        folder: &Path,
        metadata: &[(&str, &str)],
        tensors: &[NewTensor],
        longest: u64,
    ) -> Result<ShardWriter, FormatError> {
        let file = folder.join(SINGLE).display().to_string();
        let sizes = sizes(&file, tensors)?;
        let runs = runs(&sizes, longest);
        let mut writer =
            ShardWriter { folder: folder.to_owned(), shards: vec![], tensors: vec![], total_bytes: sizes.iter().sum() };
        let mut first = 0;
        for (number, run) in runs.iter().enumerate() {
            let name = match runs.len() {
                1 => SINGLE.to_owned(),
                n => format!("model-{:05}-of-{n:05}.safetensors", number + 1),
            };
            let range = first..first + run;
            writer.begin(&name, metadata, &tensors[range.clone()], &sizes[range])?;
            first += run;
        }
        Ok(writer)
    }

    /// Writes the header of the next file, and places its tensors.
    fn begin(
        &mut self,
        name: &str,
        metadata: &[(&str, &str)],
        tensors: &[NewTensor],
        sizes: &[u64],
    ) -> Result<(), FormatError> {
        let path = self.folder.join(name);
        let mut header = Map::new();
        let metadata: Map<String, Value> =
            metadata.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        header.insert("__metadata__".to_owned(), Value::Object(metadata));
        let mut offset = 0u64;
        for (tensor, size) in tensors.iter().zip(sizes) {
            let entry =
                json!({ "dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [offset, offset + size] });
            header.insert(tensor.name.clone(), entry);
            offset += size;
        }
        let mut header = Value::Object(header).to_string();
        // As the reference writes it: values begin at a multiple of eight.
        header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));
        if header.len() as u64 > MAX_HEADER {
            let what = format!("would have a header of {} bytes, expected {MAX_HEADER} at most", header.len());
            return Err(FormatError::malformed(&path.display().to_string(), what));
        }
        let failed = |error| FormatError::io(&path, "write", error);
        let mut file = File::create(&path).map_err(failed)?;
        file.write_all(&(header.len() as u64).to_le_bytes()).map_err(failed)?;
        file.write_all(header.as_bytes()).map_err(failed)?;
        let mut at = 8 + header.len() as u64;
        file.set_len(at + offset).map_err(failed)?;
        for (tensor, size) in tensors.iter().zip(sizes) {
            self.tensors.push(Placed { name: tensor.name.clone(), shard: self.shards.len(), at, left: *size });
            at += size;
        }
        self.shards.push(Shard { name: name.to_owned(), file });
        Ok(())
    }

    /// The next bytes of tensor `index`.
    ///
    /// # Errors
    /// They are more than it has, or the system does not write them.
    ///
    /// # Panics
    /// There is no such tensor.
    pub fn write(&mut self, index: usize, bytes: &[u8]) -> Result<(), FormatError> {
        let tensor = &mut self.tensors[index];
        let shard = &mut self.shards[tensor.shard];
        let path = self.folder.join(&shard.name);
        if bytes.len() as u64 > tensor.left {
            let what = format!("was given {} bytes, expected {} more at most", bytes.len(), tensor.left);
            return Err(FormatError::tensor(&path.display().to_string(), &tensor.name, what));
        }
        let failed = |error| FormatError::io(&path, "write", error);
        shard.file.seek(SeekFrom::Start(tensor.at)).map_err(failed)?;
        shard.file.write_all(bytes).map_err(failed)?;
        tensor.at += bytes.len() as u64;
        tensor.left -= bytes.len() as u64;
        Ok(())
    }

    /// Writes `model.safetensors.index.json`, when all tensors are whole, with `parameters` as their number. The names of all
    /// files that were written come back.
    ///
    /// # Errors
    /// A tensor is not whole, or the system does not write.
    pub fn finish(self, parameters: u64) -> Result<Vec<String>, FormatError> {
        if let Some(tensor) = self.tensors.iter().find(|tensor| tensor.left > 0) {
            let path = self.folder.join(&self.shards[tensor.shard].name);
            let what = format!("lacks its last {} bytes", tensor.left);
            return Err(FormatError::tensor(&path.display().to_string(), &tensor.name, what));
        }
        for shard in &self.shards {
            shard.file.sync_all().map_err(|error| FormatError::io(&self.folder.join(&shard.name), "write", error))?;
        }
        let map = self.tensors.iter().map(|tensor| (tensor.name.clone(), json!(self.shards[tensor.shard].name)));
        let mut map: Vec<(String, Value)> = map.collect();
        map.sort_by(|a, b| a.0.cmp(&b.0));
        let index = json!({
            "metadata": { "total_size": self.total_bytes, "total_parameters": parameters },
            "weight_map": map.into_iter().collect::<Map<String, Value>>(),
        });
        let (path, text) = (self.folder.join(INDEX), format!("{index:#}\n"));
        std::fs::write(&path, text).map_err(|error| FormatError::io(&path, "write", error))?;
        Ok(self.shards.into_iter().map(|shard| shard.name).chain([INDEX.to_owned()]).collect())
    }
}

fn sizes(file: &str, tensors: &[NewTensor]) -> Result<Vec<u64>, FormatError> {
    let (mut names, mut sizes, mut total) = (HashSet::new(), Vec::with_capacity(tensors.len()), 0u64);
    for tensor in tensors {
        let refused = |what: String| FormatError::tensor(file, &tensor.name, what);
        if !names.insert(&tensor.name) || tensor.name == "__metadata__" {
            return Err(refused("would be there twice".to_owned()));
        }
        let impossible = || refused(format!("has the impossible shape {:?} of {}", tensor.shape, tensor.dtype));
        let bytes = tensor.bytes().ok_or_else(impossible)?;
        total = total.checked_add(bytes).filter(|total| *total < 1 << 62).ok_or_else(impossible)?;
        sizes.push(bytes);
    }
    Ok(sizes)
}

/// How many tensors each file holds; there is one file at least.
fn runs(sizes: &[u64], longest: u64) -> Vec<usize> {
    let (mut runs, mut bytes) = (vec![0], 0);
    for size in sizes {
        let last = runs.len() - 1;
        if runs[last] > 0 && bytes + size > longest {
            runs.push(1);
            bytes = *size;
        } else {
            runs[last] += 1;
            bytes += size;
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::super::open_folder;
    use super::*;
    use crate::folder::Folder;

    fn tensor(name: &str, dtype: &'static str, shape: &[usize]) -> NewTensor {
        NewTensor { name: name.to_owned(), dtype, shape: shape.to_vec() }
    }

    #[test]
    fn bytes_that_come_in_turns_are_read_back_from_every_shard() {
        let folder = tempfile::tempdir().unwrap();
        let tensors = [tensor("b", "U32", &[2, 2]), tensor("a", "BF16", &[3]), tensor("c", "F32", &[4])];
        for (longest, files) in [(1 << 30, 2), (22, 3), (1, 4)] {
            let mut writer = ShardWriter::create(folder.path(), &[("format", "mlx")], &tensors, longest).unwrap();
            for (index, bytes) in [(0, vec![1; 8]), (2, vec![3; 16]), (1, vec![2; 6]), (0, vec![4; 8])] {
                writer.write(index, &bytes).unwrap();
            }
            assert_eq!(writer.finish(11).unwrap().len(), files);
            let read = open_folder(&Folder::Disk(folder.path().to_owned())).unwrap().unwrap();
            let find = |name: &str| {
                let mut all = read.iter().flat_map(|file| file.tensors.iter().map(move |tensor| (file, tensor)));
                let (file, tensor) = all.find(|(_, tensor)| tensor.name == name).unwrap();
                (tensor.dtype.clone(), tensor.shape.clone(), file.bytes[tensor.range.clone()].to_vec())
            };
            assert_eq!(find("b"), ("U32".to_owned(), vec![2, 2], [[1; 8], [4; 8]].concat()));
            assert_eq!(find("a"), ("BF16".to_owned(), vec![3], vec![2; 6]));
            assert_eq!(find("c"), ("F32".to_owned(), vec![4], vec![3; 16]));
            let index: Value = serde_json::from_slice(&std::fs::read(folder.path().join(INDEX)).unwrap()).unwrap();
            assert_eq!(index["metadata"], json!({ "total_size": 38, "total_parameters": 11 }));
            assert_eq!(index["weight_map"].as_object().unwrap().len(), 3);
            std::fs::read_dir(folder.path())
                .unwrap()
                .for_each(|file| std::fs::remove_file(file.unwrap().path()).unwrap());
        }
    }

    #[test]
    fn what_does_not_fit_its_header_is_refused_by_the_name_of_the_tensor() {
        let folder = tempfile::tempdir().unwrap();
        let create = |tensors: &[NewTensor]| ShardWriter::create(folder.path(), &[], tensors, 100);
        let mut writer = create(&[tensor("a", "F32", &[2])]).unwrap();
        let error = writer.write(0, &[0; 9]).unwrap_err().to_string();
        assert!(error.ends_with("tensor `a`: was given 9 bytes, expected 8 more at most"), "{error}");
        writer.write(0, &[0; 5]).unwrap();
        let error = writer.finish(2).unwrap_err().to_string();
        assert!(error.ends_with("tensor `a`: lacks its last 3 bytes"), "{error}");
        let twice = create(&[tensor("a", "F32", &[2]), tensor("a", "F32", &[2])]).unwrap_err().to_string();
        assert!(twice.contains("tensor `a`"), "{twice}");
        assert!(create(&[tensor("a", "F32", &[usize::MAX, 2])]).is_err());
        assert!(create(&[tensor("a", "Q4_0", &[2])]).is_err());
    }
}
