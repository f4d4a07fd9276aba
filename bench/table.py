"""Medians of what peers.py measured, as rows and as one table in Markdown."""
import pathlib
import statistics

US = "plimsoll"
LESS_IS_BETTER = ("start", "memory")


def rows(samples):
    """One row for each figure, with the median of each engine, its share of the machine's limit, and our ratio to it.

    The limits are what Plimsoll measured in the same run: reading what a token reads, or multiplying what it multiplies.
    A ratio above 1 says that Plimsoll is better: faster, sooner, smaller.
    """
    found = {}
    for s in samples:
        key = (s["model"], s["level"], s["figure"], s["n"], s["depth"])
        found.setdefault(key, {}).setdefault(s["engine"], []).append(s)
    return [row(key, engines) for key, engines in found.items()]


def row(key, engines):
    model, level, figure, n, depth = key
    medians = {name: median([s["value"] for s in samples]) for name, samples in engines.items()}
    limit = median([s.get("limit") for s in engines.get(US, [])])
    us = medians.get(US)
    described = {}
    for name, value in medians.items():
        one = {"median": value, "samples": [s["value"] for s in engines[name]]}
        if value and limit:
            one["share"] = value / limit
        if value and us and name != US:
            one["ratio"] = value / us if figure in LESS_IS_BETTER else us / value
        described[name] = one
    size = pathlib.Path(model).stat().st_size if figure == "memory" else None
    return {"model": pathlib.Path(model).stem, "level": level, "phase": figure, "n": n, "depth": depth,
            "file_bytes": size, "engines": described}


def median(values):
    present = [value for value in values if value is not None]
    return statistics.median(present) if present else None


def text(rows):
    peers = sorted({name for row in rows for name in row["engines"] if name != US}, reverse=True)
    head = ["model", "level", "phase", "depth", US, "limit"]
    for name in peers:
        head += [name, "limit", "ratio"]
    body = [head, [":--"] * 3 + ["--:"] * (len(head) - 3)]
    for row in sorted(rows, key=order):
        cells = [row["model"], row["level"], phase(row), str(row["depth"]), *shown(row, US)]
        for name in peers:
            cells += [*shown(row, name), ratio(row, name)]
        body.append(cells)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in body)


def order(row):
    levels = ("native", "avx512", "avx2")
    phases = ("prefill", "decode", "batch", "start", "memory")
    return row["model"], levels.index(row["level"]), phases.index(row["phase"]), row["depth"], row["n"] or 0


def phase(row):
    match row["phase"]:
        case "start":
            return "start, s"
        case "memory":
            return "memory, × file"
        case "batch":
            return f"decode, {row['n']} at once"
        case name:
            return f"{name} {row['n']}"


def shown(row, engine):
    """The median and its share of the limit."""
    one = row["engines"].get(engine)
    if one is None:
        return "", ""
    if one["median"] is None:
        return "failed", ""
    value = one["median"] / row["file_bytes"] if row["file_bytes"] else one["median"]
    digits = 2 if row["phase"] in LESS_IS_BETTER else 1 if value < 1000 else 0
    return f"{value:.{digits}f}", f"{100 * one['share']:.0f} %" if "share" in one else ""


def ratio(row, engine):
    found = row["engines"].get(engine, {}).get("ratio")
    return f"{found:.2f}" if found else ""
