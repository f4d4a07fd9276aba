//! Embeddings of the last images by the hash of their pixels, so that a second question about one does not encode it again.

use std::sync::Arc;

/// SHA-256 of an image's pixels and size, or of a video's sampled frames.
pub(super) type ImageHash = [u8; 32];

/// Images whose embeddings are kept.
const CAPACITY: usize = 16;

/// What the encoder made of an image.
#[derive(Debug)]
pub(super) struct Embeddings {
    pub hash: ImageHash,
    /// `(n_features, given_width)`
    pub rows: Vec<f32>,
}

/// The least recently used first.
#[derive(Debug, Default)]
pub(super) struct EmbeddingCache(Vec<Arc<Embeddings>>);

impl EmbeddingCache {
    /// The embeddings of an image, which is now the most recently used.
    pub fn get(&mut self, hash: &ImageHash) -> Option<Arc<Embeddings>> {
        let at = self.0.iter().position(|embeddings| embeddings.hash == *hash)?;
        let found = self.0.remove(at);
        self.0.push(found.clone());
        Some(found)
    }

    /// Keeps embeddings, in place of the least recently used where there are too many.
    pub fn insert(&mut self, embeddings: Arc<Embeddings>) {
        if self.0.len() == CAPACITY {
            self.0.remove(0);
        }
        self.0.push(embeddings);
    }
}
