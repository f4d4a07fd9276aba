use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use plimsoll_sandbox::{CandidateProgram, ProgramVerdict, SandboxError};
use serde_json::{Value, json};

use super::{Asking, Benchmark, BenchmarkError, Examples, Marking, Row};
use crate::code::Judge;
use crate::prompting::Prompting;
use crate::score::Scoring;
use crate::suite::Item;

/// Passes what holds the published solution.
struct Knows;

impl Judge for Knows {
    fn judge(&self, program: &CandidateProgram) -> Result<ProgramVerdict, SandboxError> {
        let passes = program.code.contains("return n + 1");
        Ok(if passes { ProgramVerdict::Passed } else { ProgramVerdict::Failed { reason: String::new() } })
    }
}

fn asking(prompting: Prompting) -> Asking {
    Asking { prompting, shots: Some(0), shots_from: None, each: None, judge: Some(Arc::new(Knows)) }
}

/// The question of a row.
fn item(benchmark: Benchmark, row: Value, prompting: Prompting) -> Item {
    let asking = asking(prompting);
    let draft = benchmark.question(&Row::of(row), &Default::default(), &Examples::None, &asking).unwrap().unwrap();
    benchmark.item(draft, 1, &asking)
}

fn read(benchmark: Benchmark, name: &str, bytes: &[u8]) -> Result<Vec<Item>, BenchmarkError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    benchmark.read(&path, &asking(Prompting::Base)).map(|(_, items)| items)
}

