"""Requests that a hostile client would send, for `server_faults.py`: what is nested, repeated, huge, or would grow.

Each is a word for what it is, a path and a body. Each has to be answered, or refused in the shape of its API.
"""

import base64
import json
import struct
import zlib

CHAT = "/v1/chat/completions"
SAID = [{"role": "user", "content": "What is 12 + 7?"}]


def nested(depth, inner):
    for _ in range(depth):
        inner = {"type": "object", "properties": {"a": inner}, "required": ["a"]}
    return inner


def doubled(keyword):
    """A schema whose parts refer twice to the next, thirty times."""
    parts = {f"d{n}": {keyword: [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(30)}
    return {"$ref": "#/$defs/d0", "$defs": {**parts, "d30": {"type": "string"}}}


def picture(width, height, pixels):
    """A PNG that says it has this size."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(pixels, 9)) + chunk(b"IEND", b"")
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


SCHEMAS = {
    "schemas within schemas": nested(30, {"type": "string"}),
    "too many schemas within schemas": nested(50, {"type": "string"}),
    "a schema of itself": {"$ref": "#"},
    "two schemas of each other": {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
    "allOf that doubles": doubled("allOf"),
    "anyOf that doubles": doubled("anyOf"),
    "a choice among thousands": {"enum": [f"value {n}" for n in range(10_000)]},
    "texts that begin alike": {"enum": ["a" * n for n in range(1, 2000)]},
    "a text without an end": {"type": "string", "minLength": 10**9},
    "lists within lists": {"type": "array", "minItems": 9999, "items": {"type": "array", "minItems": 9999}},
    "repetitions of repetitions": {"type": "string", "pattern": "^((((a{1,1000}){1,1000}){1,1000}){1,1000})$"},
    "an automaton that doubles": {"type": "string", "pattern": "(a|b)*a(a|b){40}"},
    "thousands of members": {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(4000)},
                             "additionalProperties": False},
    "a large prime": {"type": "integer", "multipleOf": 10**9 + 7, "minimum": 1},
    "products of choices": {"allOf": [{"anyOf": [{"properties": {f"p{n}{m}": {"type": "string"}}} for m in range(6)]}
                                      for n in range(12)]},
}


def attacks(model):
    """What it is, where it is sent, and its bytes."""
    asked = {"model": model, "messages": SAID, "max_tokens": 8}
    begin = f'{{"model": "{model}", "messages": '.encode()
    tools = [{"type": "function", "function": {"name": f"t{n}", "strict": True, "parameters": nested(20, {"enum": list(range(200))})}}
             for n in range(128)]
    for what, schema in SCHEMAS.items():
        format = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
        yield what, CHAT, json.dumps({**asked, "response_format": format}).encode()
    for what, more in [
        ("all at once, eight times", {"n": 8, "logprobs": True, "top_logprobs": 20, "temperature": 1.5, "max_tokens": 100,
                                      "presence_penalty": 2, "frequency_penalty": -2, "logit_bias": {"5": 100}}),
        ("a bias for everything", {"logit_bias": {str(n): 1 for n in range(100_000)}}),
        ("megabytes to stop at", {"stop": ["x" * 1_000_000] * 16}),
        ("128 tools", {"tools": tools}),
        ("megabytes of text", {"messages": [{"role": "user", "content": "x " * 10_000_000}]}),
        ("thousands of messages", {"messages": [*SAID, {"role": "assistant", "content": "19"}] * 2000}),
        ("what no text has", {"messages": [{"role": "user", "content": "\u202e\ufeff\0\U0010ffff" * 200}]}),
        ("a number that no integer has", {"max_tokens": 10**30}),
        ("variables of the template", {"chat_template_kwargs": {f"k{n}": "v" * 1000 for n in range(1000)}}),
        ("a picture of more than it has", {"messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": picture(2**31 - 1, 2**31 - 1, b"")}}]}]}),
        ("a picture that grows", {"messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": picture(15_000, 15_000, bytes(45_001 * 1000))}}]}]}),
    ]:
        yield what, CHAT, json.dumps({**asked, **more}).encode()
    yield "brackets", CHAT, begin + b"[" * 100_000 + b"]" * 100_000 + b"}"
    yield "objects in what nobody reads", CHAT, begin + json.dumps(SAID).encode() + b', "metadata": ' + b'{"a":' * 100_000
    yield "digits", CHAT, begin + json.dumps(SAID).encode() + b', "max_tokens": 1' + b"0" * 100_000 + b"}"
    yield "half of a character", CHAT, begin + b'[{"role": "user", "content": "\\ud800"}]}'
    yield "a token that there is not", "/v1/completions", json.dumps({"model": model, "prompt": [2**32 - 1], "echo": True}).encode()
    yield "megabytes to continue", "/v1/completions", json.dumps({"model": model, "prompt": "a" * 20_000_000}).encode()
    yield "a context of everything", "/api/chat", json.dumps({**asked, "max_tokens": None, "options": {"num_ctx": 10**18}}).encode()
    yield "for ever", "/api/generate", json.dumps({"model": model, "keep_alive": 10**300}).encode()
