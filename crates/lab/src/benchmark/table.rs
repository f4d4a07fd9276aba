//! Rows of JSON lines, a JSON list, CSV with a heading, or Parquet: as whichever the bytes are.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::error::{BenchmarkError, FieldFlaw};
use crate::questions::kind;
use crate::suite::{Image, hash};

/// Bytes that JSON and CSV may have, unpacked; the largest published file, MMLU's, has some 10 million.
const MOST_BYTES: u64 = 1 << 30;
/// How deep lists and objects of a Parquet file may lie in each other.
const DEEPEST: usize = 16;

/// A row, by the names of its columns. Bytes of pictures stand in it beside the rest, for JSON has none.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    fields: Map<String, Value>,
    pictures: Vec<(String, Vec<u8>)>,
}

impl Row {
    #[cfg(test)]
    pub(super) fn of(value: Value) -> Row {
        match value {
            Value::Object(fields) => Row { fields, pictures: Vec::new() },
            other => panic!("a row is an object: {other}"),
        }
    }

    /// What stands under `field`; nothing where it is absent or null.
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    /// A text.
    pub fn text(&self, field: &str) -> Result<&str, FieldFlaw> {
        self.get(field).and_then(Value::as_str).ok_or_else(|| self.wrong(field, "a text"))
    }

    /// A text, or a number as its digits: what files call their rows.
    pub fn name(&self, field: &str) -> Option<String> {
        match self.get(field)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// A whole number, which some files write as a text.
    pub fn index(&self, field: &str) -> Result<usize, FieldFlaw> {
        let found = match self.get(field) {
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(value) => value.as_u64().map(|number| number as usize),
            None => None,
        };
        found.ok_or_else(|| self.wrong(field, "a whole number"))
    }

    /// A list of texts.
    pub fn texts(&self, field: &str) -> Result<Vec<String>, FieldFlaw> {
        let list = self.get(field).and_then(Value::as_array);
        let texts = list.and_then(|list| list.iter().map(|value| value.as_str().map(str::to_owned)).collect());
        texts.ok_or_else(|| self.wrong(field, "a list of texts"))
    }

    /// The picture in a column, if there is one.
    pub fn picture(&self, field: &str) -> Option<Image> {
        let (_, bytes) = self.pictures.iter().find(|(name, _)| name == field || *name == format!("{field}.bytes"))?;
        Some(Image::new(field, bytes.clone()))
    }

    /// That `field` is not what it should be.
    pub fn wrong(&self, field: &str, expected: &str) -> FieldFlaw {
        let found = match self.get(field) {
            None if self.pictures.iter().any(|(name, _)| name.starts_with(field)) => "bytes",
            None => "nothing",
            Some(value) => kind(value),
        };
        FieldFlaw::new(field, expected, found)
    }
}

/// Hears every row of the file at `path` with its number, from 1; returns the SHA-256 of the file's bytes.
///
/// # Errors
/// It cannot be read or is no table, or `hear` fails.
pub(super) fn rows(
    path: &Path,
    hear: impl FnMut(usize, &Row) -> Result<(), BenchmarkError>,
) -> Result<String, BenchmarkError> {
    let file = path.display().to_string();
    let cannot = |source| BenchmarkError::Read { file: file.clone(), source };
    let mut opened = plimsoll_formats::open_regular(path).map_err(cannot)?;
    let (sha256, beginning) = identity(&mut opened).map_err(cannot)?;
    let again = || File::open(path).map_err(cannot);
    if beginning == *b"PAR1" {
        parquet(&file, again()?, hear)?;
        return Ok(sha256);
    }
    let mut text = String::new();
    let read = match beginning {
        [0x1f, 0x8b, ..] => MultiGzDecoder::new(again()?).take(MOST_BYTES + 1).read_to_string(&mut text),
        _ => again()?.take(MOST_BYTES + 1).read_to_string(&mut text),
    };
    read.map_err(cannot)?;
    if text.len() as u64 > MOST_BYTES {
        return Err(cannot(io::Error::other(format!("it is longer than {MOST_BYTES} bytes"))));
    }
    let is_csv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    if is_csv { csv(&file, &text, hear) } else { json(&file, text.trim_start_matches('\u{feff}'), hear) }?;
    Ok(sha256)
}

/// The SHA-256 of a file's bytes, and the first four of them.
fn identity(file: &mut File) -> io::Result<(String, [u8; 4])> {
    let (mut hasher, mut beginning) = (Sha256::new(), [0; 4]);
    let mut reader = BufReader::with_capacity(1 << 16, file);
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok((hash::hex(&hasher.finalize()), beginning));
        }
        if beginning == [0; 4] && bytes.len() >= 4 {
            beginning.copy_from_slice(&bytes[..4]);
        }
        hasher.update(bytes);
        let n = bytes.len();
        reader.consume(n);
    }
}

