//! The panel judges what nobody measured from what is predicted, and says so of every figure and of every word.

use plimsoll_catalog::{Catalog, DeclaredUse, ModelCard, Outcome, Purpose};
use plimsoll_lab::predict::before::Floats;
use plimsoll_lab::record::Origin;
use plimsoll_panel::judge::{
    Demand, Fault, Foreseen, Ground, Need, Opinion, OtherEngine, Outlook, Part, Question, Recommendation, Review,
    Target, Verdict, VerdictKind, Wish, Workload, check_outlook,
};
use plimsoll_panel::predicted::Costs;
use plimsoll_panel::rubric::Rubric;
use plimsoll_panel::{Detail, Style, render_outlook};

/// A phone, and a board that stands for a machine at hand: the one of them is published, the other would be measured, and
/// all else is the same.
const DEVICES: [&str; 2] = ["pixel-10", "rpi5-8gb"];

/// The pairs of the comparison pages that the catalogue began with.
const SEEDS: [[&str; 2]; 5] = [
    ["claude-haiku-open-weights", "llama-4-compact-12b"],
    ["claude-haiku-open-weights", "llama-4-scout-int4"],
    ["claude-haiku-open-weights", "smollm3"],
    ["claude-haiku-open-weights", "smolvlm-3b"],
    ["claude-haiku-open-weights", "smolvlm2-turbo"],
];

fn commercial() -> Demand {
    DeclaredUse { purpose: Purpose::Commercial, users: None, region: None }.into()
}

/// Judges cards for a device of the catalogue.
struct Panel {
    catalog: Catalog,
    rubric: Rubric,
    demand: Demand,
    /// As it was named; else it is the device's.
    workload: Option<Workload>,
    wish: Wish,
    costs: Costs,
}

impl Panel {
    fn new() -> Panel {
        Panel {
            catalog: Catalog::builtin(),
            rubric: Rubric::builtin(),
            demand: commercial(),
            workload: None,
            wish: Wish::default(),
            costs: Costs::default(),
        }
    }

    fn needing(needs: &str) -> Panel {
        let mut panel = Panel::new();
        panel.demand.needs = Need::read(needs).unwrap();
        panel
    }

