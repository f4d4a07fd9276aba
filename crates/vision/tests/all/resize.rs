//! Resampling is Pillow's and torchvision's, to the bit.

use crate::common::{crc32, data, json, noise, numbers};
use plimsoll_vision::{Arithmetic, Filter, Picture, resize};
use proptest::prelude::*;

#[test]
fn results_are_the_bytes_of_pillow_and_torchvision() {
    let cases = json(&data("resize.json"));
    for case in cases.as_array().unwrap() {
        let [width, height, new_width, new_height] = numbers(&case["sizes"])[..] else { panic!("{case}") };
        let filter = Filter::from_number(case["filter"].as_u64().unwrap()).unwrap();
        let arithmetic = match case["library"].as_str().unwrap() {
            "pillow" => Arithmetic::Pillow,
            _ => Arithmetic::Torchvision,
        };
        let result = resize(&noise(width, height), new_width, new_height, filter, arithmetic);
        assert_eq!((result.width(), result.height()), (new_width, new_height));
        assert_eq!(crc32(result.pixels()), case["crc32"].as_u64().unwrap(), "{case}");
    }
}

fn filter() -> impl Strategy<Value = Filter> {
    (1u64..=5).prop_map(|number| Filter::from_number(number).unwrap())
}

proptest! {
    #[test]
    fn a_picture_of_one_colour_keeps_it(
        (w, h, new_w, new_h) in (1usize..60, 1usize..60, 1usize..60, 1usize..60),
        colour: [u8; 3],
        filter in filter(),
    ) {
        let picture = Picture::new(w, h, colour.iter().copied().cycle().take(w * h * 3).collect());
        let resized = resize(&picture, new_w, new_h, filter, Arithmetic::Pillow);
        prop_assert!(resized.pixels().chunks_exact(3).all(|pixel| pixel == colour));
    }

    #[test]
    fn a_mirrored_picture_gives_the_mirrored_result(
        (w, new_w) in (2usize..50, 1usize..50),
        levels in prop::collection::vec(any::<u8>(), 50 * 3),
    ) {
        let row = &levels[..w * 3];
        let mirrored: Vec<u8> = row.chunks_exact(3).rev().flatten().copied().collect();
        let resized = |levels: &[u8]| {
            resize(&Picture::new(w, 1, levels.to_vec()), new_w, 1, Filter::Bicubic, Arithmetic::Pillow)
        };
        let back: Vec<u8> = resized(&mirrored).pixels().chunks_exact(3).rev().flatten().copied().collect();
        // Weights of a window and its mirror image may round apart by one unit of 2^-22 each.
        let plain = resized(row);
        prop_assert!(plain.pixels().iter().zip(&back).all(|(a, b)| a.abs_diff(*b) <= 1));
    }
}
