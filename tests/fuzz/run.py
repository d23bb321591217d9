"""`make fuzz`: each parser for some minutes, guided by coverage. Prints one JSON line each; fails on any finding."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

_HANGS_AFTER = 20
_MEMORY_MEGABYTES = 2048
_TARGETS = "tests.fuzz.targets"
_GUIDED_BY = ["pimcollect", "forms", "webhooks", "json", "csv"]
"""Packages whose branches guide the fuzzer; with all of them it would hardly begin."""


def fuzz_here(name: str, folder: Path, seconds: int, found: Path) -> None:
    """Fuzz in this process until the time is over; ends it."""
    import atheris

    with atheris.instrument_imports(include=_GUIDED_BY):
        target = import_module(_TARGETS).TARGETS[name]
    for number, seed in enumerate(target.seeds):
        (folder / f"seed{number}").write_bytes(seed)
    words = folder.parent / "words"
    words.write_text("".join(f'"{"".join(f"{chr(92)}x{byte:02x}" for byte in word)}"\n' for word in target.words))
    options = [
        f"-max_total_time={seconds}",
        f"-timeout={_HANGS_AFTER}",
        f"-rss_limit_mb={_MEMORY_MEGABYTES}",
        "-max_len=20000",
        f"-artifact_prefix={found}/{name}-",
        *([f"-dict={words}"] if target.words else []),
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(folder)], lambda data: target.run(bytes(data)))
    atheris.Fuzz()


def fuzz(name: str, *, seconds: int, found: Path) -> bool:
    """Fuzz a parser in a process of its own; True when it kept its promises."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "corpus"
        folder.mkdir()
        call = [sys.executable, "-m", "tests.fuzz.run", "--here", str(folder), "--found", str(found)]
        done = subprocess.run(
            [*call, "--seconds", str(seconds), name],
            capture_output=True,
            text=True,
            check=False,
            timeout=2 * seconds + 300,  # a busy machine begins and ends slowly; what hangs, the fuzzer itself ends
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )
    runs = [line.split()[-1] for line in done.stderr.splitlines() if line.startswith("stat::number_of_executed_units")]
    told = {"parser": name, "seconds": round(time.monotonic() - began), "runs": int(runs[0]) if runs else 0}
    sys.stdout.write(json.dumps({**told, "ok": done.returncode == 0}) + "\n")
    sys.stdout.flush()
    if done.returncode != 0:
        sys.stdout.write("\n".join(done.stderr.splitlines()[-40:]) + "\n")
    return done.returncode == 0


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", help="parsers; all of them if none is named")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--found", type=Path, default=Path(".fuzz"))
    parser.add_argument("--here", type=Path)
    asked = parser.parse_args()
    asked.found.mkdir(exist_ok=True)
    if asked.here:
        fuzz_here(asked.names[0], asked.here, asked.seconds, asked.found)
        return 0
    try:
        import atheris  # noqa: F401
    except ImportError:
        sys.stdout.write("atheris has no build for this Python or machine; the suite looks at every parser shortly\n")
        return 0
    names = asked.names or sorted(import_module(_TARGETS).TARGETS)
    results = [fuzz(name, seconds=asked.seconds, found=asked.found) for name in names]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
