//! Which way up a camera held the picture, and turning it. The reference is Pillow's `ImageOps.exif_transpose`.

use image::metadata::Orientation as ExifOrientation;

use super::Picture;

/// EXIF's orientations, by what makes the picture upright.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Orientation {
    /// Nothing to do.
    Upright,
    /// 2
    FlipHorizontal,
    /// 3
    Rotate180,
    /// 4
    FlipVertical,
    /// 5: along the diagonal from the top left corner.
    Transpose,
    /// 6: a quarter turn clockwise.
    Clockwise,
    /// 7: along the diagonal from the top right corner.
    Transverse,
    /// 8: a quarter turn against the clock.
    Anticlockwise,
}

impl Orientation {
    /// From EXIF, else from XMP. Values that mean nothing mean upright.
    pub(super) fn find(exif: Option<&[u8]>, xmp: Option<&[u8]>) -> Self {
        let exif = exif.map(|exif| exif.strip_prefix(b"Exif\0\0").unwrap_or(exif));
        let number = exif.and_then(ExifOrientation::from_exif_chunk).map(ExifOrientation::to_exif);
        match number.or_else(|| xmp.and_then(from_xmp)) {
            Some(2) => Self::FlipHorizontal,
            Some(3) => Self::Rotate180,
            Some(4) => Self::FlipVertical,
            Some(5) => Self::Transpose,
            Some(6) => Self::Clockwise,
            Some(7) => Self::Transverse,
            Some(8) => Self::Anticlockwise,
            _ => Self::Upright,
        }
    }

    pub(super) fn upright(self, picture: Picture) -> Picture {
        if self == Self::Upright {
            return picture;
        }
        let (width, height) = (picture.width(), picture.height());
        let sideways = matches!(self, Self::Transpose | Self::Clockwise | Self::Transverse | Self::Anticlockwise);
        let (out_width, out_height) = if sideways { (height, width) } else { (width, height) };
        let mut pixels = Vec::with_capacity(picture.pixels().len());
        for y in 0..out_height {
            for x in 0..out_width {
                let (column, row) = match self {
                    Self::Upright => (x, y),
                    Self::FlipHorizontal => (width - 1 - x, y),
                    Self::Rotate180 => (width - 1 - x, height - 1 - y),
                    Self::FlipVertical => (x, height - 1 - y),
                    Self::Transpose => (y, x),
                    Self::Clockwise => (y, height - 1 - x),
                    Self::Transverse => (width - 1 - y, height - 1 - x),
                    Self::Anticlockwise => (width - 1 - y, x),
                };
                pixels.extend_from_slice(&picture.row(row)[column * 3..][..3]);
            }
        }
        Picture::new(out_width, out_height, pixels)
    }
}

/// The digit after `tiff:Orientation="` or `tiff:Orientation>`, as Pillow looks for it.
fn from_xmp(xmp: &[u8]) -> Option<u8> {
    let key = b"tiff:Orientation";
    let mut at = 0;
    while let Some(found) = xmp[at..].windows(key.len()).position(|window| window == key) {
        at += found + key.len();
        let value = xmp[at..].strip_prefix(b"=\"").or_else(|| xmp[at..].strip_prefix(b">"));
        if let Some(digit) = value.and_then(|value| value.first()).filter(|digit| digit.is_ascii_digit()) {
            return Some(digit - b'0');
        }
    }
    None
}
