//! How much evidence may take, whoever wrote it: held against its text before anything is made of it.

use serde_json::Value;

/// Bytes of a record, and of the record of a report.
pub const MOST_BYTES: usize = 64 << 20;
/// Values of JSON in it, names of fields among them. A value takes tens of bytes of memory however short its text is.
pub const MOST_VALUES: usize = 2_000_000;
/// Bytes of a rubric or of rules, which somebody wrote by hand.
pub const MOST_TEXT: u64 = 1 << 20;

/// What a text, or what was made of it, takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// Bytes of its texts.
    pub bytes: usize,
    /// Values and names of fields.
    pub values: usize,
}

/// Evidence takes more than is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is larger than any evidence: {} bytes and {} values, expected at most {} and {}",
    .0.bytes, .0.values, .1.bytes, .1.values)]
pub struct TooLarge(Size, Size);

impl Size {
    /// What a record may take.
    pub const RECORD: Size = Size { bytes: MOST_BYTES, values: MOST_VALUES };
    /// What a comparison may take once its records stand in their places.
    pub const WHOLE: Size = Size { bytes: 2 * MOST_BYTES, values: 2 * MOST_VALUES };

    /// Of a text of JSON, before it is read: as many values as it can hold at most, and no fewer than it holds.
    pub fn of_text(json: &str) -> Size {
        let (mut values, mut in_text, mut is_escaped) = (1, false, false);
        for byte in json.bytes() {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = in_text,
                b'"' => in_text = !in_text,
                b',' | b':' | b'[' | b'{' if !in_text => values += 1,
                _ => {}
            }
        }
        Size { bytes: json.len(), values }
    }

    /// Of what was read.
    pub fn of_value(value: &Value) -> Size {
        match value {
            Value::String(text) => Size { bytes: text.len(), values: 1 },
            Value::Array(array) => {
                array.iter().fold(Size { bytes: 0, values: 1 }, |all, one| all.and(Size::of_value(one)))
            }
            Value::Object(object) => object.iter().fold(Size { bytes: 0, values: 1 }, |all, (name, one)| {
                all.and(Size { bytes: name.len(), values: 1 }).and(Size::of_value(one))
            }),
            _ => Size { bytes: 0, values: 1 },
        }
    }

    /// Both together.
    pub fn and(self, other: Size) -> Size {
        Size { bytes: self.bytes.saturating_add(other.bytes), values: self.values.saturating_add(other.values) }
    }

    /// Whether it is within `most`.
    ///
    /// # Errors
    /// It is not.
    pub fn within(self, most: Size) -> Result<(), TooLarge> {
        if self.bytes <= most.bytes && self.values <= most.values { Ok(()) } else { Err(TooLarge(self, most)) }
    }
}

/// Whether the text of a report's record is one that may be read.
///
/// # Errors
/// It is larger than any report.
pub fn check_size(json: &str) -> Result<(), TooLarge> {
    Size::of_text(json).within(Size::WHOLE)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_is_never_taken_for_fewer_values_than_it_holds() {
        for value in [json!(3), json!([]), json!([[], {}, [1, 2]]), json!({"a": {"b": ["x,y:[{\"", 1]}, "c\\": null})] {
            let (text, held) = (Size::of_text(&value.to_string()), Size::of_value(&value));
            assert!(text.values >= held.values && text.bytes >= held.bytes, "{value}: {text:?} {held:?}");
        }
        assert_eq!(Size::of_text(r#""a, b, c: [ { \" , ""#).values, 1, "what stands in a text is no value");
    }

    #[test]
    fn what_is_larger_is_refused_with_both_figures() {
        let text = "[],".repeat(MOST_VALUES);
        let told = Size::of_text(&text).within(Size::RECORD).unwrap_err().to_string();
        assert!(told.contains("4000001 values, expected at most 67108864 and 2000000"), "{told}");
    }
}
