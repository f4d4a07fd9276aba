//! The page keeps its promises: whole, self-contained, every number traceable.

use crate::fixture;
use std::collections::{BTreeSet, HashMap};

use crate::html::{Token, attribute, tokens};
use plimsoll_lab::record::{Comparison, Measurement, Unit, show_p};
use plimsoll_panel::judge::{Demand, Need};
use plimsoll_panel::rubric::Rubric;
use plimsoll_panel::{Detail, Report, Style, render_html, render_text};

/// The page of a comparison that was judged.
fn page(comparison: &Comparison) -> String {
    render_html(&fixture::report_of(comparison.clone()), &Rubric::builtin().text)
}

#[test]
fn the_table_for_the_terminal() {
    insta::assert_snapshot!(render_text(&fixture::report(), Style::Plain, Detail::Full));
}

#[test]
fn the_summary_for_the_terminal() {
    insta::assert_snapshot!(render_text(&fixture::report(), Style::Plain, Detail::Summary));
}

#[test]
fn the_summary_has_the_verdict_in_its_first_lines_and_last_and_fits_a_terminal() {
    let text = render_text(&fixture::report(), Style::Plain, Detail::Summary);
    let lines: Vec<&str> = text.lines().collect();
    // Two lines more name the files.
    assert!(lines.len() <= 37, "{} lines", lines.len());
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{text}");
    assert!(lines[..5].iter().any(|line| line.starts_with("Ship demo:large")), "{text}");
    let last = text.trim_end().rsplit("\n\n").next().unwrap();
    assert!(last.starts_with("Ship demo:large. "), "{last}");
}

#[test]
fn a_veto_stands_in_the_first_lines() {
    let mut comparison = fixture::comparison();
    comparison.models[0].verified.as_mut().unwrap().passed = false;
    let text = render_text(&fixture::report_of(comparison), Style::Plain, Detail::Summary);
    let head: Vec<&str> = text.lines().take(5).collect();
    assert!(head.iter().any(|line| line.starts_with("A: Verification failed")), "{text}");
    assert!(head[1].contains("Skip (vetoed)"), "{text}");
}

#[test]
fn a_need_that_is_not_decided_stands_in_the_headline_of_the_text_and_of_the_page() {
    let report = fixture::report();
    let demand = Demand { needs: Need::read("decode@77777>1").unwrap(), ..report.judgement.demand() };
    let report = Report::judged(report.comparison, report.background, &demand, &Rubric::builtin());
    let text = render_text(&report, Style::Plain, Detail::Summary);
    let head = text.split("\nA  ").next().unwrap().replace('\n', " ");
    assert!(head.starts_with("Ship demo:large, if it proves to meet: decode@77777 at least 1 tokens/s ("), "{text}");
    let page = render_html(&report, &Rubric::builtin().text);
    assert!(page.contains("Ship A, if a need proves met"), "the words of the first screen");
}

