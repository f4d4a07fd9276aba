//! What was compared once is listed, checked, sent, withdrawn and held against rules.

use crate::skipped;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::{Value, json};

/// A home of nobody, so that no evidence, no cards and no cache of this machine are seen.
fn plimsoll(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    for variable in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "HF_HUB_CACHE", "HF_HOME", "PLIMSOLL_ISA"] {
        command.env_remove(variable);
    }
    command.args(args).env("HOME", compared().path()).output().unwrap()
}

/// What stands on standard output, where the exit status is `status`; no line is wider than a terminal.
fn told(status: i32, args: &[&str]) -> String {
    let output = plimsoll(args);
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(output.status.code(), Some(status), "{args:?}\n{out}\n{err}");
    let is_wide = |line: &&str| line.chars().count() > 80 && !args.contains(&"--json") && !args.contains(&"--help");
    assert_eq!(out.lines().find(is_wide), None, "{args:?}");
    out
}

fn json_of(status: i32, args: &[&str]) -> Value {
    serde_json::from_str(&told(status, &[args, &["--json"]].concat())).unwrap()
}

/// What a mistake is answered with.
fn refused(status: i32, args: &[&str]) -> String {
    let output = plimsoll(args);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{args:?}: {message}");
    message
}

/// A folder with a report and an evidence store of one small comparison of the demo pair; measured once for all tests.
fn compared() -> &'static tempfile::TempDir {
    static COMPARED: OnceLock<tempfile::TempDir> = OnceLock::new();
    COMPARED.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .args(["compare", "--items", "4", "--repeat", "5", "--store", "evidence.db", "--margin", "0.9"])
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
        folder
    })
}

fn file(name: &str) -> String {
    compared().path().join(name).to_str().unwrap().to_owned()
}

/// A store of one's own, to be changed.
fn copied(folder: &Path) -> (String, rusqlite::Connection) {
    let path = folder.join("copy.db");
    fs::copy(file("evidence.db"), &path).unwrap();
    let db = rusqlite::Connection::open(&path).unwrap();
    (path.to_str().unwrap().to_owned(), db)
}

fn report() -> Value {
    serde_json::from_slice(&fs::read(file("plimsoll-demo-small-vs-demo-large.json")).unwrap()).unwrap()
}

fn comparison_id() -> String {
    let listed = json_of(0, &["history", "--store", &file("evidence.db")]);
    listed["verdicts"][0]["comparison"].as_str().unwrap().to_owned()
}

#[test]
fn history_lists_both_verdicts_and_one_models_by_its_name() {
    let store = file("evidence.db");
    let text = told(0, &["history", "--store", &store]);
    assert!(text.contains("demo:small") && text.contains("demo:large") && text.contains("ship /"), "{text}");
    assert!(text.contains(&format!("comparison {}", &comparison_id()[..12])), "{text}");
    let one = json_of(0, &["history", "demo:small", "--store", &store]);
    let models: Vec<&str> = one["verdicts"].as_array().unwrap().iter().map(|v| v["model"].as_str().unwrap()).collect();
    assert_eq!(models, ["demo-small"]);
    assert_eq!(one["verdicts"][0]["usage"], "commercial");
}

#[test]
fn an_empty_store_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("e.db");
    let store = store.to_str().unwrap();
    drop(plimsoll_panel::store::Store::open(Path::new(store)).unwrap());
    let output = plimsoll(&["history", "demo:large", "--store", store]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("no verdicts of demo:large") && text.contains("plimsoll compare A B"), "{text}");
    let nothing = told(2, &["evidence", "check", "--store", store]);
    assert!(nothing.starts_with("inconclusive: there are no comparisons"), "{nothing}");
    let found = json_of(2, &["evidence", "check", "--store", store]);
    assert_eq!((&found["passed"], &found["standing"]), (&json!(false), &json!("inconclusive")));
    let missing = folder.path().join("missing.db");
    let missing = missing.to_str().unwrap();
    assert!(refused(3, &["evidence", "check", "--store", missing]).contains("there is no evidence store"));
    assert!(!Path::new(missing).exists(), "a check makes no store");
}