/// Cases that tools/make_benchmark_data.py took from lm-evaluation-harness.
fn reference() -> Value {
    serde_json::from_str(include_str!("../../tests/data/benchmarks.json")).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

#[test]
fn words_and_options_are_those_of_the_harness() {
    for case in list(&reference()["prompts"]) {
        let benchmark: Benchmark = case["benchmark"].as_str().unwrap().parse().unwrap();
        let item = item(benchmark, case["row"].clone(), Prompting::Base);
        assert_eq!(item.prompt, case["prompt"].as_str().unwrap(), "{benchmark}");
        assert!(item.framing.continued);
        if let Some(options) = case["options"].as_array() {
            let found = item.scoring.options().unwrap().0;
            let wanted: Vec<String> = options.iter().map(|option| format!(" {}", option.as_str().unwrap())).collect();
            assert_eq!(found, wanted, "{benchmark}");
            assert_eq!(item.scoring.reference(), wanted[case["target"].as_u64().unwrap() as usize], "{benchmark}");
        }
    }
}

#[test]
fn likelihoods_are_marked_as_acc_and_acc_norm() {
    for case in list(&reference()["likelihoods"]) {
        let texts = |key: &str| list(&case[key]).iter().map(|text| text.as_str().unwrap().to_owned()).collect();
        let likelihoods: Vec<f64> =
            list(&case["log_likelihoods"]).iter().map(|value| value.as_f64().unwrap()).collect();
        let answer = case["answer"].as_u64().unwrap() as usize;
        let scoring = super::marking::likeliest_of(texts("options"), answer, true, Prompting::Base);
        let Scoring::Benchmark(marking) = scoring else { panic!("{scoring:?}") };
        let found: Vec<f64> = marking.readings("", &likelihoods).iter().map(|reading| reading.right).collect();
        assert_eq!(found, [case["acc"].as_f64().unwrap(), case["acc_norm"].as_f64().unwrap()], "{case}");
    }
}

#[test]
fn generated_numbers_and_letters_are_marked_as_the_harness_filters_them() {
    for case in list(&reference()["gsm8k"]) {
        let answer = case["answer"].as_str().unwrap().to_owned();
        let raw = case["response"].as_str().unwrap();
        for (strict, rule) in [(true, "strict"), (false, "flexible")] {
            let marking = Marking::Gsm8k { answer: answer.clone(), strict };
            assert_eq!(marking.mark(raw), case[rule].as_bool().unwrap(), "{rule}: {case}");
        }
    }
    for case in list(&reference()["mmlu_pro"]) {
        let marking = Marking::Letter { answer: case["answer"].as_str().unwrap().chars().next().unwrap() };
        assert_eq!(marking.mark(case["response"].as_str().unwrap()), case["right"].as_bool().unwrap(), "{case}");
    }
}

#[test]
fn instructions_are_checked_as_the_harness_checks_them() {
    let mut n = 0;
    for case in list(&reference()["ifeval"]) {
        let item = item(Benchmark::Ifeval, case["row"].clone(), Prompting::Chat);
        let Scoring::Benchmark(Marking::Ifeval(instructions)) = &item.scoring else { panic!("{item:?}") };
        for answer in list(&case["answers"]) {
            let response = answer["response"].as_str().unwrap();
            let marks = |key: &str| list(&answer[key]).iter().map(|mark| mark.as_bool().unwrap()).collect::<Vec<_>>();
            let row = &case["row"]["instruction_id_list"];
            assert_eq!(instructions.strict(response), marks("strict"), "{row} {response:?}");
            assert_eq!(instructions.loose(response), marks("loose"), "{row} {response:?}");
            n += 1;
        }
    }
    assert!(n > 100, "{n} answers");
}

#[test]
fn a_chat_is_asked_in_one_message_and_chooses_bare_options() {
    let row = json!({"question": "Q?", "choices": {"text": ["a", "b"], "label": ["1", "2"]}, "answerKey": "2"});
    let arc = item(Benchmark::Arc, row, Prompting::Chat);
    assert_eq!(
        (arc.scoring.options().unwrap().0, arc.framing.continued),
        (&["a".to_owned(), "b".to_owned()][..], false)
    );
    let sums = json!({"question": "Q?", "answer": "So.\n#### 1,200"});
    let gsm8k = item(Benchmark::Gsm8k, sums, Prompting::Chat);
    assert!(gsm8k.prompt.contains("####") && gsm8k.framing.stops.is_empty());
    assert!(gsm8k.scoring.mark("1000 + 200\n#### 1200") && !gsm8k.scoring.mark("It is 1200."));
}

#[test]
fn the_first_published_layout_of_arc_is_read_too() {
    let choices = json!([{"text": "a", "label": "A"}, {"text": "b", "label": "B"}]);
    let row = json!({"id": "X_1", "question": {"stem": "Q?", "choices": choices}, "answerKey": "B"});
    let item = item(Benchmark::Arc, row, Prompting::Base);
    assert_eq!((item.id.as_str(), item.prompt.as_str()), ("arc-X_1", "Question: Q?\nAnswer:"));
    assert_eq!(item.scoring.reference(), " b");
}

#[test]
fn a_program_of_mbpp_is_held_against_its_assertions_by_its_own_name() {
    let row = json!({
        "task_id": 11, "text": "Write a function to add one.", "code": "def helper(n):\r\n    return n\r\ndef inc(n):\r\n    return n + 1",
        "test_list": ["assert inc(1) == 2", "assert inc(2) == 3", "assert inc(3) == 4"], "test_setup_code": "import math",
    });
    let mbpp = item(Benchmark::Mbpp, row.clone(), Prompting::Base);
    let Scoring::Program(task) = &mbpp.scoring else { panic!("{mbpp:?}") };
    assert_eq!(task.problem.entry_point, "inc");
    assert!(task.problem.test.starts_with("def check(candidate):\n    inc = candidate\n    assert inc(1) == 2\n"));
    assert!(task.problem.reference().starts_with("import math\ndef helper"));
    assert!(mbpp.prompt.ends_with("assert inc(3) == 4\n[BEGIN]\n"));
    assert!(mbpp.scoring.marked("```python\ndef inc(n):\n    return n + 1\n```").unwrap());
    let mut other_split = row;
    other_split["task_id"] = json!(601);
    assert!(
        Benchmark::Mbpp
            .question(&Row::of(other_split), &Default::default(), &Examples::None, &asking(Prompting::Base))
            .unwrap()
            .is_none()
    );
}

#[test]
fn a_solution_that_fails_its_own_tests_is_a_broken_run() {
    let row = json!({"task_id": 12, "text": "T", "code": "def f(n):\n    return n", "test_list": ["assert f(1) == 2"]});
    let error = read(Benchmark::Mbpp, "mbpp.jsonl", row.to_string().as_bytes()).unwrap_err().to_string();
    assert!(error.contains("the canary `mbpp-12` failed: its own solution fails its tests"), "{error}");
}

#[test]
fn an_error_names_the_file_the_row_and_the_field() {
    let told = |name: &str, text: &str| read(Benchmark::Gsm8k, name, text.as_bytes()).unwrap_err().to_string();
    let good = "{\"question\": \"Q\", \"answer\": \"#### 1\"}";
    for (name, text, message) in [
        (
            "a.jsonl",
            format!("{good}\n{{\"question\": 7}}"),
            "a.jsonl`, row 2: field `question` should be a text, found a number",
        ),
        (
            "a.jsonl",
            format!("{good}\n{{\"question\": \"Q\"}}"),
            "row 2: field `answer` should be a text, found nothing",
        ),
        ("a.jsonl", r#"{"question": "Q", "answer": "1"}"#.to_owned(), "a text with a number behind `#### `"),
        ("a.jsonl", format!("{good}\nnot"), "a.jsonl`, line 2: not JSON"),
        ("a.jsonl", "[1]".to_owned(), "row 1: not a JSON object (it is a number)"),
        ("a.jsonl", String::new(), "holds no questions of gsm8k"),
        ("a.csv", "question,answer\nQ\n".to_owned(), "a.csv`, row 1: "),
        ("a.parquet", "PAR1 and no footer".to_owned(), "a.parquet`, footer: "),
    ] {
        let found = told(name, &text);
        assert!(found.contains(message), "{found}");
    }
    assert!("gsmk8".parse::<Benchmark>().unwrap_err().contains("did you mean `gsm8k`?"));
}

/// A Parquet file of one row group; `None` leaves a value out.
fn parquet(path: &Path, schema: &str, write: impl FnOnce(&mut SerializedFileWriter<std::fs::File>)) {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let file = std::fs::File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(WriterProperties::default())).unwrap();
    write(&mut writer);
    writer.close().unwrap();
}

#[test]
fn pictures_come_out_of_parquet_with_their_question() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("docvqa.parquet");
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vision/tests/data/pictures");
    let png = std::fs::read(pictures.join("alpha.png")).unwrap();
    let schema = "message m {
        required int64 questionId; required binary question (UTF8);
        optional group image { optional binary bytes; optional binary path (UTF8); }
        optional group answers (LIST) { repeated group list { optional binary element (UTF8); } } }";
    parquet(&path, schema, |writer| {
        let mut group = writer.next_row_group().unwrap();
        let mut bytes = |values: &[&[u8]], def: Option<&[i16]>, rep: Option<&[i16]>| {
            let values: Vec<ByteArray> = values.iter().map(|value| ByteArray::from(value.to_vec())).collect();
            let mut column = group.next_column().unwrap().unwrap();
            if values.is_empty() {
                column.typed::<Int64Type>().write_batch(&[7, 8], None, None).unwrap();
            } else {
                column.typed::<ByteArrayType>().write_batch(&values, def, rep).unwrap();
            }
            column.close().unwrap();
        };
        bytes(&[], None, None);
        bytes(&[b"What?", b"Who?"], None, None);
        bytes(&[&png, &png], Some(&[2, 2]), None);
        bytes(&[b"a.png"], Some(&[2, 1]), None);
        bytes(&[b"one", b"two", b"three"], Some(&[3, 3, 3]), Some(&[0, 1, 0]));
        group.close().unwrap();
    });
    let (source, items) = Benchmark::Docvqa.read(&path, &asking(Prompting::Base)).unwrap();
    assert_eq!(source.variant, "0-shot chat, ANLS of 0.5 or more");
    assert_eq!(items.iter().map(|item| item.id.as_str()).collect::<Vec<_>>(), ["docvqa-7", "docvqa-8"]);
    assert!(items[0].framing.images[0].picture().is_ok() && !items[0].framing.continued);
    assert!(items[0].scoring.mark("Two") && items[1].scoring.mark("thre") && !items[1].scoring.mark("two"));
    // Damage of every kind is a message.
    let whole = std::fs::read(&path).unwrap();
    for at in (4..whole.len()).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        std::fs::write(&path, &damaged).unwrap();
        let _ = Benchmark::Docvqa.read(&path, &asking(Prompting::Base));
        std::fs::write(&path, &whole[..at]).unwrap();
        assert!(Benchmark::Docvqa.read(&path, &asking(Prompting::Base)).is_err(), "cut at {at}");
    }
}

