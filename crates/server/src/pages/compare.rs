//! The page of two models, and its report as a file.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use plimsoll_panel::judge::{Demand, Outlook, Question, Wish};
use plimsoll_panel::pages::{Community, ComparePage, Contender, DemandQuery};
use plimsoll_panel::store::Store;
use plimsoll_panel::{markdown, questions, render_html};
use serde::Deserialize;

use super::{HISTORY, form, is_bookmarked, moved};
use crate::app::App;
use crate::contenders::{Known, Pair, report};
use crate::device::Device;
use crate::error::Problem;
use crate::query::{Fields, Named};
use crate::reader::Reader;

/// The pair that a form names.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Two {
    a: String,
    b: String,
}

/// `/compare?a=…&b=…`
pub async fn compare_form(
    State(app): State<Arc<App>>,
    Fields(two): Fields<Two>,
    Fields(query): Fields<DemandQuery>,
) -> Result<Redirect, Problem> {
    let missing = |which: &str, other: &str| {
        let beside = if other.is_empty() { String::new() } else { format!(" to compare with `{other}`") };
        Problem::Bad(format!(
            "a {which} model{beside} is missing: the address ends with ?a=…&b=…, and the first page has a form that fills both in"
        ))
    };
    match (two.a.trim(), two.b.trim()) {
        ("", other) => Err(missing("first", other)),
        (other, "") => Err(missing("second", other)),
        _ => {
            app.with_store(move |app, store| {
                let pair = Pair::called(app, store, two.a.trim(), two.b.trim()).map_err(|why| why.asking(&query))?;
                Ok(Redirect::to(&format!("/compare/{}{}", pair.name(), query.query())))
            })
            .await
        }
    }
}

/// `/compare/A-vs-B`: one page for a pair, whichever comes first and by whatever name.
pub async fn compare(
    State(app): State<Arc<App>>,
    reader: Reader,
    Named(text): Named<String>,
    Fields(query): Fields<DemandQuery>,
) -> Result<Response, Problem> {
    let demand = query.demand().map_err(Problem::Bad)?;
    app.with_store(move |app, store| {
        let pair = Pair::meant(app, store, &text).map_err(|why| why.asking(&query))?;
        let path = format!("/compare/{}", pair.name());
        if pair.name() != text {
            return Ok(moved(&path, &query).into_response());
        }
        // A device that nobody knows is refused although what was measured does not ask for one.
        let device = Device::of(app, &query.device)?;
        let key = reader.key(store)?;
        let bookmarked = is_bookmarked(store, &key, &path)?;
        let voted = store.ballot(&pair.name(), &key)?.map(|ballot| ballot.choice);
        let community = Community { voted, tallies: store.tally(&pair.name())? };
        let history = history(store, &pair)?;
        let chrome = reader.chrome(&path, bookmarked);
        let rubric = &app.rubric.text;
        let html = match report(app, store, &pair, &demand)? {
            Some(report) => {
                let suite = questions(&report.comparison);
                let page = ComparePage::of_report(&report, suite.as_ref(), rubric, chrome);
                page.with_form(form(app, &query)).with_community(community).with_history(&history).html()
            }
            None => {
                let ids = pair.ids();
                let known = [Known::find(app, store, ids[0])?, Known::find(app, store, ids[1])?];
                let predicted = query.demand_or(device.target().workload()).map_err(Problem::Bad)?;
                let outlook = foreseen(app, &known, &device, &predicted)?;
                let reviews = match &outlook {
                    Some(outlook) => [0, 1].map(|at| outlook.models[at].review.clone()),
                    None => known.each_ref().map(|known| known.review(app, &demand)),
                };
                let contenders = [0, 1].map(|at| Contender {
                    id: known[at].id.clone(),
                    name: known[at].name.clone(),
                    card: known[at].background.card.as_ref(),
                    record: known[at].seen.as_ref().map(|(_, comparison, side)| &comparison.models[side.index()]),
                    terms: &known[at].background.terms,
                    review: &reviews[at],
                });
                let page = ComparePage::of_cards(contenders, &demand.usage, rubric, chrome);
                let page = match &outlook {
                    Some(outlook) => page.with_outlook(outlook, device.lines()).with_pending(device.pending()),
                    None => page,
                };
                let page = page.with_form(form(app, &query)).with_refusal(app.jobs.refusal(ids));
                page.with_community(community).with_history(&history).html()
            }
        };
        Ok(reader.page(html))
    })
    .await
}

/// What is predicted of two models that were not measured against each other; nothing where one has no card.
fn foreseen(app: &App, known: &[Known; 2], device: &Device, demand: &Demand) -> Result<Option<Outlook>, Problem> {
    let [Some(a), Some(b)] = known.each_ref().map(|known| known.background.card.as_ref()) else { return Ok(None) };
    let question =
        Question { target: device.target(), wish: Wish::default(), demand, rubric: &app.rubric, costs: &app.costs };
    let mut models = Vec::new();
    for card in [a, b] {
        let found = question.of(&app.catalog, card, card.shapes.first());
        models.push(found.map_err(|error| Problem::Internal(error.to_string()))?);
    }
    Ok(Some(Outlook::of(&question, models)))
}

/// Earlier verdicts on both, the latest first.
fn history(store: &Store, pair: &Pair) -> Result<Vec<plimsoll_panel::store::Judged>, Problem> {
    let mut history = Vec::new();
    for id in pair.ids() {
        history.extend(store.history(Some(id), HISTORY)?);
    }
    history.sort_by(|a, b| b.created.cmp(&a.created));
    Ok(history)
}

/// `/report/A-vs-B/FORM`: what the page shows, as a file to keep or to send: `html`, `json` or `md`.
pub async fn download(
    State(app): State<Arc<App>>,
    Named((text, kind)): Named<(String, String)>,
    Fields(query): Fields<DemandQuery>,
) -> Result<Response, Problem> {
    let demand = query.demand().map_err(Problem::Bad)?;
    app.with_store(move |app, store| {
        let pair = Pair::meant(app, store, &text)?;
        let never = || Problem::NotFound(format!("`{}` was never compared here, so there is no report", pair.name()));
        let report = report(app, store, &pair, &demand)?.ok_or_else(never)?;
        let (content, mime) = match kind.as_str() {
            "html" => (render_html(&report, &app.rubric.text), "text/html; charset=utf-8"),
            "md" => (markdown(&report), "text/markdown; charset=utf-8"),
            "json" => {
                let text =
                    serde_json::to_string_pretty(&report).map_err(|error| Problem::Internal(error.to_string()))?;
                (text + "\n", "application/json")
            }
            other => {
                return Err(Problem::NotFound(format!("there is no report as `{other}`; expected html, json or md")));
            }
        };
        // Names in addresses have letters, digits, dots and dashes alone.
        let file = format!("attachment; filename=\"plimsoll-{}.{kind}\"", pair.name());
        let headers = [(header::CONTENT_TYPE, mime.to_owned()), (header::CONTENT_DISPOSITION, file)];
        Ok((headers, content).into_response())
    })
    .await
}
