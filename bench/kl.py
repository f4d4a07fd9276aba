#!/usr/bin/env python3
"""What fast arithmetic costs in exactness: KL divergence of each engine's logits on a quantised file to those of the same
weights in F32, in nats, over the positions of a text.

    python3 -m pip install gguf numpy
    bench/kl.py bench/models/135m-q4_0.gguf [--text FILE]

The file is widened to F32 by gguf-py, which takes four to eight times its size beside it for the time of the run;
llama.cpp then runs both. Plimsoll compares its production kernels with its own f32 path (`verify --fast`) on its own text.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter, dequantize

HERE = pathlib.Path(__file__).resolve().parent


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("models", nargs="+", type=pathlib.Path, help="GGUF files")
    p.add_argument("--text", type=pathlib.Path, default=HERE.parent / "ARCHITECTURE.md", help="default: %(default)s")
    p.add_argument("--chunk", type=int, default=256, help="tokens of a context; the later half of each is compared")
    p.add_argument("--cache", default="f16", choices=("f32", "f16", "q8_0"), help="how keys and values are stored")
    p.add_argument("--level", default="native", help="build of llama.cpp and level of Plimsoll")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--peers", type=pathlib.Path, default=HERE / "peers")
    p.add_argument("--plimsoll", type=pathlib.Path, default=HERE.parent / "target/release/plimsoll")
    args = p.parse_args()
    print("| model | engine | mean KL | 99.9 % | same top token |\n| :-- | :-- | --: | --: | --: |")
    for model in args.models:
        for engine, mean, high, same in [of_llama_cpp(model, args), *of_plimsoll(model, args)]:
            print(f"| {model.stem} | {engine} | {mean:.2e} | {high:.2e} | {100 * same:.2f} % |", flush=True)


def of_llama_cpp(model, args):
    tool = args.peers / f"llama.cpp-{args.level}/bin/llama-perplexity"
    with tempfile.TemporaryDirectory(dir=model.parent) as folder:
        widened, logits = pathlib.Path(folder) / "f32.gguf", pathlib.Path(folder) / "logits"
        widen(model, widened)
        run = lambda file, *more: output([tool, "-m", file, "-f", args.text, "-c", args.chunk, "-t", args.threads,
                                          "-fa", "on", "--kl-divergence-base", logits, *more])
        run(widened)
        out = run(model, "--kl-divergence", "-ctk", args.cache, "-ctv", args.cache)
    number = lambda name: float(re.search(rf"^{name}:\s*([-\d.]+)", out, re.MULTILINE)[1])
    return "llama.cpp", number(r"Mean\s+KLD"), number(r"99\.9%\s+KLD"), number("Same top p") / 100


def of_plimsoll(model, args):
    argv = [args.plimsoll, "verify", model, "--fast", "--cache", args.cache, "--json", "--threads", args.threads]
    env = [] if args.level == "native" else ["env", f"PLIMSOLL_ISA={args.level}"]
    fast = json.loads(output(env + argv, allowed=(0, 1)))["fast"]  # 1: above its bound
    return [(f"plimsoll, {phase}", *(fast[phase][key] for key in ("kl_mean", "kl_high", "same_top"))) for phase in fast]


def output(argv, allowed=(0,)):
    done = subprocess.run(list(map(str, argv)), capture_output=True, text=True)
    if done.returncode not in allowed:
        sys.exit(f"{' '.join(map(str, argv))}: exit status {done.returncode}\n{done.stderr[-500:]}")
    return done.stdout


def widen(source, target):
    """The same file with every tensor in F32."""
    reader = GGUFReader(source)
    writer = GGUFWriter(target, reader.fields["general.architecture"].contents(), use_temp_file=True)
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":  # the writer's own
            continue
        element = field.types[1] if len(field.types) > 1 else None
        writer.add_key_value(field.name, field.contents(), field.types[0], element)
    for tensor in reader.tensors:
        values = dequantize(tensor.data, tensor.tensor_type)
        writer.add_tensor(tensor.name, values, raw_dtype=GGMLQuantizationType.F32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
