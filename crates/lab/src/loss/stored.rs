//! The loss of a quantised model as its GGUF says it, under keys that begin with `plimsoll.loss.`.

use plimsoll_formats::HyperparamError;
use plimsoll_formats::gguf::{GgufFile, NewValue};

use serde::{Deserialize, Serialize};

use super::{Estimate, Loss};

/// What a file says of its own loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    /// The name of the model that it was made from.
    pub base: String,
    /// SHA-256 over the weights of that model ([`crate::compare::weights_sha256`]).
    pub base_sha256: String,
    /// [`super::Passages::sha256`] of what the loss was measured over.
    pub held_out_sha256: String,
    /// Questions of each category in it.
    pub per_category: u64,
    /// SHA-256 of the importance matrix that the quantisation went by, if it went by one.
    pub calibration_sha256: Option<String>,
    /// It.
    pub loss: Loss,
}

/// Why the loss that a file holds cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StoredLossError {
    /// A key holds something else than it has to.
    #[error(transparent)]
    Key(#[from] HyperparamError),
    /// Some of it is there and some is not.
    #[error("{file}: the loss that it says of itself has no `{key}`")]
    Missing {
        /// The file.
        file: String,
        /// The key that is not there.
        key: String,
    },
}

const PREFIX: &str = "plimsoll.loss.";

impl Stored {
    /// The keys, always the same for the same `calibration_sha256` and as many bytes: a file takes them before it is measured.
    pub fn metadata(&self) -> Vec<(String, NewValue)> {
        let Loss { kl_mean, kl_high, same_top, added_bits_per_byte, flips, .. } = &self.loss;
        let text = |key: &str, value: &str| (format!("{PREFIX}{key}"), value.into());
        let count = |key: &str, value: usize| (format!("{PREFIX}{key}"), NewValue::U64(value as u64));
        let number = |key: String, value: f64| (format!("{PREFIX}{key}"), NewValue::F64(value));
        let mut keys = vec![
            text("base", &self.base),
            text("base_sha256", &self.base_sha256),
            text("held_out_sha256", &self.held_out_sha256),
            count("questions_per_category", self.per_category as usize),
            count("positions", self.loss.positions),
            count("answers", self.loss.answers),
            count("answers_lost", self.loss.lost),
            count("answers_gained", self.loss.gained),
            number("base_bits_per_byte".to_owned(), self.loss.base_bits_per_byte),
        ];
        keys.extend(self.calibration_sha256.iter().map(|hash| text("calibration_sha256", hash)));
        let named = [kl_mean, kl_high, same_top, added_bits_per_byte, flips];
        for (name, Estimate { value, low, high }) in ESTIMATES.iter().zip(named) {
            keys.push(number((*name).to_owned(), *value));
            // No end is written as no number.
            keys.push(number(format!("{name}.low"), low.unwrap_or(f64::NAN)));
            keys.push(number(format!("{name}.high"), high.unwrap_or(f64::NAN)));
        }
        keys
    }

    /// What a file says of its loss, if it says anything.
    ///
    /// # Errors
    /// [`StoredLossError`].
    pub fn read(file: &GgufFile) -> Result<Option<Stored>, StoredLossError> {
        if !file.metadata().any(|(key, _)| key.starts_with(PREFIX)) {
            return Ok(None);
        }
        let missing = |key: &str| StoredLossError::Missing { file: file.name().to_owned(), key: key.to_owned() };
        let text = |key: &str| {
            let key = format!("{PREFIX}{key}");
            Ok::<_, StoredLossError>(file.text(&key)?.ok_or_else(|| missing(&key))?.to_owned())
        };
        let count = |key: &str| {
            let key = format!("{PREFIX}{key}");
            file.uint(&key)?.ok_or_else(|| missing(&key))
        };
        let number = |key: &str| {
            let key = format!("{PREFIX}{key}");
            file.float(&key)?.ok_or_else(|| missing(&key))
        };
        let estimate = |key: &str| {
            let end = |which: &str| number(&format!("{key}.{which}")).map(|end| Some(end).filter(|end| !end.is_nan()));
            Ok::<_, StoredLossError>(Estimate { value: number(key)?, low: end("low")?, high: end("high")? })
        };
        let [kl_mean, kl_high, same_top, added_bits_per_byte, flips] = ESTIMATES.map(estimate);
        let calibration_sha256 = file.text(&format!("{PREFIX}calibration_sha256"))?.map(str::to_owned);
        Ok(Some(Stored {
            base: text("base")?,
            base_sha256: text("base_sha256")?,
            held_out_sha256: text("held_out_sha256")?,
            per_category: count("questions_per_category")?,
            calibration_sha256,
            loss: Loss {
                positions: count("positions")? as usize,
                kl_mean: kl_mean?,
                kl_high: kl_high?,
                same_top: same_top?,
                base_bits_per_byte: number("base_bits_per_byte")?,
                added_bits_per_byte: added_bits_per_byte?,
                answers: count("answers")? as usize,
                flips: flips?,
                lost: count("answers_lost")? as usize,
                gained: count("answers_gained")? as usize,
            },
        }))
    }
}

const ESTIMATES: [&str; 5] = ["kl_mean", "kl_high", "same_top", "added_bits_per_byte", "flips"];

#[cfg(test)]
mod tests {
    use plimsoll_formats::FileBytes;
    use plimsoll_formats::gguf::GgufWriter;

    use super::*;

    fn stored() -> Stored {
        let figure = |value: f64| Estimate { value, low: Some(value / 2.0), high: Some(value * 2.0) };
        let loss = Loss {
            positions: 900,
            kl_mean: figure(0.01),
            kl_high: Estimate { high: None, ..figure(0.5) },
            same_top: figure(0.4),
            base_bits_per_byte: 1.25,
            added_bits_per_byte: Estimate { value: -0.01, low: Some(-0.02), high: Some(0.0) },
            answers: 80,
            flips: figure(0.1),
            lost: 3,
            gained: 5,
        };
        let [base, base_sha256, held_out_sha256] = ["base", "ab", "cd"].map(str::to_owned);
        Stored { base, base_sha256, held_out_sha256, per_category: 8, calibration_sha256: Some("ef".to_owned()), loss }
    }

    fn written(keys: &[(String, NewValue)]) -> GgufFile {
        let bytes = GgufWriter::new(Vec::new(), "memory", keys, &[]).unwrap().finish().unwrap();
        GgufFile::parse(FileBytes::owned("memory", bytes)).unwrap()
    }

    #[test]
    fn what_a_file_says_of_its_loss_is_what_was_written() {
        let stored = stored();
        assert_eq!(Stored::read(&written(&stored.metadata())).unwrap(), Some(stored));
        assert_eq!(Stored::read(&written(&[])).unwrap(), None);
    }

    #[test]
    fn half_of_it_is_refused_by_the_key_that_is_missing() {
        let keys = stored().metadata();
        for (i, (key, _)) in keys.iter().enumerate().filter(|(_, (key, _))| !key.ends_with("calibration_sha256")) {
            let mut keys = keys.clone();
            keys.remove(i);
            let error = Stored::read(&written(&keys)).unwrap_err().to_string();
            assert_eq!(error, format!("memory: the loss that it says of itself has no `{key}`"));
        }
    }
}
