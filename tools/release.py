#!/usr/bin/env python3
"""Archives of the program that people can install, with their SHA-256 sums.

    python3 tools/release.py [--out dist] [TARGET …]

Without a TARGET that of this machine. Others want `rustup target add TARGET` and a C compiler for them: Debian's
musl-tools for x86_64-unknown-linux-musl (one binary for every Linux), gcc-aarch64-linux-gnu for
aarch64-unknown-linux-gnu. An archive holds the program, completions for five shells, the manual, and the licences of all
that is linked into it. The same commit gives the same archive: entries are sorted, and have the time of the commit.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHELLS = ["bash", "zsh", "fish", "powershell", "elvish"]
DOCUMENTS = ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"]
LINKERS = {
    "aarch64-unknown-linux-gnu": "aarch64-linux-gnu-gcc",
    "x86_64-unknown-linux-musl": "musl-gcc",
    "x86_64-pc-windows-gnu": "x86_64-w64-mingw32-gcc",
}


def run(*command, **more):
    return subprocess.run(command, check=True, cwd=ROOT, **more)


def said(*command):
    return run(*command, stdout=subprocess.PIPE, text=True).stdout


def host():
    return next(line.split()[1] for line in said("rustc", "-vV").splitlines() if line.startswith("host:"))


def build(target):
    """The program for a target, by the profile that makes it small."""
    command = ["cargo", "build", "--profile", "dist", "--locked", "--package", "plimsoll-cli"]
    folder = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    environment = dict(os.environ)
    if target != host():
        command += ["--target", target]
        folder = folder / target
        if linker := LINKERS.get(target):
            environment[f"CARGO_TARGET_{target.upper().replace('-', '_')}_LINKER"] = linker
    run(*command, env=environment)
    return folder / "dist" / ("plimsoll.exe" if "windows" in target else "plimsoll")


def licences(target):
    """The name, version, licence and licence texts of every package that is linked for a target."""
    metadata = json.loads(said("cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target))
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    start = next(identity for identity, package in packages.items() if package["name"] == "plimsoll-cli")
    linked, waiting = set(), [start]
    while waiting:
        identity = waiting.pop()
        if identity in linked:
            continue
        linked.add(identity)
        for dependency in nodes[identity]["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    foreign = sorted((packages[identity] for identity in linked if packages[identity]["source"]),
                     key=lambda package: (package["name"], package["version"]))
    listed, texts = [], {}
    for package in foreign:
        name = f"{package['name']} {package['version']}"
        listed.append(f"- {name}: {package['license']}\n")
        for file in sorted(Path(package["manifest_path"]).parent.iterdir()):
            if file.is_file() and file.name.upper().startswith(("LICEN", "COPYING", "NOTICE", "UNLICENSE")):
                text = file.read_text(encoding="utf-8", errors="replace").strip()
                texts.setdefault(text, []).append(f"{name} ({file.name})")
    # Many packages come with the same text, which then stands once.
    sections = [f"\n## {', '.join(names)}\n\n```text\n{text}\n```\n" for text, names in texts.items()]
    return "".join(["# Licences of what is linked into this program\n\n", *listed, *sections]).encode()


def manual(program):
    """Completions and manual pages, as a program that runs here writes them."""
    entries = {}
    for shell in SHELLS:
        entries[f"completions/plimsoll.{shell}"] = said(str(program), "completions", shell).encode()
    with tempfile.TemporaryDirectory() as folder:
        run(str(program), "man", folder, stdout=subprocess.DEVNULL)
        for page in sorted(Path(folder).iterdir()):
            entries[f"man/{page.name}"] = page.read_bytes()
    return entries


def as_tar(name, entries, moment):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, (content, mode) in sorted(entries.items()):
            info = tarfile.TarInfo(f"{name}/{path}")
            info.size, info.mode, info.mtime = len(content), mode, moment
            archive.addfile(info, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=moment)


def as_zip(name, entries):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, (content, mode) in sorted(entries.items()):
            info = zipfile.ZipInfo(f"{name}/{path}")
            info.external_attr = mode << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def written(path, content):
    """Whole or not at all."""
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("dist"))
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    here = host()
    version = next(package["version"] for package in json.loads(said(
        "cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"))["packages"]
        if package["name"] == "plimsoll-cli")
    moment = int(said("git", "log", "-1", "--format=%ct"))
    pages = manual(build(here))
    sums = []
    for target in arguments.targets or [here]:
        program = build(target)
        name = f"plimsoll-{version}-{target}"
        entries = {path: (content, 0o644) for path, content in pages.items()}
        entries.update({document: ((ROOT / document).read_bytes(), 0o644) for document in DOCUMENTS})
        entries["LICENSES-OF-DEPENDENCIES.md"] = (licences(target), 0o644)
        entries[program.name] = (program.read_bytes(), 0o755)
        is_zip = "windows" in target
        file = arguments.out / f"{name}{'.zip' if is_zip else '.tar.gz'}"
        written(file, as_zip(name, entries) if is_zip else as_tar(name, entries, moment))
        sums.append(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n")
        print(f"{file}: program {program.stat().st_size / 1e6:.1f} MB, archive {file.stat().st_size / 1e6:.1f} MB")
    written(arguments.out / "SHA256SUMS", "".join(sums).encode())


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: `{' '.join(map(str, error.cmd))}` ended with status {error.returncode}")
