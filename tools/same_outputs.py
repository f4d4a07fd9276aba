#!/usr/bin/env python3
"""Runs two binaries of the program over the same models and compares what they print, byte for byte.

    python tools/same_outputs.py BEFORE AFTER [FOLDER …]

For a change that is to change nothing, such as names. Needs Python alone. Every folder with a config.json and every GGUF below a
FOLDER (default `../shared/fixtures`) is a model, beside the three that are embedded; what both refuse is compared too. The commands
are those whose output follows from the files: `info`, `tokenize`, `template`, `run` (likeliest, drawn with a seed, raw, with a
picture), `verify --fast`; and, without a model, the catalogue and `fit` for a named device. Compared are the exit status, stderr and
stdout less the keys of JSON that are measured on the machine, which MEASURED lists. Both run under one name, and with empty folders
for settings, data and the hub. Exit status 1 if anything differs.
"""

import argparse
import collections
import difflib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EMBEDDED = ["demo:small", "demo:large", "demo:vision"]
SECONDS = 300
# Keys of JSON whose values are times, or come of this process and this machine.
MEASURED = {"info": ["process", "memory_bytes", "speed"], "run": ["seconds"]}
TEXT = "The boat floats: 1234567 don't <|im_end|> é 東京 \U0001f600\n\n  x\t"
PROMPT = "Once upon a time, what is 12 + 7?"
REQUEST = {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Which one?"},
                        {"role": "assistant", "content": "The first."}, {"role": "user", "content": PROMPT}],
           "tools": [{"type": "function", "function": {"name": "f", "description": "g", "parameters": {"type": "object"}}}],
           "add_generation_prompt": True}
SHORT = ["--max-tokens", "16"]
PICTURE = ["--image", str(ROOT / "demo/images/five_shapes.png")]
OF_MODELS = {
    "info": ["info", "MODEL", "--json", "--show-template"],
    "tokenize": ["tokenize", "MODEL", TEXT],
    "tokenize --special": ["tokenize", "MODEL", TEXT, "--special", "--bos"],
    "template": ["template", "MODEL", "--request", "-", "--now", "2026-11-21T09:05:07Z", "--json"],
    "run": ["run", "MODEL", PROMPT, "--temperature", "0", *SHORT, "--json"],
    "run --seed": ["run", "MODEL", PROMPT, "--temperature", "0.9", "--top-p", "0.95", "--seed", "7", *SHORT, "--json"],
    "run --raw": ["run", "MODEL", PROMPT, "--raw", "--temperature", "0", *SHORT],
    "run --image": ["run", "MODEL", PROMPT, *PICTURE, "--temperature", "0", *SHORT, "--json"],
    "verify": ["verify", "MODEL", "--fast", "--json"],
}
WITHOUT_MODELS = {
    "catalog": ["catalog", "--json"],
    "catalog --devices": ["catalog", "--devices", "--json"],
    "fit": ["fit", "--device", "pixel-10", "--all", "--json"],
}


def models(folders):
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise SystemExit(f"{folder}: no such folder")
        yield from sorted(str(file.parent) for file in folder.rglob("config.json"))
        yield from sorted(str(file) for file in folder.rglob("*.gguf") if not file.name.startswith("mmproj"))


def without(keys, text):
    """The text less the values of these keys, whatever they are."""
    for key in keys:
        kept, at = [], 0
        for match in re.finditer(f'(?<!\\\\)"{key}": *', text):
            if match.start() >= at:
                kept.append(text[at : match.end()])
                at = json.JSONDecoder().raw_decode(text, match.end())[1]
        text = "".join(kept) + text[at:]
    return text


def said(binary, command, environment):
    """Exit status, stdout and stderr, as one text."""
    try:
        done = subprocess.run(["plimsoll", *command], executable=binary, input=json.dumps(REQUEST).encode(),
                              capture_output=True, env=environment, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return None, f"no end within {SECONDS} s\n"
    out, err = (text.decode(errors="backslashreplace") for text in (done.stdout, done.stderr))
    out = without(MEASURED.get(command[0], []), out)
    return done.returncode, f"exit status {done.returncode}\n--- stdout\n{out}\n--- stderr\n{err}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path, help="a binary")
    parser.add_argument("after", type=Path, help="the one to hold beside it")
    parser.add_argument("folders", nargs="*", default=[os.path.relpath(ROOT.parent / "shared/fixtures")], help="where models lie")
    args = parser.parse_args()
    runs = [(label, command, "") for label, command in WITHOUT_MODELS.items()]
    for model in [*EMBEDDED, *models(args.folders)]:
        runs += [(label, [model if word == "MODEL" else word for word in command], model) for label, command in OF_MODELS.items()]
    table = {label: collections.Counter() for label in [*OF_MODELS, *WITHOUT_MODELS]}
    differences = collections.defaultdict(list)
    with tempfile.TemporaryDirectory() as empty:
        folders = ["HOME", "HF_HOME", "HF_HUB_CACHE", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"]
        environment = os.environ | dict.fromkeys(folders, empty)
        for label, command, model in runs:
            (status, before), (_, after) = (said(binary.resolve(), command, environment) for binary in (args.before, args.after))
            table[label].update(runs=1, succeeded=int(status == 0), differ=int(before != after))
            if before != after:
                lines = [text.replace(model or "\0", "MODEL").splitlines() for text in (before, after)]
                diff = "\n".join(difflib.unified_diff(*lines, "before", "after", lineterm="", n=1))
                differences[label, diff].append(model)
    for (label, diff), where in differences.items():
        print(f"{label}: {', '.join(where)}\n{diff}\n")
    print("| command | runs | of them succeeded | differ |\n|---|--:|--:|--:|")
    for label, counts in table.items():
        print(f"| `{label}` | {counts['runs']} | {counts['succeeded']} | {counts['differ']} |")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