#[test]
fn evidence_is_checked_by_id_by_the_beginning_of_it_and_from_a_reports_file() {
    let (store, id) = (file("evidence.db"), comparison_id());
    for what in [&id[..], &id[..8]] {
        let text = told(0, &["evidence", "check", what, "--store", &store]);
        assert!(text.starts_with("passed  ") && text.contains("not who measured it"), "{text}");
    }
    for kind in ["json", "html"] {
        let report = file(&format!("plimsoll-demo-small-vs-demo-large.{kind}"));
        let of_report = plimsoll(&["evidence", "check", &report]);
        assert!(of_report.status.success(), "{kind}: {}", String::from_utf8_lossy(&of_report.stdout));
    }
    assert!(refused(3, &["evidence", "check", "1234", "--store", &store]).contains("is no id"));
    assert!(refused(3, &["evidence", "check", "0000000000", "--store", &store]).contains("plimsoll history"));
}

#[test]
fn one_changed_sample_in_a_copied_store_fails_the_check_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let (store, db) = copied(folder.path());
    let decode = &report()["models"][0]["speed"][0]["decode"];
    let id = decode["id"].as_str().unwrap();
    let change = "UPDATE record SET body = json_set(body, '$.samples[2]', 12345.5) WHERE id = ?1";
    assert_eq!(db.execute(change, [id]).unwrap(), 1);
    drop(db);
    let found = json_of(1, &["evidence", "check", "--store", &store]);
    let faults = found["checked"][0]["faults"].as_array().unwrap();
    assert_eq!(faults, &[json!(format!("measurement {id} (decode@0 of A) was changed after it was made"))]);
    assert!(told(1, &["evidence", "check", &comparison_id(), "--store", &store]).contains("FAILED"));
}