#[test]
fn a_packed_file_and_a_list_are_read_as_lines_are() {
    let line = "{\"question\": \"Q\", \"answer\": \"#### 1\"}";
    let lines = read(Benchmark::Gsm8k, "a.jsonl", line.as_bytes()).unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(line.as_bytes()).unwrap();
    assert_eq!(read(Benchmark::Gsm8k, "a.jsonl.gz", &packed.finish().unwrap()).unwrap(), lines);
    assert_eq!(read(Benchmark::Gsm8k, "a.json", format!("[{line}]").as_bytes()).unwrap(), lines);
    assert_eq!(read(Benchmark::Gsm8k, "a.csv", b"question,answer\nQ,#### 1\n").unwrap(), lines);
}

#[test]
fn mmlu_is_the_same_question_from_its_folder_and_from_the_hubs_file() {
    let folder = tempfile::tempdir().unwrap();
    for part in ["test", "dev"] {
        std::fs::create_dir(folder.path().join(part)).unwrap();
        std::fs::write(folder.path().join(part).join(format!("high_tide_{part}.csv")), "Q?,1,2,3,4,C\n").unwrap();
    }
    let (source, items) = Benchmark::Mmlu.read(folder.path(), &asking(Prompting::Base)).unwrap();
    assert_eq!(source.variant, "0-shot base, likeliest letter, words of Hendrycks' script; usually 5-shot");
    let row = json!({"question": "Q?", "subject": "high_tide", "choices": ["1", "2", "3", "4"], "answer": 2});
    let hub = item(Benchmark::Mmlu, row, Prompting::Base);
    assert_eq!((&items[0].prompt, &items[0].scoring, &items[0].category), (&hub.prompt, &hub.scoring, &hub.category));
    assert_eq!(items[0].category, "mmlu.high_tide");
    let shown = Asking { shots: Some(1), ..asking(Prompting::Chat) };
    let (source, items) = Benchmark::Mmlu.read(folder.path(), &shown).unwrap();
    assert!(source.variant.starts_with("1-shot chat") && items[0].prompt.contains("Answer: C\n\n"));
}

