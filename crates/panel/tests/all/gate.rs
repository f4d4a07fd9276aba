//! Rules held against a report: three answers, by whole intervals, and never a guess.

use crate::fixture;
use plimsoll_lab::record::Comparison;
use plimsoll_panel::Report;
use plimsoll_panel::gate::{Found, Gated, Rules, Standing, evaluate, junit};
use plimsoll_panel::judge::VerdictKind;

fn rules(text: &str) -> Rules {
    Rules::parse("gate.toml", text).unwrap()
}

fn gated(report: &Report, text: &str) -> Gated {
    evaluate(report, &rules(text)).unwrap()
}

/// What became of one rule.
fn one(report: &Report, rule: &str) -> Found {
    gated(report, &format!("[[rule]]\n{rule}")).rules.remove(0)
}

fn standing(report: &Report, rule: &str) -> Standing {
    one(report, rule).standing
}

#[test]
fn a_bound_passes_or_fails_by_the_whole_interval_and_straddled_it_does_neither() {
    let report = fixture::report();
    let decode = &report.comparison.models[0].speed[0].decode;
    let interval = decode.interval.unwrap();
    let at = |bound: f64| standing(&report, &format!("metric = \"decode@0\"\nat_least = {bound:?}"));
    assert_eq!(at(interval.low), Standing::Passed, "the end belongs to it");
    assert_eq!(at(interval.low + 1e-6), Standing::Inconclusive);
    assert_eq!(at(interval.high), Standing::Inconclusive);
    assert_eq!(at(interval.high + 1e-6), Standing::Failed);
    let most = |bound: f64| standing(&report, &format!("metric = \"decode@0\"\nat_most = {bound:?}"));
    let found = [interval.high, interval.low, interval.low - 1e-6].map(most);
    assert_eq!(found, [Standing::Passed, Standing::Inconclusive, Standing::Failed]);
}

#[test]
fn every_answer_names_its_measurement_and_shows_it_as_the_report_does() {
    let report = fixture::report();
    let found = one(&report, "metric = \"peak_memory\"\nat_most = 40000000");
    let peak = &report.comparison.models[0].memory.peak;
    assert_eq!(found.measurement.as_ref(), Some(&peak.id));
    assert_eq!(found.asks, "peak_memory at most 40.0 MB");
    assert!(found.found.starts_with(&peak.text()) && found.found.ends_with(')'), "{}", found.found);
}

#[test]
fn beside_the_baseline_the_comparisons_own_interval_decides() {
    let report = fixture::report();
    let ratio = report.comparison.difference("decode@0").unwrap().difference.interval.unwrap();
    let least = |part: f64| standing(&report, &format!("metric = \"decode@0\"\nat_least_of_baseline = {part:?}"));
    let found = [ratio.low, (ratio.low + ratio.high) / 2.0, 0.95].map(least);
    assert_eq!(found, [Standing::Passed, Standing::Inconclusive, Standing::Failed]);
    assert_eq!(standing(&report, "metric = \"decode@0\"\nat_most_of_baseline = 1.1"), Standing::Passed);
}

#[test]
fn no_worse_needs_the_whole_paired_interval_above_the_margin() {
    let report = fixture::report();
    let by = |metric: &str, margin: &str| standing(&report, &format!("metric = \"{metric}\"\nno_worse_by = {margin}"));
    assert_eq!(by("accuracy", "0.0"), Standing::Passed, "the model is right far more often");
    // Both right in all 50: as many items could still have missed a difference of 7.1 points.
    assert_eq!(by("accuracy.copying", "0.02"), Standing::Inconclusive);
    assert_eq!(by("accuracy.copying", "0.08"), Standing::Passed);
    let [large, small] = report.comparison.models.clone();
    let worse = one(&fixture::report_of(turned(small, large)), "metric = \"accuracy\"\nno_worse_by = 0.02");
    assert_eq!(worse.standing, Standing::Failed, "{worse:?}");
}

/// The comparison with its models in the other order, differences included.
fn turned(a: plimsoll_lab::record::ModelRecord, b: plimsoll_lab::record::ModelRecord) -> Comparison {
    let mut turned = fixture::comparison();
    for difference in &mut turned.differences {
        if difference.metric == "accuracy" {
            let interval = difference.difference.interval.as_mut().unwrap();
            (interval.low, interval.high) = (-interval.high, -interval.low);
        }
    }
    turned.models = [a, b];
    turned
}

#[test]
fn too_few_samples_are_inconclusive_whatever_they_say() {
    let mut comparison = fixture::comparison();
    let decode = &mut comparison.models[0].speed[0].decode;
    decode.interval.as_mut().unwrap().level = 0.0; // as one sample has it
    let report = fixture::report_of(comparison);
    let found = one(&report, "metric = \"decode@0\"\nat_least = 1");
    assert_eq!(found.standing, Standing::Inconclusive);
    assert!(found.why.contains("too few samples"), "{}", found.why);
}

