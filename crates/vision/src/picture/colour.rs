//! Decoded pixels of any kind as RGB levels, by Pillow's rules.

use image::DynamicImage;

/// `(height, width, 3)` levels; `None` for kinds that no supported format has.
pub(super) fn to_rgb(decoded: DynamicImage, grey16: bool) -> Option<Vec<u8>> {
    // Pillow unpacks only the high byte of colour levels, and cuts grey levels off (Convert.c, `I16_RGB`).
    let narrow = |level: u16| if grey16 { level.min(255) as u8 } else { (level >> 8) as u8 };
    Some(match decoded {
        DynamicImage::ImageRgb8(pixels) => pixels.into_raw(),
        DynamicImage::ImageRgba8(pixels) => without_alpha::<u8, 4>(pixels.as_raw(), |level| level),
        DynamicImage::ImageLuma8(pixels) => pixels.as_raw().iter().flat_map(|&level| [level; 3]).collect(),
        DynamicImage::ImageLumaA8(pixels) => pixels.as_raw().chunks_exact(2).flat_map(|p| [p[0]; 3]).collect(),
        DynamicImage::ImageRgb16(pixels) => without_alpha::<u16, 3>(pixels.as_raw(), narrow),
        DynamicImage::ImageRgba16(pixels) => without_alpha::<u16, 4>(pixels.as_raw(), narrow),
        DynamicImage::ImageLuma16(pixels) => pixels.as_raw().iter().flat_map(|&level| [narrow(level); 3]).collect(),
        DynamicImage::ImageLumaA16(pixels) => pixels.as_raw().chunks_exact(2).flat_map(|p| [narrow(p[0]); 3]).collect(),
        _ => return None,
    })
}

fn without_alpha<T: Copy, const CHANNELS: usize>(levels: &[T], narrow: impl Fn(T) -> u8) -> Vec<u8> {
    levels.chunks_exact(CHANNELS).flat_map(|p| [narrow(p[0]), narrow(p[1]), narrow(p[2])]).collect()
}

/// White in place of the colour that stands for transparency.
pub(super) fn put_on_white(pixels: &mut [u8], key: [u8; 3]) {
    pixels.chunks_exact_mut(3).filter(|pixel| *pixel == key).for_each(|pixel| pixel.fill(255));
}
