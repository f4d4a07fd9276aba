#!/usr/bin/env python3
"""Talks to a server as the clients that OpenAI publishes do, which hold every answer to their own types.

    python3 tools/api_clients.py BINARY

Wants `pip install openai`. Starts `BINARY serve demo:large demo:vision` on a free port, has a conversation whole and in
pieces, completions, likelihoods, a picture and errors, and ends with 1 where one is not as the client or this program
expects. What is asserted is what the published demo models answer.
"""

import base64
import subprocess
import sys
from pathlib import Path

import openai

ROOT = Path(__file__).resolve().parent.parent


def check(what, holds, seen=""):
    if not holds:
        sys.exit(f"{what}: {seen!r}")
    print(f"ok  {what}")


def question(text):
    return [{"role": "user", "content": text}]


def chat(client):
    answer = client.chat.completions.create(model="demo:large", messages=question("What is 12 + 7?"), temperature=0)
    check("a conversation", answer.choices[0].message.content == "19", answer)
    check("its usage", answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens, answer)
    pieces = list(client.chat.completions.create(
        model="demo:large", messages=question("What is 12 + 7?"), temperature=0, stream=True,
        stream_options={"include_usage": True}))
    text = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    check("the same in pieces", text == "19" and pieces[-1].usage.prompt_tokens_details.cached_tokens > 0, pieces)
    asked = {"model": "demo:large", "messages": question("What is 12 + 7?"), "temperature": 0}
    with client.chat.completions.stream(**asked) as stream:
        final = stream.get_final_completion()
    check("the client's own gathering of pieces", final.choices[0].message.content == "19", final)
    told = client.chat.completions.create(
        model="demo:large", messages=question("What is 12 + 7?"), temperature=0, logprobs=True, top_logprobs=3)
    check("likelihoods", len(told.choices[0].logprobs.content[0].top_logprobs) == 3, told)


def completions(client):
    several = client.completions.create(model="demo:large", prompt=["Once", "The"], max_tokens=4, temperature=0, n=2)
    check("completions", len(several.choices) == 4 and several.choices[0].text == several.choices[1].text, several)
    # Null are the likelihood of a text's first token and the end of an answer that goes on: so OpenAI sends them and
    # lm-evaluation-harness reads them, though the client's types know no null there.
    lenient = openai.OpenAI(base_url=client.base_url, api_key="none", max_retries=0)
    scored = lenient.completions.create(
        model="demo:large", prompt="Once upon a time", max_tokens=0, echo=True, logprobs=1)
    log = scored.choices[0].logprobs.token_logprobs
    check("a text scored", log[0] is None and all(value < 0 for value in log[1:]), scored)
    pieces = list(lenient.completions.create(
        model="demo:large", prompt="Once", max_tokens=4, temperature=0, stream=True))
    text = "".join(piece.choices[0].text for piece in pieces)
    check("pieces of a completion", text == several.choices[0].text, pieces)


def picture(client):
    data = base64.b64encode((ROOT / "demo/images/five_shapes.png").read_bytes()).decode()
    parts = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
             {"type": "text", "text": "What colour is the circle?"}]
    seen = client.chat.completions.create(
        model="demo:vision", messages=[{"role": "user", "content": parts}], temperature=0, max_tokens=20)
    check("a picture", "black" in seen.choices[0].message.content, seen)


def errors(client):
    for what, kind, more in [
        ("an unknown model", openai.NotFoundError, {"model": "gpt-9"}),
        ("a value out of range", openai.BadRequestError, {"temperature": 9}),
        ("an unknown field", openai.BadRequestError, {"extra_body": {"temperatur": 1}}),
        ("a picture elsewhere", openai.BadRequestError, {"messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]}]}),
    ]:
        try:
            client.chat.completions.create(**{"model": "demo:large", "messages": question("Hi"), **more})
            check(what, False)
        except kind as error:
            check(what, bool(error.body and error.body.get("message")), error)
    check("the list of models", "demo:large" in [model.id for model in client.models.list()])
    check("one model", client.models.retrieve("gpt-4o-mini").id == "gpt-4o-mini")


def main():
    command = [sys.argv[1], "serve", "demo:large", "demo:vision", "--alias", "gpt-4o-mini", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        address = next(line.split()[-1] for line in server.stdout if line.startswith("models at"))
        client = openai.OpenAI(base_url=address, api_key="none", max_retries=0, _strict_response_validation=True)
        chat(client)
        completions(client)
        picture(client)
        errors(client)
    finally:
        server.terminate()
        server.wait()
    check("the server ends as it is told to", server.returncode == 0, server.returncode)


if __name__ == "__main__":
    main()