    fn asking<T>(&self, device: &str, answer: impl FnOnce(&Question<'_>) -> T) -> T {
        let target = Target::there(self.catalog.device(device).unwrap());
        let workload = self.workload.unwrap_or(target.workload());
        let demand = Demand { workload, ..self.demand.clone() };
        answer(&Question { target, wish: self.wish, demand: &demand, rubric: &self.rubric, costs: &self.costs })
    }

    fn of(&self, device: &str, card: &ModelCard) -> Foreseen {
        self.asking(device, |question| question.of(&self.catalog, card, card.shapes.first()).unwrap())
    }

    fn named(&self, device: &str, id: &str) -> Foreseen {
        self.of(device, self.catalog.card(id).unwrap())
    }

    fn outlook(&self, device: &str, models: Vec<Foreseen>) -> Outlook {
        self.asking(device, |question| Outlook::of(question, models))
    }

    fn compared(&self, device: &str, ids: &[&str]) -> Outlook {
        self.outlook(device, ids.iter().map(|id| self.named(device, id)).collect())
    }
}

fn parts(review: &Review) -> impl Iterator<Item = &Part> {
    let opinions = review.opinions.iter().flat_map(|opinion| &opinion.paragraph);
    opinions.chain(review.vetoes.iter().flat_map(|veto| &veto.paragraph))
}

/// Every figure read off a prediction has its mark, and no word is one that only measurements earn.
fn is_marked(review: &Review) {
    assert!(review.is_predicted(), "{}", review.model);
    assert!(matches!(
        review.verdict.word,
        VerdictKind::Try | VerdictKind::Perhaps | VerdictKind::Skip | VerdictKind::Unmeasured
    ));
    let is_said = review.verdict.to_string().contains(", predicted");
    assert_eq!(is_said, review.verdict.word != VerdictKind::Unmeasured, "{}", review.verdict);
    assert!(review.opinions.iter().all(|opinion| opinion.call != Recommendation::Ship), "{}", review.model);
    assert!(review.derived.iter().all(|figure| figure.origin == Origin::Predicted), "{}", review.model);
    parts(review).for_each(part_is_marked);
}

fn part_is_marked(part: &Part) {
    if let Part::Value { text, .. } | Part::Factor { text, .. } = part {
        assert!(text.contains("predicted "), "`{text}` has no mark");
    }
}

#[test]
fn every_pair_of_the_catalogue_has_a_verdict_or_a_reason_and_both_orders_agree() {
    let panel = Panel::new();
    for device in DEVICES {
        let all: Vec<Foreseen> = panel.catalog.cards().map(|card| panel.of(device, card)).collect();
        assert!(all.len() > 80, "{}", all.len());
        all.iter().for_each(|model| is_marked(&model.review));
        let mut pairs = 0;
        for (at, a) in all.iter().enumerate() {
            for b in &all[at + 1..] {
                let outlook = panel.outlook(device, vec![a.clone(), b.clone()]);
                let mirrored = panel.outlook(device, vec![b.clone(), a.clone()]);
                let about = format!("{} and {} on {device}", a.card.id, b.card.id);
                assert_eq!(outlook.advice.paragraph, mirrored.advice.paragraph, "{about}");
                assert_eq!(outlook.advice.title, mirrored.advice.title, "{about}");
                let first = |outlook: &Outlook| -> Vec<String> {
                    outlook.advice.first.iter().map(|at| outlook.models[*at].card.id.clone()).collect()
                };
                assert_eq!(first(&outlook), first(&mirrored), "{about}");
                let (title, text) = (&outlook.advice.title, outlook.advice.text());
                assert!(title.ends_with(", predicted") && !title.contains("Ship"), "{about}: {title}");
                assert!(text.len() > 60 && !text.contains("Ship"), "{about}: {text}");
                assert!(!text.contains("  ") && !text.contains(" .") && !text.contains(".."), "{about}: {text}");
                outlook.advice.paragraph.iter().for_each(part_is_marked);
                let [first, second] = [0, 1].map(|place| outlook.models[outlook.ranking[place]].review.verdict);
                let in_favour = |verdict: Verdict| 2 * verdict.tries + verdict.perhaps;
                assert!(
                    first.word != second.word || in_favour(first) >= in_favour(second),
                    "{about}: {first} before {second}"
                );
                pairs += 1;
            }
        }
        assert_eq!(pairs, all.len() * (all.len() - 1) / 2);
    }
}

#[test]
fn what_is_predicted_stands_up_to_its_checker_and_what_is_called_measured_does_not() {
    let panel = Panel::new();
    let outlook = panel.compared("pixel-10", &["smollm3", "llama-3.1-8b", "claude-haiku-open-weights"]);
    assert_eq!(check_outlook(&outlook, &panel.rubric), []);
    let said = |change: fn(&mut Outlook)| {
        let mut changed = outlook.clone();
        change(&mut changed);
        let faults = check_outlook(&changed, &panel.rubric);
        assert!(!faults.is_empty());
        faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n")
    };
    let peak = said(|outlook| {
        let figure = &mut outlook.models[0].review.derived[0];
        figure.origin = Origin::Measured;
        figure.id = figure.expected_id();
    });
    assert!(peak.contains("peak_memory is predicted, and is called measured"), "{peak}");
    let word = said(|outlook| outlook.models[0].review.verdict.predicted = false);
    assert!(word.contains("the verdict is predicted, and is called measured"), "{word}");
    let ship = said(|outlook| outlook.models[0].review.verdict.word = VerdictKind::Ship);
    assert!(ship.contains("is called measured"), "{ship}");
    let unmarked = said(|outlook| {
        for part in &mut outlook.advice.paragraph {
            if let Part::Value { text, .. } | Part::Factor { text, .. } = part {
                *text = text.replace("predicted ", "");
            }
        }
    });
    assert!(unmarked.contains("is not what measurement"), "{unmarked}");
    let advice = said(|outlook| outlook.advice.first = vec![2]);
    assert!(advice.contains("which model to try"), "{advice}");
}

#[test]
fn a_licence_that_forbids_the_use_is_a_skip() {
    let panel = Panel::new();
    let haiku = panel.named("pixel-10", "claude-haiku-open-weights").review;
    assert_eq!((haiku.verdict.word, haiku.vetoes[0].ground), (VerdictKind::Skip, Ground::Licence));
    let research =
        Panel { demand: DeclaredUse { purpose: Purpose::Research, users: None, region: None }.into(), ..Panel::new() };
    let haiku = research.named("pixel-10", "claude-haiku-open-weights").review;
    assert!(haiku.vetoes.is_empty());
    assert_eq!(haiku.verdict.word, VerdictKind::Perhaps, "whether it fits is not known");
}

fn opinion<'a>(review: &'a Review, by: &str) -> &'a Opinion {
    review.opinions.iter().find(|opinion| opinion.reviewer == by).unwrap()
}

