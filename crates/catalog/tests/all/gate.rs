//! Whether licences allow uses.

use plimsoll_catalog::{Answer, Catalog, DeclaredUse, Gate, Outcome, Purpose, Statement, Terms, Topic, gate};

fn usage(purpose: Purpose, users: Option<u64>, region: Option<&str>) -> DeclaredUse {
    DeclaredUse { purpose, users, region: region.map(str::to_owned) }
}

fn terms_of(card: &str) -> Terms {
    let catalog = Catalog::builtin();
    catalog.terms(&[], &[], Some(catalog.card(card).unwrap()))
}

fn terms_said(value: &str) -> Terms {
    let statement = Statement {
        source: "README.md, key `license`".to_owned(),
        kind: "license".to_owned(),
        value: value.to_owned(),
    };
    Catalog::builtin().terms(&[statement], &[], None)
}

/// The clause that decided.
fn clause(gate: &Gate) -> &str {
    gate.decisive().next().unwrap().clause.as_deref().unwrap()
}

#[test]
fn open_weights_for_research_fail_for_commerce_with_the_clause_and_pass_for_research() {
    let terms = terms_of("claude-haiku-open-weights");
    let commercial = gate(&terms, &usage(Purpose::Commercial, Some(50_000), Some("US")));
    assert_eq!(commercial.outcome, Outcome::Failed);
    assert!(clause(&commercial).contains("non-commercial use only"), "{commercial:?}");
    assert!(commercial.duties.is_empty(), "who may not use it owes nothing");
    let research = gate(&terms, &usage(Purpose::Research, None, Some("EU")));
    assert_eq!(research.outcome, Outcome::Passed, "{research:?}");
    assert_eq!(gate(&terms, &usage(Purpose::Internal, None, None)).outcome, Outcome::Unknown);
}

#[test]
fn llama_4_that_sees_is_not_granted_in_the_union() {
    let terms = terms_of("llama-4-scout-int4");
    for region in ["EU", "de"] {
        let gate = gate(&terms, &usage(Purpose::Commercial, Some(1000), Some(region)));
        assert_eq!(gate.outcome, Outcome::Failed, "{region}");
        assert_eq!(gate.decisive().next().unwrap().condition, Topic::Region);
        assert!(clause(&gate).contains("multimodal models"), "{gate:?}");
    }
    assert_eq!(gate(&terms, &usage(Purpose::Commercial, Some(1000), Some("US"))).outcome, Outcome::Passed);
    let undeclared = gate(&terms, &usage(Purpose::Commercial, Some(1000), None));
    assert_eq!(undeclared.outcome, Outcome::Unknown, "the gate asks where");
}

#[test]
fn the_clause_on_multimodal_models_does_not_bind_a_text_model_and_is_in_doubt_without_a_card() {
    let text = terms_of("llama-4-compact-12b");
    assert_eq!(gate(&text, &usage(Purpose::Commercial, Some(1000), Some("DE"))).outcome, Outcome::Passed);
    let unknown = terms_said("llama3.2");
    assert_eq!(unknown.conditions.region.answer, Answer::Unknown);
    assert_eq!(gate(&unknown, &usage(Purpose::Commercial, Some(1000), Some("DE"))).outcome, Outcome::Unknown);
    assert_eq!(gate(&unknown, &usage(Purpose::Commercial, Some(1000), Some("JP"))).outcome, Outcome::Passed);
}

#[test]
fn eight_hundred_million_users_are_too_many_for_llama_and_seven_hundred_are_not() {
    let terms = terms_said("llama3.1");
    let at = |users| gate(&terms, &usage(Purpose::Commercial, Some(users), Some("US")));
    assert_eq!(at(800_000_000).outcome, Outcome::Failed);
    assert!(clause(&at(800_000_000)).starts_with("section 2"));
    assert_eq!(at(700_000_000).outcome, Outcome::Passed, "the licence ends above its number");
    assert_eq!(gate(&terms, &usage(Purpose::Commercial, None, None)).outcome, Outcome::Unknown);
    assert_eq!(gate(&terms, &usage(Purpose::Internal, None, None)).outcome, Outcome::Passed, "nobody is served");
}

#[test]
fn a_permissive_licence_passes_every_use_and_leaves_its_duty() {
    let terms = terms_of("smollm3");
    for purpose in [Purpose::Research, Purpose::Internal, Purpose::Commercial] {
        let gate = gate(&terms, &usage(purpose, Some(u64::MAX), Some("EU")));
        assert_eq!(gate.outcome, Outcome::Passed);
        let duties: Vec<Topic> = gate.duties.iter().map(|duty| duty.condition).collect();
        assert_eq!(duties, [Topic::Attribution]);
    }
}

