//! A card of the catalogue as text.

use std::io::{self, Write};

use plimsoll_catalog::{Answer, Asks, Claim, ModelCard, PublishedPanel};

use crate::rows::Rows;

/// Writes everything that a card says; its licence is written by [`crate::licence`].
///
/// # Errors
/// As the writer's.
pub fn write_card(rows: &mut Rows<impl Write>, card: &ModelCard) -> io::Result<()> {
    let mut row = |name: &str, values: Vec<String>| rows.many(name, &values);
    row("model", vec![format!("{} ({})", card.name, card.id)])?;
    row("maker", vec![format!("{}, family {}", card.maker, card.family)])?;
    let size = card.size.as_ref().map(|size| format!(", {size}")).unwrap_or_else(|| ", size not stated".to_owned());
    row("category", vec![format!("{}{size}", card.category.words())])?;
    row("best for", vec![card.best_for.clone()])?;
    row("about", vec![card.description.clone()])?;
    row("limits", card.limits.clone())?;
    row("claims", card.claims.iter().map(claim).collect())?;
    let price = |price: &plimsoll_catalog::Price| format!("{}: {} ({})", price.what, price.text, price.date);
    row("price", card.prices.iter().map(price).collect())?;
    row("announced", asks(&card.asks))?;
    row("published", card.published.as_ref().map(published).unwrap_or_default())?;
    row(
        "also called",
        card.aliases.iter().chain(&card.hub).cloned().collect::<Vec<_>>().chunks(2).map(|c| c.join(", ")).collect(),
    )?;
    row("files", vec![card.availability.words().to_owned()])?;
    row("rivals", if card.rivals.is_empty() { Vec::new() } else { vec![card.rivals.join(", ")] })
}

fn claim(claim: &Claim) -> String {
    let verified = if claim.verified { "verified" } else { "not verified" };
    format!("{} ({verified})", claim.text)
}

fn asks(asks: &Asks) -> Vec<String> {
    let all = [
        ("standard stack", asks.standard_stack),
        ("offline", asks.offline),
        ("quantised variants", asks.quantised),
        ("fine-tuning", asks.fine_tunes),
        ("GGUF", asks.gguf),
        ("ONNX", asks.onnx),
        ("MLX", asks.mlx),
        ("images", asks.images),
        ("documents", asks.documents),
        ("video", asks.video),
    ];
    let of = |answer| {
        let words: Vec<&str> = all.iter().filter(|(_, given)| *given == answer).map(|(words, _)| *words).collect();
        (!words.is_empty()).then(|| format!("{answer}: {}", words.join(", ")))
    };
    [Answer::Yes, Answer::No, Answer::Unknown].into_iter().filter_map(of).collect()
}

/// What was published elsewhere, said to be no measurement.
fn published(panel: &PublishedPanel) -> Vec<String> {
    let review = |reviewer: &plimsoll_catalog::PublishedReviewer| {
        let score = reviewer.score.map(|score| format!(" {score}")).unwrap_or_default();
        format!("{}{score} {}", reviewer.name, if reviewer.ship { "ship" } else { "skip" })
    };
    vec![
        format!("{}, {} % ({})", panel.verdict, panel.share, panel.source),
        panel.reviewers.iter().map(review).collect::<Vec<_>>().join(", "),
    ]
}
