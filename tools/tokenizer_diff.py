#!/usr/bin/env python3
"""Tokenises generated texts with transformers' AutoTokenizer and with `plimsoll tokenize`, and compares the ids.

    python tools/tokenizer_diff.py target/debug/plimsoll [FOLDER …] [--texts 150] [--seed 1] [--save tools/tokenizer_diff.json] [-v]

Needs transformers 5.24.0 and tokenizers 0.23.2. The tokenizers are made here, one folder for each kind: byte-level and
SentencePiece-like BPE, Unigram, added tokens with every flag, post-processors, what tokenizer_config.json and
special_tokens_map.json say besides; further FOLDERs are taken as they are. Each text goes through twice: with the texts of
special tokens as special tokens (`--special`; `split_special_tokens=False`), and as text (`split_special_tokens=True`).
What transformers refuses has to be refused, in whatever words; what is refused here because it is not supported says so,
and is counted apart.
"""
import argparse, collections, concurrent.futures, datetime, json, os, random, shutil, subprocess, tempfile

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
import tokenizers
import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

CORPUS = """The quick brown fox jumps over the lazy dog. She said: "I'll be there at 9.30, won't you?" They've gone, we're late.
In 1969 a total of 1234567 people (about 12%) watched; 3.14159 is not pi. def main(args): return [x ** 2 for x in range(10)]
Ein schöner Tag für die Größe der Straße. L'été, où êtes-vous? ¿Dónde está la niña? Съешь ещё этих мягких французских булок.
今日は天気がいいです。東京タワーへ行きましょう。 我们去北京。 안녕하세요 세계. שלום עולם مرحبا بالعالم नमस्ते दुनिया สวัสดี
    indented    code\n\n\n\ttabs\tand  double  spaces   \r\nwindows lines\r\n HELLO WORLD McDonald iPhone XMLHttpRequest snake_case
""".split("\n") * 4

LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEKKEN = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
COHERE = r"\d{1,3}(?=(?:\d{3})*\b)"
DEEPSEEK = [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", r"\s+$", r"[一-龥ࠀ-一가-퟿]+", r"\p{N}+"]


def split(expression, behaviour="isolated", invert=False):
    return pre_tokenizers.Split(Regex(expression), behaviour, invert=invert)


def byte_level(cut, normaliser=None, vocab=700, **options):
    """Byte-level BPE over words cut by `cut`."""
    made = Tokenizer(models.BPE(**options))
    made.normalizer = normaliser
    bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.pre_tokenizer = cut if isinstance(cut, pre_tokenizers.ByteLevel) else pre_tokenizers.Sequence([*cut, bytes_only])
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=vocab, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=["<|endoftext|>"]))
    return made


def sentencepiece(steps, pre_tokenizer=None, model="bpe", byte_fallback=True, decoder=None):
    """SentencePiece-like: spaces are letters."""
    specials = ["<unk>", "<s>", "</s>"] + ([f"<0x{byte:02X}>" for byte in range(256)] if byte_fallback else [])
    train = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=byte_fallback, fuse_unk=True) if model == "bpe" else models.Unigram())
    train.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    train.pre_tokenizer = split("▁[^▁]*", "isolated") if model == "bpe" else pre_tokenizers.Metaspace()
    if model == "bpe":
        train.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=900, show_progress=False, special_tokens=specials))
    else:
        train.train_from_iterator(CORPUS, trainers.UnigramTrainer(vocab_size=500, show_progress=False, unk_token="<unk>", special_tokens=specials))
        if byte_fallback:
            document = json.loads(train.to_str())
            document["model"]["byte_fallback"] = True
            train = Tokenizer.from_str(json.dumps(document))
    train.normalizer = normalizers.Sequence(steps) if steps else None
    train.pre_tokenizer = pre_tokenizer
    train.decoder = decoder or decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    return train


def with_flags():
    """Added tokens with every flag."""
    made = byte_level([split(LLAMA3)])
    made.add_special_tokens([AddedToken("<|im_start|>", special=True), AddedToken("<|im_end|>", special=True, rstrip=True), AddedToken("[MASK]", special=True, lstrip=True), AddedToken("<|im", special=True)])
    made.add_tokens([AddedToken("word", single_word=True), AddedToken("cat", normalized=False), AddedToken("both", lstrip=True, rstrip=True), AddedToken("Über", normalized=True), AddedToken("<think>", special=False), AddedToken("one two", single_word=True, rstrip=True), AddedToken("東京", single_word=True)])
    return made