/// A report with `change` made to it, as a file.
fn changed_report(folder: &Path, change: impl Fn(&mut Value)) -> String {
    let mut report = report();
    change(&mut report);
    let path = folder.join("changed.json");
    fs::write(&path, report.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_gate_holds_what_is_needed_whatever_its_rules_ask_for() {
    let folder = tempfile::tempdir().unwrap();
    let (store, db) = copied(folder.path());
    drop(db);
    let (id, rules) = (comparison_id(), rules(folder.path(), "[[rule]]\nlicence = \"passed\""));
    let gate = ["gate", "--from", &id, "--rules", &rules, "--store", &store];
    told(0, &gate);
    told(0, &[&gate[..], &["--need", "memory<4GB"]].concat());
    let text = told(1, &[&gate[..], &["--need", "memory<2MB"]].concat());
    assert!(text.contains("need: memory at most 2 MB") && text.contains("it is not met"), "{text}");
}

#[test]
fn a_report_that_was_changed_fails_the_check_and_is_not_gated() {
    let folder = tempfile::tempdir().unwrap();
    let rules = rules(folder.path(), "[[rule]]\nverdict = \"Mixed\"");
    let path = changed_report(folder.path(), |report| report["models"][0]["memory"]["peak"]["value"] = json!(1.0));
    let output = plimsoll(&["evidence", "check", &path]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("(peak_memory of A) was changed"));
    assert!(refused(3, &["gate", "--from", &path, "--rules", &rules]).contains("(peak_memory of A) was changed"));
    let path = changed_report(folder.path(), |report| {
        report["judgement"]["reviews"][0]["verdict"]["ship"] = json!(40);
    });
    assert!(refused(3, &["gate", "--from", &path, "--rules", &rules]).contains("is not what this rubric makes"));
    let path = changed_report(folder.path(), |report| report["judgement"]["rubric"] = json!("0".repeat(64)));
    assert!(refused(3, &["evidence", "check", &path]).contains("--rubric FILE"));
}

#[test]
fn a_fact_that_no_sample_bears_out_is_not_edited_unnoticed() {
    let folder = tempfile::tempdir().unwrap();
    let rules = rules(folder.path(), "[[rule]]\nverdict = \"Mixed\"");
    for (pointer, value) in [
        ("/device/cpu", json!("Another CPU")),
        ("/device/machine/program_sha256", json!("0".repeat(64))),
        ("/models/0/facts/architecture", json!("llama")),
        ("/models/0/facts/context", json!(1 << 20)),
        ("/created", json!("2026-01-02T03:04:05Z")),
        ("/background/0/terms/sources/0/how", json!("text_hash")),
    ] {
        let path = changed_report(folder.path(), |report| {
            let fact = report.pointer_mut(pointer).unwrap();
            assert_ne!(*fact, value, "{pointer}");
            *fact = value.clone();
        });
        assert!(told(1, &["evidence", "check", &path]).contains("it was edited after it was written"), "{pointer}");
        refused(3, &["gate", "--from", &path, "--rules", &rules]);
    }
    for change in [
        |report: &mut Value| report["endorsed_by"] = json!("everybody"),
        |report: &mut Value| drop(report.as_object_mut().unwrap().remove("sha256")),
    ] {
        let path = changed_report(folder.path(), change);
        let told = told(1, &["evidence", "check", &path]);
        assert!(told.contains("edited after it was written") || told.contains("no hash of the whole"), "{told}");
    }
}

/// A report that was edited, under a hash of the whole of it that was made anew.
fn resealed(folder: &Path, change: impl FnOnce(&mut Value)) -> String {
    let mut report = report();
    report.as_object_mut().unwrap().remove("sha256");
    change(&mut report);
    let path = folder.join("resealed.json");
    fs::write(&path, serde_json::to_string(&plimsoll_panel::Sealed::new(&report)).unwrap()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn what_nobody_reads_in_a_report_is_told_though_the_hash_was_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let rules = rules(folder.path(), "[[rule]]\nverdict = \"Mixed\"");
    let whole = resealed(folder.path(), |_| {});
    assert!(!told(0, &["evidence", "check", &whole]).contains("nothing that this program reads"));
    for (pointer, place) in [
        ("", "`endorsed_by`"),
        ("/models/1/facts", "`models[1].facts.endorsed_by`"),
        ("/models/0/speed/0/decode", "`models[0].speed[0].decode.endorsed_by`"),
        ("/judgement/reviews/0/verdict", "`judgement.reviews[0].verdict.endorsed_by`"),
        ("/background/1/terms", "`background[1].terms.endorsed_by`"),
    ] {
        let path = resealed(folder.path(), |report| report.pointer_mut(pointer).unwrap()["endorsed_by"] = json!("all"));
        let message = told(1, &["evidence", "check", &path, "--json"]);
        assert!(message.contains(place) && message.contains("is nothing that this program reads"), "{message}");
        assert!(
            refused(3, &["gate", "--from", &path, "--rules", &rules]).contains("is nothing that this program reads")
        );
    }
    let older = resealed(folder.path(), |report| {
        report["schema"] = json!(3);
        report["of_then"] = json!(1);
        report["models"][0]["facts"].as_object_mut().unwrap().remove("context");
    });
    let message = refused(3, &["evidence", "check", &older]);
    assert!(message.contains("its record has version 3, and this program reads version 4"), "{message}");
    let readable = resealed(folder.path(), |report| {
        report["schema"] = json!(3);
        report["of_then"] = json!(1);
    });
    let message = told(1, &["evidence", "check", &readable, "--json"]);
    assert!(message.contains("compare again to have it checked") && !message.contains("of_then"), "{message}");
}

#[test]
fn a_bundle_carries_the_verdicts_and_a_tampered_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("evidence.tar");
    let bundle = bundle.to_str().unwrap();
    let id = comparison_id();
    told(0, &["evidence", "export", bundle, "--comparison", &id[..10], "--store", &file("evidence.db"), "--json"]);
    let elsewhere = folder.path().join("elsewhere.db");
    let elsewhere = elsewhere.to_str().unwrap();
    let new = json_of(0, &["evidence", "import", bundle, "--store", elsewhere])["new_records"].as_u64().unwrap();
    assert!(new > 50, "{new}");
    assert_eq!(json_of(0, &["evidence", "import", bundle, "--store", elsewhere])["new_records"], 0);
    let listed = json_of(0, &["history", "--store", elsewhere]);
    assert_eq!(listed, json_of(0, &["history", "--store", &file("evidence.db")]));
    told(0, &["evidence", "check", "--store", elsewhere]);
    let db = rusqlite::Connection::open(elsewhere).unwrap();
    assert_eq!(
        db.execute("UPDATE judged SET verdict = 'Ship (4 of 4 ship)', created = '2026-01-02T00:00:00Z'", []),
        Ok(2)
    );
    drop(db);
    let text = told(1, &["evidence", "check", "--store", elsewhere]);
    assert!(text.contains("the list says verdict Ship (4 of 4 ship)") && text.contains("the list says time"), "{text}");

    let mut bytes = fs::read(bundle).unwrap();
    let of = b"peak resident size";
    let at = bytes.windows(of.len()).position(|window| window == of).unwrap();
    bytes[at..at + 4].copy_from_slice(b"PEAK");
    fs::write(bundle, bytes).unwrap();
    let message = refused(1, &["evidence", "import", bundle, "--store", elsewhere]);
    assert!(
        message.contains("(measurement) was changed after it was stored") && message.contains("hint:"),
        "{message}"
    );
}

#[test]
fn a_stranger_does_not_withdraw_what_was_here_before() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("evidence.tar");
    let bundle = bundle.to_str().unwrap();
    let (theirs, db) = copied(folder.path());
    drop(db);
    let id = comparison_id();
    told(0, &["evidence", "withdraw", &id, "--reason", "I say so", "--store", &theirs]);
    told(0, &["evidence", "export", bundle, "--store", &theirs]);
    let mine = folder.path().join("mine.db");
    fs::copy(file("evidence.db"), &mine).unwrap();
    let output = plimsoll(&["evidence", "import", bundle, "--store", mine.to_str().unwrap()]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && told.contains("1 of the records withdrawn that were here before"), "{told}");
    let history = String::from_utf8(plimsoll(&["history", "--store", mine.to_str().unwrap()]).stdout).unwrap();
    assert!(!history.contains("withdrawn"), "{history}");
}

#[test]
fn bundles_that_an_attacker_made_are_refused_within_a_breath() {
    let attacks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/attacks");
    if !attacks.exists() {
        return skipped::skipped("../shared not found");
    }
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("e.db");
    let store = store.to_str().unwrap();
    for name in ["reference-bomb.tar", "relabelled.tar", "withdrawn-by-a-stranger.tar", "xss.tar"] {
        let bundle = attacks.join(name);
        let message = refused(1, &["evidence", "import", bundle.to_str().unwrap(), "--store", store]);
        assert!(message.contains("hint:"), "{message}");
    }
    told(2, &["evidence", "check", "--store", store]);
}

#[test]
fn a_withdrawn_comparison_stays_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (store, db) = copied(folder.path());
    drop(db);
    let id = comparison_id();
    told(0, &["evidence", "withdraw", &id[..12], "--reason", "the machine was throttled", "--store", &store]);
    let text = told(0, &["history", "--store", &store]);
    assert!(text.contains("withdrawn: the machine was throttled"), "{text}");
    let checked = told(0, &["evidence", "check", &id, "--store", &store]);
    assert!(checked.contains("WITHDRAWN: the"), "{checked}");
    let rules = rules(folder.path(), "[[rule]]\nmetric = \"decode@0\"\nat_least = 1");
    let gated = refused(3, &["gate", "--from", &id, "--rules", &rules, "--store", &store]);
    assert!(gated.contains("was withdrawn: the machine was throttled"), "{gated}");
}