#[test]
fn no_line_of_the_table_is_wider_than_80_columns() {
    for line in render_text(&fixture::report(), Style::Plain, Detail::Full).lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn long_and_hostile_names_break_neither_the_lines_nor_the_terminal() {
    let mut comparison = fixture::comparison();
    let long = format!("/models/{}\u{1b}[2J.gguf", "very-long".repeat(40));
    let sentence = &comparison.conclusion.sentence;
    comparison.conclusion.sentence = sentence.replace("demo:large", &long);
    comparison.models[0].facts.name = long.clone();
    comparison.models[1].facts.architecture = long.clone();
    comparison.device.cpu = long;
    let text = render_text(&fixture::report_of(comparison.clone()), Style::Plain, Detail::Full);
    assert!(!text.contains('\u{1b}') && text.contains("/models/") && text.contains("[2J.gguf"), "{text}");
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn colour_adds_nothing_to_the_words() {
    let mut coloured = render_text(&fixture::report(), Style::Ansi, Detail::Full);
    assert!(coloured.contains('\u{1b}'));
    for code in ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m"] {
        coloured = coloured.replace(code, "");
    }
    let plain = render_text(&fixture::report(), Style::Plain, Detail::Full);
    let unwrapped = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(unwrapped(&coloured), unwrapped(&plain));
}

/// Headings, tables with their captions, pictures with their titles: the page without its prose.
#[test]
fn the_outline_of_the_page() {
    let mut outline = String::new();
    let mut open: Vec<String> = Vec::new();
    let mut text = String::new();
    for token in tokens(&page(&fixture::comparison())) {
        match token {
            Token::Open(name, _) => {
                if matches!(name.as_str(), "h1" | "h2" | "h3" | "caption" | "figcaption") {
                    text.clear();
                }
                open.push(name);
            }
            Token::Text(words) => text += &words,
            Token::Close(name) => {
                open.pop();
                if matches!(name.as_str(), "h1" | "h2" | "h3" | "caption" | "figcaption") {
                    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
                    outline += &format!("{name}: {words}\n");
                }
            }
        }
    }
    insta::assert_snapshot!(outline);
}

#[test]
fn every_element_is_closed_and_every_anchor_is_there_once() {
    let page = page(&fixture::comparison());
    let mut open = Vec::new();
    let (mut ids, mut links) = (BTreeSet::new(), BTreeSet::new());
    for token in tokens(&page) {
        match token {
            Token::Open(name, attributes) => {
                if let Some(id) = attribute(&attributes, "id") {
                    assert!(ids.insert(id.to_owned()), "`{id}` stands twice");
                }
                if let Some(link) = attribute(&attributes, "href") {
                    links.insert(link.strip_prefix('#').expect("links stay on the page").to_owned());
                }
                open.push(name);
            }
            Token::Close(name) => assert_eq!(open.pop().as_ref(), Some(&name)),
            Token::Text(_) => {}
        }
    }
    assert_eq!(open, Vec::<String>::new());
    assert_eq!(links.difference(&ids).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn the_page_asks_for_nothing_from_outside_and_runs_nothing() {
    let page = page(&fixture::comparison());
    // The record is text in an element that is never rendered, and may name sources anywhere.
    let (shown, record) = page.split_once("<template id=\"plimsoll-report\">").unwrap();
    let (record, foot) = record.split_once("</template>").unwrap();
    assert!(!record.contains('<'), "nothing in it is read as HTML");
    let page = format!("{shown}{foot}");
    let lower = page.to_lowercase().replace("http://www.w3.org/2000/svg", "");
    for forbidden in ["http:", "https:", "//cdn", "<script", "<link", "<img", "<iframe", "@import", "url(", "onclick"] {
        assert!(!lower.contains(forbidden), "{forbidden}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn names_from_files_cannot_write_into_the_page() {
    let mut comparison = fixture::comparison();
    let hostile = r#"<script>alert("x")</script>&'"#;
    comparison.models[0].facts.name = hostile.into();
    comparison.models[1].facts.licence.declared[0].value = hostile.into();
    comparison.device.cpu = hostile.into();
    comparison.reproduce = hostile.into();
    let page = page(&comparison);
    assert!(!page.contains("<script"));
    assert!(page.contains("&#60;script&#62;") || page.contains("&lt;script&gt;"));
}

#[test]
fn every_number_in_the_tables_is_read_off_the_record_it_links_to() {
    let comparison = fixture::comparison();
    let allowed = shown_numbers(&comparison);
    let mut in_cell = false;
    let mut link: Option<String> = None;
    let mut checked = 0;
    for token in tokens(&page(&comparison)) {
        match token {
            Token::Open(name, _) if name == "td" => in_cell = true,
            Token::Close(name) if name == "td" => in_cell = false,
            Token::Open(name, attributes) if name == "a" => {
                link = attribute(&attributes, "href")
                    .map(|href| href.trim_start_matches('#').trim_start_matches("m-").to_owned());
            }
            Token::Close(name) if name == "a" => link = None,
            Token::Text(text) => {
                let text = text.replace("&#60;", "<").replace("&lt;", "<");
                let text = text.trim().trim_start_matches('(').trim_end_matches(')');
                match &link {
                    // What the rubric makes of measurements is the checker's to hold against them.
                    Some(id) if id == "rubric" => {}
                    Some(id) if text.contains(|c: char| c.is_ascii_digit()) => {
                        let shown = allowed.get(id.as_str()).unwrap_or_else(|| panic!("`{id}` is no record"));
                        let is_id = text.len() == 12 && id.starts_with(text);
                        assert!(is_id || shown.contains(text), "`{text}` is not of {id}: {shown:?}");
                        checked += 1;
                    }
                    None if in_cell => {
                        let is_count = |word: &str| ["0", "1", "2", "3", "4"].contains(&word);
                        let is_counts =
                            text.contains(" ship / ") && text.split(' ').filter(|w| is_count(w)).count() == 3;
                        let is_price = text.starts_with("weights: free on 2026-");
                        let is_clause = text.starts_with("commercial use is allowed: section ");
                        let known = text.is_empty()
                            || is_counts
                            || is_price
                            || is_clause
                            || ["Apache-2.0", "of 24.9 GB", "“apache-2.0” in README.md, key `license`"].contains(&text);
                        assert!(known || !text.contains(|c: char| c.is_ascii_digit()), "`{text}` has no record");
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
    assert!(checked > 200, "only {checked} numbers were found");
}

#[test]
fn every_number_of_the_sentence_is_traced() {
    let comparison = fixture::comparison();
    let ids: Vec<&str> = comparison.measurements().iter().map(|m| m.id.as_str()).collect();
    let pieces = comparison.conclusion.clauses.iter().flat_map(|clause| &clause.pieces);
    for piece in pieces {
        match &piece.from {
            Some(id) => assert!(ids.contains(&id.as_str()), "{piece:?}"),
            None => assert!(!piece.text.contains(|c: char| c.is_ascii_digit()), "{piece:?}"),
        }
    }
}

#[test]
fn a_comparison_without_timings_says_so() {
    let mut comparison = fixture::comparison();
    comparison.models.iter_mut().for_each(|model| model.speed.clear());
    comparison.differences.retain(|difference| !difference.metric.contains('@'));
    assert!(page(&comparison).contains("Not measured."));
    assert!(!render_text(&fixture::report_of(comparison.clone()), Style::Plain, Detail::Full).contains("Speed"));
}

#[test]
fn the_verdict_and_what_to_do_stand_first() {
    let page = page(&fixture::comparison());
    let advice = page.find("lead advice").unwrap();
    assert!(page[advice..].starts_with("lead advice\">Ship demo:large.</p>"), "{}", &page[advice..advice + 200]);
    let trade = page.find("<div class=\"trade\">").unwrap();
    assert!(
        page[trade..].starts_with("<div class=\"trade\">\n<p>It is right more often, <a"),
        "{}",
        &page[trade..trade + 200]
    );
    let bars = page.find("class=\"bars\"").unwrap();
    assert!(advice < bars && bars < trade && trade < page.find("What decides").unwrap());
}

#[test]
fn a_preview_of_a_link_says_which_two_and_what_to_ship() {
    let page = page(&fixture::comparison());
    let metas: HashMap<String, String> = tokens(&page)
        .into_iter()
        .filter_map(|token| match token {
            Token::Open(name, attributes) if name == "meta" => {
                let key = attribute(&attributes, "property").or(attribute(&attributes, "name"))?.to_owned();
                Some((key, attribute(&attributes, "content")?.to_owned()))
            }
            _ => None,
        })
        .collect();
    let title = "demo:large vs demo:small: which one should you ship?";
    assert!(page.contains(&format!("<title>{title} · Plimsoll</title>")));
    assert_eq!(metas["og:title"], title);
    assert_eq!(metas["og:description"], metas["description"]);
    assert!(metas["description"].starts_with("Ship demo:large. It is right more often, 80.8 % against 43.8 %."));
    assert!(metas["description"].ends_with('.') && metas["description"].chars().count() <= 200);
    assert_eq!((metas["og:type"].as_str(), metas["twitter:card"].as_str()), ("website", "summary"));
}

#[test]
fn every_bar_has_its_value_and_the_length_of_it() {
    let comparison = fixture::comparison();
    let page = page(&comparison);
    let bars = &page[page.find("class=\"bars\"").unwrap()..page.find("<div class=\"trade\">").unwrap()];
    assert_eq!(bars.matches("<rect").count(), 8);
    let widths: Vec<f64> = bars
        .split("<rect class=\"amount\" x=\"1\" y=\"1\" width=\"")
        .skip(1)
        .map(|rest| rest.split('%').next().unwrap().parse().unwrap())
        .collect();
    let [a, b] = &comparison.models;
    let rates = [&a.quality.overall.rate, &b.quality.overall.rate];
    for (width, rate) in widths.iter().zip(rates) {
        assert!((width - 99.5 * rate.value).abs() < 0.01, "{width} for {}", rate.value);
        assert!(bars.contains(&format!("href=\"#m-{}\"", rate.id)));
    }
    let speeds = [&a.speed[0].decode, &b.speed[0].decode];
    assert!((widths[2] / widths[3] - speeds[0].value / speeds[1].value).abs() < 0.01);
}

#[test]
fn what_others_published_is_retold_and_marked() {
    let catalog = plimsoll_catalog::Catalog::builtin();
    let mut report = fixture::report();
    report.background[0].card = catalog.resolve("claude-haiku-open-weights").cloned();
    let page = render_html(&report, &Rubric::builtin().text);
    let published = &page[page.find("card published").unwrap()..];
    let published = &published[..published.find("</article>").unwrap()];
    assert!(published.contains("published, not measured") && published.contains("2 ship / 2 skip"));
    assert_eq!(published.matches("class=\"argued\"").count(), 4);
    assert!(published.contains("To check: <code>plimsoll verify</code>"));
}

#[test]
fn questions_are_shown_with_both_answers() {
    let page = page(&fixture::comparison());
    assert!(page.contains("Questions and both answers"));
    assert!(page.matches("<dt>expected</dt>").count() >= 30);
}

/// Whatever may stand for each record: its value and interval in every scale, its n, and of a difference p and what
/// could have been shown.
fn shown_numbers(comparison: &Comparison) -> HashMap<String, BTreeSet<String>> {
    let judgement = fixture::report_of(comparison.clone()).judgement;
    let derived = judgement.reviews.iter().flat_map(|review| &review.derived);
    let mut all: HashMap<String, BTreeSet<String>> =
        comparison.measurements().into_iter().chain(derived).map(|m| (m.id.clone(), in_every_scale(m))).collect();
    for difference in &comparison.differences {
        let p = show_p(difference.test.p_holm);
        let shown = all.get_mut(&difference.difference.id).unwrap();
        shown.insert(if p.starts_with('<') { format!("p {p}") } else { format!("p = {p}") });
        if let Some(least) = difference.detectable {
            let scale = difference.difference.unit.scale(&[difference.difference.value]);
            let number = scale.show(least).trim_start_matches('+').to_owned();
            shown.insert(format!("{number} {}", if scale.suffix.is_empty() { "×" } else { scale.suffix }));
        }
    }
    for model in &comparison.models {
        let parts = model.memory.parts;
        let shown = all.get_mut(&model.memory.predicted.id).unwrap();
        for bytes in [parts.process, parts.weights, parts.cache, parts.buffers] {
            let scale = model.memory.predicted.unit.scale(&[bytes as f64]);
            shown.insert(format!("{} {}", scale.show(bytes as f64), scale.suffix));
        }
    }
    all
}

fn in_every_scale(measurement: &Measurement) -> BTreeSet<String> {
    let mut shown = BTreeSet::from([measurement.text(), measurement.n.to_string()]);
    shown.extend(measurement.interval_text());
    if measurement.unit == Unit::Share && measurement.n > 0 {
        shown.insert(format!("{:.0} of {}", measurement.value * measurement.n as f64, measurement.n));
    }
    for power in -9..12 {
        let scale = measurement.unit.scale(&[10f64.powi(power)]);
        shown.insert(scale.show(measurement.value));
        shown.insert(format!("{} {}", scale.show(measurement.value), scale.suffix));
        // In the line that stays in view: 94 %, 0.9k tokens/s.
        let value = measurement.value / scale.divisor;
        shown.extend([format!("{value:.0}"), format!("{value:.1}"), format!("{:.1}k", value / 1000.0)]);
        shown.extend(measurement.interval.map(|interval| scale.show_interval(interval, measurement.value)));
    }
    shown
}
