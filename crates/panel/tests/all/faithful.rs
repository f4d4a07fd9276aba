//! What is said on a terminal of how faithful one model is to the other.

use crate::fixture;
use plimsoll_lab::record::{Distance, Fidelity, Measurement, Origin, Side, Unit};
use plimsoll_panel::{Detail, Style, render_text};

fn measured(unit: Unit, value: f64) -> Measurement {
    Measurement::of("A against B", "fidelity", unit, Origin::Measured, value).record()
}

fn distance(mean: f64, high: f64, same_top: f64) -> Distance {
    Distance {
        kl_mean: measured(Unit::Nats, mean),
        kl_high: measured(Unit::Nats, high),
        same_top: measured(Unit::Share, same_top),
    }
}

#[test]
fn the_base_is_named_and_every_number_has_its_unit() {
    let mut comparison = fixture::comparison();
    assert!(!render_text(&fixture::report_of(comparison.clone()), Style::Plain, Detail::Full).contains("its base"));
    comparison.fidelity = Some(Fidelity {
        base: Side::B,
        declared: true,
        text: distance(0.00074, 0.0131, 0.979),
        answers: Some(distance(0.31, 1.25, 0.9)),
        pictures: Some(distance(0.00002, 0.5, 1.0)),
        flips: measured(Unit::Share, 0.02),
        changed: measured(Unit::Share, 0.034),
        right_to_wrong: 7,
        wrong_to_right: 3,
    });
    let text = render_text(&fixture::report_of(comparison.clone()), Style::Plain, Detail::Full);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains(
            "A against its declared base B: on text KL 7.4e-4 nats, 99.9 % of positions within 1.3e-2 nats, same top \
             token 97.9 %; at right answers KL 0.310 nats, 99.9 % of positions within 1.25 nats, same top token 90.0 \
             %; at right answers about pictures KL 2.0e-5 nats, 99.9 % of positions within 0.500 nats, same top token \
             100.0 %; answers that differ 3.4 %, 7 right in B alone and 3 in A alone. Large numbers"
        ),
        "{words}"
    );
    if let Some(found) = &mut comparison.fidelity {
        found.declared = false;
    }
    let words = render_text(&fixture::report_of(comparison), Style::Plain, Detail::Full);
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("Predictions of A against those of B: on text"), "{words}");
    assert!(!words.contains("its declared base") && words.contains("nothing is judged by this"), "{words}");
}
