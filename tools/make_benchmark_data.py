"""Writes crates/lab/tests/data/benchmarks.json: how lm-evaluation-harness words and marks small made-up cases.

    pip install lm-eval==0.4.13 langdetect immutabledict nltk
    python -m nltk.downloader punkt    # only sentence counts need it; without it they are left out
    python tools/make_benchmark_data.py

Nothing of a benchmark is in it: rows are our own, in the published layouts.
"""

import json
import pathlib
import re
import string

import numpy as np
import yaml
from jinja2 import Environment
from lm_eval import tasks
from lm_eval.api.metrics import exact_match_fn
from lm_eval.filters.extraction import RegexFilter
from lm_eval.tasks.ifeval import utils as ifeval
from lm_eval.tasks.mmlu_pro import utils as mmlu_pro

TASKS = pathlib.Path(tasks.__file__).parent
OUT = pathlib.Path(__file__).parent.parent / "crates/lab/tests/data/benchmarks.json"


class Loader(yaml.SafeLoader):
    """Reads task files; functions are named and not run."""


Loader.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))


def task(path):
    return yaml.load((TASKS / path).read_text(), Loader)


def render(template, doc):
    env = Environment(keep_trailing_newline=True)  # as lm_eval/utils.py has it
    env.filters["regex_replace"] = lambda text, pattern, by: re.sub(pattern, by, text)
    return env.from_string(template).render(**doc)


def hellaswag_doc(doc):
    # tasks/hellaswag/utils.py, whose import needs a network: its two functions, run from their source.
    source = (TASKS / "hellaswag/utils.py").read_text().replace("import datasets", "")
    scope = {"re": re}
    exec(source.split("def process_docs")[0], scope)
    clean = scope["preprocess"]
    ctx = doc["ctx_a"] + " " + doc["ctx_b"].capitalize()
    return {
        "query": clean(doc["activity_label"] + ": " + ctx),
        "choices": [clean(ending) for ending in doc["endings"]],
        "gold": int(doc["label"]),
    }


def prompts():
    cases = []
    row = {"question": "Tom has 3 boats and buys 4. How many?", "answer": "3 + 4 = <<3+4=7>>7\n#### 7"}
    cases.append({"benchmark": "gsm8k", "row": row, "prompt": render(task("gsm8k/gsm8k.yaml")["doc_to_text"], row)})
    row = {
        "id": "own-1",
        "question": "What floats?",
        "choices": {"text": ["a stone", "a cork", "an anchor"], "label": ["A", "B", "C"]},
        "answerKey": "B",
    }
    arc = task("arc/arc_easy.yaml")
    cases.append({
        "benchmark": "arc", "row": row, "prompt": render(arc["doc_to_text"], row),
        "options": row["choices"]["text"], "target": int(render(arc["doc_to_target"], row)),
    })
    for endings, title in [(["ties a knot. ", "eats  the [step] rope."], ""), (["a [title] b", "c"], " [header] How to tie [title] Take the rope. ")]:
        row = {
            "activity_label": "Sailing", "ctx_a": "A man stands on a boat." + title, "ctx_b": "he THEN",
            "endings": endings, "label": "1",
        }
        doc = hellaswag_doc(row)
        cases.append({
            "benchmark": "hellaswag", "row": row, "prompt": doc["query"], "options": doc["choices"], "target": doc["gold"],
        })
    row = {
        "question_id": 5, "question": "Which is a knot?", "options": [" bowline", "bow ", "line"], "answer": "A",
        "answer_index": 0, "category": "computer science",
    }
    description = task("mmlu_pro/mmlu_pro_computer_science.yaml")["description"]
    cases.append({"benchmark": "mmlu-pro", "row": row, "prompt": description + mmlu_pro.doc_to_text(row)})
    row = {
        "task_id": 11, "text": "Write a function to add one.", "code": "def inc(n):\r\n    return n + 1",
        "test_list": ["assert inc(1) == 2", "assert inc(2) == 3", "assert inc(3) == 4"], "test_setup_code": "",
    }
    cases.append({"benchmark": "mbpp", "row": row, "prompt": render(task("mbpp/mbpp.yaml")["doc_to_text"], row)})
    return cases


