"""What every client is held to by."""

import base64
import json
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


CITIES = ["Oslo", "Rome"]


def strict_weather():
    """A tool's parameters that leave no doubt whether arguments hold to them: two cities, and a number of days."""
    city = {"type": "string", "enum": CITIES}
    days = {"type": "integer", "minimum": 1, "maximum": 7}
    return {"type": "object", "properties": {"city": city, "days": days}, "required": ["city", "days"],
            "additionalProperties": False}


def holds_to_it(arguments):
    """Whether arguments, or their text, hold to `strict_weather`."""
    arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
    return set(arguments) == {"city", "days"} and arguments["city"] in CITIES and arguments["days"] in range(1, 8)
