//! The wire format of protocol buffers, as much of it as ONNX needs: <https://protobuf.dev/programming-guides/encoding>.

/// A message that grows field by field; fields are numbered by onnx.proto.
#[derive(Debug, Default)]
pub(crate) struct Message(Vec<u8>);

/// How the bytes behind a field's number are to be read.
#[derive(Clone, Copy)]
enum WireType {
    Varint = 0,
    Bytes = 2,
    Fixed32 = 5,
}

impl Message {
    /// A whole number, negative ones in ten bytes.
    pub fn int(&mut self, field: u32, value: i64) -> &mut Message {
        self.tag(field, WireType::Varint);
        self.varint(value as u64);
        self
    }

    /// A single.
    pub fn float(&mut self, field: u32, value: f32) -> &mut Message {
        self.tag(field, WireType::Fixed32);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// Raw bytes.
    pub fn bytes(&mut self, field: u32, value: &[u8]) -> &mut Message {
        self.tag(field, WireType::Bytes);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    /// Text.
    pub fn text(&mut self, field: u32, value: &str) -> &mut Message {
        self.bytes(field, value.as_bytes())
    }

    /// A message within this one.
    pub fn message(&mut self, field: u32, value: &Message) -> &mut Message {
        self.bytes(field, &value.0)
    }

    /// What is written to a file.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn tag(&mut self, field: u32, wire_type: WireType) {
        self.varint(u64::from(field) << 3 | wire_type as u64);
    }

    /// Seven bits a byte, the least first; the eighth says that more follow.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the encoding guide.
    #[test]
    fn fields_are_encoded_as_the_guide_has_them() {
        let mut inner = Message::default();
        inner.int(1, 150);
        let mut message = Message::default();
        message.text(2, "testing").message(3, &inner).int(1, -2).float(2, 1.0);
        let expected = [
            &[0x12, 0x07][..],
            b"testing",
            &[0x1a, 0x03, 0x08, 0x96, 0x01],
            &[0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            &[0x15, 0x00, 0x00, 0x80, 0x3f],
        ];
        assert_eq!(message.into_bytes(), expected.concat());
    }
}
