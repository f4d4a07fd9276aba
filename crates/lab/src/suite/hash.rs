//! Canonical JSON and its SHA-256: what ids are made of.

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// JSON with the keys of every object sorted and no spaces, so that equal values have equal bytes.
pub fn canonical_json<T: Serialize>(value: &T) -> String {
    let mut value = serde_json::to_value(value).expect("records hold only strings, numbers and lists");
    sort_keys(&mut value);
    value.to_string()
}

fn sort_keys(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.sort_keys();
            object.values_mut().for_each(sort_keys);
        }
        Value::Array(array) => array.iter_mut().for_each(sort_keys),
        _ => {}
    }
}

/// Lower-case hexadecimal SHA-256.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first eight bytes of the SHA-256, big-endian.
pub(crate) fn sha256_u64(bytes: &[u8]) -> u64 {
    Sha256::digest(bytes).iter().take(8).fold(0, |acc, byte| acc << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::{canonical_json, sha256_hex, sha256_u64};
    use serde_json::json;

    #[test]
    fn canonical_json_does_not_hang_on_the_order_of_keys() {
        let one = json!({"b": [{"d": 1, "c": 2}], "a": "x"});
        assert_eq!(canonical_json(&one), r#"{"a":"x","b":[{"c":2,"d":1}]}"#);
    }

    #[test]
    fn sha256_matches_the_published_example() {
        // FIPS 180-4 example: "abc".
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(sha256_u64(b"abc"), 0xba78_16bf_8f01_cfea);
    }
}
