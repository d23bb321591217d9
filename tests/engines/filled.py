"""What a form engine hands back, the way answers are given to it, and what happens when an engine is not here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

Answers = Mapping[str, Any]
"""Question name -> value: text, int, float, date as ISO text; a list of codes for select_multiple; for a repeat a list
of such mappings, one for each instance, under the repeat's own name. Groups are not named. None = not answered."""


class EngineMissingError(RuntimeError):
    """The engine cannot run on this machine; the text says what is missing."""


@dataclass(frozen=True)
class Filled:
    """One filled form."""

    xml: bytes
    """The submission as the engine serialised it."""
    given: tuple[str, ...]
    """Answers that the form took, as `name` or `repeat[1]/name`."""
    not_given: Mapping[str, str] = field(default_factory=dict)
    """Answers that it did not take -> why: irrelevant, constraint, choice, value, readonly, repeat, unknown."""
    violations: tuple[str, ...] = ()
    """What the engine holds against the form as filled, `path required` or `path constraint`."""
    silent: tuple[str, ...] = ()
    """Questions that said nothing, or `-`, in the language in which the form was filled."""


def list_answers(answers: Answers, *, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every answer that is to be given, as (`repeat[1]/name`, value)."""
    for name, value in answers.items():
        if is_repeat(value):
            for number, row in enumerate(value, start=1):
                yield from list_answers(row, prefix=f"{prefix}{name}[{number}]/")
        elif value is not None and value != []:
            yield f"{prefix}{name}", value


def is_repeat(value: Any) -> bool:
    """True for the instances of a repeat, false for the codes of a select_multiple (also when empty)."""
    return isinstance(value, list) and bool(value) and all(isinstance(row, Mapping) for row in value)


def write_text(value: Any) -> str:
    """A value as the text that a form field holds: True is `yes` for nobody, so booleans are refused."""
    if isinstance(value, bool):
        raise TypeError("a form has no booleans: give the code, the number or the text")
    if isinstance(value, list | tuple | set | frozenset):
        return " ".join(str(code) for code in value)
    return str(value)


def need(load: Callable[[], Any]) -> Any:
    """What `load` returns; without the engine the test is skipped with the reason, or fails where engines are required
    (PIMCOLLECT_ENGINES=required, as in .ci/run)."""
    try:
        return load()
    except EngineMissingError as missing:
        if os.environ.get("PIMCOLLECT_ENGINES") == "required":
            pytest.fail(f"required engine: {missing}", pytrace=False)
        pytest.skip(str(missing))
