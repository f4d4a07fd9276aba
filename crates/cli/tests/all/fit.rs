//! What would float, before anything is fetched.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn plimsoll(home: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    for variable in ["XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "HF_HUB_CACHE", "HF_HOME", "PLIMSOLL_ISA"] {
        command.env_remove(variable);
    }
    command.args(args).env("HOME", home).output().unwrap()
}

fn stdout(args: &[&str]) -> String {
    let home = tempfile::tempdir().unwrap();
    let output = plimsoll(home.path(), args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    if !args.contains(&"--json") {
        let long: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(long.is_empty(), "{args:?}: beyond 80 columns: {long:#?}");
    }
    text
}

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&stdout(&[args, &["--json"]].concat())).unwrap()
}

fn told(args: &[&str]) -> (Option<i32>, String) {
    let home = tempfile::tempdir().unwrap();
    let output = plimsoll(home.path(), args);
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn ids(value: &Value) -> Vec<&str> {
    value["models"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect()
}

#[test]
fn what_floats_on_a_phone_meets_the_needs_and_says_that_it_is_predicted() {
    let args = ["fit", "--device", "pixel-10", "--need", "memory<3GB, decode>5", "--use", "commercial"];
    let value = json(&args);
    let models = value["models"].as_array().unwrap();
    assert!(models.len() > 10, "{}", models.len());
    for model in models {
        let (p, id) = (&model["predicted"], &model["id"]);
        let memory = &p["memory"]["total"];
        let surely = model["floats"] == "yes";
        let bound = if surely { "high" } else { "low" };
        assert!(memory[bound].as_f64().unwrap() <= 3e9, "{id}: {memory}");
        let speed = p["decode"][if surely { "low" } else { "high" }].as_f64().unwrap();
        assert!(speed >= 5.0, "{id}: {speed}");
        assert_ne!(model["gate"]["outcome"], "failed", "{id}");
    }
    assert!(!ids(&value).contains(&"qwen2.5-3b"), "its licence is for research");
    assert!(!ids(&value).contains(&"llama-3.3-70b"), "it is too large");
    let others = value["others"].as_array().unwrap();
    let why =
        |name: &str| others.iter().find(|other| other["name"] == name).unwrap()["kind"].as_str().unwrap().to_owned();
    assert_eq!(why("qwen2.5-3b"), "forbidden by the licence");
    assert_eq!(why("llama-3.3-70b"), "too large");
    assert_eq!(why("claude-haiku-open-weights"), "forbidden by the licence");
    assert_eq!(why("llama-4-compact-12b"), "shape not known");
    let value = json(&["fit", "--device", "iphone-15"]);
    let others = value["others"].as_array().unwrap();
    let compact = others.iter().find(|other| other["name"] == "llama-4-compact-12b").unwrap();
    assert_eq!(compact["kind"], "too large", "its announced parameters bound it from below");
    assert!(
        compact["why"].as_str().unwrap().starts_with("its weights alone take at least 6.8 GB as Q4_0"),
        "{compact}"
    );
    let text = stdout(&args);
    assert!(text.contains("every figure below is predicted"), "{text}");
    assert!(text.contains("Google Pixel 10") && text.contains("from memory, unchecked"), "{text}");
    assert!(text.contains("next") && text.contains("plimsoll info"), "{text}");
}

#[test]
fn the_order_is_that_of_the_panels_words_and_within_each_by_who_is_for_it_fit_licence_and_parameters() {
    let value = json(&["fit", "--device", "rpi5-8gb", "--use", "commercial"]);
    let rank = |model: &Value| {
        assert_eq!(model["verdict"]["predicted"], true);
        (
            model["verdict"]["word"] != "Try",
            std::cmp::Reverse(
                2 * model["verdict"]["tries"].as_u64().unwrap_or(0) + model["verdict"]["perhaps"].as_u64().unwrap_or(0),
            ),
            model["floats"] != "yes",
            model["gate"]["outcome"] != "passed",
            model["predicted"]["runner"] != "this_program",
            std::cmp::Reverse(model["parameters"].as_u64().unwrap()),
        )
    };
    let ranks: Vec<_> = value["models"].as_array().unwrap().iter().map(rank).collect();
    // Of those that are alike the lightest stands first.
    assert!(ranks.len() > 10 && ranks[1..].is_sorted() && ranks[0].0 == ranks[1].0, "{ranks:?}");
    assert!(value["ranked_by"].as_str().unwrap().contains("not known before they are measured"));
}

#[test]
fn more_context_takes_more_memory_and_lets_fewer_float() {
    let floating = |context: &str| ids(&json(&["fit", "--device", "rpi5-8gb", "--context", context])).len();
    assert!(floating("32768") < floating("2048"));
    let value = json(&["fit", "--device", "rpi5-8gb", "--context", "100000"]);
    let others = value["others"].as_array().unwrap();
    let short = others.iter().find(|other| other["name"] == "smollm2-135m").unwrap();
    assert_eq!(short["why"], "its context ends at 8192 tokens");
    let value = json(&["fit", "--device", "rpi5-8gb"]);
    let short = value["models"].as_array().unwrap().iter().find(|model| model["id"] == "moondream");
    assert_eq!(short.unwrap()["predicted"]["context"], 2048, "where nobody asks for more, as many as it takes");
}

#[test]
fn models_that_do_not_see_are_left_out_where_pictures_are_asked_for() {
    let value = json(&["fit", "--device", "rpi5-16gb", "--pictures", "1"]);
    assert!(ids(&value).contains(&"smolvlm-256m") && !ids(&value).contains(&"smollm3"));
    let model = value["models"].as_array().unwrap().iter().find(|model| model["id"] == "smolvlm-256m").unwrap();
    assert!(model["predicted"]["memory"]["tower"].as_u64().unwrap() > 187_000_000, "93.5M parameters in 16 bits");
}

#[test]
fn the_list_is_folded_until_all_is_asked_for_and_then_says_why() {
    let folded = stdout(&["fit", "--device", "apple-m4-max"]);
    let all = stdout(&["fit", "--device", "apple-m4-max", "--all"]);
    let said = folded.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("more with --all") && said.contains("--all says why"), "{folded}");
    assert!(all.contains("llama-4-maverick: takes"), "{all}");
    assert!(folded.lines().count() <= 52, "{folded}");
    assert!(folded.contains("another engine"), "its GPU needs one: {folded}");
}

#[test]
fn nothing_that_floats_is_said_with_what_to_ask_instead() {
    let text = stdout(&["fit", "--device", "pixel-10", "--need", "decode>100000000"]);
    assert!(text.contains("none of the catalogue's models") && text.contains("ask for less"), "{text}");
}

#[test]
fn a_device_without_bandwidth_leaves_speed_open_and_never_passes_a_need_for_it() {
    let value = json(&["fit", "--device", "vm-4vcpu", "--need", "decode>1"]);
    assert!(value["models"].as_array().unwrap().iter().all(|model| model["floats"] == "perhaps"));
    assert!(value["models"][0]["predicted"]["decode"].is_null());
}

#[test]
fn a_profile_of_ones_own_is_read_and_a_broken_one_refused_with_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("box.toml");
    let profile = "id = \"box\"\nname = \"Box\"\nkind = \"board\"\nchip = \"c\"\nengine = \"processor\"\n\
                   memory = { value = 2e9, standing = \"measured\" }\napp_memory = { value = 1e9, standing = \"measured\" }\n";
    fs::write(&file, profile).unwrap();
    let path = file.to_str().unwrap();
    let value = json(&["fit", "--device", path]);
    assert_eq!(value["device"]["profile"]["name"], "Box");
    assert!(ids(&value).contains(&"smollm2-360m") && !ids(&value).contains(&"smollm3"));
    fs::write(&file, profile.replace("1e9", "-1e9")).unwrap();
    let (code, error) = told(&["fit", "--device", path]);
    assert_eq!(code, Some(1));
    assert!(error.contains("box.toml") && error.contains("key `app_memory`"), "{error}");
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_could_be() {
    let (code, error) = told(&["fit", "--device", "pixel-11"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("no device is called `pixel-11`") && error.contains("did you mean `pixel-10`"), "{error}");
    let (code, error) = told(&["fit", "--need", "memory"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("memory<2GB"), "{error}");
    let (_, error) = told(&["fit", "--need", "accuracy>0.8"]);
    assert!(error.contains("only memory, decode and prefill are predicted"), "{error}");
    let (_, error) = told(&["fit", "--quant", "Q3_K_M"]);
    assert!(error.contains("Q4_K_M"), "{error}");
    let (_, error) = told(&["fit", "--memory", "lots"]);
    assert!(error.contains("`lots` is no number"), "{error}");
}

#[test]
fn no_context_is_refused_and_so_is_more_than_a_model_has() {
    let (code, error) = told(&["fit", "--device", "pixel-10", "--context", "0"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("--context"), "{error}");
    for context in ["0", "100000"] {
        let on = ["--device", "pixel-10", "--context", context];
        for args in [&["info", "smollm2-135m"][..], &["compare", "smollm2-135m", "smollm3"]] {
            let (code, error) = told(&[args, &on].concat());
            assert_eq!(code, Some(1), "{args:?}");
            assert!(error.contains(&format!("--context is {context}, and `smollm2-135m` takes 1 to 8192")), "{error}");
        }
    }
    let most = usize::MAX.to_string();
    let value = json(&["fit", "--device", "rpi5-16gb", "--pictures", &most]);
    assert!(!ids(&value).contains(&"smolvlm-256m"), "no context holds so many");
}

#[test]
fn one_picture_is_counted_of_each_model_that_sees_unless_none_is_asked_for() {
    let tower = |more: &[&str]| {
        let value = json(&[&["fit", "--device", "rpi5-16gb"], more].concat());
        let models = value["models"].as_array().unwrap();
        let of = |id: &str| models.iter().find(|model| model["id"] == id).unwrap();
        let (sees, blind) = (of("smolvlm-256m"), of("smollm3"));
        assert_eq!(blind["predicted"]["memory"]["tower"], 0);
        sees["predicted"]["memory"]["tower"].as_u64().unwrap()
    };
    assert!(tower(&[]) > 187_000_000);
    assert_eq!(tower(&["--pictures", "0"]), 0);
    let text = stdout(&["fit", "--device", "rpi5-16gb"]);
    let said = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("one picture of each model that sees (--pictures 0: none)"), "{said}");
}

#[test]
fn flags_of_a_measurement_are_refused_by_name_where_nothing_is_measured() {
    let pair = ["compare", "smollm3", "llama-3.1-8b"];
    for (flags, named) in [
        (&["--items", "20"][..], "--items is of a measurement"),
        (&["--repeat", "3", "--seed", "9"], "--seed, --repeat are of a measurement"),
        (&["--margin", "0.03", "--base", "A"], "--margin, --base are of"),
        (&["--context", "512", "--image", "p.png"], "--image is of"),
        (&["--store", "x.db"], "--store is of"),
        (&["--report", "/tmp"], "--report is of"),
    ] {
        let (code, error) = told(&[&pair[..], &["--device", "pixel-10"], flags].concat());
        assert_eq!(code, Some(1), "{flags:?}");
        assert!(error.contains(named) && error.contains("with --device nothing is measured"), "{error}");
        let (_, error) = told(&[&pair[..], flags].concat());
        assert!(error.contains(named) && error.contains("the files of `smollm3` are not on this machine"), "{error}");
    }
    assert!(stdout(&[&pair[..], &["--device", "pixel-10", "--no-report"]].concat()).contains("predicted"));
}

#[test]
fn a_chat_that_is_named_stays_one_on_a_phone() {
    let text = |more: &[&str]| stdout(&[&["compare", "smollm3", "qwen3-4b", "--device", "pixel-10"], more].concat());
    assert!(text(&[]).lines().next().unwrap().ends_with("(commercial; phone)"));
    assert!(text(&["--workload", "chat"]).lines().next().unwrap().ends_with("(commercial; chat)"));
}

#[test]
fn info_predicts_every_usual_quantisation_of_a_model_without_files() {
    let args = ["info", "smollm3", "--device", "pixel-10"];
    let text = stdout(&args);
    for name in ["BF16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0"] {
        assert!(text.contains(name), "{name}: {text}");
    }
    assert!(text.contains("1.9 GB") && text.contains("class default"), "published size, standing of the shape: {text}");
    let value = json(&args);
    let all = value["predicted"][0]["quantisations"].as_array().unwrap();
    let memory: Vec<f64> = all.iter().map(|p| p["memory"]["total"]["high"].as_f64().unwrap()).collect();
    assert!(memory.windows(2).all(|pair| pair[0] > pair[1]), "{memory:?}");
    assert!(text.contains("panel          Try, predicted"), "{text}");
    let unknown = stdout(&["info", "llama-4-compact-12b"]);
    assert!(!unknown.contains("predicted"), "{unknown}");
    assert!(unknown.contains("at least 6.8 GB as Q4_0: its announced parameters alone"), "{unknown}");
}

#[test]
fn models_without_files_are_compared_by_what_is_predicted() {
    let text = stdout(&["compare", "smollm3", "llama-3.1-8b", "--device", "pixel-10"]);
    assert!(text.contains("No figure here was measured: memory and speed are predicted"), "{text}");
    assert!(text.starts_with("Try SmolLM3 first, predicted (commercial; phone)"), "{text}");
    let again = text.lines().rev().take(8).any(|line| line.starts_with("Try SmolLM3 first."));
    assert!(again && text.lines().count() <= 42, "{text}");
    let trade = stdout(&["compare", "smollm3", "llama-3.2-3b", "--device", "pixel-10"]);
    let trade = trade.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(trade.contains("SmolLM3 takes less memory (predicted"), "{trade}");
    assert!(text.contains("allowed up to 700 million monthly users"), "{text}");
    assert!(text.contains("rightly only a measurement tells"), "{text}");
    assert!(text.contains("plimsoll pull HuggingFaceTB/SmolLM3-3B"), "{text}");
    let seed = stdout(&["compare", "claude-haiku-open-weights", "llama-4-compact-12b", "--device", "pixel-10"]);
    let seed = seed.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(seed.contains("its shape is not published"), "{seed}");
    let many =
        stdout(&["compare", "smollm3", "qwen3-4b", "llama-3.1-8b", "llama-4-scout-int4", "--device", "pixel-10"]);
    assert!(many.contains("Not for this:") && many.contains("Llama 4 Scout"), "{many}");
    let value = json(&["compare", "smollm3", "llama-3.1-8b", "--device", "pixel-10"]);
    assert_eq!((&value["predicted"], &value["measured"]), (&Value::from(true), &Value::from(false)));
    assert_eq!(value["models"][0]["review"]["verdict"]["word"], "Try");
    let demos = stdout(&["compare", "demo:small", "demo:large", "--device", "pixel-10"]);
    assert!(demos.starts_with("Try neither, predicted") && demos.contains("to show how that works"), "{demos}");
    let demos = demos.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(demos.contains("4096 tokens of context; 1024 of Demo, "), "{demos}");
    let needing = ["--device", "pixel-10", "--context", "8192", "--need", "memory at most 4 GB, decode>5"];
    let needing = stdout(&[&["compare", "smollm3", "qwen3-4b"][..], &needing].concat());
    let needing = needing.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(needing.contains("--need 'memory<4GB' --need 'decode>5tokens/s' --context 8192"), "{needing}");
    let (code, error) = told(&["compare", "smollm3", "no-such-thing"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("no-such-thing"), "{error}");
}

#[test]
fn a_slip_in_a_name_is_met_with_the_name_and_an_address_with_its_card() {
    let (_, error) = told(&["run", "smolm3", "hi"]);
    assert!(error.contains("did you mean `smollm3`?"), "{error}");
    let (_, error) = told(&["run", "demo:larg", "hi"]);
    assert!(error.contains("did you mean `demo:large`?"), "{error}");
    for address in ["hf.co/Qwen/Qwen3-4B:Q4_K_M", "https://huggingface.co/Qwen/Qwen3-4B", "llama3.2"] {
        let (_, error) = told(&["run", address, "hi"]);
        assert!(error.contains("is known, but its files are not on this machine"), "{address}: {error}");
    }
    let (_, error) = told(&["catalog", "smolm3"]);
    assert!(error.contains("did you mean `smollm3`?"), "{error}");
}

#[test]
fn commands_of_other_programs_are_met_with_what_stands_for_them() {
    for (word, meant) in [
        ("download", "plimsoll pull"),
        ("list", "plimsoll catalog"),
        ("chat", "plimsoll run"),
        ("show", "plimsoll info"),
    ] {
        let (code, error) = told(&[word, "smollm3"]);
        assert_eq!(code, Some(2), "{word}");
        assert!(error.contains(meant) && !error.contains("similar"), "{word}: {error}");
    }
}

#[test]
fn the_common_wrong_downloads_are_told_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let wrong = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        told(&["run", path.to_str().unwrap(), "hi"]).1
    };
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n";
    assert!(wrong("a.gguf", pointer).contains("Git LFS pointer"));
    assert!(wrong("b.gguf", "<!DOCTYPE html><title>Login</title>").contains("saved web page"));
    let folder = dir.path().join("lora");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("adapter_config.json"), "{}").unwrap();
    assert!(told(&["run", folder.to_str().unwrap(), "hi"]).1.contains("LoRA adapter"));
}

#[test]
fn devices_are_listed_and_one_is_shown_with_where_its_figures_come_from() {
    let list = stdout(&["catalog", "--devices"]);
    assert!(list.contains("pixel-10") && list.contains("rtx-4090"), "{list}");
    let one = stdout(&["catalog", "--devices", "rtx-4090"]);
    assert!(one.contains("another engine would be needed") && one.contains("from memory, unchecked"), "{one}");
}

#[test]
fn every_model_that_is_listed_can_be_looked_up_by_that_name() {
    let catalog = plimsoll_catalog::Catalog::builtin();
    let mut looked = 0;
    for card in catalog.cards() {
        for shape in &card.shapes {
            let name = if card.shapes.len() > 1 { shape.name().unwrap_or(&card.id) } else { &card.id };
            assert_eq!(catalog.resolve(name).map(|found| &found.id), Some(&card.id), "{name}");
            looked += 1;
        }
    }
    assert!(looked > 50, "{looked}");
}

#[test]
fn a_missed_need_is_not_called_a_size_and_the_excluded_stand_under_their_name() {
    let text = stdout(&["fit", "--device", "apple-m4-max", "--need", "memory<1GB", "--all"]);
    let others = text.lines().position(|line| line.starts_with("others")).unwrap();
    let excluded = text.lines().position(|line| line.starts_with("excluded")).unwrap();
    assert!(text.contains("miss a need") && others < excluded, "{text}");
    assert!(stdout(&["fit", "--device", "rpi5-16gb", "--pictures", "1"]).contains("\n               1 picture\n"));
}
