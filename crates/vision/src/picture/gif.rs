//! The first frame of a GIF, as Pillow shows it: palette colours, white in place of that of the transparent index.

use gif::{ColorOutput, DecodeOptions, MemoryLimit};

use super::{Limit, Picture, colour};
use crate::VisionError;

pub(super) fn decode(bytes: &[u8], limit: &Limit) -> Result<Picture, VisionError> {
    let undecodable = |e: gif::DecodingError| VisionError::undecodable(limit.file, "GIF", e);
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.set_memory_limit(MemoryLimit::Unlimited); // checked below, before the frame is allocated
    let mut decoder = options.read_info(bytes).map_err(undecodable)?;
    let no_frame = || VisionError::undecodable(limit.file, "GIF", "it ends before its first frame");
    let frame = decoder.next_frame_info().map_err(undecodable)?.ok_or_else(no_frame)?;
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let (columns, rows) = (usize::from(frame.width), usize::from(frame.height));
    let (transparent, own_palette) = (frame.transparent, frame.palette.clone());
    // A frame may reach beyond the screen that the header declares.
    let width = usize::from(decoder.width()).max(left + columns);
    let height = usize::from(decoder.height()).max(top + rows);
    limit.check(width as u64, height as u64, "GIF")?;

    let mut indices = vec![0; columns * rows];
    decoder.read_into_buffer(&mut indices).map_err(undecodable)?;
    let palette = own_palette.as_deref().or(decoder.global_palette());
    let shade = |index: u8| match palette {
        None => [index; 3],
        Some(palette) => {
            let entry = palette.get(usize::from(index) * 3..usize::from(index) * 3 + 3);
            entry.map_or([0; 3], |c| [c[0], c[1], c[2]])
        }
    };
    let background = shade(transparent.unwrap_or(0));
    let mut pixels: Vec<u8> = background.iter().copied().cycle().take(width * height * 3).collect();
    if columns > 0 {
        for (y, row) in indices.chunks_exact(columns).enumerate() {
            let start = ((top + y) * width + left) * 3;
            for (pixel, &index) in pixels[start..].chunks_exact_mut(3).zip(row) {
                pixel.copy_from_slice(&shade(index));
            }
        }
    }
    if let Some(index) = transparent {
        colour::put_on_white(&mut pixels, shade(index));
    }
    Ok(Picture::new(width, height, pixels))
}
