"""Asks lm-evaluation-harness and Plimsoll the same questions of the same local files, and tells every item that one of them
marks right and the other does not.

    pip install "lm-eval[hf]==0.4.13" torch
    python tools/beside_lm_eval.py target/release/plimsoll demo/large [MODEL...]

A MODEL is a folder in Hugging Face layout. Files are made up here, in the published layouts of GSM8K, ARC, HellaSwag and
MMLU; nothing of a benchmark is in them. Words and marking are those of the harness's own task files, which are read from the
package and pointed at the local files. Both programs continue text (no chat template), with the token that begins a text
where the tokenizer has one; the harness computes in float32. Exit status: 0 if nothing is marked otherwise, 1 if something
is. The last table stands in tools/README.md.
"""

import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")

import lm_eval
import torch
import yaml
from lm_eval import tasks as harness_tasks
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks.hellaswag import utils as hellaswag_utils

TASKS = pathlib.Path(harness_tasks.__file__).parent
NAMES = ["Ann", "Ben", "Cara", "Dan", "Eva", "Finn"]
THINGS = ["apples", "books", "cups", "pens", "stones"]
FACTS = [
    ("Which is an animal?", ["dog", "table", "cup", "stone"], 0),
    ("Which is a colour?", ["seven", "green", "chair", "Monday"], 1),
    ("Which is a day of the week?", ["spoon", "river", "Friday", "three"], 2),
    ("Which is the largest number?", ["3", "12", "7", "45"], 3),
    ("Which is the smallest number?", ["3", "12", "7", "45"], 0),
    ("Which comes after Monday?", ["Sunday", "Tuesday", "Friday", "Saturday"], 1),
    ("How many minutes has an hour?", ["12", "24", "60", "100"], 2),
    ("Which is written with three letters?", ["house", "garden", "tree", "cat"], 3),
]


def sums(rng, n):
    rows = []
    for _ in range(n):
        a, b = rng.randint(1, 60), rng.randint(1, 60)
        name, thing = rng.choice(NAMES), rng.choice(THINGS)
        question = f"{name} has {a} {thing} and gets {b} more. How many {thing} does {name} have?"
        rows.append({"question": question, "answer": f"{name} has {a} + {b} = {a + b} {thing}.\n#### {a + b}"})
    return rows


def choices(rng, n):
    rows = []
    for index in range(n):
        question, options, answer = FACTS[index % len(FACTS)]
        order = list(range(len(options)))
        rng.shuffle(order)
        rows.append((f"{question} ({rng.choice(NAMES)} asks.)", [options[i] for i in order], order.index(answer)))
    return rows


def endings(rng, n):
    rows = []
    for index in range(n):
        name, thing = rng.choice(NAMES), rng.choice(THINGS)
        ends = [
            f"puts the {thing} on the table.",
            f"is a {thing} and a day of the week, and goes home.",
            "[title] sleeps. [substeps] The end of the story is long.",
            f"gives the {thing} to a friend and is happy.",
        ]
        rng.shuffle(ends)
        rows.append({
            "ind": index, "activity_label": "Playing at home", "ctx_a": f"{name} takes some {thing}.", "ctx_b": f"then {name}",
            "ctx": "", "endings": ends, "label": str(rng.randrange(4)), "source_id": "own", "split": "val", "split_type": "own",
        })
    return rows


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


class Loader(yaml.SafeLoader):
    """Reads task files; functions are named and not run."""


Loader.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))


def task(file, files, **changes):
    """The harness's task with its words, over local files."""
    config = yaml.load((TASKS / file).read_text(), Loader)
    config = {key: value for key, value in config.items() if key not in ("tag", "dataset_name", "metadata")}
    splits = {"training_split": "train", "validation_split": None, "test_split": "test"}
    config |= {"dataset_path": "json", "dataset_kwargs": {"data_files": files}} | splits | changes
    return {key: value for key, value in config.items() if value is not None}


