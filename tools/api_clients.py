#!/usr/bin/env python3
"""Talks to a server as the clients that others publish do, which hold every answer to their own types.

    python3 tools/api_clients.py BINARY           those of PyPI
    python3 tools/api_clients.py BINARY --node    those of npm

Wants `pip install openai anthropic ollama`, or `npm ci --prefix tools/clients`. Starts `BINARY serve` on a free port with
the demo models and with one whose template shows tools, has conversations whole and in pieces, pictures, tools and errors,
and ends with 1 where one is not as the client or this program expects. What is asserted is what the published demo models
answer.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from clients.check import CALLER, ROOT, check

# Shows what it is offered and what was called, before what the model was trained on.
TOOLS = """{% if tools %}{% for tool in tools %}{{ tool.function.name }}: <tool_call>
{% endfor %}{% endif %}"""


def caller(folder):
    """The large demo model with a template that shows tools."""
    made = Path(folder) / CALLER
    shutil.copytree(ROOT / "demo/large", made)
    template = made / "chat_template.jinja"
    template.write_text(TOOLS + template.read_text())
    return str(made)


def judge(address, judges):
    if judges == "--node":
        subprocess.run(["node", ROOT / "tools/clients/clients.mjs", address], check=True)
        return
    from clients import of_anthropic, of_ollama, of_openai
    for client in [of_openai, of_anthropic, of_ollama]:
        client.judge(address)


def main():
    with tempfile.TemporaryDirectory() as folder:
        models = ["demo:large", "demo:vision", caller(folder)]
        command = [sys.argv[1], "serve", *models, "--alias", "gpt-4o-mini", "--port", "0"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            address = next(line.split()[-1] for line in server.stdout if line.startswith("models at"))
            judge(address.removesuffix("/v1"), "".join(sys.argv[2:]))
        finally:
            server.terminate()
            server.wait()
    check("the server ends as it is told to", server.returncode == 0, server.returncode)


if __name__ == "__main__":
    main()
