"""What every client is held to by."""

import base64
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
QUESTION = "What is 12 + 7?"
COLOUR = "What colour is the circle?"
CALLER = "caller"


def check(what, holds, seen=""):
    if not holds:
        sys.exit(f"{what}: {seen!r}")
    print(f"ok  {what}")


def fails(what, kind, ask):
    try:
        ask()
    except kind as error:
        check(what, True)
        return error
    return check(what, False)


def picture():
    return base64.b64encode((ROOT / "demo/images/five_shapes.png").read_bytes()).decode()


def weather():
    """A tool's parameters."""
    return {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
