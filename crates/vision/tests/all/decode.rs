//! Files of every format give the pixels that transformers' `load_image` and `convert_to_rgb` give.

use crate::common::{crc32, data, json};
use plimsoll_vision::{DEFAULT_MAX_PIXELS, Picture, VisionError};

fn files() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(data("pictures"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn every_file_decodes_to_the_reference_s_pixels() {
    let expected = json(&data("decoded.json"));
    assert_eq!(files().len(), expected.as_object().unwrap().len());
    for (name, expected) in expected.as_object().unwrap() {
        let picture = Picture::open(&data("pictures").join(name), DEFAULT_MAX_PIXELS).unwrap();
        let size = (picture.width() as u64, picture.height() as u64);
        assert_eq!(size, (expected["width"].as_u64().unwrap(), expected["height"].as_u64().unwrap()), "{name}");
        assert_eq!(crc32(picture.pixels()), expected["crc32"].as_u64().unwrap(), "{name}");
    }
}

#[test]
fn a_file_that_ends_early_is_an_error_that_names_it() {
    for (name, bytes) in files() {
        for cut in (0..bytes.len()).step_by(7) {
            // What an end tag or checksum alone was cut off from may be whole.
            if let Err(error) = Picture::decode(&name, &bytes[..cut], DEFAULT_MAX_PIXELS) {
                assert!(error.to_string().contains(&name), "{error}");
            }
        }
        // Behind its pixels a file may hold more than before.
        let half = Picture::decode(&name, &bytes[..bytes.len() / 2], DEFAULT_MAX_PIXELS);
        assert!(half.is_err() || name.contains("behind"), "half of {name}");
    }
}

#[test]
fn a_palette_that_ends_within_a_colour_is_refused() {
    let mut bytes = std::fs::read(data("pictures/key_palette.png")).unwrap();
    let at = bytes.windows(4).position(|kind| kind == b"PLTE").unwrap();
    // One byte of the palette becomes a part of its checksum, and everything behind it moves by one.
    bytes[at - 1] -= 1;
    bytes.remove(at + 4);
    let message = Picture::decode("p.png", &bytes, DEFAULT_MAX_PIXELS).unwrap_err().to_string();
    assert!(message.contains("p.png") && message.contains("palette"), "{message}");
}

#[test]
fn a_file_with_a_changed_byte_never_panics() {
    for (name, bytes) in files() {
        for at in (0..bytes.len()).step_by(11) {
            let mut changed = bytes.clone();
            changed[at] ^= 0x5A;
            let _ = Picture::decode(&name, &changed, 1 << 20);
        }
    }
}

#[test]
fn four_channels_sampled_oddly_are_refused() {
    let mut bytes = std::fs::read(data("pictures/cmyk.jpg")).unwrap();
    let frame = bytes.windows(2).position(|marker| marker == [0xFF, 0xC0]).unwrap();
    for (component, factors) in [(0, 0x14), (2, 0x13), (3, 0x31), (3, 0x22), (1, 0x21)] {
        let mut changed = bytes.clone();
        changed[frame + 11 + 3 * component] = factors;
        let error = Picture::decode("odd.jpg", &changed, DEFAULT_MAX_PIXELS).unwrap_err();
        assert!(error.to_string().contains("sampled"), "{error}");
    }
    bytes[frame + 9] = 5; // and there are never five
    assert!(Picture::decode("odd.jpg", &bytes, DEFAULT_MAX_PIXELS).is_err());
}

#[test]
fn too_many_pixels_are_told_from_the_header() {
    for (name, bytes) in files() {
        if ["one_pixel.png", "rgba16.png"].contains(&name.as_str()) {
            continue; // these have no more than that
        }
        let error = Picture::decode(&name, &bytes, 1).unwrap_err();
        assert!(matches!(error, VisionError::TooLarge { max_pixels: 1, .. }), "{name}: {error}");
    }
    // A whole PNG header of 2.4 GPixels and no pixel.
    let header = b"IHDR\0\0\xC0\0\0\0\xC0\0\x08\x02\0\0\0";
    let checksum = (crc32(header) as u32).to_be_bytes();
    let bomb = [&b"\x89PNG\r\n\x1a\n\0\0\0\r"[..], header, &checksum, b"\0\0\0\0IDAT\x35\xAF\x06\x1E"].concat();
    let error = Picture::decode("bomb.png", &bomb, DEFAULT_MAX_PIXELS).unwrap_err();
    assert!(error.to_string().starts_with("`bomb.png` has 49152 x 49152 pixels"), "{error}");
}

#[test]
fn a_file_that_is_no_picture_is_told_by_what_it_is() {
    for (bytes, found) in [
        (&b""[..], "empty"),
        (b"%PDF-1.7", "a PDF document"),
        (b"GGUF\x03\0\0\0", "a GGUF model"),
        (b"hello, world", "text"),
        (b"<svg xmlns='x'/>", "an SVG drawing"),
        (b"\0\0\0\x1Cftypavif\0\0\0\0", "an AVIF picture"),
        (b"\0\0\0\x1Cftypisom\0\0\0\0", "a video"),
        (b"\x01\x02\x03\x04\x05", "a file that starts with the bytes [01, 02, 03, 04]"),
    ] {
        let error = Picture::decode("some.png", bytes, DEFAULT_MAX_PIXELS).unwrap_err();
        let expected = format!("`some.png` is {found}; expected a PNG, JPEG, WebP, GIF or BMP picture");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = Picture::open(&data("none.png"), DEFAULT_MAX_PIXELS).unwrap_err();
    assert!(error.to_string().contains("none.png"), "{error}");
}
