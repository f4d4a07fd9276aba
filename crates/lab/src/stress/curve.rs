//! What is left of the right answers, degree by degree.

use serde::Serialize;

use super::{SEVERITIES, Stress, Wear};
use crate::runner::ItemOutcome;
use crate::stats::{Interval, LEVEL, wilson};
use crate::suite::{Image, Item, Suite};

/// Right answers under one kind of stress.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curve {
    /// What happened to the pictures.
    pub stress: Stress,
    /// From the unworn pictures, severity 0, to the worst.
    pub points: Vec<Point>,
}

/// Right answers at one degree.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// 0 for the pictures as they are, else 1 to [`SEVERITIES`].
    pub severity: u8,
    /// Right answers.
    pub correct: usize,
    /// Questions.
    pub n: usize,
    /// Wilson's interval of their share.
    pub interval: Interval,
    /// Of the questions right with the unworn picture, those that are right still.
    pub kept: usize,
    /// Share of `kept` among the right answers with unworn pictures, and its interval by Wilson; none where there were
    /// none to keep.
    pub kept_share: Option<f64>,
    /// Wilson's interval of that share.
    pub kept_interval: Option<Interval>,
}

impl Curve {
    /// The curve of `stress` from the outcomes with unworn pictures and those of each degree; the same questions in the
    /// same order. `None` without questions.
    pub fn of(stress: Stress, unworn: &[ItemOutcome], worn: &[Vec<ItemOutcome>]) -> Option<Curve> {
        let before = unworn.iter().filter(|outcome| outcome.correct).count();
        let point = |(severity, outcomes): (usize, &[ItemOutcome])| {
            let (n, correct) = (outcomes.len(), outcomes.iter().filter(|outcome| outcome.correct).count());
            let kept = unworn.iter().zip(outcomes).filter(|(a, b)| a.correct && b.correct).count();
            Some(Point {
                severity: severity as u8,
                correct,
                n,
                interval: wilson(correct, n, LEVEL)?,
                kept,
                kept_share: (before > 0).then(|| kept as f64 / before as f64),
                kept_interval: wilson(kept, before, LEVEL),
            })
        };
        let all = std::iter::once(unworn).chain(worn.iter().map(Vec::as_slice));
        let points: Option<Vec<Point>> = all.enumerate().map(point).collect();
        Some(Curve { stress, points: points? })
    }
}

/// The questions of `suite` that show pictures: as they are, then with the pictures worn to each degree of `stress`.
pub fn worn_suites(suite: &Suite, stress: Stress) -> [Suite; SEVERITIES as usize] {
    let mut severity = 0;
    [(); SEVERITIES as usize].map(|()| {
        severity += 1;
        let items = suite.items.iter().map(|item| worn(item, Wear { stress, severity })).collect();
        Suite { items, ..suite.clone() }
    })
}

/// The same question about worn pictures, under the same id: what it is paired by.
fn worn(item: &Item, wear: Wear) -> Item {
    let mut item = item.clone();
    if let Some(scene) = item.picture.take() {
        item.framing.images.push(Image::new(&item.id, scene.png()));
    }
    for image in &mut item.framing.images {
        *image = image.worn(wear);
    }
    item
}
