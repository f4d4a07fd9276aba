#!/usr/bin/env python3
"""llama.cpp's own tests of its server, put to `plimsoll serve`.

    pip install pytest==8.3.5 requests filelock openai==3.51.0
    pip download --no-deps --no-binary llama_cpp_python llama_cpp_python==0.3.36
    python3 tools/llama_tests/run.py BINARY llama_cpp_python-0.3.36.tar.gz STORIES260K

STORIES260K is the folder of the checkpoint that they use. The tests lie in the archive; `portable.toml` has those that say
nothing of this server, each with its reason, and the places that are changed in the copy. `server.py` stands for their server,
and `test_determinism.py` asks what theirs leave out. Ends with 1 where a test fails, where none passes, and where the table
speaks of one that there is not.
"""

import os
import socket
import stat
import sys
import tarfile
import tempfile
import tomllib
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = "vendor/llama.cpp"


class Table:
    """Has pytest leave out what is not portable, and counts."""

    def __init__(self, table):
        self.tests, self.kinds = table["tests"], table["kinds"]
        self.unused = set(self.tests)
        self.left_out, self.outcomes, self.ours = Counter(), Counter(), 0

    def kind(self, test):
        fitting = [begin for begin in self.tests if test.startswith(begin)]
        self.unused -= set(fitting)
        return self.tests[max(fitting, key=len)] if fitting else ""

    def pytest_collection_modifyitems(self, config, items):
        kept = []
        for item in items:
            kind = self.kind(item.nodeid)
            if kind:
                self.left_out[kind] += 1
            else:
                kept.append(item)
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            ours = "test_determinism" in report.nodeid
            self.outcomes["ours" if ours and report.passed else report.outcome] += 1


def unpacked(archive, folder, changes):
    """The tests' folder within `folder`, changed, and beside it the templates that they read."""
    with tarfile.open(archive) as source:
        wanted = [member for member in source if f"/{ROOT}/tools/server/tests/" in member.name
                  or f"/{ROOT}/models/templates/" in member.name]
        source.extractall(folder, wanted, filter="data")
    [tests] = Path(folder).glob(f"*/{ROOT}/tools/server/tests")
    for change in changes:
        file = tests / change["file"]
        text = file.read_text()
        if change["from"] not in text:
            sys.exit(f"{change['file']} has no {change['from']!r} to change: {change['why']}")
        file.write_text(text.replace(change["from"], change["to"]))
    (tests / "unit/test_determinism.py").write_text((HERE / "test_determinism.py").read_text())
    return tests


def stand_in(folder, binary, model):
    """What the tests take for their server."""
    script = Path(folder) / "server"
    words = [sys.executable, str(HERE / "server.py"), str(Path(binary).resolve()), str(Path(model).resolve())]
    script.write_text("#!/bin/sh\nexec " + " ".join(f"'{word}'" for word in words) + ' "$@"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script


def free_port():
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        return some.getsockname()[1]


def main():
    binary, archive, model, *more = sys.argv[1:]
    described = tomllib.loads((HERE / "portable.toml").read_text())
    table = Table(described)
    with tempfile.TemporaryDirectory() as folder:
        tests = unpacked(archive, folder, described["changed"])
        os.environ["LLAMA_SERVER_BIN_PATH"] = str(stand_in(folder, binary, model))
        os.environ["PORT"] = str(free_port())
        os.chdir(tests)
        # Their servers' folders of models are made here.
        code = pytest.main(["-q", "--no-header", "-p", "no:cacheprovider", "--tb=short", "--show-capture=no", *more], [table])
    for kind, count in table.left_out.most_common():
        print(f"{count:4} not portable: {table.kinds[kind]}")
    passed, failed = table.outcomes["passed"], table.outcomes["failed"] + table.outcomes["error"]
    print(f"{passed} of {passed + failed} portable tests pass, {table.outcomes['skipped']} skip themselves; "
          f"{table.outcomes['ours']} of determinism pass")
    if table.unused and not more:
        sys.exit(f"portable.toml speaks of tests that there are not: {sorted(table.unused)}")
    sys.exit(1 if code or not passed or not table.outcomes["ours"] else 0)


if __name__ == "__main__":
    main()