fn json(
    file: &str,
    text: &str,
    mut hear: impl FnMut(usize, &Row) -> Result<(), BenchmarkError>,
) -> Result<(), BenchmarkError> {
    let wrong = |place: String, reason: String| BenchmarkError::Table { file: file.to_owned(), place, reason };
    let mut one = |place: String, number: usize, value: Value| match value {
        Value::Object(fields) => hear(number, &Row { fields, pictures: Vec::new() }),
        other => Err(wrong(place, format!("not a JSON object (it is {})", kind(&other)))),
    };
    if text.trim_start().starts_with('[') {
        let list: Vec<Value> = serde_json::from_str(text)
            .map_err(|error| wrong(format!("line {}", error.line()), format!("not a JSON list ({error})")))?;
        return list
            .into_iter()
            .enumerate()
            .try_for_each(|(index, value)| one(format!("row {}", index + 1), index + 1, value));
    }
    let mut number = 0;
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = format!("line {}", index + 1);
        let value = serde_json::from_str(line)
            .map_err(|error: serde_json::Error| wrong(place.clone(), format!("not JSON ({error})")))?;
        number += 1;
        one(place, number, value)?;
    }
    Ok(())
}

fn csv(
    file: &str,
    text: &str,
    mut hear: impl FnMut(usize, &Row) -> Result<(), BenchmarkError>,
) -> Result<(), BenchmarkError> {
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let wrong = |place: String, error: csv::Error| BenchmarkError::Table {
        file: file.to_owned(),
        place,
        reason: error.to_string(),
    };
    let names = reader.headers().map_err(|error| wrong("heading".to_owned(), error))?.clone();
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(|error| wrong(format!("row {}", index + 1), error))?;
        let fields = names.iter().zip(&record).map(|(name, value)| (name.to_owned(), value.into())).collect();
        hear(index + 1, &Row { fields, pictures: Vec::new() })?;
    }
    Ok(())
}

fn parquet(
    file: &str,
    opened: File,
    mut hear: impl FnMut(usize, &Row) -> Result<(), BenchmarkError>,
) -> Result<(), BenchmarkError> {
    let wrong = |place: String, error: parquet::errors::ParquetError| BenchmarkError::Table {
        file: file.to_owned(),
        place,
        reason: error.to_string(),
    };
    let reader = SerializedFileReader::new(opened).map_err(|error| wrong("footer".to_owned(), error))?;
    let rows = reader.get_row_iter(None).map_err(|error| wrong("schema".to_owned(), error))?;
    for (index, found) in rows.enumerate() {
        let found = found.map_err(|error| wrong(format!("row {}", index + 1), error))?;
        let mut row = Row { fields: Map::new(), pictures: Vec::new() };
        for (name, field) in found.get_column_iter() {
            let value = plain(field, name, &mut row.pictures, 0);
            row.fields.insert(name.clone(), value);
        }
        hear(index + 1, &row)?;
    }
    Ok(())
}

/// A field of Parquet as JSON; bytes go to `pictures` under their path.
fn plain(field: &Field, path: &str, pictures: &mut Vec<(String, Vec<u8>)>, depth: usize) -> Value {
    if depth > DEEPEST {
        return Value::Null;
    }
    match field {
        Field::Null => Value::Null,
        Field::Bool(value) => (*value).into(),
        Field::Byte(value) => (*value).into(),
        Field::Short(value) => (*value).into(),
        Field::Int(value) => (*value).into(),
        Field::Long(value) => (*value).into(),
        Field::UByte(value) => (*value).into(),
        Field::UShort(value) => (*value).into(),
        Field::UInt(value) => (*value).into(),
        Field::ULong(value) => (*value).into(),
        Field::Float(value) => (*value).into(),
        Field::Double(value) => (*value).into(),
        Field::Str(text) => text.clone().into(),
        Field::Bytes(bytes) => {
            pictures.push((path.to_owned(), bytes.data().to_vec()));
            Value::Null
        }
        Field::Group(group) => {
            let fields = group.get_column_iter();
            let fields = fields
                .map(|(name, field)| (name.clone(), plain(field, &format!("{path}.{name}"), pictures, depth + 1)));
            Value::Object(fields.collect())
        }
        Field::ListInternal(list) => list
            .elements()
            .iter()
            .enumerate()
            .map(|(index, field)| plain(field, &format!("{path}[{index}]"), pictures, depth + 1))
            .collect(),
        // Dates, decimals and maps are in none of the layouts.
        other => other.to_string().into(),
    }
}
