//! What a hub says of a repository: any bytes are a listing or none, and what is chosen of one stays below its folder.
#![no_main]

use std::path::{Component, Path};

use libfuzzer_sys::fuzz_target;
use plimsoll_fetch::{Listing, Want, choose, names};

fuzz_target!(|data: &[u8]| {
    let Ok(listing) = Listing::read("org/name", "main", data) else { return };
    let all: Vec<&str> = listing.files.iter().map(|file| file.name.as_str()).collect();
    for mmproj in [false, true] {
        let Ok(choice) = choose(&all, &Want { quantisation: None, mmproj }) else { continue };
        for name in choice.weights.iter().chain(&choice.mmproj).chain(&choice.companions) {
            assert!(all.contains(&name.as_str()), "{name} is not in the repository");
            let stays = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
            assert!(names::check(name).is_err() || stays, "{name} leads out");
        }
    }
});