#[test]
fn research_licences_deny_commerce_and_say_where() {
    for (tag, section) in [
        ("qwen-research", "section 2.a"),
        ("cc-by-nc-4.0", "section 2(a)(1)"),
        ("CC-BY-NC-SA-4.0", "section 2(a)(1)"),
        ("mrl", "Research Purposes"),
        ("research-only", "research only"),
    ] {
        let gate = gate(&terms_said(tag), &usage(Purpose::Commercial, Some(1), Some("US")));
        assert_eq!(gate.outcome, Outcome::Failed, "{tag}");
        assert!(clause(&gate).contains(section), "{tag}: {gate:?}");
    }
}

#[test]
fn outputs_of_the_older_llamas_may_not_train_others_and_of_the_newer_may() {
    let outputs = |tag| terms_said(tag).conditions.outputs.answer;
    assert_eq!([outputs("llama2"), outputs("llama3")], [Answer::No; 2]);
    assert_eq!([outputs("llama3.1"), outputs("llama4")], [Answer::Yes; 2]);
}

#[test]
fn qwens_cap_is_a_hundred_million() {
    let gate = gate(&terms_said("qwen"), &usage(Purpose::Commercial, Some(100_000_001), None));
    assert_eq!(gate.outcome, Outcome::Failed);
}

#[test]
fn what_is_not_known_is_unknown_for_every_use() {
    for value in ["my-own-licence", "other", "EPL-2.0", ""] {
        let terms = terms_said(value);
        for purpose in [Purpose::Research, Purpose::Internal, Purpose::Commercial] {
            assert_eq!(gate(&terms, &usage(purpose, Some(1), Some("US"))).outcome, Outcome::Unknown, "{value}");
        }
    }
    assert_eq!(gate(&Terms::default(), &usage(Purpose::Research, None, None)).outcome, Outcome::Unknown);
}

#[test]
fn a_use_reads_as_a_person_writes_it() {
    assert_eq!(usage(Purpose::Commercial, Some(50_000), Some("EU")).to_string(), "commercial, 50000 users, EU");
    assert_eq!(usage(Purpose::Research, None, None).to_string(), "research");
}

#[test]
fn a_gate_goes_through_json_unchanged() {
    let gate = gate(&terms_of("llama-4-scout-int4"), &usage(Purpose::Commercial, Some(1), Some("EU")));
    let text = serde_json::to_string(&gate).unwrap();
    assert_eq!(serde_json::from_str::<Gate>(&text).unwrap(), gate);
    assert!(text.contains("\"outcome\":\"failed\"") && text.contains("\"condition\":\"region\""), "{text}");
}

#[test]
fn a_cap_on_users_is_told_as_a_bound_and_stays_unknown_until_a_number_is_declared() {
    for card in ["llama-3.1-8b", "llama-3.2-1b", "llama-3.3-70b", "llama-4-compact-12b"] {
        let gate = gate(&terms_of(card), &usage(Purpose::Commercial, None, Some("US")));
        assert_eq!(gate.outcome, Outcome::Unknown, "{card}: the gate is as strict as before");
        assert_eq!(gate.summary(), "allowed up to 700 million monthly users", "{card}");
    }
    let declared = gate(&terms_of("llama-3.1-8b"), &usage(Purpose::Commercial, Some(5), Some("US")));
    assert_eq!((declared.allowed_within(), declared.summary().as_str()), (None, "the licence allows this use"));
}

#[test]
fn every_bound_is_told_and_what_is_truly_not_known_has_none() {
    let scout = gate(&terms_of("llama-4-scout-int4"), &usage(Purpose::Commercial, None, None));
    let within = scout.allowed_within().unwrap();
    assert!(within.contains("up to 700 million monthly users") && within.contains("outside EU"), "{within}");
    let unknown = gate(&terms_said("my-own-licence"), &usage(Purpose::Commercial, None, None));
    assert_eq!(unknown.allowed_within(), None);
    assert!(unknown.summary().contains("cannot be told"));
    let forbidden = gate(&terms_of("qwen2.5-3b"), &usage(Purpose::Commercial, None, None));
    assert_eq!((forbidden.outcome, forbidden.allowed_within()), (Outcome::Failed, None));
}
