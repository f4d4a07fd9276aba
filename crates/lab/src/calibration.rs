//! What the weights of a model count for, measured over texts and conversations as an importance matrix: the sum of the
//! squares of what each column of each weight is multiplied with. Source: llama.cpp, tools/imatrix/imatrix.cpp
//! (`collect_imatrix`, `compute_imatrix`).

use std::collections::BTreeMap;

use plimsoll_engine::{EncodedImage, Prompt, Session, SessionError, TemplateRequest};
use plimsoll_formats::{Imatrix, Importance};
use plimsoll_models::export::GgufName;
use plimsoll_runtime::InputSquares;

/// Texts that pass through a model while its weights are watched.
pub struct Calibration<'a> {
    session: &'a mut Session,
    chunk: usize,
    /// Pieces of text that passed.
    chunks: u64,
    /// Tokens that passed.
    tokens: u64,
    sees: bool,
}

impl<'a> Calibration<'a> {
    /// Begins to watch. Texts are cut into pieces of `chunk` tokens, as far as the session's context holds them.
    pub fn new(session: &'a mut Session, chunk: usize) -> Calibration<'a> {
        session.program_and_cache().0.observe();
        let chunk = chunk.min(session.context());
        Calibration { session, chunk, chunks: 0, tokens: 0, sees: false }
    }

    /// Pieces and tokens that passed.
    pub fn passed(&self) -> (u64, u64) {
        (self.chunks, self.tokens)
    }

    /// Passes at most `most` pieces of a text, all of them without. As in llama.cpp each piece begins with BOS, in the place
    /// of its first token, where the tokenizer begins texts so; what is left over at the end is a shorter piece. `progress` hears
    /// the tokens of each.
    ///
    /// # Errors
    /// The text has a character without a token.
    pub fn text(&mut self, text: &str, most: Option<u64>, mut progress: impl FnMut(u64)) -> Result<(), SessionError> {
        let mut ids = self.session.text_ids(text)?;
        let begins = self.session.tokenizer().bos().filter(|bos| ids.first() == Some(bos));
        for piece in ids.chunks_mut(self.chunk).take(most.map_or(usize::MAX, |most| most as usize)) {
            piece[0] = begins.unwrap_or(piece[0]);
            self.sequence(piece)?;
            progress(piece.len() as u64);
        }
        Ok(())
    }

    /// Passes a sequence of tokens in one piece.
    ///
    /// # Errors
    /// It does not fit the context, or holds an unknown token.
    pub fn sequence(&mut self, ids: &[u32]) -> Result<(), SessionError> {
        let (program, cache) = self.session.program_and_cache();
        program.append(cache, ids)?;
        self.count(ids.len());
        Ok(())
    }

    /// Shows an image to the vision encoder, which is watched from the first one on.
    ///
    /// # Errors
    /// The model reads text only, or cannot see this image.
    pub fn image(&mut self, image: &plimsoll_engine::ImageInput) -> Result<EncodedImage, SessionError> {
        if !self.sees {
            self.session.vision_encoder()?.tower().observe();
            self.sees = true;
        }
        self.session.encode_image(image)
    }

    /// Passes a conversation, in one piece, that shows these images.
    ///
    /// # Errors
    /// The template refuses it, or it does not fit the context.
    pub fn chat(&mut self, request: &TemplateRequest, images: &[EncodedImage]) -> Result<(), SessionError> {
        let ids = self.session.chat_ids_with_images(request, images)?;
        self.session.program_and_cache();
        // The last token has nothing behind it that it could be predicted from, and does not pass.
        self.session.predict(Prompt { ids: &ids, images }, &[], |_, _| ())?;
        self.count(ids.len().saturating_sub(1));
        Ok(())
    }

    fn count(&mut self, tokens: usize) {
        self.chunks += 1;
        self.tokens += tokens as u64;
    }

    /// What was seen of the weights that are `named`, over `datasets`.
    ///
    /// # Errors
    /// The vision encoder that was shown images is gone, which cannot be.
    pub fn finish(self, named: &[GgufName], datasets: Vec<String>) -> Result<Imatrix, SessionError> {
        let mut seen: BTreeMap<String, InputSquares> = owned(self.session.program().observed());
        if self.sees {
            seen.extend(owned(self.session.vision_encoder()?.tower().observed()));
        }
        let of = |name: &GgufName| {
            let seen = name.parts.iter().find_map(|part| seen.get(part))?;
            Some((name.name.clone(), importance(seen)))
        };
        let weights = named.iter().filter_map(of).collect();
        Ok(Imatrix { datasets, chunks: self.chunks, chunk_size: self.chunk as u64, weights })
    }
}

fn owned<'s>(seen: impl Iterator<Item = (&'s str, &'s InputSquares)>) -> BTreeMap<String, InputSquares> {
    seen.map(|(name, seen)| (name.to_owned(), seen.clone())).collect()
}

fn importance(seen: &InputSquares) -> Importance {
    Importance {
        sums: seen.sums.iter().map(|sum| *sum as f32).collect(),
        counts: seen.counts.iter().map(|count| *count as f32).collect(),
    }
}
