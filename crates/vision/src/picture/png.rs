//! What Pillow reads of a PNG besides its pixels: the colour that stands for transparency, and EXIF in a text chunk.
//! Source: Pillow 13's PngImagePlugin.py, Image.py (`convert`) and Convert.c.

use std::io::Read;

use flate2::read::ZlibDecoder;

/// Bytes that a text may unpack to: Pillow's MAX_TEXT_CHUNK.
const MAX_TEXT: u64 = 1 << 20;
/// Where the chunks begin, after the signature.
const CHUNKS: usize = 8;
/// The text that ImageMagick and others keep EXIF in.
const PROFILE: &[u8] = b"Raw profile type exif";

/// What stands beside the pixels.
#[derive(Default)]
pub(super) struct Besides {
    /// Grey levels of 16 bits, whose conversion differs: Pillow's mode `I;16`.
    pub grey16: bool,
    /// Pixels of this colour are transparent.
    pub key: Option<[u8; 3]>,
    /// EXIF that a text chunk holds.
    pub exif: Option<Vec<u8>>,
    /// Pixels by the header.
    pub pixels: u64,
    /// Whether a palette is empty, longer than 256 colours or ends within one.
    pub has_odd_palette: bool,
}

impl Besides {
    /// Of a file whose signature is right. What is damaged is passed over.
    pub fn of(png: &[u8]) -> Besides {
        let mut found = Besides::default();
        let (mut depth, mut colour, mut palette) = (0, 0, &[][..]);
        for (kind, data) in chunks(png) {
            match kind {
                b"IHDR" if data.len() >= 10 => {
                    (depth, colour) = (data[8], data[9]);
                    let side =
                        |at: usize| u64::from(u32::from_be_bytes([data[at], data[at + 1], data[at + 2], data[at + 3]]));
                    found.pixels = side(0).saturating_mul(side(4));
                }
                b"PLTE" => {
                    palette = data;
                    found.has_odd_palette |= data.is_empty() || data.len() > 768 || !data.len().is_multiple_of(3);
                }
                b"tRNS" => found.key = key(depth, colour, palette, data),
                b"tEXt" | b"zTXt" | b"iTXt" => found.exif = profile(kind, data).or(found.exif),
                _ => {}
            }
        }
        found.grey16 = (depth, colour) == (16, 0);
        found
    }
}

/// Kind and data of every whole chunk.
fn chunks(png: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = png.get(CHUNKS..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk()?;
        let (kind, after) = after.split_first_chunk()?;
        let data = after.get(..u32::from_be_bytes(*length) as usize)?;
        rest = after.get(data.len() + 4..).unwrap_or_default(); // behind the checksum
        Some((kind, data))
    })
}

/// The transparent colour as Pillow carries it into RGB: of a palette only where one entry is clear and all others are
/// not; levels as the file has them, whatever its depth, of which the low byte counts.
fn key(depth: u8, colour: u8, palette: &[u8], data: &[u8]) -> Option<[u8; 3]> {
    const GREY: u8 = 0;
    const RGB: u8 = 2;
    const PALETTE: u8 = 3;
    let level = |at: usize| Some(u16::from_be_bytes([*data.get(2 * at)?, *data.get(2 * at + 1)?]));
    let low = |level: u16| level as u8;
    match (colour, depth) {
        (PALETTE, _) => {
            let clear = data.iter().position(|alpha| *alpha == 0)?;
            let others = data.iter().enumerate().all(|(at, alpha)| at == clear || *alpha == 255);
            let entry = palette.get(3 * clear..3 * clear + 3).map_or([0; 3], |entry| [entry[0], entry[1], entry[2]]);
            others.then_some(entry)
        }
        (RGB, _) => Some([low(level(0)?), low(level(1)?), low(level(2)?)]),
        // A single level becomes red where Pillow's mode has no place for transparency.
        (GREY, 1) => Some([if level(0)? == 0 { 0 } else { 255 }, 0, 0]),
        (GREY, 16) => Some([low(level(0)?), 0, 0]),
        (GREY, _) => Some([level(0)?.min(255) as u8; 3]),
        _ => None,
    }
}

/// EXIF in hexadecimal digits behind three lines, if that is what a text chunk holds.
fn profile(kind: &[u8; 4], data: &[u8]) -> Option<Vec<u8>> {
    let behind = data.strip_prefix(PROFILE)?.strip_prefix(b"\0")?;
    let text = match kind {
        b"tEXt" => behind.to_vec(),
        b"zTXt" => unpacked(behind.strip_prefix(b"\0")?)?,
        _ => {
            // Whether it is packed and how; then a language and the keyword in it, each ended by a zero.
            let (flags, behind) = behind.split_first_chunk()?;
            let text = behind.splitn(3, |byte| *byte == 0).nth(2)?;
            match flags {
                [0, _] => text.to_vec(),
                [1, 0] => unpacked(text)?,
                _ => return None,
            }
        }
    };
    let lines = text.split(|byte| *byte == b'\n').skip(3);
    let digits: Vec<u8> = lines.flatten().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let digit = |byte: u8| (byte as char).to_digit(16);
    let pair = |pair: &[u8]| Some((digit(pair[0])? * 16 + digit(*pair.get(1)?)?) as u8);
    digits.chunks(2).map(pair).collect()
}

fn unpacked(packed: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    ZlibDecoder::new(packed).take(MAX_TEXT + 1).read_to_end(&mut text).ok()?;
    (text.len() as u64 <= MAX_TEXT).then_some(text)
}