fn said(opinion: &Opinion) -> String {
    opinion.paragraph.iter().map(Part::text).collect()
}

#[test]
fn a_chat_that_is_asked_for_on_a_phone_is_a_chat_and_what_nobody_names_is_the_phones() {
    let of = |workload| Panel { workload, ..Panel::new() }.compared("pixel-10", &["smollm3", "qwen3-4b"]);
    let (unsaid, chat) = (of(None), of(Some(Workload::Chat)));
    assert_eq!((unsaid.workload, chat.workload), (Workload::Phone, Workload::Chat));
    assert_eq!(chat.models[0].review.workload, Workload::Chat);
    assert!(chat.models[0].figure("break_even").is_some() && chat.models[0].figure("room_taken").is_none());
    assert_eq!(check_outlook(&chat, &Rubric::builtin()), []);
}

#[test]
fn in_a_phones_app_no_price_of_an_api_is_set_against_a_device_and_the_founder_says_what_counts() {
    let phone = Panel::new().named("pixel-10", "smollm3");
    assert!(phone.figure("break_even").is_none());
    let founder = opinion(&phone.review, "founder");
    assert!(founder.scored.iter().all(|scored| scored.criterion != "break_even"));
    assert!(said(founder).contains("its users pay with their batteries"), "{}", said(founder));
    let board = Panel::new().named("rpi5-8gb", "smollm3");
    assert!(board.figure("break_even").is_some() && !said(opinion(&board.review, "founder")).contains("batteries"));
}

#[test]
fn who_declares_research_is_not_held_to_commercial_use() {
    let asked = |purpose| {
        let demand = DeclaredUse { purpose, users: None, region: None }.into();
        let model = Panel { demand, ..Panel::new() }.named("rpi5-8gb", "qwen2.5-3b");
        opinion(&model.review, "founder").scored.iter().any(|scored| scored.criterion == "commercial")
    };
    assert!(!asked(Purpose::Research) && asked(Purpose::Internal) && asked(Purpose::Commercial));
}

#[test]
fn the_memory_of_an_app_is_that_of_the_device_that_was_named() {
    let part = |device: &str| {
        let panel = Panel { wish: Wish { context: 1024, ..Wish::default() }, ..Panel::new() };
        let model = panel.named(device, "qwen2.5-1.5b");
        let (peak, room) = (model.figure("peak_memory").unwrap(), model.figure("memory_room").unwrap());
        let taken = model.figure("room_taken").unwrap();
        assert!((taken.value - peak.value / room.value).abs() < 1e-9, "{device}");
        let builder = opinion(&model.review, "builder");
        assert!(builder.scored.iter().any(|scored| scored.criterion == "room_taken"), "{device}");
        (taken.value * room.value / peak.value, room.value)
    };
    assert!(part("iphone-15").1 < part("galaxy-s25").1);
}

#[test]
fn an_announced_size_bounds_memory_from_below_and_nothing_else() {
    let bounded = |device: &str, needs: &str| Panel::needing(needs).named(device, "llama-4-compact-12b");
    let phone = bounded("iphone-15", "decode>1");
    assert_eq!((phone.expected.fits(), phone.review.verdict.word), (Floats::No, VerdictKind::Skip));
    let veto = phone.review.vetoes[0].text();
    assert!(veto.contains("its weights alone take predicted 6.8 GB as Q4_0"), "{veto}");
    let large = bounded("apple-m4-max", "memory<4GB");
    assert_eq!((large.expected.fits(), large.review.needs[0].outcome), (Floats::Perhaps, Outcome::Failed));
    let enough = bounded("apple-m4-max", "memory<40GB");
    assert_eq!(enough.review.needs[0].outcome, Outcome::Unknown, "a bound from below meets no need");
    assert!(enough.figure("peak_memory").is_none() && enough.figure("decode@0").is_none());
}