def likelihoods():
    """`process_results` of lm_eval/api/task.py for multiple choice: argmax of sums, and of sums over characters."""
    cases = []
    rng = np.random.default_rng(7)
    for _ in range(20):
        options = ["".join(rng.choice(list(string.ascii_lowercase + " é"), rng.integers(1, 30))).strip() or "x" for _ in range(4)]
        sums = [float(-rng.gamma(2, 2) - 0.4 * len(option)) for option in options]
        answer = int(rng.integers(4))
        lengths = np.array([float(len(option)) for option in options])
        cases.append({
            "options": options, "log_likelihoods": sums, "answer": answer,
            "acc": float(np.argmax(sums) == answer), "acc_norm": float(np.argmax(np.array(sums) / lengths) == answer),
        })
    return cases


def gsm8k():
    yaml_task = task("gsm8k/gsm8k.yaml")
    metric = yaml_task["metric_list"][0]
    options = {key: metric[key] for key in ["ignore_case", "ignore_punctuation", "regexes_to_ignore"]}
    filters = {}
    for listed in yaml_task["filter_list"]:
        arguments = {key: value for key, value in listed["filter"][0].items() if key != "function"}
        filters[listed["name"]] = RegexFilter(**arguments)
    responses = [
        "3 + 4 = 7\n#### 7", "#### 7.", "#### 1,200", "The answer is $1,200.", "It is 1200 dollars.", "#### -7", "7", "",
        "#### seven", "He has 7, no 8.", "#### 7\n#### 8", "about 12.50", "$7", "####7", "#### $7", "12. 7.", "- 7 -",
        "It costs 1,200.00", "Question 7: 1200", "７",
    ]
    cases = []
    for answer in ["7", "1,200", "-7", "12.50"]:
        target = "Reasons.\n#### " + answer
        for response in responses:
            marks = {}
            for name, rule in filters.items():
                found = rule.apply([[response]], [{}])
                found = list(found)[0][0]
                marks[name] = bool(exact_match_fn(predictions=[found], references=[target], **options)["exact_match"])
            cases.append({
                "answer": answer, "response": response, "strict": marks["strict-match"], "flexible": marks["flexible-extract"],
            })
    return cases


def mmlu_pro_cases():
    listed = task("mmlu_pro/_default_template_yaml")["filter_list"][0]["filter"][0]
    rule = RegexFilter(listed["regex_pattern"])
    cases = []
    for response in [
        "The answer is (B).", "the answer is B", "Answer is B", "answer is (C)", "The answer is (J)", "B", "",
        "The answer is (A). No, the answer is (B).", "the answer is K", "answer is  B",
    ]:
        found = list(rule.apply([[response]], [{}]))[0][0]
        cases.append({"answer": "B", "response": response, "right": found == "B"})
    return cases


ENGLISH = (
    "The harbour was quiet that morning, and the fishermen were mending their nets. Nobody had seen the ship come in. "
    "It lay at the far end of the pier with its sails furled and its lanterns still burning."
)
GERMAN = (
    "Der Hafen war an diesem Morgen ruhig, und die Fischer flickten ihre Netze. Niemand hatte das Schiff kommen sehen. "
    "Es lag am Ende der Mole mit gerefften Segeln und noch brennenden Laternen."
)
ANSWERS = [
    "", "Yes.", ENGLISH, ENGLISH.lower(), ENGLISH.upper(), GERMAN, f'"{ENGLISH}"', '"',
    "First line\n" + ENGLISH + "\nLast line", "My answer is yes.", "**My answer is no.**\nP.S. Bye", "p. p. s. later",
    "* one\n* two\n- three", "** not a bullet\n* *half*", "*one* and **two** and ** ** and *three*",
    "Section 1\nText\nSection 2\nMore", "SECTION 1 a SECTION 2 b", "A\n***\nB\n***\nC", "***\nA\n***\nB", "A\n***\n***\nB",
    '{"a": [1, 2]}', '```json\n{"a": 1}\n```', "```\n[1]\n```", "{a: 1}", "<<A title>>\nText", "<< >>", "<<a>> [name] [address]",
    "one******two", "same******same", "a******\n******b", "******a******b******",
    "the boat sails\n\nThe boat sinks\n\n'ship!' they cried", "ship ahoy\n\nShip.", "a\n\n\n\nb",
    "Tell me about boats. Boats float.", "tell me about boats.\n\nThey do float", "no more words. The end",
    "No more words. The end.", '"The END"', "A boat and a BOAT and boats", "No comma here", "One, two",
    "It IS a VERY BIG boat, SAID the well-known CAPTAIN", "I'M HERE. DON'T GO", "ABC-DEF GHI", "zzz qqq zzz",
]