#[test]
fn a_page_that_was_changed_fails_the_check_and_is_not_gated_whether_in_what_it_shows_or_in_its_record() {
    let folder = tempfile::tempdir().unwrap();
    let rules = rules(folder.path(), "[[rule]]\nmetric = \"decode@0\"\nat_least = 1");
    let page = fs::read_to_string(file("plimsoll-demo-small-vs-demo-large.html")).unwrap();
    let whole = folder.path().join("whole.html");
    fs::write(&whole, &page).unwrap();
    told(0, &["gate", "--from", whole.to_str().unwrap(), "--rules", &rules]);
    let sentence = report()["conclusion"]["sentence"].as_str().unwrap().to_owned();
    let lead = page.find("lead advice").unwrap();
    for (from, to, fault) in [
        (
            page[lead..lead + 40].to_owned(),
            page[lead..lead + 40].replace("Ship", "Skip"),
            "the page is not what this program",
        ),
        (sentence, "A is better in every way.".to_owned(), "the conclusion is not what the samples and answers give"),
    ] {
        assert!(page.contains(&from) && from != to, "{from}");
        let changed = folder.path().join("changed.html");
        fs::write(&changed, page.replacen(&from, &to, 1)).unwrap();
        let changed = changed.to_str().unwrap();
        assert!(told(1, &["evidence", "check", changed]).contains(fault), "{fault}");
        assert!(refused(3, &["gate", "--from", changed, "--rules", &rules]).contains("report `"), "{fault}");
    }
    let empty = folder.path().join("other.html");
    fs::write(&empty, "<!doctype html><title>x</title>").unwrap();
    assert!(refused(3, &["evidence", "check", empty.to_str().unwrap()]).contains("carries no record"));
}

