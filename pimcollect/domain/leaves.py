"""One answer as it arrives -> one typed value: a reader for each type of question."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from pimcollect.domain.version import Choice, Question

CHOICE_TYPES = frozenset({"select_one", "select_multiple", "rank"})
SET_TYPES = frozenset({"select_multiple", "rank"})
NUMBER_TYPES = frozenset({"integer", "decimal", "range"})
DATE_TYPES = frozenset({"date", "dateTime", "start", "end", "today"})
POSITION_TYPES = frozenset({"geopoint", "geotrace", "geoshape", "start-geopoint", "background-geopoint"})
MEDIA_TYPES = frozenset({"image", "audio", "video", "file", "background-audio", "audit"})
STAFF_TYPES = frozenset(
    {"deviceid", "username", "email", "phonenumber", "simserial", "subscriberid", "imei", "instanceName"}
)
METADATA_TYPES = (
    frozenset({"start", "end", "today", "start-geopoint"})
    | STAFF_TYPES
    | MEDIA_TYPES
    - {
        "image",
        "audio",
        "video",
        "file",
    }
)
"""Filled in by the telephone, not by a person: never a sign that a body belongs to a form."""

MAX_TEXT = 10_000
MAX_CODE = 128
_INTEGER = re.compile(r"[+-]?[0-9]{1,15}(?:\.0{1,6})?\Z")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,15}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})(?:[eE][+-]?[0-9]{1,2})?\Z")
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?(?=[T ]|\Z)")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters and lone surrogates: the database cannot hold them, nobody typed them on purpose."""


class Bad:
    """An answer that cannot be read: counted by its reason, never passed on."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Partly:
    """A selection of several in which some codes are unknown: the known ones stay, the others are counted."""

    __slots__ = ("count", "known")

    def __init__(self, known: tuple[str, ...], count: int) -> None:
        self.known = known
        self.count = count


BAD_INTEGER, BAD_DECIMAL, BAD_DATE = Bad("bad_integer"), Bad("bad_decimal"), Bad("bad_date")
BAD_TIME, BAD_TEXT, TOO_LONG = Bad("bad_time"), Bad("bad_text"), Bad("too_long")
UNKNOWN_CHOICE, BAD_REPEAT = Bad("unknown_choice"), Bad("bad_repeat")

Reader = Callable[[Any], Any]
"""A value as it arrived -> the typed value, None when absent, Bad or Partly."""


def _read_text(value: Any) -> Any:
    if value.__class__ is not str:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return BAD_TEXT
        if isinstance(value, int) and value.bit_length() > 256:  # str() of a giant number is slow and refused
            return TOO_LONG
        value = str(value)
    if len(value) > MAX_TEXT:
        return TOO_LONG
    if not value.isprintable():
        value = _UNSAFE.sub("", value)
    if not value.isascii():  # one spelling, so that the same name typed on two phones is the same text
        value = unicodedata.normalize("NFC", value)
    return value.strip() or None


def read_integer(value: Any) -> Any:
    """A whole number as text (Kobo) or as a number (Ona) -> int, else Bad. At most 15 digits, ASCII only."""
    kind = value.__class__
    if kind is str:
        text = value.strip()
        return int(text.partition(".")[0]) if _INTEGER.match(text) else BAD_INTEGER
    if kind is float:
        return int(value) if math.isfinite(value) and value == int(value) and abs(value) < 1e15 else BAD_INTEGER
    if kind is int:
        return value if abs(value) < 10**15 else BAD_INTEGER
    return BAD_INTEGER


def read_decimal(value: Any) -> Any:
    """A number as text or as a number -> float, else Bad; NaN and infinity are no numbers."""
    kind = value.__class__
    if kind is str:
        text = value.strip()
        return float(text) if _DECIMAL.match(text) else BAD_DECIMAL
    if kind is int or kind is float:
        try:
            number = float(value)
        except OverflowError:
            return BAD_DECIMAL
        return number if math.isfinite(number) else BAD_DECIMAL
    return BAD_DECIMAL


def read_date(value: Any) -> Any:
    """An ISO date or date-time, or a year and month -> `YYYY-MM-DD` (first day if only the month is told).

    Time and zone are dropped here already: the offset tells the region. Anything else, and a year outside
    1900-2100, is Bad.
    """
    found = _DATE.match(value.strip()) if value.__class__ is str else None
    if found is None:
        return BAD_DATE
    year, month, day = int(found[1]), int(found[2]), int(found[3] or 1)
    try:
        return date(year, month, day).isoformat() if 1900 <= year <= 2100 else BAD_DATE
    except ValueError:
        return BAD_DATE


def _read_time(value: Any) -> Any:
    found = _TIME.match(value.strip()) if value.__class__ is str else None
    return found[0] if found else BAD_TIME


def _read_open_code(value: Any) -> Any:
    text = _read_text(value)
    if text.__class__ is not str:
        return UNKNOWN_CHOICE if text.__class__ is Bad else text
    return text if len(text) <= MAX_CODE and len(text.split()) == 1 else UNKNOWN_CHOICE


def _code_reader(codes: frozenset[str]) -> Reader:
    def read(value: Any) -> Any:
        text = value.strip() if value.__class__ is str else str(value) if value.__class__ is int else ""
        return text if text in codes else UNKNOWN_CHOICE

    return read


def _codes_reader(codes: frozenset[str] | None, *, order: Mapping[str, int] | None) -> Reader:
    """Several codes: by `order` where one is given, else as they came. Engines differ in how they order a selection
    (JavaRosa as it was ticked, xforms-engine as it is listed), and it means nothing; only a rank's order does."""

    def read(value: Any) -> Any:
        if value.__class__ is not str:
            if value.__class__ is not int:
                return UNKNOWN_CHOICE
            value = str(value)
        tokens = dict.fromkeys(value.split())
        if codes is None:
            known = tuple([token for token in tokens if len(token) <= MAX_CODE and token.isprintable()])
        else:
            known = tuple([token for token in tokens if token in codes])
        if order is not None and len(known) > 1:
            known = tuple(sorted(known, key=order.__getitem__))
        if len(known) == len(tokens):
            return known or None
        return Partly(known, len(tokens) - len(known))

    return read


def known_codes(question: Question, choices: Mapping[str, tuple[Choice, ...]]) -> frozenset[str] | None:
    """The codes that a selection may hold; None when the list is not part of the version (an outside file)."""
    listed = choices.get(question.choices)
    return None if listed is None else frozenset(choice.code for choice in listed)


def list_frequent(question: Question, choices: Mapping[str, tuple[Choice, ...]]) -> dict[str, Any]:
    """Text as it arrives -> typed value, for the answers that come most: every single code, and small numbers."""
    if question.type in CHOICE_TYPES:
        codes = known_codes(question, choices) or ()
        return {code: (code,) if question.type in SET_TYPES else code for code in codes}
    return {str(number): number for number in range(121)} if question.type == "integer" else {}


def leaf_reader(question: Question, choices: Mapping[str, tuple[Choice, ...]]) -> Reader:
    """The reader for one question. Empty text is handled by the caller."""
    kind = question.type
    if kind in CHOICE_TYPES:
        codes = known_codes(question, choices)
        if kind in SET_TYPES:
            listed = choices.get(question.choices, ()) if kind != "rank" else ()
            return _codes_reader(codes, order={one.code: at for at, one in enumerate(listed)} or None)
        return _read_open_code if codes is None else _code_reader(codes)
    if kind == "integer":
        return read_integer
    if kind in NUMBER_TYPES:
        return read_decimal
    if kind in DATE_TYPES:
        return read_date
    if kind == "time":
        return _read_time
    return _read_text