#[test]
fn the_licence_rule_gives_the_clause_that_decides() {
    let report = fixture::report();
    assert_eq!(standing(&report, "licence = \"passed\""), Standing::Passed);
    let mut comparison = fixture::comparison();
    comparison.models[0].facts.licence.declared[0].value = "cc-by-nc-4.0".into();
    let found = one(&fixture::report_of(comparison.clone()), "licence = \"passed\"");
    assert_eq!(found.standing, Standing::Failed);
    assert!(found.asks.contains("commercial") && !found.why.is_empty(), "{found:?}");
    // Nobody has a card of this one.
    (comparison.models[0].facts.name, comparison.models[0].facts.path) = ("mine".into(), "mine.gguf".into());
    comparison.models[0].facts.licence.declared.clear();
    let found = one(&fixture::report_of(comparison), "licence = \"passed\"");
    assert_eq!(found.standing, Standing::Inconclusive);
}

#[test]
fn the_panels_word_is_compared_by_rank() {
    let mut report = fixture::report();
    let mut said = |word: VerdictKind| {
        report.judgement.reviews[0].verdict.word = word;
        ["Mixed", "Ship"].map(|least| standing(&report, &format!("verdict = \"{least}\"")))
    };
    assert_eq!(said(VerdictKind::Ship), [Standing::Passed, Standing::Passed]);
    assert_eq!(said(VerdictKind::Mixed), [Standing::Passed, Standing::Failed]);
    assert_eq!(said(VerdictKind::Skip), [Standing::Failed, Standing::Failed]);
    assert_eq!(said(VerdictKind::Unmeasured), [Standing::Inconclusive, Standing::Inconclusive]);
}

#[test]
fn an_unknown_metric_is_told_with_those_that_would_do() {
    let report = fixture::report();
    let told = |rule: &str| evaluate(&report, &rules(&format!("[[rule]]\n{rule}"))).unwrap_err();
    let value = told("metric = \"decode\"\nat_least = 1");
    assert!(value.known.iter().any(|known| known == "decode@0") && value.known.iter().any(|k| k == "break_even"));
    let ratio = told("metric = \"accuracy\"\nat_least_of_baseline = 0.9");
    assert!(ratio.known.contains(&"peak_memory".to_owned()) && !ratio.known.contains(&"accuracy".to_owned()));
    let share = told("name = \"safe\"\nmetric = \"decode@0\"\nno_worse_by = 0.1");
    assert_eq!(share.to_string(), "rule `safe`: there is no difference in right answers called `decode@0`");
    assert!(share.known.iter().all(|known| known.starts_with("accuracy")));
}

#[test]
fn the_same_report_and_rules_give_the_same_answer_and_a_stricter_rule_never_a_better_one() {
    let report = fixture::report();
    let metrics = ["decode@0", "peak_memory", "accuracy", "memory_headroom", "peak_memory.error", "answers_stable"];
    for metric in metrics {
        let value = |found: &plimsoll_lab::record::Measurement| found.value;
        let all = report.comparison.models[0].measurements().into_iter().chain(&report.judgement.reviews[0].derived);
        let middle = all.into_iter().find(|m| m.metric == metric).map(value).unwrap();
        let steps = (0..200).map(|step| middle * (0.8 + 0.002 * f64::from(step)));
        let found: Vec<Standing> =
            steps.map(|bound| standing(&report, &format!("metric = \"{metric}\"\nat_least = {bound:?}"))).collect();
        assert!(found.is_sorted(), "{metric}: {found:?}");
        assert_eq!((found.first(), found.last()), (Some(&Standing::Passed), Some(&Standing::Failed)), "{metric}");
    }
    let all = "[[rule]]\nverdict = \"Ship\"\n[[rule]]\nmetric = \"accuracy\"\nat_least = 0.5";
    assert_eq!(gated(&report, all), gated(&report, all));
}

#[test]
fn one_failure_fails_and_junit_counts_all_three() {
    let report = fixture::report();
    let found = gated(
        &report,
        "[[rule]]\nname = \"a <b> & \\\"c\\\"\"\nmetric = \"accuracy\"\nat_least = 0.99\n\
         [[rule]]\nmetric = \"accuracy.copying\"\nno_worse_by = 0.01\n[[rule]]\nverdict = \"Mixed\"",
    );
    assert_eq!(found.standing, Standing::Failed);
    let xml = junit(&found);
    assert!(xml.contains("tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\""), "{xml}");
    assert!(xml.contains("name=\"a &#60;b&#62; &#38; &#34;c&#34;\"><failure "), "{xml}");
    assert!(xml.contains("<skipped message=\"accuracy.copying no worse"), "{xml}");
    // The device of the fixture has angle brackets in its name.
    assert!(xml.contains("Imagined CPU &#60;7&#62;"), "{xml}");
    let opened = xml.matches("<testcase ").count();
    assert_eq!((opened, xml.matches("</testcase>").count()), (3, 3));
}