#[test]
fn a_letter_is_found_as_people_and_models_write_it() {
    let options: Vec<String> = ["a red fox", "a blue whale", "none"].map(str::to_owned).into();
    let marking = Marking::LetterOf { answer: 'B', options };
    for raw in ["B", "(B)", "B.", "The answer is B.", "(A) is wrong, so (B)", "I am quite sure it must be a blue whale"]
    {
        assert!(marking.mark(raw), "{raw}");
    }
    for raw in ["A", "", "it is the whale", "(B) or rather (C)"] {
        assert!(!marking.mark(raw), "{raw}");
    }
}

#[test]
fn calls_are_read_with_the_answers_that_lie_beside_the_questions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("BFCL_v3_simple.json");
    let parameters = json!({"type": "dict", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
    let row = json!({
        "id": "simple_0", "question": [[{"role": "user", "content": "Twice four?"}]],
        "function": [{"name": "double", "description": "Doubles.", "parameters": parameters}],
    });
    std::fs::write(&path, row.to_string()).unwrap();
    let missing = Benchmark::Bfcl.read(&path, &asking(Prompting::Chat)).unwrap_err().to_string();
    assert!(missing.contains("possible_answer") && missing.contains("cannot be read"), "{missing}");
    std::fs::create_dir(folder.path().join("possible_answer")).unwrap();
    let answers = folder.path().join("possible_answer/BFCL_v3_simple.json");
    std::fs::write(&answers, json!({"id": "simple_0", "ground_truth": [{"double": {"n": [4]}}]}).to_string()).unwrap();
    let (_, items) = Benchmark::Bfcl.read(&path, &asking(Prompting::Chat)).unwrap();
    assert_eq!((items[0].id.as_str(), items[0].category.as_str()), ("bfcl-simple_0", "bfcl.simple"));
    assert!(items[0].scoring.mark("[double(n=4)]") && !items[0].scoring.mark("double(n=5)"));
}

#[test]
fn examples_of_sums_stand_before_the_question_as_in_the_harness_and_in_a_chat_as_its_turns() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, rows: &[(&str, &str)]| {
        let path = folder.path().join(name);
        let lines = rows.iter().map(|(q, a)| format!("{}\n", serde_json::json!({ "question": q, "answer": a })));
        std::fs::write(&path, lines.collect::<String>()).unwrap();
        path
    };
    let train = file("train.jsonl", &[("One and one?", "It is two.\n#### 2"), ("Two and two?", "Four.\n#### 4")]);
    let test = file("test.jsonl", &[("Three and three?", "#### 6")]);
    let read = |prompting, shots| {
        let asking = Asking { shots: Some(shots), shots_from: Some(train.clone()), ..asking(prompting) };
        Benchmark::Gsm8k.read(&test, &asking)
    };
    let (source, items) = read(Prompting::Base, 2).unwrap();
    // doc_to_text, a blank, doc_to_target and an empty line between, of tasks/gsm8k/gsm8k.yaml.
    assert_eq!(
        items[0].prompt,
        "Question: One and one?\nAnswer: It is two.\n#### 2\n\nQuestion: Two and two?\nAnswer: Four.\n#### 4\n\n\
         Question: Three and three?\nAnswer:"
    );
    assert!(source.variant.starts_with("2-shot base, number behind ####"), "{}", source.variant);
    let (_, items) = read(Prompting::Chat, 1).unwrap();
    assert_eq!(items[0].framing.earlier.len(), 2);
    assert_eq!(items[0].framing.earlier[1].content, "It is two.\n#### 2");
    assert!(items[0].prompt.starts_with("Three and three?\n\n"));
    let error = read(Prompting::Base, 3).unwrap_err().to_string();
    assert!(error.ends_with("holds 2 examples of gsm8k, and 3 are to be shown"), "{error}");
}

