# Plain values as JSON, and back. Nothing else crosses between the two processes.
import json
import os
import sys

LONGEST = 1 << 20  # bytes of a message


class Uncrossed:
    """Stands in the judge for a returned value of a type that does not cross; equal to nothing."""

    def __init__(self, kind):
        self.kind = kind

    def __repr__(self):
        return f"<a {self.kind}>"


def pack(value):
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return {"i": hex(value)}
    if isinstance(value, float):
        return {"f": value.hex()}
    if isinstance(value, complex):
        return {"c": [value.real.hex(), value.imag.hex()]}
    if isinstance(value, (bytes, bytearray)):
        return {"b": value.hex()}
    if isinstance(value, dict):
        return {"d": [[pack(key), pack(item)] for key, item in value.items()]}
    for kind, mark in ((list, "l"), (tuple, "t"), (set, "s"), (frozenset, "z")):
        if isinstance(value, kind):
            return {mark: [pack(item) for item in value]}
    return {"o": type(value).__name__}


def unpack(packed):
    if packed is None or isinstance(packed, (bool, str)):
        return packed
    ((mark, inner),) = packed.items()
    if mark == "i":
        return int(inner, 16)
    if mark == "f":
        return float.fromhex(inner)
    if mark == "c":
        return complex(float.fromhex(inner[0]), float.fromhex(inner[1]))
    if mark == "b":
        return bytes.fromhex(inner)
    if mark == "d":
        return {unpack(key): unpack(item) for key, item in inner}
    if mark == "o":
        return Uncrossed(str(inner))
    kind = {"l": list, "t": tuple, "s": set, "z": frozenset}[mark]
    return kind([unpack(item) for item in inner])


def send(stream, message):
    stream.write(json.dumps(message).encode("ascii") + b"\n")
    stream.flush()
