#!/usr/bin/env python3
"""Damages the files of a small model by their structure and shows them to Plimsoll, each in a process of its own.

    python tools/damage.py target/debug/plimsoll [FOLDER] [--count 10000] [--seed 1] [--save tools/damage.json] [-v]

FOLDER (default `demo/small`) holds a model in Hugging Face's layout; a GGUF vocabulary is made of its tokenizer here. Types are
swapped, values nested deeply, numbers made huge, keys and items doubled, strings cut or made long, in tokenizer.json,
tokenizer_config.json, special_tokens_map.json, generation_config.json, the chat template and the vocabulary's metadata. A
program may answer or refuse; it may not panic, be ended by a signal, take longer than 10 s or more than 1 GB.
"""
import argparse, collections, concurrent.futures, copy, datetime, json, os, random, resource, shutil, struct, subprocess, tempfile

SECONDS = 10
BYTES = 1 << 30
# Threads, the binary and its maps take addresses that no memory stands behind.
ADDRESSES = BYTES + (3 << 30)
TEXT = "The quick (brown) fox: 1234567 don't <|im_end|> é 東京 \U0001f600\n\n  x\t" * 12
REQUEST = {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi <s> there"}, {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": {"a": [1, 2.5]}}}]}],
           "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}], "add_generation_prompt": True}

# What stands in tokenizers of other kinds, so that damage reaches their code too.
NORMALISERS = [{"type": "NFKC"}, {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}, {"type": "Replace", "pattern": {"Regex": "([a-z]+)*\\d\\D"}, "content": " "}, {"type": "Prepend", "prepend": "▁"}, {"type": "Lowercase"},
               {"type": "Strip", "strip_left": True, "strip_right": True}, {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}, {"type": "Precompiled", "precompiled_charsmap": "AAAAAA=="}, {"type": "Nmt"}, {"type": "ByteLevel"}, {"type": "Sequence", "normalizers": [{"type": "NFC"}]}]
CUTS = [{"type": "Split", "pattern": {"Regex": "(a+)+$|\\s+"}, "behavior": "Isolated", "invert": False}, {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": True}, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}, {"type": "Digits", "individual_digits": True},
        {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}, {"type": "Whitespace"}, {"type": "Punctuation", "behavior": "Isolated"}, {"type": "UnicodeScripts"}, {"type": "FixedLength", "length": 3}, {"type": "CharDelimiterSplit", "delimiter": "a"}, {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}]}]
