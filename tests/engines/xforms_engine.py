"""Fills forms with @getodk/xforms-engine, the engine of ODK Web Forms, in one Node process for many forms."""

from __future__ import annotations

import atexit
import functools
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.engines.filled import Answers, EngineMissingError, Filled

TEXTS = (".csv", ".geojson", ".xml")
"""Files that the engine reads; pictures and sounds it does not."""

FOLDER = Path(__file__).parent / "node"


@functools.cache
def load_engine() -> Engine:
    """The engine of this process, started once. Raises EngineMissingError without Node 20 or without its packages."""
    node = shutil.which("node")
    if node is None:
        raise EngineMissingError("@getodk/xforms-engine needs Node 20 or newer")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").split(".")[0]) < 20:
        raise EngineMissingError(f"@getodk/xforms-engine needs Node 20 or newer, this is {version}")
    if not (FOLDER / "node_modules/@getodk/xforms-engine").is_dir():
        raise EngineMissingError("@getodk/xforms-engine is not installed: `npm ci` in tests/engines/node")
    engine = Engine(node)
    atexit.register(engine.close)
    return engine


class Engine:
    """A Node process that reads a form and answers on each line, and writes what became of it."""

    def __init__(self, node: str) -> None:
        self.process = subprocess.Popen(
            [node, "fill.mjs"],
            cwd=FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )

    def close(self) -> None:
        """End the process; safe to call twice."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process.terminate()
        self.process.wait(timeout=10)

    def fill(
        self,
        xform: bytes | str,
        answers: Answers,
        *,
        files: Mapping[str, bytes] | None = None,
        language: str = "",
        seed: int | None = None,
    ) -> Filled:
        """Answer what the form asks and serialise it. With a `seed`, questions that `answers` does not name are
        answered at random. `language` as columns name it: `French (fr)`. Raises RuntimeError for what is no form."""
        text = xform.decode() if isinstance(xform, bytes) else xform
        shown = {name: content.decode() for name, content in (files or {}).items() if name.endswith(TEXTS)}
        request = {"xform": text, "answers": dict(answers), "files": shown, "language": language, "seed": seed}
        reply = self._ask(request)
        return Filled(
            xml=reply["xml"].encode(),
            given=tuple(reply["given"]),
            not_given=reply["not_given"],
            violations=tuple(reply["violations"]),
            silent=tuple(reply["silent"]),
        )

    def vary(self, xform: str, answers: Answers, varied: Mapping[str, Sequence[str]], *, read: str) -> list[str]:
        """What the calculation `read` says of every combination of some questions' codes, the last turning fastest."""
        request = {
            "xform": xform,
            "answers": dict(answers),
            "varied": {name: list(codes) for name, codes in varied.items()},
        }
        values: list[str] = self._ask({**request, "read": read})["values"]
        return values

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the Node process of the form engine ended")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise RuntimeError(f"xforms-engine: {reply['error']}")
        return reply
