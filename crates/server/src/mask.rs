//! The token of forms under another mask in each answer.
//!
//! Pages are compressed, and a page may repeat what an address says. Where both meet a secret that stays the same, its
//! letters can be guessed one by one from how long the compressed page is (BREACH). A token that is added to random bytes,
//! which stand before it, is never the same twice, so there is nothing to guess.

use crate::app::hex;

/// Bytes of a token.
const BYTES: usize = 32;

/// The token, 64 hexadecimal digits, under a random mask: 128 digits. None where the system gives no random bytes.
pub fn masked(token: &str) -> Option<String> {
    let token = bytes::<BYTES>(token)?;
    let mut pad = [0; BYTES];
    getrandom::fill(&mut pad).ok()?;
    let hidden = pad.iter().zip(token).map(|(pad, byte)| pad ^ byte);
    Some(hex(pad.iter().copied().chain(hidden)))
}

/// The token behind the mask; none where the text is no masked token.
pub fn unmasked(masked: &str) -> Option<String> {
    let both = bytes::<{ 2 * BYTES }>(masked)?;
    let (pad, hidden) = both.split_at(BYTES);
    Some(hex(pad.iter().zip(hidden).map(|(pad, byte)| pad ^ byte)))
}

fn bytes<const N: usize>(hex: &str) -> Option<[u8; N]> {
    if hex.len() != 2 * N || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_changes_each_time_and_hides_nothing_from_us() {
        let token = "0123456789abcdef".repeat(4);
        let (one, other) = (masked(&token).unwrap(), masked(&token).unwrap());
        assert_ne!(one, other);
        assert_eq!([unmasked(&one), unmasked(&other)], [Some(token.clone()), Some(token)]);
    }

    #[test]
    fn what_is_no_masked_token_is_none() {
        for text in ["", "0", &"0".repeat(64), &"g".repeat(128), &"é".repeat(64)] {
            assert_eq!(unmasked(text), None, "{text}");
        }
    }
}
