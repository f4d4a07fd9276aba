//! What a checkpoint says of itself, as it goes into a record.

use plimsoll_engine::Session;
use plimsoll_models::Checkpoint;
use sha2::{Digest, Sha256};

use crate::record::{Declared, LicenceRecord, LicenceText, ModelFacts, TypeBytes};
use crate::suite::hash::{hex, sha256_hex};

/// The facts of a checkpoint that was opened as `argument` and runs as `session`; `progress` hears how many bytes of
/// weights are hashed.
pub fn model_facts(
    argument: &str,
    checkpoint: &Checkpoint,
    session: &Session,
    progress: impl FnMut(u64),
) -> ModelFacts {
    let licence = &checkpoint.licence;
    let declared = licence.declared.iter();
    let types = checkpoint.bytes_by_type().iter();
    ModelFacts {
        name: checkpoint.name.clone(),
        path: argument.to_owned(),
        format: checkpoint.format.to_string(),
        engine: session.program().delegate().map(|(engine, _)| engine.to_owned()),
        architecture: checkpoint.hyperparams.arch_name.to_owned(),
        parameters: checkpoint.n_params(),
        file_bytes: checkpoint.file_bytes(),
        types: types.map(|(dtype, bytes)| TypeBytes { dtype: dtype.name().to_owned(), bytes: *bytes }).collect(),
        sha256: weights_sha256(checkpoint, progress),
        tokenizer_sha256: Some(session.tokenizer().vocabulary_sha256()),
        template_sha256: session.template().map(|template| sha256_hex(template.source().as_bytes())),
        licence: LicenceRecord {
            spdx: licence.spdx.clone(),
            declared: declared
                .map(|d| Declared { source: d.source.clone(), kind: d.kind.to_owned(), value: d.value.clone() })
                .collect(),
            texts: licence.texts.iter().map(licence_text).collect(),
            conflicts: licence.conflicts.clone(),
        },
        context: checkpoint.hyperparams.max_seq_len,
    }
}

fn licence_text(text: &plimsoll_formats::LicenceText) -> LicenceText {
    LicenceText { file: text.file.clone(), words_sha256: text.words_sha256.clone(), head: text.head.clone() }
}

/// SHA-256 over every tensor's name, type, shape and stored bytes, in the order of the names: the same however the
/// weights are split over files, and for models inside the binary too. Of graphs, over the names and bytes of their files.
pub fn weights_sha256(checkpoint: &Checkpoint, mut progress: impl FnMut(u64)) -> String {
    let mut tensors: Vec<_> = checkpoint.tensors().collect();
    tensors.sort_by(|a, b| a.name().cmp(b.name()));
    let (mut hash, mut done) = (Sha256::new(), 0);
    for tensor in tensors {
        hash.update(format!("{}\n{} {:?}\n", tensor.name(), tensor.dtype().name(), tensor.shape()));
        hash.update(tensor.bytes());
        done += tensor.bytes().len() as u64;
        progress(done);
    }
    for (name, bytes) in checkpoint.graphs().into_iter().flat_map(|graphs| &graphs.files) {
        hash.update(format!("{name}\n{}\n", bytes.len()));
        hash.update(&bytes[..]);
        done += bytes.len() as u64;
        progress(done);
    }
    hex(&hash.finalize())
}