/// Rows of a file beside rows of the same benchmark that are shown as examples.
fn shown(benchmark: Benchmark, rows: [&Value; 2], prompting: Prompting, shots: Option<usize>) -> (String, Item) {
    let folder = tempfile::tempdir().unwrap();
    let [test, train] = ["test.jsonl", "train.jsonl"].map(|name| folder.path().join(name));
    std::fs::write(&test, rows[0].to_string()).unwrap();
    std::fs::write(&train, rows[1].to_string()).unwrap();
    let asking = Asking { shots, shots_from: Some(train), ..asking(prompting) };
    let (source, mut items) = benchmark.read(&test, &asking).unwrap();
    (source.variant, items.remove(0))
}

#[test]
fn examples_of_options_stand_before_the_question_with_the_right_one() {
    let arc = |question: &str, key: &str| json!({ "id": "1", "question": question, "answerKey": key, "choices": { "text": ["ice", "fire"], "label": ["A", "B"] } });
    let rows = [&arc("Cold?", "A"), &arc("Hot?", "B")];
    let (variant, item) = shown(Benchmark::Arc, rows, Prompting::Base, Some(1));
    assert_eq!(item.prompt, "Question: Hot?\nAnswer: fire\n\nQuestion: Cold?\nAnswer:");
    assert_eq!(variant, "1-shot base, likeliest option for its length (acc_norm); usually 25-shot");
    let (_, item) = shown(Benchmark::Arc, rows, Prompting::Chat, Some(1));
    let turns: Vec<&str> = item.framing.earlier.iter().map(|turn| turn.content.as_str()).collect();
    assert_eq!((turns, item.prompt.as_str()), (vec!["Question: Hot?\nAnswer:", "fire"], "Question: Cold?\nAnswer:"));

    let hellaswag = |a: &str, label: usize| json!({ "activity_label": "Work", "ctx_a": a, "ctx_b": "", "endings": ["goes on.", "stops."], "label": label });
    let (_, item) = shown(Benchmark::Hellaswag, [&hellaswag("She", 0), &hellaswag("He", 1)], Prompting::Base, Some(1));
    assert_eq!(item.prompt, "Work: He stops.\n\nWork: She");

    let mmlu = |question: &str, subject: &str, answer: usize| json!({ "question": question, "subject": subject, "choices": ["1", "2", "3", "4"], "answer": answer });
    let rows = [&mmlu("Q?", "high_tide", 2), &mmlu("E?", "high_tide", 1)];
    let (variant, item) = shown(Benchmark::Mmlu, rows, Prompting::Base, Some(1));
    assert!(item.prompt.ends_with(
        "about  high tide.\n\nE?\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer: B\n\nQ?\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer:"
    ));
    assert!(variant.starts_with("1-shot base, likeliest letter"), "{variant}");
}

