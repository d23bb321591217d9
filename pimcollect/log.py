"""Log lines that cannot carry answers: an event word, and facts whose names and shapes are on a list.

One JSON object a line on stderr. Of a line that another library writes only who, where and the class of an error
remain: its text may repeat an address, a statement or a value.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from pimcollect.errors import PimError

_CODE = re.compile(r"[a-z][a-z0-9_.:-]{0,63}")
_CLASS = re.compile(r"_?[A-Z][A-Za-z0-9]{0,63}")
_IDS = {"entry", "hook", "notice", "referral", "reveal", "member", "case", "job", "request", "release", "file"}
_NUMBERS = {"count", "status", "seconds", "pid", "port", "attempts", "bytes", "pages"}
_CODES = {
    "code",
    "form",
    "kind",
    "queue",
    "reason",
    "state",
    "server",
    "notifier",
    "route",
    "method",
    "step",
    "version",
}
_CLASSES = {"error", "cause"}
FACTS = frozenset(_IDS | _NUMBERS | _CODES | _CLASSES)
"""Names that a fact may have; a house test looks at every call."""


def _shape(name: str, value: object) -> str | int | float | bool | None:
    """The value if it has the shape that its name promises, else None: a name is no promise about the value."""
    if name in _NUMBERS:
        return value if isinstance(value, int | float) else None
    text = str(value)
    if name in _IDS:
        try:
            return str(UUID(text))
        except ValueError:
            return None
    shape = _CLASS if name in _CLASSES else _CODE
    return text if shape.fullmatch(text) else None


class Log:
    """Writes events of one part of the house. `_log.warning("refused", code=ErrorCode.TOO_LARGE)`."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(f"pimcollect.{name}")

    def info(self, event: str, **facts: object) -> None:
        """Something went as it should."""
        self._write(logging.INFO, event, facts)

    def warning(self, event: str, **facts: object) -> None:
        """Something was refused or has to be tried again."""
        self._write(logging.WARNING, event, facts)

    def error(self, event: str, **facts: object) -> None:
        """Somebody should look."""
        self._write(logging.ERROR, event, facts)

    def _write(self, level: int, event: str, facts: dict[str, object]) -> None:
        if not self._logger.isEnabledFor(level):
            return
        word = event if _CODE.fullmatch(event) else "unnamed"
        shaped = {name: _shape(name, value) for name, value in facts.items() if name in FACTS}
        kept = {name: value for name, value in shaped.items() if value is not None}
        if len(kept) < len(facts):
            kept["dropped"] = len(facts) - len(kept)
        self._logger.log(level, word, extra={"facts": kept})


def open_log(name: str) -> Log:
    """The log of one part of the house, for example `open_log("door")`."""
    return Log(name)


class _OneLine(logging.Formatter):
    """Renders our records whole, and of others only what cannot hold a value."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": self._process,
            "log": record.name,
        }
        facts = getattr(record, "facts", None)
        if isinstance(facts, dict) and record.name.startswith("pimcollect."):
            line |= {"event": record.msg, **facts}
        else:
            line |= {"event": "library", "where": f"{Path(record.pathname).name}:{record.lineno}"}
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            if isinstance(record.exc_info[1], PimError):
                line["code"] = record.exc_info[1].code
        return json.dumps(line)


def configure_logging(process: str) -> None:
    """Send everything that this process logs through the list. Call once, when a process starts.

    Libraries are heard from WARNING on, ourselves from INFO on.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("pimcollect").setLevel(logging.INFO)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns of every request that waits a moment
    # an error while logging must not print the record that it failed on
    logging.raiseExceptions = False
