//! A picture file as rows of RGB, converted as Pillow does it.
//!
//! The reference is transformers' `load_image`: Pillow opens the file, `ImageOps.exif_transpose` turns it upright and
//! `convert("RGB")` drops what is not colour. So an alpha channel is dropped, not blended; levels of 16 bits lose their low
//! byte; but grey levels of 16 bits are cut off at 255, because Pillow gives that mode no other meaning. Where one colour
//! of a PNG or GIF stands for transparency Pillow remembers it, and the processors' `convert_to_rgb` puts white in its
//! place. Of an animation the first frame counts.

mod colour;
mod gif;
mod jpeg;
mod orientation;
mod png;

use std::io::{Cursor, Read};
use std::path::Path;

use image::ImageDecoder;
use image::codecs::{bmp::BmpDecoder, png::PngDecoder, webp::WebPDecoder};
use plimsoll_formats::open_regular;

use crate::VisionError;
use orientation::Orientation;
use png::Besides;

/// Pixels of a picture that are decoded unless more are allowed: where Pillow begins to warn of decompression bombs.
pub const DEFAULT_MAX_PIXELS: u64 = 89_478_485;
/// Pixels of a side, whatever the product.
const MAX_SIDE: u64 = 1 << 20;
/// Bytes of a file are at most this many for each pixel allowed (16-bit RGBA uncompressed has 8), but for metadata.
const MAX_BYTES_A_PIXEL: u64 = 9;
const METADATA_BYTES: u64 = 64 << 20;

/// Rows of RGB, 8 bits a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<u8>, // (height, width, 3)
}

impl Picture {
    /// A picture of `(height, width, 3)` levels.
    ///
    /// # Panics
    /// A side is 0, or `pixels` has another length.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Self {
        assert!(width > 0 && height > 0, "a picture has at least one pixel");
        assert_eq!(pixels.len(), width * height * 3, "three levels for each of {width} x {height} pixels");
        Self { width, height, pixels }
    }

    /// Decodes the file at `path`.
    ///
    /// # Errors
    /// It cannot be read, is no picture, is damaged, or has more than `max_pixels` pixels.
    pub fn open(path: &Path, max_pixels: u64) -> Result<Self, VisionError> {
        let file = open_regular(path).map_err(|e| VisionError::io(path, "open", e))?;
        let most = max_pixels.saturating_mul(MAX_BYTES_A_PIXEL).saturating_add(METADATA_BYTES);
        let mut bytes = Vec::new();
        file.take(most + 1).read_to_end(&mut bytes).map_err(|e| VisionError::io(path, "read", e))?;
        let name = path.display().to_string();
        if bytes.len() as u64 > most {
            let found = format!("longer than {most} bytes, more than {max_pixels} pixels take");
            return Err(VisionError::NotAPicture { file: name, found });
        }
        Self::decode(&name, &bytes, max_pixels)
    }

    /// Decodes `bytes`; `file` is their name in messages.
    ///
    /// # Errors
    /// As [`Picture::open`].
    pub fn decode(file: &str, bytes: &[u8], max_pixels: u64) -> Result<Self, VisionError> {
        let limit = Limit { file, max_pixels };
        let source = || Cursor::new(bytes);
        let (picture, orientation) = match Format::of(bytes) {
            Some(Format::Jpeg) => jpeg::decode(bytes, &limit)?,
            Some(Format::Gif) => (gif::decode(bytes, &limit)?, Orientation::Upright),
            Some(Format::Png) => {
                let besides = Besides::of(bytes);
                // The decoder takes a palette of any length as it comes.
                if besides.has_odd_palette {
                    let what = "its palette is not of whole colours, at most 256";
                    return Err(VisionError::undecodable(file, "PNG", what));
                }
                // Bounds what compressed metadata may unpack to, beside the pixels that the header tells of.
                let pixels = besides.pixels.min(max_pixels);
                let mut limits = image::Limits::no_limits();
                limits.max_alloc = Some(pixels.saturating_mul(MAX_BYTES_A_PIXEL).saturating_add(METADATA_BYTES));
                with_decoder(&limit, "PNG", besides, PngDecoder::with_limits(source(), limits))?
            }
            Some(Format::WebP) => with_decoder(&limit, "WebP", Besides::default(), WebPDecoder::new(source()))?,
            Some(Format::Bmp) => with_decoder(&limit, "BMP", Besides::default(), BmpDecoder::new(source()))?,
            None => return Err(VisionError::NotAPicture { file: file.to_owned(), found: foreign(bytes) }),
        };
        Ok(orientation.upright(picture))
    }

    /// The part of `height` × `width` pixels whose top left corner is pixel `(top, left)`, all of them inside.
    pub(crate) fn part(&self, (top, left): (usize, usize), (height, width): (usize, usize)) -> Self {
        let rows = (top..top + height).flat_map(|y| &self.row(y)[left * 3..(left + width) * 3]);
        Self::new(width, height, rows.copied().collect())
    }

    /// Pixels across.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Pixels down.
    pub fn height(&self) -> usize {
        self.height
    }

    /// All levels, `(height, width, 3)`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Row `y` from the top, `(width, 3)`.
    pub fn row(&self, y: usize) -> &[u8] {
        &self.pixels[y * self.width * 3..][..self.width * 3]
    }
}

