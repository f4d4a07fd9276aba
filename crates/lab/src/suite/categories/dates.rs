//! Weekdays, months, and days of the month (of a year that is not a leap year).

use super::{Draft, Rng};
use crate::score::Scoring;

const DAYS: &[&str] = &["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: &[(&str, u32)] = &[
    ("January", 31),
    ("February", 28),
    ("March", 31),
    ("April", 30),
    ("May", 31),
    ("June", 30),
    ("July", 31),
    ("August", 31),
    ("September", 30),
    ("October", 31),
    ("November", 30),
    ("December", 31),
];

pub(super) fn draft(rng: &mut Rng) -> Draft {
    match rng.below(4) {
        0 => weekday(rng),
        1 => month(rng),
        2 => neighbour(rng),
        _ => days_later(rng),
    }
}

fn weekday(rng: &mut Rng) -> Draft {
    let (today, steps) = (rng.below(7), rng.between(1, 20));
    let answer = DAYS[(today + steps as usize) % 7].to_owned();
    let unit = if steps == 1 { "day" } else { "days" };
    let question = format!("Today is {}. Which weekday is it in {steps} {unit}?", DAYS[today]);
    Draft {
        prompt: format!("{question} Answer with the weekday only."),
        key: question,
        scoring: Scoring::Named { names: DAYS.iter().map(ToString::to_string).collect(), answer },
        picture: None,
    }
}

fn month(rng: &mut Rng) -> Draft {
    let (from, steps) = (rng.below(12), rng.between(1, 11) as usize);
    let (word, to) = if rng.one_in(2) { ("after", from + steps) } else { ("before", from + 12 - steps) };
    let unit = if steps == 1 { "month" } else { "months" };
    let question = format!("Which month is {steps} {unit} {word} {}?", MONTHS[from].0);
    Draft {
        prompt: format!("{question} Answer with the month only."),
        key: question,
        scoring: Scoring::Named {
            names: MONTHS.iter().map(|(name, _)| name.to_string()).collect(),
            answer: MONTHS[to % 12].0.to_owned(),
        },
        picture: None,
    }
}

fn neighbour(rng: &mut Rng) -> Draft {
    let month = rng.below(12);
    let (name, length) = MONTHS[month];
    let day = rng.between(1, length);
    let (word, answer) = if rng.one_in(2) {
        ("after", if day == length { (1, month + 1) } else { (day + 1, month) })
    } else if day == 1 {
        ("before", (MONTHS[(month + 11) % 12].1, month + 11))
    } else {
        ("before", (day - 1, month))
    };
    let question = format!("Which date is the day {word} {day} {name}?");
    let leap = if month == 1 || answer.1 % 12 == 1 { " The year is not a leap year." } else { "" };
    date(question, leap, answer)
}

/// A few days later within the same month, so that the length of months does not matter.
fn days_later(rng: &mut Rng) -> Draft {
    let (month, steps) = (rng.below(12), rng.between(2, 9));
    let day = rng.between(1, 28 - steps);
    date(format!("Which date is {steps} days after {day} {}?", MONTHS[month].0), "", (day + steps, month))
}

fn date(question: String, note: &str, (day, month): (u32, usize)) -> Draft {
    Draft {
        prompt: format!("{question}{note} Answer like this: 7 May."),
        key: question,
        scoring: Scoring::Text { answer: format!("{day} {}", MONTHS[month % 12].0) },
        picture: None,
    }
}