def ifeval_rows():
    at_least, less = "at least", "less than"
    instructions = [
        ("keywords:existence", {"keywords": ["boat", "float"]}),
        ("keywords:frequency", {"keyword": "boat", "frequency": 2, "relation": at_least}),
        ("keywords:frequency", {"keyword": "boat", "frequency": 2, "relation": less}),
        ("keywords:forbidden_words", {"forbidden_words": ["ship", "the"]}),
        ("keywords:letter_frequency", {"letter": "z", "let_frequency": 3, "let_relation": at_least}),
        ("keywords:letter_frequency", {"letter": "e", "let_frequency": 4, "let_relation": less}),
        ("language:response_language", {"language": "de"}),
        ("length_constraints:number_paragraphs", {"num_paragraphs": 2}),
        ("length_constraints:number_words", {"num_words": 5, "relation": at_least}),
        ("length_constraints:number_words", {"num_words": 5, "relation": less}),
        ("length_constraints:nth_paragraph_first_word", {"num_paragraphs": 3, "nth_paragraph": 3, "first_word": "Ship"}),
        ("length_constraints:nth_paragraph_first_word", {"num_paragraphs": 2, "nth_paragraph": 1, "first_word": "ship"}),
        ("detectable_content:number_placeholders", {"num_placeholders": 2}),
        ("detectable_content:postscript", {"postscript_marker": "P.S."}),
        ("detectable_content:postscript", {"postscript_marker": "P.P.S"}),
        ("detectable_format:number_bullet_lists", {"num_bullets": 3}),
        ("detectable_format:constrained_response", {}),
        ("detectable_format:number_highlighted_sections", {"num_highlights": 3}),
        ("detectable_format:multiple_sections", {"section_spliter": "Section", "num_sections": 2}),
        ("detectable_format:json_format", {}),
        ("detectable_format:title", {}),
        ("combination:two_responses", {}),
        ("combination:repeat_prompt", {"prompt_to_repeat": "Tell me about boats."}),
        ("startend:end_checker", {"end_phrase": "The end"}),
        ("change_case:english_capital", {}),
        ("change_case:english_lowercase", {}),
        ("punctuation:no_comma", {}),
        ("startend:quotation", {}),
    ]
    rows = [[one] for one in instructions]
    rows.append([instructions[0], instructions[26], instructions[17]])
    if has("punkt"):
        rows.append([("length_constraints:number_sentences", {"num_sentences": 3, "relation": at_least})])
        rows.append([("change_case:capital_word_frequency", {"capital_frequency": 3, "capital_relation": at_least})])
    return rows


def has(what):
    import nltk

    try:
        nltk.data.find(f"tokenizers/{what}")
        return True
    except LookupError:
        return False


def ifeval_cases():
    cases = []
    for index, row in enumerate(ifeval_rows()):
        doc = {
            "key": index, "prompt": "Do as told.", "instruction_id_list": [name for name, _ in row],
            "kwargs": [kwargs for _, kwargs in row],
        }
        # The detector is given only what it has enough letters to tell.
        tells_language = any(name.startswith(("language", "change_case:english")) for name, _ in row)
        answers = [answer for answer in ANSWERS if not tells_language or len(answer) > 150]
        found = []
        for answer in answers:
            result = ifeval.process_results(doc, [answer])
            found.append({
                "response": answer, "strict": result["inst_level_strict_acc"], "loose": result["inst_level_loose_acc"],
            })
        cases.append({"row": doc, "answers": found})
    return cases


def main():
    import langdetect

    langdetect.DetectorFactory.seed = 0
    data = {
        "made_with": "lm-eval 0.4.13", "prompts": prompts(), "likelihoods": likelihoods(), "gsm8k": gsm8k(),
        "mmlu_pro": mmlu_pro_cases(), "ifeval": ifeval_cases(),
    }
    # A case a line, so that a change shows as the cases that changed.
    parts = []
    for name, cases in data.items():
        value = json.dumps(cases, ensure_ascii=False)
        if isinstance(cases, list):
            value = "[\n" + ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases) + "\n]"
        parts.append(f"{json.dumps(name)}: {value}")
    OUT.write_text("{" + ",\n".join(parts) + "}\n")
    print(OUT, OUT.stat().st_size, "bytes")


main()
