//! The alphabet of byte-level BPE: each byte is written as one printable character.
//! Source: GPT-2's `bytes_to_unicode`.

/// The byte that a character of the alphabet stands for.
pub(super) fn byte_of(c: char) -> Option<u8> {
    match u32::from(c) {
        code @ (0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF) => Some(code as u8),
        // The bytes that are not printable themselves, in order, from U+0100 on.
        code @ 0x100..=0x120 => Some((code - 0x100) as u8),
        code @ 0x121..=0x142 => Some((code - 0x121) as u8 + 0x7F),
        0x143 => Some(0xAD),
        _ => None,
    }
}

/// The bytes a token stands for, if it is spelt in the alphabet.
pub(super) fn decode(token: &str) -> Option<Vec<u8>> {
    token.chars().map(byte_of).collect()
}

/// The bytes a token adds to a text: characters outside of the alphabet stand for themselves.
pub(super) fn decode_lossy(token: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(token.len());
    for c in token.chars() {
        match byte_of(c) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alphabet_is_the_one_that_the_tokenizers_use() {
        let alphabet = tokenizers::pre_tokenizers::byte_level::ByteLevel::alphabet();
        assert_eq!(alphabet.len(), 256);
        let mut bytes: Vec<u8> = alphabet.iter().map(|&c| byte_of(c).unwrap()).collect();
        bytes.sort_unstable();
        bytes.dedup();
        assert_eq!(bytes.len(), 256);
        assert_eq!(decode("ĠcafÃ©Ċ").unwrap(), " café\n".as_bytes());
        assert_eq!((decode("a 東"), decode_lossy("a東")), (None, "a東".as_bytes().to_vec()));
    }
}
