use super::{SEVERITIES, Stress, Wear};
use plimsoll_vision::Picture;

/// Black and white squares of 8 pixels with a gradient: edges for a blur, levels for the light.
fn chart(width: usize, height: usize) -> Picture {
    let level = |x: usize, y: usize| if (x / 8 + y / 8).is_multiple_of(2) { 255 } else { (x * 128 / width) as u8 };
    let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| [level(x, y); 3])).collect();
    Picture::new(width, height, pixels)
}

/// Mean absolute difference of the levels of two pictures of one size.
fn distance(a: &Picture, b: &Picture) -> f64 {
    let sum: u64 = a.pixels().iter().zip(b.pixels()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.pixels().len() as f64
}

#[test]
fn every_degree_is_worse_than_the_one_before_and_always_the_same() {
    let chart = chart(120, 90);
    for (stress, name) in Stress::ALL {
        assert_eq!(name.parse(), Ok(stress));
        let worn = |severity| Wear { stress, severity }.applied(&chart);
        let mut last = 0.0;
        for severity in 1..=SEVERITIES {
            assert_eq!(worn(severity), worn(severity), "{name}");
            let (picture, now) = (
                worn(severity),
                match stress {
                    // Of another size: what is left or added of pixels is the measure.
                    Stress::Small => 1.0 - worn(severity).pixels().len() as f64 / chart.pixels().len() as f64,
                    Stress::Skew => worn(severity).pixels().len() as f64,
                    _ => distance(&worn(severity), &chart),
                },
            );
            assert!(now > last, "{name} {severity}: {now} after {last}");
            assert!(picture.width() > 0 && picture.height() > 0);
            last = now;
        }
    }
    assert!("rain".parse::<Stress>().is_err_and(|told| told.contains("low-light, noise")));
}

#[test]
fn noise_has_the_deviation_that_it_says() {
    let grey = Picture::new(200, 200, vec![128; 200 * 200 * 3]);
    let noisy = Wear { stress: Stress::Noise, severity: 2 }.applied(&grey);
    let n = noisy.pixels().len() as f64;
    let mean = noisy.pixels().iter().map(|level| f64::from(*level)).sum::<f64>() / n;
    let variance = noisy.pixels().iter().map(|level| (f64::from(*level) - mean).powi(2)).sum::<f64>() / n;
    // Levels are cut off towards zero: a whole number of noise is a third of a level short on average.
    assert!((mean - 128.0).abs() < 0.5 && (variance.sqrt() - 20.0).abs() < 0.7, "{mean} {}", variance.sqrt());
}

#[test]
fn a_blur_leaves_an_even_picture_as_it_is_and_keeps_the_light() {
    let even = Picture::new(64, 48, vec![200; 64 * 48 * 3]);
    for severity in 1..=SEVERITIES {
        assert_eq!(Wear { stress: Stress::Blur, severity }.applied(&even), even);
    }
    let chart = chart(64, 64);
    let blurred = Wear { stress: Stress::Blur, severity: 5 }.applied(&chart);
    let light = |p: &Picture| p.pixels().iter().map(|level| f64::from(*level)).sum::<f64>() / p.pixels().len() as f64;
    assert!((light(&blurred) - light(&chart)).abs() < 2.0, "{} {}", light(&blurred), light(&chart));
}

#[test]
fn a_turned_picture_holds_all_of_the_first_on_white() {
    let black = Picture::new(100, 50, vec![0; 100 * 50 * 3]);
    let turned = Wear { stress: Stress::Skew, severity: 5 }.applied(&black);
    assert!(turned.width() > 100 && turned.height() > 50);
    let dark = |p: &Picture| p.pixels().iter().map(|level| 255.0 - f64::from(*level)).sum::<f64>();
    assert!((dark(&turned) / dark(&black) - 1.0).abs() < 0.01, "the same area of ink");
    assert_eq!(turned.row(0)[..3], [255; 3], "corners are paper");
}

#[test]
fn one_pixel_can_be_worn_too() {
    let pixel = Picture::new(1, 1, vec![9, 9, 9]);
    for (stress, _) in Stress::ALL {
        for severity in 1..=SEVERITIES {
            Wear { stress, severity }.applied(&pixel);
        }
    }
}
