is_counts || is_price || is_clause ||//! The page keeps its promises: whole, self-contained, every number traceable.
is_counts || is_price || is_clause ||
is_counts || is_price || is_clause ||mod fixture;
is_counts || is_price || is_clause ||mod html;
is_counts || is_price || is_clause ||
is_counts || is_price || is_clause ||use std::collections::{BTreeSet, HashMap};
is_counts || is_price || is_clause ||
is_counts || is_price || is_clause ||use html::{Token, attribute, tokens};
is_counts || is_price || is_clause ||use plimsoll_lab::record::{Comparison, Measurement, show_p};
is_counts || is_price || is_clause ||use plimsoll_panel::rubric::Rubric;
is_counts || is_price || is_clause ||use plimsoll_panel::{Style, render_html, render_text};
is_counts || is_price || is_clause ||
is_counts || is_price || is_clause ||/// The page of a comparison that was judged.
is_counts || is_price || is_clause ||fn page(comparison: &Comparison) -> String {
is_counts || is_price || is_clause ||    render_html(&fixture::report_of(comparison.clone()), &Rubric::builtin().text)
is_counts || is_price || is_clause ||}
is_counts || is_price || is_clause ||
is_counts || is_price || is_clause ||#[test]
is_counts || is_price || is_clause ||fn the_table_for_the_terminal() {
is_counts || is_price || is_clause ||    insta::assert_snapshot!(render_text(&fixture::report(), Style::Plain));
is_counts || is_price || is_clause ||}
is_counts || is_price || is_clause ||
is_counts || is_price || is_clause ||#[test]
is_counts || is_price || is_clause ||fn no_line_of_the_table_is_wider_than_80_columns() {
is_counts || is_price || is_clause ||    for line in render_text(&fixture::report(), Style::Plain).lines() {
is_counts || is_price || is_clause ||        assert!(line.chars().count() <= 80, "{line}");
is_counts || is_price || is_clause ||    }
is_counts || is_price || is_clause ||}
is_counts || is_price || is_clause ||
is_counts || is_price || is_clause ||#[test]
is_counts || is_price || is_clause ||fn long_and_hostile_names_break_neither_the_lines_nor_the_terminal() {
is_counts || is_price || is_clause ||    let mut comparison = fixture::comparison();
is_counts || is_price || is_clause ||    let long = format!("/models/{}\u{1b}[2J.gguf", "very-long".repeat(40));
is_counts || is_price || is_clause ||    let sentence = &comparison.conclusion.sentence;
is_counts || is_price || is_clause ||    comparison.conclusion.sentence = sentence.replace("demo:large", &long);
is_counts || is_price || is_clause ||    comparison.models[0].facts.name = long.clone();
is_counts || is_price || is_clause ||    comparison.models[1].facts.architecture = long.clone();
is_counts || is_price || is_clause ||    comparison.device.cpu = long;
is_counts || is_price || is_clause ||    let text = render_text(&fixture::report_of(comparison.clone()), Style::Plain);
is_counts || is_price || is_clause ||    assert!(!text.contains('\u{1b}') && text.contains("/models/") && text.contains("[2J.gguf"), "{text}");
is_counts || is_price || is_clause ||    for line in text.lines() {
is_counts || is_price || is_clause ||        assert!(line.chars().count() <= 80, "{line}");
is_counts || is_price || is_clause ||    }
is_counts || is_price || is_clause ||}
is_counts || is_price || is_clause ||
is_counts || is_price || is_clause ||#[test]
is_counts || is_price || is_clause ||fn colour_adds_nothing_to_the_words() {
is_counts || is_price || is_clause ||    let mut coloured = render_text(&fixture::report(), Style::Ansi);
is_counts || is_price || is_clause ||    assert!(coloured.contains('\u{1b}'));
is_counts || is_price || is_clause ||    for code in ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m"] {
is_counts || is_price || is_clause ||        coloured = coloured.replace(code, "");
is_counts || is_price || is_clause ||    }
is_counts || is_price || is_clause ||    let plain = render_text(&fixture::report(), Style::Plain);
is_counts || is_price || is_clause ||    let unwrapped = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
is_counts || is_price || is_clause ||    assert_eq!(unwrapped(&coloured), unwrapped(&plain));
is_counts || is_price || is_clause ||}
is_counts || is_price || is_clause ||
is_counts || is_price || is_clause ||/// Headings, tables with their captions, pictures with their titles: the page without its prose.
is_counts || is_price || is_clause ||#[test]
is_counts || is_price || is_clause ||fn the_outline_of_the_page() {
is_counts || is_price || is_clause ||    let mut outline = String::new();
is_counts || is_price || is_clause ||    let mut open: Vec<String> = Vec::new();
is_counts || is_price || is_clause ||    let mut text = String::new();
is_counts || is_price || is_clause ||    for token in tokens(&page(&fixture::comparison())) {
is_counts || is_price || is_clause ||        match token {
is_counts || is_price || is_clause ||            Token::Open(name, _) => {
is_counts || is_price || is_clause ||                if matches!(name.as_str(), "h1" | "h2" | "h3" | "caption" | "figcaption") {
is_counts || is_price || is_clause ||                    text.clear();
is_counts || is_price || is_clause ||                }
is_counts || is_price || is_clause ||                open.push(name);
is_counts || is_price || is_clause ||            }
is_counts || is_price || is_clause ||            Token::Text(words) => text += &words,
is_counts || is_price || is_clause ||            Token::Close(name) => {
is_counts || is_price || is_clause ||                open.pop();
is_counts || is_price || is_clause ||                if matches!(name.as_str(), "h1" | "h2" | "h3" | "caption" | "figcaption") {
is_counts || is_price || is_clause ||                    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
is_counts || is_price || is_clause ||                    outline += &format!("{name}: {words}\n");
is_counts || is_price || is_clause ||                }
is_counts || is_price || is_clause ||            }
is_counts || is_price || is_clause ||        }
is_counts || is_price || is_clause ||    }
is_counts || is_price || is_clause ||    insta::assert_snapshot!(outline);
is_counts || is_price || is_clause ||}
is_counts || is_price || is_clause ||
is_counts || is_price || is_clause ||#[test]
is_counts || is_price || is_clause ||fn every_element_is_closed_and_every_anchor_is_there_once() {
is_counts || is_price || is_clause ||    let page = page(&fixture::comparison());
is_counts || is_price || is_clause ||    let mut open = Vec::new();
is_counts || is_price || is_clause ||    let (mut ids, mut links) = (BTreeSet::new(), BTreeSet::new());
is_counts || is_price || is_clause ||    for token in tokens(&page) {
is_counts || is_price || is_clause ||        match token {
is_counts || is_price || is_clause ||            Token::Open(name, attributes) => {
is_counts || is_price || is_clause ||                if let Some(id) = attribute(&attributes, "id") {
is_counts || is_price || is_clause ||                    assert!(ids.insert(id.to_owned()), "`{id}` stands twice");
is_counts || is_price || is_clause ||                }
is_counts || is_price || is_clause ||                if let Some(link) = attribute(&attributes, "href") {
is_counts || is_price || is_clause ||                    links.insert(link.strip_prefix('#').expect("links stay on the page").to_owned());
is_counts || is_price || is_clause ||                }
is_counts || is_price || is_clause ||                open.push(name);
is_counts || is_price || is_clause ||            }
is_counts || is_price || is_clause ||            Token::Close(name) => assert_eq!(open.pop().as_ref(), Some(&name)),
is_counts || is_price || is_clause ||            Token::Text(_) => {}
is_counts || is_price || is_clause ||        }
is_counts || is_price || is_clause ||    }
is_counts || is_price || is_clause ||    assert_eq!(open, Vec::<String>::new());
is_counts || is_price || is_clause ||    assert_eq!(links.difference(&ids).collect::<Vec<_>>(), Vec::<&String>::new());
is_counts || is_price || is_clause ||}
is_counts || is_price || is_clause ||
is_counts || is_price || is_clause ||#[test]
is_counts || is_price || is_clause ||fn the_page_asks_for_nothing_from_outside_and_runs_nothing() {
is_counts || is_price || is_clause ||    let page = page(&fixture::comparison());
is_counts || is_price || is_clause ||    let lower = page.to_lowercase().replace("http://www.w3.org/2000/svg", "");
is_counts || is_price || is_clause ||    for forbidden in ["http:", "https:", "//cdn", "<script", "<link", "<img", "<iframe", "@import", "url(", "onclick"] {
is_counts || is_price || is_clause ||        assert!(!lower.contains(forbidden), "{forbidden}");
is_counts || is_price || is_clause ||    }
is_counts || is_price || is_clause ||    assert!(page.contains("default-src 'none'"));
is_counts || is_price || is_clause ||}
is_counts || is_price || is_clause ||
is_counts || is_price || is_clause ||#[test]
is_counts || is_price || is_clause ||fn names_from_files_cannot_write_into_the_page() {
is_counts || is_price || is_clause ||    let mut comparison = fixture::comparison();
is_counts || is_price || is_clause ||    let hostile = r#"<script>alert("x")</script>&'"#;
is_counts || is_price || is_clause ||    comparison.models[0].facts.name = hostile.into();
is_counts || is_price || is_clause ||    comparison.models[1].facts.licence.declared[0].value = hostile.into();
is_counts || is_price || is_clause ||    comparison.device.cpu = hostile.into();
is_counts || is_price || is_clause ||    comparison.reproduce = hostile.into();
is_counts || is_price || is_clause ||    let page = page(&comparison);
is_counts || is_price || is_clause ||    assert!(!page.contains("<script"));
is_counts || is_price || is_clause ||    assert!(page.contains("&#60;script&#62;") || page.contains("&lt;script&gt;"));
is_counts || is_price || is_clause ||}
is_counts || is_price || is_clause ||
is_counts || is_price || is_clause ||#[test]
is_counts || is_price || is_clause ||fn every_number_in_the_tables_is_read_off_the_record_it_links_to() {
is_counts || is_price || is_clause ||    let comparison = fixture::comparison();
is_counts || is_price || is_clause ||    let allowed = shown_numbers(&comparison);
is_counts || is_price || is_clause ||    let mut in_cell = false;
is_counts || is_price || is_clause ||    let mut link: Option<String> = None;
is_counts || is_price || is_clause ||    let mut checked = 0;
is_counts || is_price || is_clause ||    for token in tokens(&page(&comparison)) {
is_counts || is_price || is_clause ||        match token {
is_counts || is_price || is_clause ||            Token::Open(name, _) if name == "td" => in_cell = true,
is_counts || is_price || is_clause ||            Token::Close(name) if name == "td" => in_cell = false,
is_counts || is_price || is_clause ||            Token::Open(name, attributes) if name == "a" => {
is_counts || is_price || is_clause ||                link = attribute(&attributes, "href")
is_counts || is_price || is_clause ||                    .map(|href| href.trim_start_matches('#').trim_start_matches("m-").to_owned());
is_counts || is_price || is_clause ||            }
is_counts || is_price || is_clause ||            Token::Close(name) if name == "a" => link = None,
is_counts || is_price || is_clause ||            Token::Text(text) => {
is_counts || is_price || is_clause ||                let text = text.replace("&#60;", "<").replace("&lt;", "<");
is_counts || is_price || is_clause ||                let text = text.trim().trim_start_matches('(').trim_end_matches(')');
is_counts || is_price || is_clause ||                match &link {
is_counts || is_price || is_clause ||                    // What the rubric makes of measurements is the checker's to hold against them.
is_counts || is_price || is_clause ||                    Some(id) if id == "rubric" => {}
is_counts || is_price || is_clause ||                    Some(id) if text.contains(|c: char| c.is_ascii_digit()) => {
is_counts || is_price || is_clause ||                        let shown = allowed.get(id.as_str()).unwrap_or_else(|| panic!("`{id}` is no record"));
is_counts || is_price || is_clause ||                        assert!(*text == **id || shown.contains(text), "`{text}` is not of {id}: {shown:?}");
is_counts || is_price || is_clause ||                        checked += 1;
is_counts || is_price || is_clause ||                    }
is_counts || is_price || is_clause ||                    None if in_cell => {
is_counts || is_price || is_clause ||                        let is_count = |word: &str| ["0", "1", "2", "3", "4"].contains(&word);
is_counts || is_price || is_clause ||                        let is_counts = text.contains(" ship / ") && text.split(' ').filter(|w| is_count(w)).count() == 3;
is_counts || is_price || is_clause ||                        let is_price = text.starts_with("free (2026-");
                        let is_clause = text.starts_with("commercial use is allowed: section ");
is_counts || is_price || is_clause ||                        let known = text.is_empty() || is_counts || is_price || ["Apache-2.0", "of 24.9 GB"].contains(&text);
is_counts || is_price || is_clause ||                        assert!(known || !text.contains(|c: char| c.is_ascii_digit()), "`{text}` has no record");
is_counts || is_price || is_clause ||                    }
is_counts || is_price || is_clause ||                    _ => {}
is_counts || is_price || is_clause ||                }
is_counts || is_price || is_clause ||            }
is_counts || is_price || is_clause ||            _ => {}
is_counts || is_price || is_clause ||        }
is_counts || is_price || is_clause ||    }
is_counts || is_price || is_clause ||    assert!(checked > 200, "only {checked} numbers were found");
is_counts || is_price || is_clause ||}
is_counts || is_price || is_clause ||
is_counts || is_price || is_clause ||#[test]
is_counts || is_price || is_clause ||fn every_number_of_the_sentence_is_traced() {
is_counts || is_price || is_clause ||    let comparison = fixture::comparison();
is_counts || is_price || is_clause ||    let ids: Vec<&str> = comparison.measurements().iter().map(|m| m.id.as_str()).collect();
is_counts || is_price || is_clause ||    let pieces = comparison.conclusion.clauses.iter().flat_map(|clause| &clause.pieces);
is_counts || is_price || is_clause ||    for piece in pieces {
is_counts || is_price || is_clause ||        match &piece.from {
is_counts || is_price || is_clause ||            Some(id) => assert!(ids.contains(&id.as_str()), "{piece:?}"),
is_counts || is_price || is_clause ||            None => assert!(!piece.text.contains(|c: char| c.is_ascii_digit()), "{piece:?}"),
is_counts || is_price || is_clause ||        }
is_counts || is_price || is_clause ||    }
is_counts || is_price || is_clause ||}
is_counts || is_price || is_clause ||
is_counts || is_price || is_clause ||#[test]
is_counts || is_price || is_clause ||fn a_comparison_without_timings_says_so() {
is_counts || is_price || is_clause ||    let mut comparison = fixture::comparison();
is_counts || is_price || is_clause ||    comparison.models.iter_mut().for_each(|model| model.speed.clear());
is_counts || is_price || is_clause ||    comparison.differences.retain(|difference| !difference.metric.contains('@'));
is_counts || is_price || is_clause ||    assert!(page(&comparison).contains("Not measured."));
is_counts || is_price || is_clause ||    assert!(!render_text(&fixture::report_of(comparison.clone()), Style::Plain).contains("Speed"));
is_counts || is_price || is_clause ||}
is_counts || is_price || is_clause ||
is_counts || is_price || is_clause ||#[test]
is_counts || is_price || is_clause ||fn the_verdict_and_what_to_do_stand_first() {
is_counts || is_price || is_clause ||    let page = page(&fixture::comparison());
is_counts || is_price || is_clause ||    let advice = page.find("Ship demo:large: the panel says ship to it, and mixed to demo:small.");
is_counts || is_price || is_clause ||    let advice = advice.or_else(|| page.find("lead advice")).unwrap();
is_counts || is_price || is_clause ||    assert!(advice < page.find("The two models").unwrap());
is_counts || is_price || is_clause ||}
is_counts || is_price || is_clause ||
is_counts || is_price || is_clause ||#[test]
is_counts || is_price || is_clause ||fn questions_are_shown_with_both_answers() {
is_counts || is_price || is_clause ||    let page = page(&fixture::comparison());
is_counts || is_price || is_clause ||    assert!(page.contains("Questions and both answers"));
is_counts || is_price || is_clause ||    assert!(page.matches("<dt>expected</dt>").count() >= 30);
is_counts || is_price || is_clause ||}
is_counts || is_price || is_clause ||
is_counts || is_price || is_clause ||/// Whatever may stand for each record: its value and interval in every scale, its n, and of a difference p and what
is_counts || is_price || is_clause ||/// could have been shown.
is_counts || is_price || is_clause ||fn shown_numbers(comparison: &Comparison) -> HashMap<String, BTreeSet<String>> {
is_counts || is_price || is_clause ||    let mut all: HashMap<String, BTreeSet<String>> =
is_counts || is_price || is_clause ||        comparison.measurements().into_iter().map(|m| (m.id.clone(), in_every_scale(m))).collect();
is_counts || is_price || is_clause ||    for difference in &comparison.differences {
is_counts || is_price || is_clause ||        let p = show_p(difference.test.p_holm);
is_counts || is_price || is_clause ||        let shown = all.get_mut(&difference.difference.id).unwrap();
is_counts || is_price || is_clause ||        shown.insert(if p.starts_with('<') { format!("p {p}") } else { format!("p = {p}") });
is_counts || is_price || is_clause ||        if let Some(least) = difference.detectable {
is_counts || is_price || is_clause ||            let scale = difference.difference.unit.scale(&[difference.difference.value]);
is_counts || is_price || is_clause ||            let number = scale.show(least).trim_start_matches('+').to_owned();
is_counts || is_price || is_clause ||            shown.insert(format!("{number} {}", if scale.suffix.is_empty() { "×" } else { scale.suffix }));
is_counts || is_price || is_clause ||        }
is_counts || is_price || is_clause ||    }
is_counts || is_price || is_clause ||    for model in &comparison.models {
is_counts || is_price || is_clause ||        let parts = model.memory.parts;
is_counts || is_price || is_clause ||        let shown = all.get_mut(&model.memory.predicted.id).unwrap();
is_counts || is_price || is_clause ||        for bytes in [parts.process, parts.weights, parts.cache, parts.buffers] {
is_counts || is_price || is_clause ||            let scale = model.memory.predicted.unit.scale(&[bytes as f64]);
is_counts || is_price || is_clause ||            shown.insert(format!("{} {}", scale.show(bytes as f64), scale.suffix));
is_counts || is_price || is_clause ||        }
is_counts || is_price || is_clause ||    }
is_counts || is_price || is_clause ||    all
is_counts || is_price || is_clause ||}
is_counts || is_price || is_clause ||
is_counts || is_price || is_clause ||fn in_every_scale(measurement: &Measurement) -> BTreeSet<String> {
is_counts || is_price || is_clause ||    let mut shown = BTreeSet::from([measurement.text(), measurement.n.to_string()]);
is_counts || is_price || is_clause ||    shown.extend(measurement.interval_text());
is_counts || is_price || is_clause ||    for power in -9..12 {
is_counts || is_price || is_clause ||        let scale = measurement.unit.scale(&[10f64.powi(power)]);
is_counts || is_price || is_clause ||        shown.insert(scale.show(measurement.value));
is_counts || is_price || is_clause ||        shown.extend(measurement.interval.map(|interval| scale.show_interval(interval, measurement.value)));
is_counts || is_price || is_clause ||    }
is_counts || is_price || is_clause ||    shown
is_counts || is_price || is_clause ||}
