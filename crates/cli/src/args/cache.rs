//! `--cache`: how keys and values are stored.

use clap::ValueEnum;

/// How a key-value cache is stored.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheArg {
    /// Half the memory
    F16,
    /// Little more than a quarter of the memory; keys and values rounded to 8 bits, which answers may show
    #[value(name = "q8_0")]
    Q8_0,
    /// Exact
    F32,
}

impl CacheArg {
    /// As it is given.
    pub fn name(self) -> String {
        self.to_possible_value().expect("no way of storing is hidden").get_name().to_owned()
    }
}
