//! Enough of a reader of protocol buffers to see what was written.

/// The fields of a message by number, in order; numbers of fixed width are left out.
pub struct Fields<'a>(Vec<(u64, Field<'a>)>);

#[derive(Clone, Copy)]
enum Field<'a> {
    Int(u64),
    Bytes(&'a [u8]),
}

impl<'a> Fields<'a> {
    pub fn of(mut bytes: &'a [u8]) -> Fields<'a> {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let tag = varint(&mut bytes);
            match tag & 7 {
                0 => fields.push((tag >> 3, Field::Int(varint(&mut bytes)))),
                2 => {
                    let length = varint(&mut bytes) as usize;
                    let (value, rest) = bytes.split_at(length);
                    fields.push((tag >> 3, Field::Bytes(value)));
                    bytes = rest;
                }
                5 => bytes = &bytes[4..],
                other => panic!("wire type {other}"),
            }
        }
        Fields(fields)
    }

    pub fn ints(&self, number: u64) -> Vec<u64> {
        let int = |(found, field): &(u64, Field)| match field {
            Field::Int(value) if *found == number => Some(*value),
            _ => None,
        };
        self.0.iter().filter_map(int).collect()
    }

    pub fn bytes(&self, number: u64) -> Vec<&'a [u8]> {
        let bytes = |(found, field): &(u64, Field<'a>)| match field {
            Field::Bytes(value) if *found == number => Some(*value),
            _ => None,
        };
        self.0.iter().filter_map(bytes).collect()
    }

    pub fn messages(&self, number: u64) -> Vec<Fields<'a>> {
        self.bytes(number).into_iter().map(Fields::of).collect()
    }

    pub fn text(&self, number: u64) -> String {
        self.bytes(number).first().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
    }
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}
