//! What holds of every block type, whatever is written.

use std::num::NonZeroUsize;

use crate::common::Numbers;
use plimsoll_kernels::{DType, Pool, dequantise};
use plimsoll_quantise::{EncodeError, RowError, TYPES, encode, encode_rows};
use proptest::prelude::*;

fn there_and_back(dtype: DType, values: &[f32], weights: Option<&[f32]>) -> Vec<f32> {
    let mut out = vec![0; dtype.row_bytes(values.len()).unwrap()];
    encode(dtype, values, weights, &mut out).unwrap();
    let mut back = vec![0.0; values.len()];
    dequantise(dtype, &out, &mut back);
    back
}

#[test]
fn zeros_stay_zeros_and_what_is_too_small_for_a_scale_stays_small() {
    for dtype in TYPES {
        assert!(there_and_back(dtype, &[0.0; 256], None).iter().all(|v| *v == 0.0), "{dtype}");
        let small = there_and_back(dtype, &[1e-30; 256], None);
        assert!(small.iter().all(|v| v.abs() <= 1e-7), "{dtype}: {small:?}");
    }
}

#[test]
fn a_value_far_from_the_others_is_kept_within_a_step_of_its_size() {
    // Codebooks of magnitudes have none near zero, so that there the others pay for it.
    for dtype in
        TYPES.into_iter().filter(|dtype| !["IQ1", "IQ2", "IQ3"].iter().any(|named| dtype.name().starts_with(named)))
    {
        let values: Vec<f32> = (0..256).map(|i| if i == 77 { 3.0 } else { 0.001 * (i % 5) as f32 }).collect();
        let back = there_and_back(dtype, &values, None);
        assert!((back[77] - 3.0).abs() < 0.6, "{dtype}: {}", back[77]);
    }
}

#[test]
fn the_first_value_that_is_no_number_or_too_large_is_named() {
    let mut out = [0; 34];
    let mut values = [0.5; 32];
    values[9] = f32::NAN;
    let refused = encode(DType::Q8_0, &values, None, &mut out).unwrap_err();
    assert_eq!(refused.to_string(), "value 9 is NaN, expected a finite number");
    values[3] = 1e6;
    let refused = encode(DType::Q8_0, &values, None, &mut out).unwrap_err();
    assert_eq!(refused, EncodeError::TooLarge { index: 3, value: 1e6, dtype: DType::Q8_0 });
}

#[test]
fn bytes_are_the_same_at_any_number_of_threads_and_the_first_bad_row_is_named() {
    let (rows, cols) = (230, 512);
    let mut numbers = Numbers(5);
    let mut values: Vec<f32> = (0..rows * cols).map(|_| numbers.tailed()).collect();
    for dtype in TYPES {
        let written = [1, 2, 5].map(|threads| {
            let pool = Pool::new(NonZeroUsize::new(threads).unwrap()).unwrap();
            let mut out = vec![0; rows * dtype.row_bytes(cols).unwrap()];
            let read = |row: usize, out: &mut [f32]| out.copy_from_slice(&values[row * cols..][..out.len()]);
            encode_rows(&pool, dtype, cols, 0, read, |_| None, &mut out).unwrap();
            out
        });
        assert!(written[0] == written[1] && written[1] == written[2], "{dtype}");
    }
    (values[200 * cols], values[70 * cols + 1]) = (f32::INFINITY, f32::NEG_INFINITY);
    let pool = Pool::new(NonZeroUsize::new(3).unwrap()).unwrap();
    let mut out = vec![0; rows * 144 * 2];
    let read = |row: usize, out: &mut [f32]| out.copy_from_slice(&values[row * cols..][..out.len()]);
    let refused = encode_rows(&pool, DType::Q4_K, cols, 0, read, |_| None, &mut out).unwrap_err();
    let error = EncodeError::NotFinite { index: 1, value: f32::NEG_INFINITY };
    assert_eq!(refused, RowError { row: 70, error });
}

/// Those that have an offset or a minimum beside each scale.
const WITH_OFFSET: [DType; 5] = [DType::Q5_1, DType::Q5_K, DType::Q4_1, DType::Q4_K, DType::Q2_K];

#[test]
fn equal_values_come_back() {
    let scaled = [DType::Q8_0, DType::Q6_K, DType::Q5_0, DType::Q4_0, DType::Q3_K];
    for dtype in WITH_OFFSET.into_iter().chain(scaled) {
        for equal in [0.7, -0.25, 311.0, -3.0] {
            let back = there_and_back(dtype, &[equal; 256], None);
            assert!(back.iter().all(|v| (v - equal).abs() <= equal.abs() * 1e-3), "{dtype}, {equal}: {back:?}");
        }
    }
}

#[test]
fn values_that_do_not_count_take_nothing_from_equal_ones_that_do() {
    let mut numbers = Numbers(11);
    for round in 0..50 {
        let equal = [0.0, -0.25, 0.7, -311.0][round % 4];
        let counts = |i: usize| i % (5 + round % 11) == 3;
        let mut weight = |i| if counts(i) { numbers.weight() * (1.0 + numbers.smooth()) } else { 0.0 };
        let weights: Vec<f32> = (0..256).map(&mut weight).collect();
        let values: Vec<f32> = (0..256).map(|i| if counts(i) { equal } else { numbers.smooth() * 45_702.0 }).collect();
        for dtype in WITH_OFFSET {
            let back = there_and_back(dtype, &values, Some(&weights));
            let off = (0..256).filter(|i| counts(*i)).map(|i| (back[i] - equal).abs()).fold(0.0, f32::max);
            assert!(off <= equal.abs() * 0.05, "round {round}, {dtype}: {off} beside {equal}");
        }
    }
}

/// Values of any size that a type takes, with zeros, equal runs and magnitudes apart.
fn values() -> impl Strategy<Value = Vec<f32>> {
    let one = prop_oneof![
        4 => -1f32..1.0,
        1 => Just(0.0f32),
        1 => Just(-0.25f32),
        1 => -6e4f32..6e4,
        1 => any::<f32>().prop_filter("too large", |v| v.abs() < 6e4),
    ];
    proptest::collection::vec(one, 256)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_written_is_read_back_as_numbers_no_worse_than_zeros(values in values(), weights: [u8; 16]) {
        let weights: Vec<f32> = (0..256).map(|i| f32::from(weights[i % 16])).collect();
        for dtype in TYPES.into_iter().filter(|dtype| !dtype.is_float()) {
            let back = there_and_back(dtype, &values, Some(&weights));
            prop_assert!(back.iter().all(|v| v.is_finite()), "{dtype}: {back:?}");
            let of = |other: &dyn Fn(usize) -> f32| -> f64 {
                let off = |i: usize| f64::from(values[i]) - f64::from(other(i));
                (0..256).map(|i| f64::from(weights[i]) * off(i) * off(i)).sum()
            };
            let (error, of_zeros) = (of(&|i| back[i]), of(&|_| 0.0));
            prop_assert!(error <= of_zeros * 1.001 + 1e-9, "{dtype}: {error}, of zeros {of_zeros}");
        }
    }
}
