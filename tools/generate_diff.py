#!/usr/bin/env python3
"""Answers prompts with transformers' `generate` and with `plimsoll run`, under generated settings, and compares the ids.

    python tools/generate_diff.py target/debug/plimsoll [--count 400] [--seed 1] [--save tools/generate_diff.json] [-v]

Needs transformers 5.24.0 and torch. The model is a Llama of two layers with weights drawn here, stored as F32, which both
programs multiply as such. Every case writes a generation_config.json of its own into the model's folder; both programs read
that file and nothing else. Tokens are taken by likelihood, or drawn where only one is left to draw from, so that there is one
right answer; where two tokens are nearly as likely (`a tie`) there is none. Settings that Plimsoll names as not honoured, or
refuses, are counted apart.
"""
import argparse, collections, concurrent.futures, datetime, json, os, random, shutil, subprocess, tempfile

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("TQDM_DISABLE", "1")
import torch
import transformers
from tokenizer_diff import LLAMA3, byte_level, split

# The end of an answer by config.json, and `<|end|>` by the vocabulary.
ENDS = (5, 300)
# Nearer likelihoods than what two orders of adding up may change.
TIE = 2e-4
PROMPTS = ["The quick brown", "I'll be there at 9", "a a a a a", "def main(args):", "今日は", "x", "one two three one two", " "]


def write_model(folder):
    """A tokenizer of 300 tokens and a model that says something else for every prompt."""
    torch.manual_seed(7)
    tokenizer = byte_level([split(LLAMA3)], vocab=300)
    tokenizer.add_special_tokens(["<|end|>", "<|turn|>"])
    config = transformers.LlamaConfig(vocab_size=tokenizer.get_vocab_size(), hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                                      max_position_embeddings=512, initializer_range=0.25, eos_token_id=5, bos_token_id=0, tie_word_embeddings=False, dtype="float32")
    model = transformers.LlamaForCausalLM(config).float()
    model.save_pretrained(folder)
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>").save_pretrained(folder)
    return config.vocab_size


class Settings:
    """Generation settings by chance: the seed fixes them."""

    def __init__(self, seed, vocab):
        self.r, self.vocab = random.Random(seed), vocab

    def id(self):
        return self.r.randrange(self.vocab)

    def ids(self, most):
        return [self.id() for _ in range(self.r.randrange(1, most + 1))]

    def settings(self, likely):
        """`likely` are ids that the model says, so that what forbids some of them does something."""
        r = self.r
        some = lambda: r.choice(likely) if likely and r.random() < 0.7 else self.id()
        found = {"max_new_tokens": r.randrange(1, 40)}
        maybe = lambda share: r.random() < share
        if maybe(0.15):
            del found["max_new_tokens"]
            found["max_length"] = r.randrange(1, 45)
        if maybe(0.75):
            found["eos_token_id"] = r.choice([some(), [some(), some()], [some() for _ in range(4)], None, []])
        if maybe(0.35):
            found["repetition_penalty"] = r.choice([1.0, 1.05, 1.3, 2.5, 0.7])
        if maybe(0.3):
            found["no_repeat_ngram_size"] = r.choice([0, 1, 2, 3, 4])
        if maybe(0.3):
            found["bad_words_ids"] = [[some() for _ in range(r.choice([1, 1, 2, 3]))] for _ in range(r.randrange(1, 4))]
        if maybe(0.25):
            found["suppress_tokens"] = [some() for _ in range(r.randrange(0, 6))]
        if maybe(0.2):
            found["begin_suppress_tokens"] = [some() for _ in range(r.randrange(1, 6))]
        if maybe(0.2):
            found["min_new_tokens"] = r.randrange(0, 20)
        if maybe(0.2):
            found["min_length"] = r.randrange(0, 30)
        if maybe(0.2):
            found["sequence_bias"] = [[[some() for _ in range(r.choice([1, 1, 2]))], r.choice([-50.0, -1.5, 0.5, 4.0, 30.0])] for _ in range(r.randrange(1, 3))]
        if maybe(0.2):
            found["stop_strings"] = r.choice(["e", "the", " ", "\n", ["qu", "zz"], ["a", "b", "c"], "ab"])
        if maybe(0.25):
            found.update(r.choice([{"do_sample": False, "temperature": 0.3}, {"do_sample": True, "top_k": 1}, {"do_sample": True, "top_k": 1, "temperature": 2.0}, {"do_sample": True, "top_p": 1e-6}, {"do_sample": None}, {"top_k": 1}, {"do_sample": True, "min_p": 1.0}]))
        if maybe(0.12):
            found.update(r.choice([{"num_beams": 2}, {"forced_bos_token_id": self.id()}, {"forced_eos_token_id": self.id()}, {"penalty_alpha": 0.6, "top_k": 4}, {"exponential_decay_length_penalty": [5, 1.2]},
                                   {"guidance_scale": 2.0}, {"num_return_sequences": 2}, {"encoder_repetition_penalty": 1.4}, {"typical_p": 0.5}, {"epsilon_cutoff": 0.1}, {"num_beams": 1}, {"guidance_scale": 1.0}, {"watermarking_config": {"greenlist_ratio": 0.3}}]))
        if maybe(0.15):
            found.update(r.choice([{"use_cache": False}, {"renormalize_logits": True}, {"remove_invalid_values": True}, {"output_scores": True}, {"pad_token_id": 3}, {"bos_token_id": 1}, {"early_stopping": True}, {"length_penalty": 2.0}, {"token_healing": False}]))
        return found