/// Whether a frame of `width` × `height` pixels may be held.
pub(crate) fn check_size(file: &str, width: u64, height: u64, max_pixels: u64) -> Result<(), VisionError> {
    Limit { file, max_pixels }.check(width, height, "a video frame")
}

/// What a header must keep to before anything of the picture's size is allocated.
struct Limit<'a> {
    file: &'a str,
    max_pixels: u64,
}

impl Limit<'_> {
    fn check(&self, width: u64, height: u64, format: &'static str) -> Result<(), VisionError> {
        if width == 0 || height == 0 {
            return Err(VisionError::undecodable(self.file, format, "the header says that it has no pixels"));
        }
        if width > MAX_SIDE || height > MAX_SIDE || width * height > self.max_pixels {
            let (file, max_pixels) = (self.file.to_owned(), self.max_pixels);
            return Err(VisionError::TooLarge { file, width, height, max_pixels, max_side: MAX_SIDE });
        }
        Ok(())
    }
}

/// The formats, told by their first bytes whatever the file is called.
#[derive(Clone, Copy)]
enum Format {
    Png,
    Jpeg,
    WebP,
    Gif,
    Bmp,
}

impl Format {
    fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some(Self::Png),
            [0xFF, 0xD8, 0xFF, ..] => Some(Self::Jpeg),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [b'B', b'M', ..] => Some(Self::Bmp),
            _ => None,
        }
    }
}

/// What a file that is none of the formats looks like.
fn foreign(bytes: &[u8]) -> String {
    let brand = bytes.get(4..12);
    match bytes {
        [] => "empty".to_owned(),
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => "a TIFF picture".to_owned(),
        [b'%', b'P', b'D', b'F', ..] => "a PDF document".to_owned(),
        [b'G', b'G', b'U', b'F', ..] => "a GGUF model".to_owned(),
        _ if brand.is_some_and(|b| b.starts_with(b"ftyp")) => match &bytes[8..12] {
            b"avif" | b"avis" => "an AVIF picture".to_owned(),
            b"heic" | b"heix" | b"mif1" | b"hevc" => "an HEIC picture".to_owned(),
            _ => "a video".to_owned(),
        },
        _ => match std::str::from_utf8(&bytes[..bytes.len().min(64)]) {
            Ok(text) if text.trim_start().starts_with("<svg") => "an SVG drawing".to_owned(),
            Ok(text) if !text.chars().any(|c| c.is_control() && !c.is_whitespace()) => "text".to_owned(),
            _ => format!("a file that starts with the bytes {:02x?}", &bytes[..bytes.len().min(4)]),
        },
    }
}

/// Header, limit, orientation and pixels, by one of the `image` crate's decoders.
fn with_decoder<D: ImageDecoder>(
    limit: &Limit,
    format: &'static str,
    besides: Besides,
    decoder: Result<D, image::ImageError>,
) -> Result<(Picture, Orientation), VisionError> {
    let undecodable = |e: image::ImageError| VisionError::undecodable(limit.file, format, e);
    let mut decoder = decoder.map_err(undecodable)?;
    let (width, height) = decoder.dimensions();
    limit.check(width.into(), height.into(), format)?;
    // Damaged metadata is passed over, as Pillow does.
    let exif = decoder.exif_metadata().ok().flatten().or(besides.exif);
    let xmp = decoder.xmp_metadata().ok().flatten();
    let orientation = Orientation::find(exif.as_deref(), xmp.as_deref());
    let decoded = image::DynamicImage::from_decoder(decoder).map_err(undecodable)?;
    let mut pixels = colour::to_rgb(decoded, besides.grey16).ok_or_else(|| {
        VisionError::undecodable(limit.file, format, "its pixels are neither grey nor RGB of 8 or 16 bits")
    })?;
    if let Some(key) = besides.key {
        colour::put_on_white(&mut pixels, key);
    }
    Ok((Picture::new(width as usize, height as usize, pixels), orientation))
}
