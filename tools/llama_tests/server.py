"""Stands where llama.cpp's tests start their server: `server.py BINARY MODEL FLAGS...` starts `BINARY serve` as FLAGS ask.

Flags that say how models are fetched, how fast they compute, or what is always so here are left out; one that is not known
is an error, for what it asks for would be missing in silence.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

# Names that clients have built in and these tests ask for.
NAMES = ["test", "gpt-3.5-turbo-instruct", "gpt-3.5-turbo", "gpt-4.1", "davinci-002", "codellama70b"]
# What llama.cpp takes where a model has no template, and others that it knows by name.
CHATML = """{% for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
TEMPLATES = {None: CHATML, "chatml": CHATML, "llama3": CHATML}
# The context that the model was trained for; they go beyond it, which is refused here.
LARGEST = 512


def flags(given):
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name, default in [("port", 8080), ("ctx-size", LARGEST), ("parallel", 1), ("threads", None)]:
        parser.add_argument(f"--{name}", type=int, default=default)
    for name in ["host", "alias", "api-key", "chat-template", "chat-template-file"]:
        parser.add_argument(f"--{name}")
    for name in ["temp", "seed", "hf-repo", "hf-file", "batch-size", "n-predict", "reasoning"]:
        parser.add_argument(f"--{name}")
    for name in ["offline", "no-slots", "jinja", "no-jinja", "metrics", "slots", "verbose", "kv-unified"]:
        parser.add_argument(f"--{name}", action="store_true")
    return parser.parse_args(given)


def model(checkpoint, name, template):
    """A folder called `name` with the checkpoint's files and a template."""
    folder = Path(tempfile.mkdtemp(dir=os.getcwd())) / name
    folder.mkdir()
    for file in ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]:
        (folder / file).symlink_to(Path(checkpoint).resolve() / file)
    (folder / "chat_template.jinja").write_text(template)
    return folder


def main():
    binary, checkpoint, *given = sys.argv[1:]
    asked = flags(given)
    if asked.chat_template_file:
        template = Path(asked.chat_template_file).read_text()
    else:
        template = TEMPLATES.get(asked.chat_template, asked.chat_template)
    # Theirs have the context for all together, ours for each.
    context = min(asked.ctx_size // (1 if asked.kv_unified else asked.parallel), LARGEST)
    command = [binary, "serve", str(model(checkpoint, asked.alias, template)), "--host", asked.host,
               "--port", str(asked.port), "--context", str(context), "--parallel", str(asked.parallel)]
    command += [word for name in NAMES for word in ["--alias", name]]
    command += ["--token", asked.api_key] if asked.api_key else []
    command += ["--threads", str(asked.threads)] if asked.threads else []
    command += ["--store", str(Path(tempfile.mkdtemp(dir=os.getcwd())) / "evidence.db")]
    os.execv(binary, command)


if __name__ == "__main__":
    main()