def reference(folder, tokenizer, prompt):
    """The ids, and the least distance between the two best tokens of a step; or the error."""
    try:
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
        ids = tokenizer(prompt, return_tensors="pt")
        out = model.generate(**ids, tokenizer=tokenizer, return_dict_in_generate=True, output_scores=True)
        tokens = out.sequences[0][ids["input_ids"].shape[1]:].tolist()
        if model.generation_config.do_sample:
            # What is drawn from is cut down to one; how near the next was tells the same without drawing.
            model.generation_config.update(do_sample=False, top_k=None, top_p=None, min_p=None, temperature=None)
            out = model.generate(**ids, tokenizer=tokenizer, return_dict_in_generate=True, output_scores=True)
        distances = [float(torch.diff(step[0].topk(2).values.neg())[0]) for step in out.scores]
        eos = model.generation_config.eos_token_id
        eos = set(eos if isinstance(eos, list) else [] if eos is None else [eos])
        return (tokens[:-1] if tokens and tokens[-1] in eos else tokens), distances, None
    except Exception as error:
        return None, [], f"{type(error).__name__}: {error}"


def ours(program, folder, prompt):
    try:
        done = subprocess.run([program, "run", folder, "--raw", "--json", "--threads", "1", prompt], stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    except subprocess.TimeoutExpired:
        return None, "CRASH no end within two minutes"
    error = done.stderr.decode("utf-8", "replace")
    if done.returncode == 0:
        return json.loads(done.stdout)["tokens"], error
    return None, ("CRASH " if done.returncode < 0 or "panicked" in error else "") + error


def outcome(right, distances, refused, ids, error, settings):
    if ids is None and error.startswith("CRASH"):
        return "crash"
    if right is None:
        return "refused by both" if ids is None else "refused by transformers only"
    if ids == right:
        return "same ids"
    if "not honoured" in error or ids is None:
        return "named as not honoured, or refused by name"
    first = next((at for at, (a, b) in enumerate(zip(ids, right)) if a != b), min(len(ids), len(right)))
    # Where the maker names no end of an answer, or not this one, the vocabulary's own ends it here, and a minimum holds it back.
    if first < len(right) and right[first] in ENDS and right[first] not in named_ends(settings):
        return "ended by the vocabulary's own end"
    return "a tie" if first < len(distances) and distances[first] < TIE else "differs"


def named_ends(settings):
    ends = settings.get("eos_token_id")
    return ends if isinstance(ends, list) else [] if ends is None else [ends]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", help="the binary")
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save", help="where to keep counts and what differs, as JSON")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("-v", action="store_true", help="print what differs")
    args = parser.parse_args()
    counts, differing, used = collections.Counter(), [], collections.Counter()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as root, concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        model = os.path.join(root, "model")
        vocab = write_model(model)
        tokenizer = transformers.AutoTokenizer.from_pretrained(model, local_files_only=True)
        own = os.path.join(model, "generation_config.json")
        if os.path.exists(own):
            os.remove(own)
        maker, cases = Settings(args.seed, vocab), []
        said = {prompt: (reference_said(model, tokenizer, prompt)) for prompt in PROMPTS}
        for index in range(args.count):
            prompt = maker.r.choice(PROMPTS)
            settings = maker.settings(said[prompt])
            folder = os.path.join(root, str(index))
            os.makedirs(folder)
            for name in os.listdir(model):
                os.symlink(os.path.join(model, name), os.path.join(folder, name))
            with open(os.path.join(folder, "generation_config.json"), "w") as out:
                json.dump(settings, out)
            cases.append((folder, prompt, settings))
        found = pool.map(lambda case: ours(args.program, case[0], case[1]), cases)
        for (folder, prompt, settings), (ids, error) in zip(cases, found):
            right, distances, refused = reference(folder, tokenizer, prompt)
            how = outcome(right, distances, refused, ids, error, settings)
            counts[how] += 1
            used.update(list(settings))
            if how in ("crash", "differs", "refused by transformers only"):
                differing.append({"outcome": how, "prompt": prompt, "settings": settings, "expected": right if right is not None else refused, "found": ids if ids is not None else error})
    result = {"date": datetime.date.today().isoformat(), "transformers": transformers.__version__, "torch": torch.__version__, "count": args.count, "seed": args.seed, **counts}
    print(json.dumps(result))
    if args.v:
        for one in differing:
            print("---", one["outcome"], repr(one["prompt"]), json.dumps(one["settings"]), "\n want", one["expected"], "\n got ", one["found"])
    if args.save:
        with open(args.save, "w") as out:
            json.dump({**result, "settings": dict(sorted(used.items())), "differing": differing}, out, ensure_ascii=False, indent=1)
            out.write("\n")
    raise SystemExit(1 if counts["crash"] or counts["differs"] else 0)


def reference_said(model, tokenizer, prompt):
    """What the model says without any settings."""
    loaded = transformers.AutoModelForCausalLM.from_pretrained(model, local_files_only=True)
    ids = tokenizer(prompt, return_tensors="pt")
    out = loaded.generate(**ids, max_new_tokens=30, do_sample=False, eos_token_id=None)
    return out[0][ids["input_ids"].shape[1]:].tolist()


if __name__ == "__main__":
    main()