POSTS = [{"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "x", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [], "special_tokens": {"x": {"id": "x", "ids": [0], "tokens": ["x"]}}}, {"type": "RobertaProcessing", "sep": ["a", 1], "cls": ["b", 2], "trim_offsets": True, "add_prefix_space": True},
         {"type": "BertProcessing", "sep": ["a", 1], "cls": ["b", 2]}, {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}, {"type": "Sequence", "processors": []}]
MODELS = [{"type": "Unigram", "unk_id": 0, "vocab": [["a", -1.0], ["b", -2.0], ["ab", -0.5], [" ", -1.0]], "byte_fallback": False}, {"type": "WordLevel", "vocab": {"a": 0, "b": 1, "[UNK]": 2}, "unk_token": "[UNK]"}, {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": {"[UNK]": 0, "a": 1, "##b": 2}}]
SETTINGS = {"eos_token_id": [2, 3], "do_sample": True, "temperature": 0.7, "top_k": 40, "top_p": 0.9, "min_p": 0.1, "repetition_penalty": 1.1, "bad_words_ids": [[3], [4, 5]], "suppress_tokens": [6], "begin_suppress_tokens": [7], "min_new_tokens": 2, "min_length": 3,
            "no_repeat_ngram_size": 2, "sequence_bias": [[[8], -1.0]], "stop_strings": ["end"], "max_new_tokens": 4, "max_length": 20, "num_beams": 2, "forced_eos_token_id": 1}
TEMPLATES = ["{% for m in messages %}<|{{ m.role }}|>{{ m.content | trim }}{% endfor %}", "{%- set ns = namespace(a=0) -%}{% for m in messages %}{% set ns.a = ns.a + 1 %}{{ loop.index }}{{ m['content'] }}{% if loop.last %}{{ eos_token }}{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}",
             "{% macro f(a, b='x') %}{{ a ~ b }}{% endmacro %}{{ f(messages[0].content) }}{{ tools | tojson(indent=2) }}{{ messages | map(attribute='role') | join(', ') }}{{ '%s-%5.2f' % ('a', 1.5) }}{{ strftime_now('%d %b %Y') }}"]
EXPRESSIONS = ["([a-z]+)*\\d\\D", "(a|aa)+$", "(?:a{1000}){1000}", "((((a{9}){9}){9}){9}){9}", "(?<=a{1,9})b", "\\g<0>", "(?<n>a\\g<n>?b)", "[^", "(?", "\\p{Nope}", "a{99999}", "(?i:ﬀ)+", "\\X", "\\R+", ".*.*.*=.*", "(?=.*x)", "\\G", "(.)\\1+", ""]
LONG = ["a" * 100_000, "é" * 50_000, "<" * 4096, "\u0000", "\ud7ff\U0010ffff", "Ġ" * 1000]
NUMBERS = [-1, 0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53 + 1, 2**63, 2**64, -(2**63), 1e308, -1e-320, 0.1, 10**40]


# How deep a place may lie that is damaged.
DEEPEST = 9


def places(value, path=()):
    """Every place in a document."""
    yield path
    if len(path) == DEEPEST:
        return
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], path + (key,))
    elif isinstance(value, list):
        for index in range(min(len(value), 40)):
            yield from places(value[index], path + (index,))


class Damage:
    """Damage by chance: the seed fixes it."""

    def __init__(self, seed):
        self.r = random.Random(seed)

    def value(self, old):
        """Something else in the place of a value."""
        r = self.r
        kind = r.random()
        if kind < 0.3:
            return r.choice([None, True, False, "", "x", [], {}, 1.5, [[]], {"": None}, {"content": 1}, {"type": "Sequence"}])
        if kind < 0.45:
            return r.choice(NUMBERS)
        if kind < 0.55:
            return r.choice(LONG)
        if kind < 0.63:
            nested = old
            for _ in range(r.choice([2, 100, 127, 200, 5000])):
                nested = [nested] if r.random() < 0.5 else {"a": nested}
            return nested
        if kind < 0.7:
            return r.choice(NORMALISERS + CUTS + POSTS + MODELS)
        if isinstance(old, str) and old:
            cut = r.randrange(len(old))
            return r.choice([old[:cut], old[cut:], old * r.choice([2, 50]), old[:cut] + chr(r.choice([0, 10, 0xFEFF, 0xE000, 0x1F600])) + old[cut:], old.upper(), r.choice(EXPRESSIONS)])
        if isinstance(old, list):
            return r.choice([old + old, old[:1] * r.choice([2, 1000, 20000]), old[:-1], list(reversed(old)), old[: len(old) // 2]])
        if isinstance(old, dict) and old:
            keys = list(old)
            dropped = r.choice(keys)
            return {("" if key == dropped and r.random() < 0.3 else key): value for key, value in old.items() if key != dropped or r.random() < 0.3}
        return [old, old]

    def document(self, document):
        """A document damaged in one to three places, and once in a while doubled keys or cut text."""
        r, document = self.r, copy.deepcopy(document)
        for _ in range(r.choice([1, 1, 1, 2, 3])):
            # Deep places are many: the shallow ones, which decide most, come as often.
            all_places = list(places(document))
            deepest = r.choice([2, 3, 4, DEEPEST])
            path = r.choice([path for path in all_places if len(path) <= deepest])
            if not path:
                return r.choice(["", "null", "[]", "1", dumps([document]), "{" * 5000, "[" * 200000])
            inside = document
            for step in path[:-1]:
                inside = inside[step]
            inside[path[-1]] = self.value(inside[path[-1]])
        text = dumps(document)
        if r.random() < 0.06:
            text = text[: r.randrange(len(text) + 1)]
        if r.random() < 0.05:
            key = r.choice(list(document) or [""]) if isinstance(document, dict) else ""
            text = text.rstrip()[:-1] + f", {json.dumps(key)}: {r.choice(['null', '{}', '[]', '7'])}}}"
        return text

    def tokenizer(self, base):
        r, document = self.r, copy.deepcopy(base)
        if r.random() < 0.4:
            document["normalizer"] = r.choice([{"type": "Sequence", "normalizers": [r.choice(NORMALISERS) for _ in range(r.choice([1, 3, 30]))]}, r.choice(NORMALISERS)])
        if r.random() < 0.4:
            document["pre_tokenizer"] = r.choice([{"type": "Sequence", "pretokenizers": [r.choice(CUTS) for _ in range(r.choice([1, 2, 3, 30]))]}, r.choice(CUTS), {"type": "Split", "pattern": {"Regex": r.choice(EXPRESSIONS)}, "behavior": "Isolated", "invert": False}])
        if r.random() < 0.3:
            document["post_processor"] = r.choice(POSTS)
        if r.random() < 0.15:
            document["model"] = r.choice(MODELS)
        if r.random() < 0.1:
            document["added_tokens"] = document["added_tokens"] + [{"id": 3000 + index, "content": r.choice(["a", "t", "é"]) * r.choice([1, 1, index + 1]) + str(index), "single_word": r.random() < 0.5, "lstrip": r.random() < 0.5, "rstrip": r.random() < 0.5, "normalized": r.random() < 0.5, "special": r.random() < 0.5} for index in range(r.choice([3, 1000, 3000]))]
        return self.document(document)

    def template(self, base):
        r = self.r
        text = r.choice([base, *TEMPLATES])
        for _ in range(r.choice([1, 1, 2, 3])):
            at = r.randrange(len(text) + 1)
            kind = r.random()
            if kind < 0.3:
                end = min(len(text), at + r.randrange(1, 12))
                text = text[:at] + text[end:]
            elif kind < 0.6:
                text = text[:at] + r.choice(["{%", "%}", "{{", "}}", "{#", "-", "|", "~ '", "(", ")", "[", "]", " for ", " if ", " is ", "endfor", ".__class__", "|length", "*9**9", "range(99999999)", "\u0000", "'" * 3]) + text[at:]
            elif kind < 0.75:
                text = text[:at] + r.choice(["{{ 'a' * 99999999 }}", "{% for i in range(99999) %}{% for j in range(99999) %}{{ i }}{% endfor %}{% endfor %}", "{{ " + "[" * 5000 + " }}", "{{ 1" + "+1" * 20000 + " }}", "{% if 1 %}" * 3000, "{{ messages " + "| list " * 3000 + "}}", "{% set x = messages %}" * 500]) + text[at:]
            else:
                text = text[:at] * r.choice([1, 2, 40]) + text[at:]
        return text


def dumps(value, out=None):
    """JSON of values nested more deeply than the json module writes."""
    if out is None:
        try:
            return json.dumps(value, ensure_ascii=False)
        except RecursionError:
            pieces = []
            dumps(value, pieces)
            return "".join(pieces)
    stack = [value]
    while stack:
        top = stack.pop()
        if isinstance(top, tuple):
            out.append(top[0])
        elif isinstance(top, list):
            stack.append(("]",))
            for index, item in reversed(list(enumerate(top))):
                stack.append(item)
                stack.append((", " if index else "[",))
            if not top:
                out.append("[")
        elif isinstance(top, dict):
            stack.append(("}",))
            for index, (key, item) in reversed(list(enumerate(top.items()))):
                stack.append(item)
                stack.append(((", " if index else "{") + json.dumps(key) + ": ",))
            if not top:
                out.append("{")
        else:
            out.append(json.dumps(top))


def gguf(keys):
    """A GGUF without tensors. Values are (type, value); arrays are (9, (type, values))."""
    sizes = {0: "<B", 1: "<b", 4: "<I", 5: "<i", 6: "<f", 7: "<B", 10: "<Q", 11: "<q", 12: "<d"}
    text = lambda value: struct.pack("<Q", len(value)) + value

    def packed(kind, value):
        if kind == 8:
            return text(value)
        if kind == 9:
            inner, values = value
            return struct.pack("<IQ", inner & 0xFFFFFFFF, len(values)) + b"".join(packed(inner, one) for one in values)
        return struct.pack(sizes[kind], value)

    body = b"".join(text(key.encode()) + struct.pack("<I", kind) + packed(kind, value) for key, (kind, value) in keys)
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(keys)) + body


def vocabulary(document):
    """The metadata of a byte-level vocabulary with the tokens of a tokenizer.json."""
    tokens = sorted(document["model"]["vocab"].items(), key=lambda pair: pair[1])
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in document["model"]["merges"]]
    special = {token["content"] for token in document["added_tokens"]}
    texts = [token.encode() for token, _ in tokens]
    return [("general.architecture", (8, b"llama")), ("tokenizer.ggml.model", (8, b"gpt2")), ("tokenizer.ggml.pre", (8, b"llama-bpe")), ("tokenizer.ggml.tokens", (9, (8, texts))),
            ("tokenizer.ggml.token_type", (9, (5, [3 if token in special else 1 for token, _ in tokens]))), ("tokenizer.ggml.scores", (9, (6, [0.0] * len(tokens)))), ("tokenizer.ggml.merges", (9, (8, [merge.encode() for merge in merges]))),
            ("tokenizer.ggml.bos_token_id", (4, 1)), ("tokenizer.ggml.eos_token_id", (4, 2)), ("tokenizer.ggml.add_bos_token", (7, 1)), ("tokenizer.chat_template", (8, TEMPLATES[0].encode()))]


def damaged_vocabulary(damage, keys):
    r, keys = damage.r, list(keys)
    if r.random() < 0.4:
        keys = [(key, (8, b"llama") if key.endswith(".model") else value) for key, value in keys]
    for _ in range(r.choice([1, 1, 2, 3])):
        if not keys:
            break
        at = r.randrange(len(keys))
        key, (kind, value) = keys[at]
        choice = r.random()
        if choice < 0.2:
            del keys[at]
        elif choice < 0.3:
            keys.insert(r.randrange(len(keys) + 1), keys[at])
        elif choice < 0.5:
            keys[at] = (key, r.choice([(4, 2**32 - 1), (4, 10**6), (5, -1), (10, 2**64 - 1), (6, float("nan")), (7, 7), (8, b""), (8, b"\xff\xfe"), (9, (4, [])), (9, (8, [b"a"] * 3)), (9, (9, [(4, [1])] * 3)), (12, 1e300)]))
        elif kind == 9:
            inner, values = value
            values = list(values)
            for _ in range(r.choice([1, 5, 200])):
                spot = r.randrange(len(values) + 1)
                new = {8: lambda: r.choice([b"", b"\xff", b"a" * 70000, b"<0x0A>", b"a b", "▁".encode(), "Ġ".encode() * 40, b"<|im_end|>", b" ", b"a"]), 5: lambda: r.choice([0, 1, 2, 3, 4, 5, 6, 7, -1, 2**31 - 1]), 6: lambda: r.choice([float("nan"), float("inf"), -float("inf"), 1e30, -0.0])}.get(inner, lambda: 0)()
                if r.random() < 0.6 and spot < len(values):
                    values[spot] = new
                else:
                    values.insert(spot, new)
            if r.random() < 0.1:
                values = values[: r.randrange(len(values) + 1)]
            keys[at] = (key, (9, (inner, values)))
        elif kind == 8:
            keys[at] = (key, (8, r.choice([value[: len(value) // 2], value * 50, b"default", b"tiny_aya", b"deepseek-llm", b"unknown", damage.template(TEMPLATES[0]).encode()])))
    whole = gguf(keys)
    return whole[: r.randrange(len(whole))] if r.random() < 0.1 else whole


def run(command, text=b""):
    """What is wrong with how a program ended, or nothing; and what memory it took."""
    def limits():
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said, preexec_fn=limits)
        timer = __import__("threading").Timer(SECONDS, process.kill)
        timer.start()
        try:
            process.stdin.write(text)
            process.stdin.close()
        except BrokenPipeError:
            pass
        _, status, used = os.wait4(process.pid, 0)
        hung = not timer.is_alive()
        timer.cancel()
        process.returncode = status
        said.seek(0)
        error = said.read().decode("utf-8", "replace")
    if hung:
        return f"no end within {SECONDS} s", error
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}", error
    if "panicked" in error or os.WEXITSTATUS(status) == 101:
        return "panic", error
    if used.ru_maxrss * 1024 > BYTES:
        return f"{used.ru_maxrss >> 10} MB", error
    return ("refused" if os.WEXITSTATUS(status) else "answered"), error


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program")
    parser.add_argument("folder", nargs="?", default="demo/small")
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", help="where to leave what is not borne")
    parser.add_argument("--save", help="where to keep counts, as JSON")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("-v", action="store_true")
    args = parser.parse_args()
    source = os.path.abspath(args.folder)
    load = lambda name: json.load(open(os.path.join(source, name)))
    tokenizer, config = load("tokenizer.json"), load("tokenizer_config.json")
    template = open(os.path.join(source, "chat_template.jinja")).read()
    keys = vocabulary(tokenizer)
    config = {**config, "add_bos_token": True, "additional_special_tokens": ["<|a|>"], "added_tokens_decoder": {"0": {"content": "<|b|>", "special": True, "lstrip": True}, "900": {"content": "c", "normalized": True}}, "chat_template": [{"name": "default", "template": template}]}
    special_map = {"bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": False}, "additional_special_tokens": ["<|a|>"]}
    kinds = ["tokenizer.json"] * 5 + ["tokenizer_config.json", "special_tokens_map.json", "generation_config.json", "template", "template", "gguf", "gguf"]

    def one(index):
        damage = Damage(f"{args.seed} {index}")
        kind = damage.r.choice(kinds)
        with tempfile.TemporaryDirectory() as folder:
            for name in os.listdir(source):
                os.symlink(os.path.join(source, name), os.path.join(folder, name))

            def put(name, text):
                path = os.path.join(folder, name)
                if os.path.lexists(path):
                    os.remove(path)
                with open(path, "wb") as out:
                    out.write(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
                return path

            request = put("request.json", json.dumps(REQUEST))
            commands = [(["tokenize", folder, "--special"], TEXT.encode()), (["tokenize", folder], ("a" * 20000 + TEXT).encode())]
            if kind == "tokenizer.json":
                put(kind, damage.tokenizer(tokenizer))
            elif kind == "tokenizer_config.json":
                os.remove(os.path.join(folder, "chat_template.jinja"))
                put(kind, damage.document(config))
                commands.append((["template", folder, "--request", request], b""))
            elif kind == "special_tokens_map.json":
                put(kind, damage.document(special_map))
            elif kind == "generation_config.json":
                put(kind, damage.document(SETTINGS))
                commands = [(["run", folder, "--raw", "--max-tokens", "3", "--threads", "1", "The fox"], b"")]
            elif kind == "template":
                put("chat_template.jinja", damage.template(template))
                commands = [(["template", folder, "--request", request], b"")]
            else:
                path = put("vocabulary.gguf", damaged_vocabulary(damage, keys))
                commands = [([*command[:1], path, *command[2:]], text) for command, text in commands]
            found = []
            for command, text in commands:
                how, error = run([args.program, *command], text)
                bad = how not in ("answered", "refused")
                found.append((kind, how, bad, f"{index} {' '.join(command)}: {error[-300:]}"))
                kept = os.path.join(args.keep or "", f"{args.seed}-{index}")
                if bad and args.keep and not os.path.exists(kept):
                    shutil.copytree(folder, kept, symlinks=True)
            return found

    counts, bad = collections.defaultdict(collections.Counter), []
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for found in pool.map(one, range(args.count)):
            for kind, how, is_bad, what in found:
                counts[kind][how] += 1
                if is_bad:
                    bad.append(f"{how}: {kind} {what}")
                    if args.v:
                        print(bad[-1], flush=True)
    result = {"date": datetime.date.today().isoformat(), "inputs": args.count, "seed": args.seed, "not borne": len(bad), "runs": counts}
    print(json.dumps(result))
    if args.save:
        with open(args.save, "w") as out:
            json.dump({**result, "what": bad[:50]}, out, ensure_ascii=False, indent=1)
            out.write("\n")
    raise SystemExit(1 if bad else 0)


if __name__ == "__main__":
    main()