def cases(folder, items):
    """Name, the harness's task, its metric and filter, and what Plimsoll is asked with."""
    rng = random.Random(7)
    train, test = write(folder / "train.jsonl", sums(rng, 8)), write(folder / "test.jsonl", sums(rng, items))
    arc = [
        {"id": f"own-{i}", "question": q, "choices": {"text": options, "label": ["A", "B", "C", "D"]}, "answerKey": "ABCD"[a]}
        for i, (q, options, a) in enumerate(choices(rng, items))
    ]
    arc = write(folder / "arc.jsonl", arc)
    hellaswag = write(folder / "hellaswag.jsonl", endings(rng, items))
    mmlu = [
        {"question": q, "subject": "own_questions", "choices": options, "answer": a} for q, options, a in choices(rng, items)
    ]
    mmlu = write(folder / "mmlu.jsonl", mmlu)
    first = {"sampler": "first_n"}
    sums_of = lambda shots: task(
        "gsm8k/gsm8k.yaml", {"train": train, "test": test}, task=f"own_gsm8k_{shots}", num_fewshot=shots, fewshot_config=first
    )
    subject = "about {words}own questions.\n\n"
    heading = "The following are multiple choice questions (with answers) "
    words_of = lambda name, words: task(
        "mmlu/default/_default_template_yaml", {"test": mmlu}, task=f"own_mmlu_{name}", training_split=None,
        fewshot_split=None, fewshot_config=None, description=heading + subject.format(words=words),
    )
    only_test = {"training_split": None}
    return [
        ("GSM8K, 0-shot", sums_of(0), "exact_match", "flexible-extract", ["--benchmark", f"gsm8k={test}"]),
        ("GSM8K, 2-shot", sums_of(2), "exact_match", "strict-match",
         ["--benchmark", f"gsm8k={test}", "--shots", "2", "--shots-from", train]),
        ("ARC", task("arc/arc_easy.yaml", {"test": arc}, task="own_arc", **only_test), "acc_norm", "none",
         ["--benchmark", f"arc={arc}"]),
        ("HellaSwag", task("hellaswag/hellaswag.yaml", {"test": hellaswag}, task="own_hellaswag",
                           process_docs=hellaswag_utils.process_docs, **only_test), "acc_norm", "none",
         ["--benchmark", f"hellaswag={hellaswag}"]),
        ("MMLU, Hendrycks' heading", words_of("hendrycks", " "), "acc", "none", ["--benchmark", f"mmlu={mmlu}"]),
        ("MMLU, the harness's heading", words_of("own", ""), "acc", "none", ["--benchmark", f"mmlu={mmlu}"]),
    ]


class BeginsTexts(HFLM):
    """The harness's model with the token that begins a text before every text: what its flag adds only where a tokenizer's
    post-processor does."""

    def begun(self, ids):
        bos = self.tokenizer.bos_token_id
        return ids if bos is None or ids[:1] == [bos] else [bos, *ids]

    def tok_encode(self, string, *args, **kwargs):
        return self.begun(super().tok_encode(string, *args, **kwargs))

    def tok_batch_encode(self, strings, *args, **kwargs):
        ids, mask = super().tok_batch_encode(strings, *args, **kwargs)
        assert len(ids) == 1, "one at a time, so that nothing is padded"
        ids = torch.tensor([self.begun(ids[0].tolist())])
        return ids, torch.ones_like(ids)


def of_harness(model, config, metric, chosen):
    """Whether each item is right, in the order of the file."""
    found = lm_eval.simple_evaluate(model=model, tasks=[config], log_samples=True, bootstrap_iters=0, verbosity="ERROR")
    samples = found["samples"][config["task"]]
    samples = sorted((sample for sample in samples if sample["filter"] == chosen), key=lambda sample: sample["doc_id"])
    return [sample[metric] == 1.0 for sample in samples]


def of_plimsoll(binary, model, args, store):
    command = [binary, "eval", model, *args, "--prompting", "base", "--json", "--store", store]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return [outcome["correct"] for outcome in answer["outcomes"]]


def main():
    binary, models, items = sys.argv[1], sys.argv[2:], int(os.environ.get("ITEMS", "80"))
    otherwise = 0
    heads = ["model", "questions", "items", "right: harness", "right: Plimsoll", "marked otherwise"]
    print(f"| {' | '.join(heads)} |\n|---|---|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for model in models:
            loaded = BeginsTexts(pretrained=model, device="cpu", dtype="float32", batch_size=1)
            for name, config, metric, chosen, args in cases(folder, items):
                one = of_harness(loaded, config, metric, chosen)
                other = of_plimsoll(binary, model, args, str(folder / "evidence.db"))
                assert len(one) == len(other) == items, (name, len(one), len(other))
                differ = [index for index, pair in enumerate(zip(one, other)) if pair[0] != pair[1]]
                told = f"{len(differ)}" + (f" (items {', '.join(map(str, differ[:8]))})" if differ else "")
                row = [pathlib.Path(model).name, name, items, sum(one), sum(other), told]
                print(f"| {' | '.join(map(str, row))} |", flush=True)
                # The harness's own heading is other words: it is shown for what words are worth, and not held to be the same.
                otherwise += 0 if "harness's" in name else len(differ)
    sys.exit(1 if otherwise else 0)


if __name__ == "__main__":
    main()
