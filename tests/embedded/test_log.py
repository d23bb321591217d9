"""Log lines: what passes, what is dropped, and that no library can say a value."""

from __future__ import annotations

import io
import json
import logging
from uuid import uuid4

import pytest

from pimcollect.errors import ErrorCode, PimError
from pimcollect.log import FACTS, _OneLine, open_log

_CANARY = "Nadia Al-Example +218911234567"


@pytest.fixture
def lines() -> object:
    """What is logged, as rendered lines."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_OneLine("test"))
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG)
    yield stream
    root.handlers[:] = kept
    root.setLevel(level)


@pytest.mark.parametrize("name", [*sorted(FACTS), "name", "answers", "msg"])
def test_a_value_never_passes_under_any_name(lines: io.StringIO, name: str) -> None:
    open_log("door").warning("refused", **{name: _CANARY})
    line = json.loads(lines.getvalue())
    assert line["event"] == "refused"
    assert line["dropped"] == 1
    assert "Nadia" not in lines.getvalue()


def test_an_event_that_is_no_word_is_not_said(lines: io.StringIO) -> None:
    open_log("door").error(_CANARY)
    assert json.loads(lines.getvalue())["event"] == "unnamed"


def test_a_library_is_heard_but_not_quoted(lines: io.StringIO) -> None:
    logging.getLogger("some.library").error("failed for %s", _CANARY, exc_info=KeyError(_CANARY))
    line = json.loads(lines.getvalue())
    assert (line["log"], line["error"], line["event"]) == ("some.library", "KeyError", "library")
    assert "Nadia" not in lines.getvalue()


def test_a_library_cannot_pass_for_us(lines: io.StringIO) -> None:
    logging.getLogger("pimcollect.x").error("failed for %s", _CANARY)
    logging.getLogger("other").error("x", extra={"facts": {"name": _CANARY}})
    assert "Nadia" not in lines.getvalue()


def test_facts_of_the_right_shape_pass(lines: io.StringIO) -> None:
    entry = uuid4()
    open_log("door").info("stored", entry=entry, count=3, code=ErrorCode.TOO_LARGE, error="ValueError", form="hh_core")
    line = json.loads(lines.getvalue())
    assert line["entry"] == str(entry)
    assert (line["count"], line["code"], line["error"], line["form"]) == (3, "too_large", "ValueError", "hh_core")
    assert "dropped" not in line


def test_an_error_of_ours_is_known_by_its_code(lines: io.StringIO) -> None:
    logging.getLogger("other").error("x", exc_info=PimError(ErrorCode.AWAY, "away"))
    assert json.loads(lines.getvalue())["code"] == "away"
