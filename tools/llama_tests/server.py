"""Stands where llama.cpp's tests start their server: `server.py BINARY MODEL FLAGS...` starts `BINARY serve` as FLAGS ask.

Flags that say how models are fetched, how fast they compute, or what is always so here are left out; one that is not known
is an error, for what it asks for would be missing in silence.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

# Names that clients have built in and these tests ask for.
NAMES = ["test", "gpt-3.5-turbo-instruct", "gpt-3.5-turbo", "gpt-4.1", "davinci-002", "codellama70b"]
# What llama.cpp takes where a model has no template, and others that it knows by name. It puts the token that begins texts
# before every prompt; templates of ours say so themselves.
CHATML = """{{ bos_token }}{% for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
TEMPLATES = {None: CHATML, "chatml": CHATML, "llama3": CHATML}
# What llama.cpp gives every template to read, `--reasoning off` apart from its default.
GIVEN = """{%%- set enable_thinking = %s -%%}{%%- set date_string = strftime_now("%%d %%b %%Y") -%%}"""
# They serve the model with more context than its configuration has, which is refused here.
CONTEXT = 8192


def flags(given):
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name, default in [("port", 8080), ("ctx-size", CONTEXT), ("parallel", 1), ("threads", None)]:
        parser.add_argument(f"--{name}", type=int, default=default)
    for name in ["host", "alias", "api-key", "chat-template", "chat-template-file"]:
        parser.add_argument(f"--{name}")
    for name in ["temp", "seed", "hf-repo", "hf-file", "batch-size", "n-predict", "reasoning"]:
        parser.add_argument(f"--{name}")
    for name in ["offline", "no-slots", "jinja", "no-jinja", "metrics", "slots", "verbose", "kv-unified"]:
        parser.add_argument(f"--{name}", action="store_true")
    return parser.parse_args(given)


def model(checkpoint, name, template):
    """A folder called `name` with the checkpoint's files, as their GGUF has them, and a template."""
    folder = Path(tempfile.mkdtemp(dir=os.getcwd())) / name
    folder.mkdir()
    for file in ["generation_config.json", "model.safetensors", "tokenizer_config.json"]:
        (folder / file).symlink_to(Path(checkpoint).resolve() / file)
    config = json.loads((Path(checkpoint) / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "max_position_embeddings": CONTEXT}))
    # Their file says that a token begins every text, this one that none does.
    tokenizer = json.loads((Path(checkpoint) / "tokenizer.json").read_text())
    begin = {"id": "<s>", "type_id": 0}
    tokenizer["post_processor"]["single"].insert(0, {"SpecialToken": begin})
    tokenizer["post_processor"]["special_tokens"]["<s>"] = {"id": "<s>", "ids": [1], "tokens": ["<s>"]}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "chat_template.jinja").write_text(template)
    return folder


def template(asked):
    if asked.chat_template_file:
        given = GIVEN % ("false" if asked.reasoning == "off" else "true")
        return given + Path(asked.chat_template_file).read_text()
    known = TEMPLATES.get(asked.chat_template)
    return known or "{{ bos_token }}" + asked.chat_template


def main():
    binary, checkpoint, *given = sys.argv[1:]
    asked = flags(given)
    # Theirs have the context for all together, ours for each.
    context = asked.ctx_size // (1 if asked.kv_unified else asked.parallel)
    command = [binary, "serve", str(model(checkpoint, asked.alias, template(asked))), "--host", asked.host,
               "--port", str(asked.port), "--context", str(context), "--parallel", str(asked.parallel)]
    command += [word for name in NAMES for word in ["--alias", name]]
    command += ["--token", asked.api_key] if asked.api_key else []
    command += ["--threads", str(asked.threads)] if asked.threads else []
    command += ["--store", str(Path(tempfile.mkdtemp(dir=os.getcwd())) / "evidence.db")]
    os.execv(binary, command)


if __name__ == "__main__":
    main()
