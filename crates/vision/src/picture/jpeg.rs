//! JPEG, to the bytes that libjpeg-turbo decodes it to: Pillow's decoder, with its defaults.
//!
//! `libjpeg-turbo-rs` is young and large, but the older decoders in Rust are not exact: `zune-jpeg` 0.5 and `jpeg-decoder`
//! 0.3 stray by up to 4 levels, at 1 to 26 % of the values of this crate's pictures. The bindings of libjpeg-turbo and
//! mozjpeg need a compiler of C and read foreign bytes in C, where this one has some thirty unsafe blocks left without its
//! vector code, which is why the fuzz target `picture` is to run with the address sanitizer.

use libjpeg_turbo_rs::common::types::ComponentInfo;
use libjpeg_turbo_rs::{DecodeLimits, Decoder, PixelFormat};

use super::orientation::Orientation;
use super::{Limit, Picture};
use crate::VisionError;

/// Passes over the picture that a progressive file may take; encoders write about ten, and a crafted file of a few
/// kilobytes may ask for thousands.
const MAX_SCANS: usize = 200;
/// Bytes that decoding may take for each pixel allowed: coefficients of 16 bits and planes of three channels, and the
/// result.
const MAX_BYTES_A_PIXEL: u64 = 16;
const WORKING_BYTES: u64 = 16 << 20;
pub(super) fn decode(bytes: &[u8], limit: &Limit) -> Result<(Picture, Orientation), VisionError> {
    let undecodable = |what: &dyn std::fmt::Display| VisionError::undecodable(limit.file, "JPEG", what);
    let limits = DecodeLimits {
        max_pixels: limit.max_pixels,
        max_scans: MAX_SCANS,
        max_memory: Some(limit.max_pixels.saturating_mul(MAX_BYTES_A_PIXEL).saturating_add(WORKING_BYTES)),
        ..DecodeLimits::default()
    };
    let mut decoder = Decoder::new_with_limits(bytes, limits).map_err(|e| undecodable(&e))?;
    let (width, height) = (decoder.header().width, decoder.header().height);
    limit.check(width.into(), height.into(), "JPEG")?;
    check_sampling(&decoder.header().components).map_err(|what| undecodable(&what))?;
    let orientation = Orientation::find(decoder.exif_data(), decoder.xmp_data());
    decoder.set_output_format(PixelFormat::Rgb);
    let decoded = decoder.decode_image().map_err(|e| undecodable(&e))?;
    if (decoded.width, decoded.height) != (width.into(), height.into())
        || decoded.data.len() != decoded.width * decoded.height * 3
    {
        return Err(undecodable(&"its pixels are not 8-bit levels"));
    }
    Ok((Picture::new(decoded.width, decoded.height, decoded.data), orientation))
}

/// Of four channels, the decoder takes the first and the last for sampled fully and the others for sampled alike, as
/// programs write CMYK and YCCK; where a file has it otherwise, it reads past a plane and panics.
fn check_sampling(components: &[ComponentInfo]) -> Result<(), &'static str> {
    let [first, second, third, last] = components else { return Ok(()) };
    let factors = |c: &ComponentInfo| (c.horizontal_sampling, c.vertical_sampling);
    let (full, part) = (factors(first), factors(second));
    let whole = |full: u8, part: u8| part > 0 && full.is_multiple_of(part);
    if factors(last) == full && factors(third) == part && whole(full.0, part.0) && whole(full.1, part.1) {
        return Ok(());
    }
    Err("its four channels are sampled as no program writes them")
}