#[test]
fn what_comes_along_to_show_the_program_is_not_tried_before_a_model_that_people_use() {
    let panel = Panel::new();
    let shows = panel.named("pixel-10", "demo:large");
    assert_eq!(shows.review.verdict.word, VerdictKind::Skip);
    assert_eq!(shows.review.vetoes.iter().map(|veto| veto.ground).collect::<Vec<_>>(), [Ground::Demonstration]);
    let outlook = panel.compared("pixel-10", &["demo:large", "smollm3"]);
    assert_eq!((outlook.advice.first.as_slice(), check_outlook(&outlook, &panel.rubric)), (&[1][..], vec![]));
    assert!(
        outlook
            .advice
            .text()
            .contains("Demo, large is not for this: it comes with this program to show how that works")
    );
}

#[test]
fn memory_that_cannot_fit_is_a_skip_and_what_fits_perhaps_is_no_try() {
    let panel = Panel::new();
    let scout = panel.named("pixel-10", "llama-4-scout-int4");
    assert_eq!(scout.expected.fits(), Floats::No);
    assert_eq!(scout.review.verdict.word, VerdictKind::Skip);
    assert!(scout.review.vetoes.iter().any(|veto| veto.ground == Ground::Memory));
    let all: Vec<Foreseen> = panel.catalog.cards().map(|card| panel.of("rpi5-8gb", card)).collect();
    let perhaps: Vec<&Foreseen> = all.iter().filter(|model| model.expected.fits() == Floats::Perhaps).collect();
    assert!(perhaps.iter().any(|model| model.expected.prediction.is_some()), "the test looks at nothing");
    assert!(perhaps.iter().all(|model| model.review.verdict.word != VerdictKind::Try));
    let tried = all.iter().filter(|model| model.review.verdict.word == VerdictKind::Try);
    for model in tried {
        assert_eq!(model.expected.fits(), Floats::Yes, "{}", model.card.id);
        assert_eq!(model.review.licence.outcome, Outcome::Passed, "{}", model.card.id);
    }
}

#[test]
fn a_need_that_even_the_favourable_end_does_not_meet_is_a_skip_and_perhaps_is_not_met() {
    let word = |needs: &str| {
        let review = Panel::needing(needs).named("pixel-10", "smollm3").review;
        (review.verdict.word, review.needs[0].outcome, review.vetoes.len())
    };
    assert_eq!(word("decode>1"), (VerdictKind::Try, Outcome::Passed, 0));
    assert_eq!(word("decode>10000"), (VerdictKind::Skip, Outcome::Failed, 1));
    assert_eq!(word("memory<1GB"), (VerdictKind::Skip, Outcome::Failed, 1));
    assert_eq!(word("accuracy>0.5"), (VerdictKind::Perhaps, Outcome::Unknown, 0), "nobody asked it anything");
    let decode = Panel::new().named("pixel-10", "smollm3").expected.prediction.unwrap().decode.unwrap();
    let within = format!("decode>{}", (decode.high * 0.97).floor());
    let panel = Panel {
        wish: Wish { quantisation: Some(quantisation(&Panel::new())), ..Wish::default() },
        ..Panel::needing(&within)
    };
    let review = panel.named("pixel-10", "smollm3").review;
    assert_eq!(
        (review.verdict.word, review.needs[0].outcome),
        (VerdictKind::Perhaps, Outcome::Unknown),
        "{within} in {decode:?}"
    );
}

fn quantisation(panel: &Panel) -> plimsoll_lab::predict::mix::Quantisation {
    panel.named("pixel-10", "smollm3").quantisation().unwrap()
}

#[test]
fn a_prompt_speed_that_arithmetic_cannot_reach_is_ruled_out_and_one_below_it_never_met() {
    let outcome = |needs: &str| Panel::needing(needs).named("jetson-agx-orin-64gb", "smollm3").review.needs[0].outcome;
    assert_eq!(outcome("prefill>100000000"), Outcome::Failed);
    assert_eq!(outcome("prefill>1"), Outcome::Unknown);
}

#[test]
fn a_model_whose_shape_is_not_published_is_judged_by_what_else_is_known() {
    let panel = Panel::new();
    let outlook = panel.compared("pixel-10", &["claude-haiku-open-weights", "llama-4-compact-12b"]);
    let text = outlook.advice.text();
    assert!(text.contains("its weights alone, as Q4_0, take predicted 6.8 GB or more"), "{text}");
    assert!(text.contains("Claude Haiku (open weights) is not for this: the licence does not allow"), "{text}");
    assert_eq!(outlook.advice.first, [1]);
}

