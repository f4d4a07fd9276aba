//! Any bytes as an importance matrix, of either form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_formats::{FileBytes, Imatrix};

fuzz_target!(|bytes: &[u8]| {
    match Imatrix::parse(FileBytes::owned("fuzz.imatrix", bytes.to_vec())) {
        Ok(imatrix) => {
            for importance in imatrix.weights.values() {
                let n = importance.counts.len();
                let means = (0..n).filter_map(|at| importance.means(at));
                assert!(means.flatten().count() <= importance.sums.len());
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