#[test]
fn examples_of_programs_are_the_published_ones_with_the_harness_s_joints() {
    let row = |id: usize, name: &str| {
        json!({
            "task_id": id, "text": format!("Write {name}."), "code": format!("def {name}(n):\r\n  return n + 1"),
            "test_list": [format!("assert {name}(1) == 1")], "test_setup_code": "",
        })
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mbpp.jsonl");
    let rows = [row(1, "one"), row(2, "two"), row(3, "three"), row(4, "four"), row(11, "eleven")];
    std::fs::write(&path, rows.map(|row| format!("{row}\n")).concat()).unwrap();
    let read = |prompting, shots| {
        let asking = Asking { shots, shots_from: Some(path.clone()), ..asking(prompting) };
        Benchmark::Mbpp.read(&path, &asking)
    };
    let (source, items) = read(Prompting::Base, None).unwrap();
    assert_eq!(source.variant, "3-shot base, one greedy program, run against its tests");
    let task = |name: &str| {
        format!(
            "You are an expert Python programmer, and here is your task: Write {name}. Your code should pass these \
             tests:\n\nassert {name}(1) == 1\n[BEGIN]\n"
        )
    };
    let done = |name: &str| format!("{}def {name}(n):\r\n  return n + 1\n[DONE]\n\n", task(name));
    assert_eq!(items[0].prompt, [done("two"), done("three"), done("four"), task("eleven")].concat());
    let (_, items) = read(Prompting::Chat, Some(1)).unwrap();
    assert_eq!(items[0].framing.earlier[1].content, "```python\ndef two(n):\n  return n + 1\n```");
    assert!(read(Prompting::Base, Some(4)).unwrap_err().to_string().contains("3 examples of mbpp, and 4"));
}

#[test]
fn a_subject_without_examples_is_refused_and_not_asked_without() {
    let row =
        |subject: &str| json!({ "question": "Q?", "subject": subject, "choices": ["1", "2", "3", "4"], "answer": 0 });
    let folder = tempfile::tempdir().unwrap();
    let [test, dev] = ["test.jsonl", "dev.jsonl"].map(|name| folder.path().join(name));
    std::fs::write(&test, row("high_tide").to_string()).unwrap();
    std::fs::write(&dev, row("low_tide").to_string()).unwrap();
    let asking = Asking { shots: None, shots_from: Some(dev), ..asking(Prompting::Base) };
    let error = Benchmark::Mmlu.read(&test, &asking).unwrap_err().to_string();
    assert!(error.contains("row 1: field `subject` should be one of which the examples' file has 5"), "{error}");
}

#[test]
fn parquet_is_read_however_its_pages_are_packed() {
    use parquet::basic::{Compression, GzipLevel, ZstdLevel};
    let folder = tempfile::tempdir().unwrap();
    let schema = "message m { required binary question (UTF8); required binary answer (UTF8); }";
    let packings = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::ZSTD(ZstdLevel::default()),
    ];
    for packing in packings {
        let path = folder.path().join("test.parquet");
        let properties = Arc::new(WriterProperties::builder().set_compression(packing).build());
        let file = std::fs::File::create(&path).unwrap();
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let mut writer = SerializedFileWriter::new(file, schema, properties).unwrap();
        let mut group = writer.next_row_group().unwrap();
        for text in ["How many? ".repeat(200), "#### 7".to_owned()] {
            let mut column = group.next_column().unwrap().unwrap();
            let values = [ByteArray::from(text.into_bytes())];
            column.typed::<ByteArrayType>().write_batch(&values, None, None).unwrap();
            column.close().unwrap();
        }
        group.close().unwrap();
        writer.close().unwrap();
        let (_, items) = Benchmark::Gsm8k.read(&path, &asking(Prompting::Base)).unwrap();
        assert!(items.len() == 1 && items[0].scoring.mark("#### 7"), "{packing}");
    }
}
