//! The names of calls.

/// The name of call `index`, with as many `letters` as its dialect wants: letters and digits drawn from `seed`. Nine of them
/// stand alone, for that is all that Mistral's templates let pass.
pub fn id(seed: u64, index: u64, letters: usize) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    // SplitMix64: Steele, Lea, Flood 2014.
    let mut state = seed ^ index.wrapping_mul(0xD1B5_4A32_D192_ED03);
    let mut letter = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        char::from(ALPHABET[((mixed ^ (mixed >> 31)) % 62) as usize])
    };
    let name: String = (0..letters).map(|_| letter()).collect();
    if letters == 9 { name } else { format!("call_{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_length_and_differ() {
        let (long, short) = (id(1, 0, 24), id(1, 0, 9));
        assert!(long.starts_with("call_") && long.len() == 29, "{long}");
        assert!(short.len() == 9 && short.bytes().all(|letter| letter.is_ascii_alphanumeric()), "{short}");
        let names: std::collections::HashSet<String> = (0..10_000).map(|index| id(7, index, 9)).collect();
        assert_eq!(names.len(), 10_000);
    }
}
