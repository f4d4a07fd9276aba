//! The 256 levels of a channel as the numbers that a tower is given.

/// In which steps the reference turns levels into numbers; they differ in the last bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Steps {
    /// transformers' Pillow backend: scaled in f64, then normalised in f32.
    Pillow,
    /// transformers' torchvision backend: mean and deviation are scaled up instead, in f32.
    Torchvision,
    /// Every step rounded to bf16 (image_processing_llama4.py, `rescale_and_normalize`).
    Bf16,
}

/// What is done with a level, and the results for all 256 of each channel.
#[derive(Debug, Clone)]
pub(crate) struct Levels {
    table: Box<[[f32; 256]; 3]>,
}

/// The settings that [`Levels`] are computed from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Normalisation {
    /// What a level is multiplied by, if it is.
    pub(crate) rescale: Option<f64>,
    /// Mean and deviation of the channels, if they are normalised.
    pub(crate) normalise: Option<([f64; 3], [f64; 3])>,
}

impl Levels {
    pub(crate) fn new(settings: Normalisation, steps: Steps) -> Self {
        let mut table = Box::new([[0.0; 256]; 3]);
        for (channel, row) in table.iter_mut().enumerate() {
            for (level, value) in row.iter_mut().enumerate() {
                *value = settings.value(channel, level as f32, steps);
            }
        }
        Self { table }
    }

    /// The largest step from a level to the next, on average over all of a channel.
    pub(crate) fn step(&self) -> f32 {
        self.table.iter().map(|row| (row[255] - row[0]).abs() / 255.0).fold(0.0, f32::max)
    }

    pub(crate) fn value(&self, channel: usize, level: u8) -> f32 {
        self.table[channel][usize::from(level)]
    }
}

impl Normalisation {
    fn value(&self, channel: usize, level: f32, steps: Steps) -> f32 {
        let normalise = self.normalise.map(|(mean, std)| (mean[channel] as f32, std[channel] as f32));
        match (steps, self.rescale, normalise) {
            (_, None, None) => level,
            (Steps::Pillow, scale, normalise) => {
                let value = scale.map_or(level, |scale| (f64::from(level) * scale) as f32);
                normalise.map_or(value, |(mean, std)| (value - mean) / std)
            }
            (Steps::Torchvision, Some(scale), Some((mean, std))) => {
                let up = (1.0 / scale) as f32;
                (level - mean * up) / (std * up)
            }
            (Steps::Bf16, Some(scale), Some((mean, std))) => {
                let value = bf16(level * scale as f32);
                bf16(bf16(value - bf16(mean)) / bf16(std))
            }
            (_, Some(scale), None) => level * scale as f32,
            (_, None, Some((mean, std))) => (level - mean) / std,
        }
    }
}

/// Rounded to the nearest number of bf16, ties to even.
fn bf16(value: f32) -> f32 {
    let bits = value.to_bits();
    f32::from_bits((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF_0000)
}