def with_normalised_tokens():
    """Added tokens that are found in text as it is normalised."""
    made = byte_level([split(LLAMA3)], normaliser=normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]))
    made.add_tokens([AddedToken("Straße", normalized=True), AddedToken("WORD", normalized=True), AddedToken("ﬁn", normalized=False), AddedToken("Dog", normalized=True, single_word=True)])
    made.add_special_tokens([AddedToken("<End>", special=True, normalized=False), AddedToken("<Turn>", special=True, normalized=True)])
    return made


def template(single, ids):
    return processors.TemplateProcessing(single=single, special_tokens=ids)


def kinds():
    """Name, tokenizer, tokenizer_config.json, special_tokens_map.json, and for some the model's type."""
    bare = {"tokenizer_class": "PreTrainedTokenizerFast"}
    legacy = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    space = lambda scheme, split=True: pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split)
    spaced = decoders.Metaspace()
    yield "bytes-gpt2", byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False)), bare, None
    yield "bytes-gpt2-prefix", byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True)), bare, None
    yield "bytes-config-prefix", byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False)), {**bare, "add_prefix_space": True}, None
    yield "bytes-llama3", byte_level([split(LLAMA3)]), bare, None
    yield "bytes-ignore-merges", byte_level([split(LLAMA3)], ignore_merges=True), bare, None
    yield "bytes-nfc", byte_level([split(LLAMA3)], normaliser=normalizers.NFC()), bare, None
    yield "bytes-nfkc-lower", byte_level([split(LLAMA3)], normaliser=normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(), normalizers.StripAccents()])), bare, None
    yield "bytes-tekken", byte_level([split(TEKKEN)]), bare, None
    yield "bytes-deepseek", byte_level([split(expression) for expression in DEEPSEEK] + [pre_tokenizers.Digits(individual_digits=True)]), bare, None
    yield "bytes-thousands", byte_level([split(COHERE), split(LLAMA3)]), bare, None
    yield "bytes-removed", byte_level([split(r"\s+", "removed")]), bare, None
    yield "bytes-merged-previous", byte_level([split(r"\p{P}", "merged_with_previous")]), bare, None
    yield "bytes-merged-next", byte_level([split(r" ", "merged_with_next")]), bare, None
    yield "bytes-contiguous", byte_level([split(r"[\p{P}\s]", "contiguous")]), bare, None
    yield "bytes-inverted", byte_level([split(r"\p{L}+|\p{N}+", "removed", invert=True)]), bare, None
    yield "bytes-literal-split", byte_level([pre_tokenizers.Split("ab", "isolated"), split(LLAMA3)]), bare, None
    yield "bytes-whitespace", byte_level([pre_tokenizers.Whitespace()]), bare, None
    yield "bytes-whitespace-split", byte_level([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()]), bare, None
    yield "bytes-scripts", byte_level([pre_tokenizers.UnicodeScripts(), split(LLAMA3)]), bare, None
    yield "bytes-end-of-line", byte_level([split(r"\w+$|^\s+|.")]), bare, None
    yield "bytes-lookaround", byte_level([split(r"(?<=[a-z])(?=[A-Z])|\s+(?!\S)|(?<!\d)\d{1,2}(?!\d)")]), bare, None
    yield "bytes-unknown-nested", byte_level([split(r"(?:[a-z]+\s?)+|[^a-z]+")]), bare, None
    yield "bytes-replace-regex", byte_level([split(LLAMA3)], normaliser=normalizers.Sequence([normalizers.Replace(Regex(r" {2,}"), " "), normalizers.Replace("ß", "ss")])), bare, None
    yield "bytes-strip", byte_level([split(LLAMA3)], normaliser=normalizers.Strip()), bare, None
    yield "bytes-bert-normaliser", byte_level([split(LLAMA3)], normaliser=normalizers.BertNormalizer(lowercase=False)), bare, None
    yield "flags", with_flags(), bare, None
    yield "flags-normalised", with_normalised_tokens(), bare, None
    yield "sp-legacy", sentencepiece(legacy), bare, None
    yield "sp-no-prefix", sentencepiece([normalizers.Replace(" ", "▁")]), bare, None
    yield "sp-gemma", sentencepiece([normalizers.Replace(" ", "▁")], pre_tokenizers.Split(" ", "merged_with_previous")), bare, None
    yield "sp-metaspace-always", sentencepiece([], space("always")), bare, None
    yield "sp-metaspace-first", sentencepiece([], space("first", False)), bare, None
    yield "sp-metaspace-never", sentencepiece([], space("never")), bare, None
    yield "sp-no-bytes", sentencepiece(legacy, byte_fallback=False), bare, None
    yield "unigram", sentencepiece([], space("always"), model="unigram", byte_fallback=False, decoder=spaced), bare, None
    yield "unigram-bytes", sentencepiece([normalizers.NFKC()], space("always"), model="unigram", decoder=decoders.Sequence([decoders.ByteFallback(), spaced])), bare, None
    post = sentencepiece(legacy)
    post.post_processor = template("<s> $A", [("<s>", 1)])
    yield "post-bos", post, {**bare, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}, None
    post = sentencepiece(legacy)
    post.post_processor = template("<s> $A </s>", [("<s>", 1), ("</s>", 2)])
    yield "post-bos-eos", post, {**bare, "bos_token": "<s>", "eos_token": "</s>"}, None
    named = byte_level([split(LLAMA3)])
    yield "config-decoder", named, {**bare, "added_tokens_decoder": {
        "0": {"content": "<|endoftext|>", "special": True, "normalized": False, "lstrip": False, "rstrip": False, "single_word": False},
        "700": {"content": "<|tool|>", "special": True, "normalized": False, "lstrip": True, "rstrip": False, "single_word": False},
        "701": {"content": "cat", "special": False, "normalized": True, "lstrip": False, "rstrip": True, "single_word": True}}}, None
    yield "config-tokens", named, {**bare, "bos_token": "<|begin|>", "eos_token": {"content": "<|end|>", "rstrip": True, "lstrip": False, "normalized": False, "single_word": False, "__type": "AddedToken"}, "additional_special_tokens": ["<|tool|>", "<|user|>"]}, None
    yield "config-extra", named, {**bare, "extra_special_tokens": {"image_token": "<image>"}}, None
    yield "config-extra-list", named, {**bare, "extra_special_tokens": ["<image>", "<|user|>"]}, None
    yield "special-map", named, bare, {"bos_token": "<|begin|>", "eos_token": {"content": "<|end|>", "lstrip": True, "rstrip": False, "normalized": False, "single_word": False}, "additional_special_tokens": ["<|user|>"]}
    yield "config-over-map", named, {**bare, "eos_token": "<|end|>"}, {"eos_token": "<|begin|>"}
    yield "map-beside-decoder", named, {**bare, "added_tokens_decoder": {"0": {"content": "<|endoftext|>", "special": True, "normalized": False, "lstrip": False, "rstrip": False, "single_word": False}}}, {"bos_token": "<|begin|>", "additional_special_tokens": ["<|user|>"]}
    yield "map-extra", named, {**bare, "extra_special_tokens": ["<image>"]}, {"extra_special_tokens": ["<|user|>", {"content": "<|tool|>", "lstrip": True, "rstrip": False, "normalized": False, "single_word": False}]}
    yield "no-config", byte_level([split(LLAMA3)]), None, None
    words = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    words.pre_tokenizer, words.decoder = pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
    words.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=500, show_progress=False, special_tokens=["[UNK]", "[CLS]", "[SEP]"]))
    yield "wordpiece", words, bare, None
    whole = Tokenizer(models.WordLevel(unk_token="<unk>"))
    whole.pre_tokenizer = pre_tokenizers.Whitespace()
    whole.train_from_iterator(CORPUS, trainers.WordLevelTrainer(show_progress=False, special_tokens=["<unk>"]))
    yield "wordlevel", whole, bare, None
    random_merges = byte_level([split(LLAMA3)], dropout=0.5)
    yield "dropout", random_merges, bare, None
    for name, class_ in [("class-llama", "LlamaTokenizer"), ("class-llama-fast", "LlamaTokenizerFast")]:
        yield name, sentencepiece(legacy), {"tokenizer_class": class_, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}, None
        yield name + "-new", sentencepiece(legacy), {"tokenizer_class": class_, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "legacy": False, "add_prefix_space": False}, None
    # These classes put their own steps in the place of the file's, which are the same in most files that name them; where
    # they are not, the file's give other ids, and what is used is the class.
    qwen = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    own = {"eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    gpt2 = pre_tokenizers.ByteLevel(add_prefix_space=False)
    yield "class-qwen2", byte_level([split(qwen)], normaliser=normalizers.NFC()), {"tokenizer_class": "Qwen2Tokenizer", **own}, None
    yield "class-gpt2", byte_level(gpt2), {"tokenizer_class": "GPT2Tokenizer", **own}, None
    for class_ in ["Qwen2Tokenizer", "Qwen2TokenizerFast", "GPT2Tokenizer", "GPT2TokenizerFast", "CohereTokenizer", "GPTNeoXTokenizer", "Qwen3_5Tokenizer"]:
        named = {"tokenizer_class": class_, **own}
        yield f"class-{class_}-digits", byte_level([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]), named, None
        yield f"class-{class_}-llama3", byte_level([split(LLAMA3)], normaliser=normalizers.NFKC(), ignore_merges=True), named, None
        yield f"class-{class_}-prefix", byte_level(gpt2), {**named, "add_prefix_space": True}, None
        yield f"class-{class_}-bare", byte_level([split(LLAMA3)]), {"tokenizer_class": class_}, None
    ends = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    for class_ in ["GemmaTokenizer", "GemmaTokenizerFast", "CodeLlamaTokenizer", "CodeLlamaTokenizerFast", "T5Tokenizer"]:
        named = {"tokenizer_class": class_, **ends}
        yield f"class-{class_}-legacy", sentencepiece(legacy), named, None
        yield f"class-{class_}-own", sentencepiece([normalizers.Replace(" ", "▁")], pre_tokenizers.Split(" ", "merged_with_previous")), named, None
        yield f"class-{class_}-prefix", sentencepiece(legacy), {**named, "add_prefix_space": False}, None
        yield f"class-{class_}-metaspace", sentencepiece([normalizers.NFKC()], space("always")), named, None
        yield f"class-{class_}-bare", sentencepiece([normalizers.Replace(" ", "▁")]), {"tokenizer_class": class_}, None
    # What a model's type makes of the class that its files name.
    for model in ["llama", "mistral", "qwen2", "qwen3", "gemma3_text", "phi3", "smollm3"]:
        for class_ in ["Qwen2Tokenizer", "GPT2Tokenizer", "PreTrainedTokenizerFast", "LlamaTokenizer", None]:
            named = {"tokenizer_class": class_, **own} if class_ else own
            yield f"type-{model}-{class_}", byte_level([split(LLAMA3)]), named, None, model
        for class_ in ["GemmaTokenizer", "LlamaTokenizer", "CodeLlamaTokenizer", None]:
            named = {"tokenizer_class": class_, **ends} if class_ else ends
            yield f"type-{model}-pieces-{class_}", sentencepiece([normalizers.NFKC()], space("always")), named, None, model


def write(folder, tokenizer, config, special_map, model=None):
    os.makedirs(folder)
    if model:
        with open(os.path.join(folder, "config.json"), "w") as out:
            json.dump({"model_type": model}, out)
    tokenizer.save(os.path.join(folder, "tokenizer.json"))
    for name, document in [("tokenizer_config.json", config), ("special_tokens_map.json", special_map)]:
        if document is not None:
            with open(os.path.join(folder, name), "w") as out:
                json.dump(document, out)


FRAGMENTS = ["the", "The", "quick", " brown", "fox", " dog", "dogs", "Dog", "word", "words", "sword", " word ", "cat", "concatenate", "both", " both  ", "Über", "über", "one two", "東京", "東京都", "今日は", "안녕", "שלום", "مرحبا",
             "नमस्ते", "สวัสดี", "Straße", "STRASSE", "ﬁn", "ﬁne", "①", "ﷺ", "é", "e\u0301", "Å", "İstanbul", "ǅ", "ª", "½", "٣٤", "๑๒", "1", "12", "123", "1234", "1234567890", "3.14", "0x1F", "-1,000.5", "'s", "'LL", "’t", "I'll",
             "don't", "'", '"', "...", "!!!", "?", "(", ")", "[", "]", "{}", "<", ">", "/", "\\", "@#$%", "—", "€", "😀", "👨‍👩‍👧‍👦", "🇩🇪", "\u200b", "\ufeff", "\u00a0", "\u3000", " ", "  ", "   ", "     ", "\n", "\n\n", "\r\n", "\r", "\t", "\t\t", "\x0b", "\x1c",
             "\u2028", "\x85", "_", "▁", "▁▁the", "Ġ", "Ċthe", "<0x0A>", "<0xE6>", "\U000e0041", "\ufffd", "\u0378", "camelCase", "XMLHttp", "snake_case", "a" * 30, " " * 20, "ab", "abab", "ſ", "ſtop's", "ΌΣΟΣ", "ﬀ", "\u0345", "a\u0308\u0323"]
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|im", "[MASK]", "<think>", "<End>", "<end>", "<Turn>", "<turn>", "<s>", "</s>", "<unk>", "<|tool|>", "<|begin|>", "<|end|>", "<|user|>", "<image>", "[UNK]", "<|end", "oftext|>"]


class Texts:
    """Texts by chance: the seed fixes them."""

    def __init__(self, seed):
        self.r = random.Random(seed)

    def text(self):
        r = self.r
        kind = r.random()
        if kind < 0.1:
            line = r.choice(CORPUS)
            start = r.randrange(len(line) + 1)
            return line[start:start + r.randrange(1, 60)]
        if kind < 0.16:
            pick = lambda: chr(r.choice([r.randrange(32, 127), r.randrange(160, 0x600), r.randrange(0x600, 0xD800), r.randrange(0xE000, 0x20000)]))
            return "".join(pick() for _ in range(r.randrange(1, 12)))
        parts = []
        for _ in range(r.randrange(1, 9)):
            parts.append(r.choice(SPECIALS if r.random() < 0.22 else FRAGMENTS))
            if r.random() < 0.4:
                parts.append(" ")
        return "".join(parts)


def ours(program, folder, text, special):
    command = [program, "tokenize", folder] + (["--special"] if special else [])
    try:
        done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=60)
    except subprocess.TimeoutExpired:
        return None, "CRASH no end within a minute"
    error = done.stderr.decode("utf-8", "replace")
    if done.returncode == 0:
        return json.loads(done.stdout), None
    return None, ("CRASH " if done.returncode < 0 or "panicked" in error else "") + error