#[test]
fn evidence_goes_out_only_in_forms_that_there_are_and_comes_in_only_as_a_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let store = file("evidence.db");
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for name in ["out.pdf", "out", "out.zip"] {
        let message = refused(1, &["evidence", "export", &path(name), "--store", &store]);
        assert!(message.contains(".tar") && message.contains(".csv") && message.contains(".md"), "{message}");
        assert!(!folder.path().join(name).exists(), "{name}");
    }
    told(0, &["evidence", "export", &path("out.md"), "--store", &store]);
    told(0, &["evidence", "export", &path("out.csv"), "--store", &store]);
    let report = file("plimsoll-demo-small-vs-demo-large.json");
    for (name, about) in [(path("out.md"), "as Markdown"), (path("out.csv"), "samples as CSV"), (report, "is JSON")] {
        let message = refused(1, &["evidence", "import", &name, "--store", &path("in.db")]);
        assert!(message.contains(about) && message.chars().count() < 500, "the file itself is not printed: {message}");
    }
}

/// The demo model of this folder with every matrix drawn at random.
fn noise(folder: &Path) -> String {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/small");
    let noise = folder.join("noise");
    fs::create_dir(&noise).unwrap();
    // Without its golden outputs, so that it is not the verification that fails.
    for name in [
        "README.md",
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
    ] {
        fs::copy(demo.join(name), noise.join(name)).unwrap();
    }
    let mut bytes = fs::read(demo.join("model.safetensors")).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let tensors: Value = serde_json::from_slice(&bytes[8..8 + header]).unwrap();
    let mut state = 7_u64;
    for (name, tensor) in tensors.as_object().unwrap().iter().filter(|(name, _)| *name != "__metadata__") {
        assert_eq!(tensor["dtype"], "BF16", "{name}");
        if tensor["shape"].as_array().unwrap().len() < 2 {
            continue;
        }
        let at = |end: usize| 8 + header + tensor["data_offsets"][end].as_u64().unwrap() as usize;
        for value in bytes[at(0)..at(1)].chunks_exact_mut(2) {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let uniform = (state >> 33) as f32 / (1_u64 << 30) as f32 - 1.0;
            value.copy_from_slice(&(((0.2 * uniform).to_bits() >> 16) as u16).to_le_bytes());
        }
    }
    fs::write(noise.join("model.safetensors"), bytes).unwrap();
    noise.to_str().unwrap().to_owned()
}

#[test]
fn random_weights_are_skipped_by_a_veto_that_is_said_first() {
    let folder = tempfile::tempdir().unwrap();
    let noise = noise(folder.path());
    let store = folder.path().join("evidence.db");
    let args = [
        "compare",
        "demo:small",
        &noise,
        "--items",
        "8",
        "--repeat",
        "1",
        "--no-report",
        "--store",
        store.to_str().unwrap(),
    ];
    let text = told(0, &args);
    let mut first = text.lines().take(7);
    assert!(first.any(|line| line.starts_with("B: Canaries failed: it hardly predicts ordinary text")), "{text}");
    assert!(first.any(|line| line.starts_with("B: Right answers are not clear of guessing")), "{text}");
    let report = json_of(0, &args);
    assert_eq!(report["judgement"]["reviews"][1]["verdict"]["word"], "Skip", "{text}");
    assert_eq!(report["judgement"]["reviews"][1]["vetoes"][1]["ground"], "chance");
    assert_ne!(report["judgement"]["advice"]["preferred"], "B");
}

#[test]
fn needs_are_read_before_anything_is_measured_and_an_unmet_one_is_a_veto() {
    let folder = tempfile::tempdir().unwrap();
    let (store, out) = (folder.path().join("evidence.db"), folder.path().to_str().unwrap());
    let message = refused(2, &["compare", "--need", "memroy<2GB"]);
    assert!(message.contains("did you mean `memory`?"), "{message}");
    let args = ["compare", "--items", "2", "--repeat", "2", "--report", out, "--store", store.to_str().unwrap()];
    let text = told(0, &[&args[..], &["--need", "memory<1MB, decode>1"]].concat());
    assert!(text.starts_with("Ship neither"), "{text}");
    assert!(text.contains("A need is not met: memory at most 1 MB, and it is "), "{text}");
    assert!(text.lines().count() <= 40, "{text}");
    let again = told(0, &[&args[..], &["--workload", "phone", "--full"]].concat());
    assert!(again.contains("(replaced)") && again.lines().count() > 40, "{again}");
    let report = folder.path().join("plimsoll-demo-small-vs-demo-large.html");
    assert!(told(0, &["evidence", "check", report.to_str().unwrap()]).starts_with("passed"));
}

