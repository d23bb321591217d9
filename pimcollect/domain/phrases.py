"""Sentences that remember their pattern: plain English for commands and files, and pages say them in their language.

A pattern is the text between the calls: `phrase("%(form)s has no purpose", form=id)`. It is its own key in the pages'
catalogues of translations, which a test holds to every call of `phrase`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

_NAME = re.compile(r"%\((\w+)\)s")
_PATTERN, _VALUES = "pattern", "values"


class Phrase(str):
    """English text, and the pattern and values that it was made of."""

    __slots__ = ("pattern", "values")
    pattern: str
    values: Mapping[str, str | tuple[str, ...]]
    """A tuple is a list of words; each may be a phrase itself."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Phrase:
        return self


def phrase(pattern: str, /, **values: Any) -> Phrase:
    """The English of a pattern. Lists and tuples are told with commas, everything else as text."""
    kept = {name: tuple(one) if isinstance(one, list | tuple) else _text(one) for name, one in values.items()}
    told = {name: ", ".join(one) if isinstance(one, tuple) else one for name, one in kept.items()}
    made = Phrase(pattern % told)
    made.pattern, made.values = pattern, kept
    return made


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def pattern(text: str) -> str:
    """The pattern itself, marked as one for the catalogues: for phrases that are frozen as text and recalled."""
    return text


def write_phrase(text: str | tuple[str, ...]) -> Any:
    """A text as JSON that `read_phrase` makes the same of."""
    if isinstance(text, tuple):
        return [write_phrase(one) for one in text]
    if not isinstance(text, Phrase):
        return text
    return {_PATTERN: text.pattern, _VALUES: {name: write_phrase(one) for name, one in text.values.items()}}


def read_phrase(written: Any) -> Any:
    """The text of `write_phrase`."""
    if isinstance(written, list):
        return tuple(read_phrase(one) for one in written)
    if isinstance(written, str):
        return written
    return phrase(written[_PATTERN], **{name: read_phrase(one) for name, one in written[_VALUES].items()})


def recall_phrase(text: str, patterns: Iterable[str]) -> str:
    """A text that was frozen as plain English, as the phrase that it was: the first of the patterns that it fits, its
    values recalled likewise or taken as lists. The text itself where none does."""
    known = tuple(patterns)
    for one in known:
        if found := _compile(one).fullmatch(text):
            return phrase(one, **{name: _recall_value(value, known) for name, value in found.groupdict().items()})
    return text


def _recall_value(text: str, patterns: tuple[str, ...]) -> str | list[str]:
    recalled = recall_phrase(text, patterns)
    return text.split(", ") if recalled is text and ", " in text else recalled


@cache
def _compile(pattern: str) -> re.Pattern[str]:
    literal, *rest = _NAME.split(pattern)
    parts = [re.escape(literal)]
    for name, after in zip(rest[::2], rest[1::2], strict=True):
        parts += [f"(?P<{name}>.+?)", re.escape(after)]
    return re.compile("".join(parts), re.DOTALL)