def reference(tokenizer, text, special):
    try:
        return tokenizer.encode(text, add_special_tokens=False, split_special_tokens=not special), None
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"


def compare(program, name, folder, texts, pool, differing):
    counts = collections.Counter()
    try:
        tokenizer, broken = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True), None
    except Exception as error:
        tokenizer, broken = None, f"{type(error).__name__}: {error}"
    cases = [(text, special) for text in texts for special in (True, False)]
    found = pool.map(lambda case: ours(program, folder, *case), cases)
    for (text, special), (ids, error) in zip(cases, found):
        right, refused = (None, broken) if tokenizer is None else reference(tokenizer, text, special)
        if error and error.startswith("CRASH"):
            outcome = "crash"
        elif error and "expected" in error:
            outcome = "refused by name"
        elif right is None and ids is None:
            outcome = "refused by both"
        else:
            outcome = "same ids" if right is not None and ids == right else "differs"
        counts[outcome] += 1
        if outcome in ("crash", "differs"):
            differing.append({"folder": name, "text": text, "special": special, "expected": right if right is not None else refused, "found": ids if ids is not None else error})
    return dict(counts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", help="the binary")
    parser.add_argument("folders", nargs="*", help="folders with a tokenizer.json")
    parser.add_argument("--texts", type=int, default=150, help="for each folder")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="kinds whose name has this in it")
    parser.add_argument("--keep", help="where to leave the tokenizers that are made")
    parser.add_argument("--save", help="where to keep counts and what differs, as JSON")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("-v", action="store_true", help="print what differs")
    args = parser.parse_args()
    total, results, differing = collections.Counter(), {}, []
    with tempfile.TemporaryDirectory() as made, concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        root = args.keep or made
        todo = [(os.path.basename(os.path.normpath(folder)), folder) for folder in args.folders]
        for name, *files in kinds():
            if not args.only or args.only in name:
                folder = os.path.join(root, name)
                shutil.rmtree(folder, ignore_errors=True)
                write(folder, *files)
                todo.append((name, folder))
        for name, folder in todo:
            texts = Texts(f"{args.seed} {name}")
            counts = compare(args.program, name, folder, ["", *(texts.text() for _ in range(args.texts))], pool, differing)
            total.update(counts)
            results[name] = counts
            print(name, counts, flush=True)
    result = {"date": datetime.date.today().isoformat(), "transformers": transformers.__version__, "tokenizers": tokenizers.__version__, "seed": args.seed, "texts": args.texts, **total}
    print(json.dumps(result))
    if args.v:
        for one in differing:
            print("---", one["folder"], "special" if one["special"] else "text", repr(one["text"]), "\n want", one["expected"], "\n got ", one["found"])
    if args.save:
        with open(args.save, "w") as out:
            json.dump({**result, "folders": results, "differing": differing[:200]}, out, ensure_ascii=False, indent=1)
            out.write("\n")
    raise SystemExit(1 if differing else 0)


if __name__ == "__main__":
    main()