/// A file of rules.
fn rules(folder: &Path, text: &str) -> String {
    let path: PathBuf = folder.join("gate.toml");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_gates_status_tells_passed_failed_inconclusive_and_error_apart() {
    let folder = tempfile::tempdir().unwrap();
    let from = file("plimsoll-demo-small-vs-demo-large.json");
    let judged =
        |status: i32, text: &str| told(status, &["gate", "--from", &from, "--rules", &rules(folder.path(), text)]);
    let fast = "[[rule]]\nname = \"fast enough\"\nmetric = \"decode@0\"\nat_least = 1\n";
    let slow = "[[rule]]\nmetric = \"decode@0\"\nat_least = 1e12\n";
    // Four right answers of four leave room for far more than a tenth of a point.
    let open = "[[rule]]\nmetric = \"accuracy.choice\"\nno_worse_by = 0.001\n";
    let text = judged(0, &format!("{fast}[[rule]]\nlicence = \"passed\"\n"));
    assert!(text.contains("passed        fast enough") && text.contains("passed: 2 passed, 0 failed"), "{text}");
    assert!(judged(1, &format!("{fast}{slow}{open}")).contains("failed: 1 passed, 1 failed, 1 inconclusive"));
    assert!(judged(2, &format!("{fast}{open}")).contains("inconclusive"));

    let (store, id) = (file("evidence.db"), comparison_id());
    let rules_again = rules(folder.path(), fast);
    told(0, &["gate", "--from", &id[..12], "--store", &store, "--rules", &rules_again]);
    refused(3, &["gate", "--from", "0123456789ab", "--store", &store, "--rules", &rules_again]);

    let gate = |text: &str| refused(3, &["gate", "--from", &from, "--rules", &rules(folder.path(), text)]);
    let message = gate("[[rule]]\nmetric = \"decode\"\nat_least = 1");
    assert!(message.contains("no metric `decode`") && message.contains("decode@0"), "{message}");
    assert!(message.lines().all(|line| line.chars().count() <= 80), "{message}");
    assert!(gate("[[rule]]\nmetric = \"decode@0\"").contains("rule 1: `metric` needs a bound"));
    assert!(gate("[[rules]]").contains("unknown field `rules`"));
    refused(3, &["gate", "--from", &from, "--rules", "/no/such/gate.toml"]);
    refused(3, &["gate", "--from", "/no/such/report.json", "--rules", &rules(folder.path(), fast)]);
}

#[test]
fn every_mistake_on_the_gates_own_line_is_status_3() {
    let folder = tempfile::tempdir().unwrap();
    let rules = rules(folder.path(), "[[rule]]\nlicence = \"passed\"");
    let store = folder.path().join("e.db");
    let pair = ["gate", "--model", "demo:small", "--baseline", "demo:large", "--rules", &rules];
    let with_store = [&pair[..], &["--store", store.to_str().unwrap()]].concat();
    assert!(refused(3, &with_store).contains("--use says what the model is wanted for"));
    let missing =
        ["gate", "--model", "no/such/model", "--baseline", "demo:large", "--use", "research", "--rules", &rules];
    refused(3, &missing);
    assert!(refused(3, &["gate", "--nonsense"]).contains("--nonsense"));
    refused(3, &["--threads", "1", "gate"]);
    let report = file("plimsoll-demo-small-vs-demo-large.json");
    let both = [&pair[..], &["--from", &report]].concat();
    assert!(refused(3, &both).contains("cannot be used with"));
    refused(3, &[&with_store[..], &["--use", "research", "--junit", "/no/such/folder/gate.xml"]].concat());
    assert!(told(0, &["gate", "--help"]).contains("no_worse_by"));
    refused(3, &["verify", "no/such/model"]);
    refused(3, &["votes", "audit", "--nonsense"]);
    refused(1, &["evidence", "export", "no.such"]);
    assert_eq!(plimsoll(&["run", "--nonsense", "gate"]).status.code(), Some(2), "other commands keep theirs");
}

#[test]
fn the_gate_measures_both_and_writes_junit() {
    let folder = tempfile::tempdir().unwrap();
    let rules = rules(
        folder.path(),
        "[[rule]]\nname = \"memory\"\nmetric = \"peak_memory\"\nat_most = 1e9\n[[rule]]\nmetric = \"decode@0\"\n\
         at_least_of_baseline = 10\n[[rule]]\nlicence = \"passed\"\n",
    );
    let (xml, store) = (folder.path().join("gate.xml"), folder.path().join("evidence.db"));
    let args = [
        "gate",
        "--model",
        "demo:large",
        "--baseline",
        "demo:small",
        "--rules",
        &rules,
        "--items",
        "1",
        "--repeat",
        "3",
        "--use",
        "research",
        "--junit",
        xml.to_str().unwrap(),
        "--store",
        store.to_str().unwrap(),
    ];
    let found = json_of(1, &args);
    let standings: Vec<&str> =
        found["rules"].as_array().unwrap().iter().map(|r| r["standing"].as_str().unwrap()).collect();
    assert_eq!((found["standing"].as_str(), &standings[..]), (Some("failed"), &["passed", "failed", "passed"][..]));
    let xml = fs::read_to_string(xml).unwrap();
    assert!(xml.contains("tests=\"3\" failures=\"1\"") && xml.contains("name=\"memory\""), "{xml}");
    let kept = json_of(0, &["history", "--store", store.to_str().unwrap()]);
    assert_eq!(kept["verdicts"].as_array().unwrap().len(), 2, "what was measured is kept");
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().filter(|e| e.as_ref().unwrap().file_name() == "gate.xml").count(),
        1
    );
}

