"""Answers: from the flat shape a server sends, or from keyed values, to typed values; and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from pimcollect.domain.leaves import (
    BAD_REPEAT,
    METADATA_TYPES,
    SET_TYPES,
    Bad,
    Partly,
    Reader,
    leaf_reader,
    list_frequent,
)
from pimcollect.domain.version import Question, Version
from pimcollect.errors import ErrorCode, PimError

Answers = dict[str, Any]
"""Key -> int, float, str, tuple of codes (several choices) or list of such dicts (a repeat). Absent = not answered, or
not readable (see UNREAD)."""

Findings = dict[str, int]
"""`question reason` -> how often, and `unknown_fields` -> how many. Never a value."""

UNREAD = ""
"""No name of a question: under it stand the keys of those that came with a value which could not be read, so that the
treatment makes them null, as it makes what it cannot treat. Only there where there are any."""

UNKNOWN_FIELDS = "unknown_fields"
MAX_MEMBERS = 1000

SERVER_METADATA = METADATA_TYPES | {"instanceID"}
"""What ODK Collect adds under the name of its type; Kobo, Ona and ODK Central begin theirs with a prefix below."""
_METADATA_PREFIXES = ("_", "meta/", "orx:", "formhub/")


def is_metadata(path: str) -> bool:
    """True for a field that the server or the telephone adds by itself."""
    return path.startswith(_METADATA_PREFIXES) or path in SERVER_METADATA


def _is_empty(value: Any) -> bool:
    return value is None or (value.__class__ is str and not value.strip()) or value in ([], {})


class _Level:
    """The questions of one repeat (or of the top): by path as a server names them, and by key."""

    __slots__ = ("by_key", "by_path", "codes", "evidence")

    def __init__(self) -> None:
        self.by_path: dict[str, tuple[str, dict[str, Any], Reader | None, _Level | None]] = {}
        self.by_key: dict[str, tuple[str, Question | None, _Level | None]] = {}
        self.evidence: set[str] = set()


def last_name(path: str) -> str:
    """The last name of a slash path: the key of a repeat."""
    return path.rpartition("/")[2]


class AnswerReader:
    """Reads and writes the answers of one version; made once for it."""

    __slots__ = ("_top",)

    def __init__(self, version: Version) -> None:
        levels = {"": _Level()}
        for path in version.repeats:
            level = levels[path] = _Level()
            outer = max((known for known in levels if known == "" or path.startswith(known + "/")), key=len)
            levels[outer].by_path[path] = (last_name(path), {}, None, level)
            levels[outer].by_key[last_name(path)] = (path, None, level)
            levels[outer].evidence.add(path)
        for question in version.questions:
            level = levels[question.repeat]
            if question.key in level.by_key:
                _refuse_twice(version, question)
            frequent = list_frequent(question, version.choices)
            level.by_path[question.path] = (question.key, frequent, leaf_reader(question, version.choices), None)
            level.by_key[question.key] = (question.path, question, None)
            if question.type not in METADATA_TYPES:
                level.evidence.add(question.path)
        self._top = levels[""]

    def knows_any(self, raw: Mapping[str, Any]) -> bool:
        """True if an answered field of the body is a question of the form, or if it has no answers at all."""
        shared = self._top.evidence.intersection(raw)
        if any(not _is_empty(raw[path]) for path in shared):
            return True
        return all(path in shared or is_metadata(path) or _is_empty(raw[path]) for path in raw)

    def read(self, raw: Mapping[str, Any]) -> tuple[Answers, Findings]:
        """The flat shape {full/path: text, repeat/path: [{full/path: text}]} -> typed answers and findings."""
        findings: Findings = {}
        return _read_level(raw, self._top, findings), findings

    def read_values(self, values: Mapping[str, Any]) -> tuple[Answers, Findings]:
        """Answers keyed by question key, with JSON types (null = not answered) -> typed answers and findings."""
        findings: Findings = {}
        return _read_level(_name_paths(values, self._top), self._top, findings), findings

    def flatten(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Keyed answers -> the flat shape that Kobo sends: full paths, every answer a text, nothing empty.

        A key that the form does not ask is left out, as a telephone would.
        """
        return _flatten_level(values, self._top)