#[test]
fn a_device_whose_speed_is_not_known_leaves_speed_open() {
    let model = Panel::new().named("vm-4vcpu", "smollm3");
    assert!(model.figure("decode@0").is_none() && model.figure("peak_memory").is_some());
    is_marked(&model.review);
}

#[test]
fn the_same_card_twice_gives_nothing_to_choose() {
    let outlook = Panel::new().compared("pixel-10", &["smollm3", "smollm3"]);
    assert!(outlook.advice.text().contains("one and the same model"), "{}", outlook.advice.text());
}

#[test]
fn another_engine_is_named_where_this_program_would_not_run_there() {
    let panel = Panel::new();
    let said = |id: &str, device: &str| {
        let review = panel.named(device, id).review;
        review.opinions[0].paragraph.iter().map(Part::text).collect::<String>()
    };
    assert!(
        said("smollm3", "rtx-4090").contains("Plimsoll does not compute on that device"),
        "{}",
        said("smollm3", "rtx-4090")
    );
    let is_foreign = |model: &Foreseen| matches!(model.expected.engine, Some(OtherEngine::Architecture(_)));
    let all: Vec<Foreseen> = panel.catalog.cards().map(|card| panel.of("rpi5-8gb", card)).collect();
    let foreign = all.iter().find(|model| is_foreign(model)).expect("some are not read here");
    let text = said(&foreign.card.id, "rpi5-8gb");
    assert!(text.contains("Plimsoll does not read its architecture"), "{text}");
    assert!(!said("smollm3", "rpi5-8gb").contains("another engine"));
}

#[test]
fn many_models_stand_in_one_order_with_a_reason_for_those_that_are_out() {
    let panel = Panel::new();
    let ids = ["llama-4-scout-int4", "smollm3", "qwen3-4b", "claude-haiku-open-weights", "smollm2-360m"];
    let outlook = panel.compared("pixel-10", &ids);
    let words: Vec<VerdictKind> = outlook.ranked().map(|model| model.review.verdict.word).collect();
    let order = |word: &VerdictKind| match word {
        VerdictKind::Try => 0,
        VerdictKind::Perhaps => 1,
        VerdictKind::Unmeasured => 2,
        _ => 3,
    };
    assert!(words.is_sorted_by_key(order), "{words:?}");
    let text = outlook.advice.text();
    assert!(
        text.contains("Not for this: ") && text.contains("(its memory)") && text.contains("(its licence)"),
        "{text}"
    );
    assert_eq!(check_outlook(&outlook, &panel.rubric), []);
}

#[test]
fn every_published_panel_is_shown_with_its_split_as_published() {
    let panel = Panel::new();
    let reviewed: Vec<&ModelCard> = panel.catalog.cards().filter(|card| card.published.is_some()).collect();
    assert_eq!(reviewed.len(), 6);
    for card in reviewed {
        let found = card.published.as_ref().unwrap();
        let ship = usize::from(found.share) / 25;
        let expected = format!("{}: {}, {} %, {ship} ship / {} skip", card.name, found.verdict, found.share, 4 - ship);
        let text =
            render_outlook(&panel.compared("pixel-10", &[&card.id, "qwen3-4b"]), &[], Style::Plain, Detail::Summary);
        let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(joined.contains(&expected), "{expected}\n{text}");
    }
}

#[test]
fn the_seed_pairs_as_they_are_told() {
    let panel = Panel::new();
    for [a, b] in SEEDS {
        for device in DEVICES {
            let outlook = panel.compared(device, &[a, b]);
            assert_eq!(check_outlook(&outlook, &panel.rubric), []);
            let text = render_outlook(&outlook, &[], Style::Plain, Detail::Summary);
            let long: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
            assert!(long.is_empty(), "{long:#?}");
            assert!(text.lines().count() <= 40, "{} lines\n{text}", text.lines().count());
            assert!(text.lines().take(5).any(|line| line.contains("No figure here was measured")), "{text}");
            insta::assert_snapshot!(format!("{a} and {b} on {device}"), text);
        }
    }
}