#[test]
fn what_is_only_looked_at_is_not_made_and_what_holds_nothing_has_not_passed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.db");
    let store = path.to_str().unwrap();
    let bundle = folder.path().join("b.tar");
    for (status, args) in [
        (3, &["evidence", "check", "--store", store][..]),
        (1, &["history", "--store", store]),
        (1, &["evidence", "export", bundle.to_str().unwrap(), "--store", store]),
    ] {
        let told = refused(status, args);
        assert!(told.contains("there is no evidence store at") && told.contains("plimsoll compare A B"), "{told}");
        assert!(!path.exists(), "{args:?} made one");
    }
    drop(plimsoll_panel::store::Store::open(&path).unwrap());
    let text = told(2, &["evidence", "check", "--store", store]);
    assert!(text.starts_with("inconclusive"), "{text}");
    assert_eq!(json_of(2, &["evidence", "check", "--store", store])["passed"], json!(false));
    let foreign = folder.path().join("places.sqlite");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE moz_places(id)").unwrap();
    let told = refused(1, &["history", "--store", foreign.to_str().unwrap()]);
    assert!(told.contains("is no evidence store") && told.contains("nothing was changed in it"), "{told}");
}

#[test]
fn an_audit_of_votes_finds_a_log_that_was_changed() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("e.db");
    let store = store.to_str().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    let nobody = command.args(["votes", "audit"]).env_remove("XDG_DATA_HOME").env("HOME", folder.path());
    assert_eq!(nobody.output().unwrap().status.code(), Some(2), "nothing was kept yet");
    let none = refused(3, &["votes", "audit", "--store", store]);
    assert!(none.contains("there is no evidence store at"), "{none}");
    drop(plimsoll_panel::store::Store::open(std::path::Path::new(store)).unwrap());
    let text = told(2, &["votes", "audit", "--store", store]);
    assert!(text.contains("whole, 0 votes") && text.contains("inconclusive"), "{text}");
    let db = rusqlite::Connection::open(store).unwrap();
    db.execute("INSERT INTO vote VALUES(1, 'a-vs-b', 'v', 'n', 'a', '2026-11-21T00:00:00Z', 1, '', 'forged')", [])
        .unwrap();
    drop(db);
    let found = json_of(1, &["votes", "audit", "--store", store]);
    assert_eq!((&found["passed"], &found["audit"]["broken_at"]), (&json!(false), &json!(1)));
    let text = told(1, &["votes", "audit", "--store", store]);
    assert!(text.contains("BROKEN at vote 1") && text.contains("a-vs-b") && text.contains("FAILED"), "{text}");
}