def _refuse_twice(version: Version, question: Question) -> NoReturn:
    # An answer of one would be taken for an answer of the other, and one of them may be the consent.
    raise PimError(
        ErrorCode.BAD_FORM,
        f"The form {version.form} has two fields with the key {question.key}; one is {question.path}.",
        remedy="Give each field of the same level its own name.",
    )


def _count(findings: Findings, finding: str, times: int = 1) -> None:
    findings[finding] = findings.get(finding, 0) + times


def _read_level(raw: Mapping[str, Any], level: _Level, findings: Findings) -> Answers:
    answers: Answers = {}
    table = level.by_path
    for path, value in raw.items():
        entry = table.get(path)
        if entry is None:
            if not is_metadata(path) and not _is_empty(value):
                _count(findings, UNKNOWN_FIELDS)
            continue
        key, frequent, reader, inner = entry
        if value.__class__ is str and (typed := frequent.get(value)) is not None:
            answers[key] = typed
            continue
        if value is not None and value != "":
            typed = reader(value) if reader is not None else _read_members(value, inner, findings)
            _put(answers, key, typed, value, findings)
    return answers


def _put(answers: Answers, key: str, typed: Any, value: Any, findings: Findings) -> None:
    """Keep what could be read; count what could not."""
    kind = typed.__class__
    if kind is Bad:
        if not _is_empty(value):
            _count(findings, f"{key} {typed.reason}")
            answers[UNREAD] = (*answers.get(UNREAD, ()), key)
    elif kind is Partly:
        _count(findings, f"{key} unknown_choice", typed.count)
        if typed.known:
            answers[key] = typed.known
        else:
            answers[UNREAD] = (*answers.get(UNREAD, ()), key)
    elif typed is not None:
        answers[key] = typed


def _read_members(value: Any, level: _Level | None, findings: Findings) -> Any:
    items = [value] if isinstance(value, Mapping) else value
    if level is None or not isinstance(items, list) or len(items) > MAX_MEMBERS:
        return BAD_REPEAT
    members = []
    for item in items:
        if not isinstance(item, Mapping):
            if not _is_empty(item):
                return BAD_REPEAT
            continue
        member = _read_level(item, level, findings)
        # An item without a single answer was never filled in; one whose answers cannot be read is still somebody.
        if member or not all(_is_empty(part) for part in item.values()):
            members.append(member)
    return members or None


def _name_paths(values: Mapping[str, Any], level: _Level) -> dict[str, Any]:
    raw: dict[str, Any] = {}
    for key, value in values.items():
        path, question, inner = level.by_key.get(key, (f"unknown/{key}", None, None))
        if inner is not None and _is_list(value):
            raw[path] = [_name_paths(item, inner) if isinstance(item, Mapping) else item for item in value]
        elif question is not None and question.type in SET_TYPES and _is_list(value):
            raw[path] = _join(value)
        else:
            raw[path] = value
    return raw


def _flatten_level(values: Mapping[str, Any], level: _Level) -> dict[str, Any]:
    raw: dict[str, Any] = {}
    for key, value in values.items():
        if key not in level.by_key or _is_empty(value):
            continue
        path, _, inner = level.by_key[key]
        if inner is not None:
            members = [_flatten_level(item, inner) for item in value if isinstance(item, Mapping)]
            members = [member for member in members if member]
            if members:
                raw[path] = members
        elif _is_list(value):
            raw[path] = _join(value)
        else:
            raw[path] = str(value)
    return raw


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _join(value: Iterable[Any]) -> str:
    return " ".join(str(code) for code in value)


def read_answers(raw: Mapping[str, Any], version: Version) -> tuple[Answers, Findings]:
    """`AnswerReader.read` for a single use; who reads many answers keeps the reader."""
    return AnswerReader(version).read(raw)


def read_values(values: Mapping[str, Any], version: Version) -> tuple[Answers, Findings]:
    """`AnswerReader.read_values` for a single use."""
    return AnswerReader(version).read_values(values)


def flatten(values: Mapping[str, Any], version: Version) -> dict[str, Any]:
    """`AnswerReader.flatten` for a single use."""
    return AnswerReader(version).flatten(values)


def knows_any(raw: Mapping[str, Any], version: Version) -> bool:
    """`AnswerReader.knows_any` for a single use."""
    return AnswerReader(version).knows_any(raw)
