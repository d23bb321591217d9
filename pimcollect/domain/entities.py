"""What a submission may say of something that is visited again, of treated answers alone: it goes back onto phones.

Neither the label nor a value that the phone itself worked out is ever read: those are made of answers before treatment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pimcollect.domain.version import LabelPart, Question, SavedEntity, Version

CREATE, UPDATE = "create", "update"
MOST_TOLD = 20
"""Entities that one submission can name."""
LONGEST_LABEL = 200
LONGEST_NAME = 64

_SHOWN = frozenset({"keep", "band", "date", "recode", "coarsen", "topcode", "round"})
"""Treatments after which something is left that may stand in clear on every phone."""
_PSEUDONYM = "pseudonym"
_SEVERE = ("H", "S")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")
_OWN_COLUMNS = frozenset({"name", "label"})
_TOKEN = re.compile(
    r"""\s*(?:(?P<concat>concat\s*\()|(?P<choice>jr:choice-name\s*\()|(?P<text>'[^']*'|"[^"]*")|(?P<name>[^\s,()'"]+)"""
    r"|(?P<sign>[,)]))"
)
_BRANCH = re.compile(r"[0-9a-fA-F-]{36}\Z")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True)
class ToldEntity:
    """What the XML of a submission says beside its answers: which entity, and what the phone had seen of it."""

    path: str
    """Of its element below the root: `meta/entity`."""
    list: str
    id: str
    creates: bool
    updates: bool
    base: int | None = None
    """The version of the entity that the phone had."""
    trunk: int | None = None
    """The version that the phone last had from a server, before updates of its own."""
    branch: str | None = None
    """Names the phone's own updates since then."""


@dataclass(frozen=True)
class EntityChange:
    """What a settled submission makes of one entity. Every word in it was treated."""

    list: str
    id: UUID
    kind: str
    """create or update."""
    label: str | None
    """None: an update that leaves the label as it is."""
    properties: Mapping[str, str] = field(default_factory=dict)
    base: int | None = None
    trunk: int | None = None
    branch: str | None = None


def is_list_name(name: str) -> bool:
    """Whether a list, or a property of its rows, may be called so: a column of a CSV and part of an address."""
    return len(name) <= LONGEST_NAME and _NAME.match(name) is not None and not name.startswith("__")


def is_property_name(name: str) -> bool:
    """The same for a property, which must not take the place of a row's own columns."""
    return is_list_name(name) and name.lower() not in _OWN_COLUMNS


def make_neutral_label(entity: UUID) -> str:
    """What stands for an entity whose label would tell too much: a short code out of its random id."""
    code = entity.hex[:8].upper()
    return f"{code[:4]}-{code[4:]}"


def is_shown(question: Question | None) -> bool:
    """Whether what its treatment leaves of an answer may stand on phones; never of what is no question of the top."""
    if question is None or question.repeat or question.sensitivity in _SEVERE:
        return False
    kind = question.treatment.kind
    return kind == _PSEUDONYM or (kind in _SHOWN and question.disclosure != "direct")


def read_label(expression: str, keys: Mapping[str, str]) -> tuple[LabelPart, ...]:
    """A label as texts and answers: `concat('Site ', ${code})`. `keys`: a question as it stands there -> its key.

    jr:choice-name gives the answer's code. Empty for whatever else an expression can be: it cannot be made of treated
    answers, so a neutral label takes its place.
    """
    parts = _read_parts(expression.strip(), keys)
    return () if parts is None or not any(one.question for one in parts) else tuple(parts)


def _read_parts(expression: str, keys: Mapping[str, str]) -> list[LabelPart] | None:
    tokens = list(_tokenise(expression))
    if not tokens or any(kind == "bad" for kind, _ in tokens):
        return None
    if tokens[0][0] == "concat":
        if tokens[-1] != ("sign", ")"):
            return None
        tokens = tokens[1:-1]
    parts: list[LabelPart] = []
    while tokens:
        taken, part = _take_part(tokens, keys)
        tokens = tokens[taken:]
        if part is None or (tokens and (tokens[0] != ("sign", ",") or len(tokens) == 1)):
            return None
        parts.append(part)
        tokens = tokens[1:]
    return parts if parts and (len(parts) == 1 or expression.startswith("concat")) else None


def _take_part(tokens: Sequence[tuple[str, str]], keys: Mapping[str, str]) -> tuple[int, LabelPart | None]:
    """(tokens used, the text or answer that they are)."""
    kind, text = tokens[0]
    if kind == "text":
        return 1, LabelPart(text=text[1:-1])
    if kind == "name":
        return 1, LabelPart(question=keys[text]) if text in keys else None
    if kind == "choice" and [one for one, _ in tokens[1:5]] == ["name", "sign", "text", "sign"]:
        name, again = tokens[1][1], tokens[3][1][1:-1].strip()
        is_whole = (tokens[2][1], tokens[4][1]) == (",", ")") and name == again and name in keys
        return 5, LabelPart(question=keys[name]) if is_whole else None
    return 1, None


def _tokenise(expression: str) -> Iterator[tuple[str, str]]:
    at, end = 0, len(expression.rstrip())
    while at < end:
        found = _TOKEN.match(expression, at)
        if found is None:
            yield "bad", ""
            return
        yield found.lastgroup or "", found[found.lastgroup or 0]
        at = found.end()


class EntityWriter:
    """Makes entities of treated answers; compiled once for a version."""

    __slots__ = ("_plans", "_restricted")

    def __init__(self, version: Version) -> None:
        shown = {one.key for one in version.questions if is_shown(one)}
        self._restricted = {one.key for one in version.questions if one.treatment.kind == _PSEUDONYM}
        self._plans = {
            one.path: SavedEntity(
                list=one.list,
                path=one.path,
                label=one.label if all(not part.question or part.question in shown for part in one.label) else (),
                properties={name: key for name, key in one.properties.items() if key in shown},
            )
            for one in version.entities
        }

    def write(
        self,
        told: Sequence[ToldEntity],
        shared: Mapping[str, Any],
        restricted: Mapping[str, Any],
        findings: dict[str, int],
    ) -> tuple[EntityChange, ...]:
        """What becomes of the entities that a submission named. Adds to `findings` why one became nothing."""
        changes: dict[tuple[str, UUID], EntityChange] = {}
        for one in told[:MOST_TOLD]:
            if not one.creates and not one.updates:
                continue
            plan = self._plans.get(one.path)
            id_ = _read_id(one.id)
            if plan is None or plan.list != one.list or id_ is None:
                reason = "entity_without_id" if plan is not None and id_ is None else "entity_not_planned"
                findings[reason] = findings.get(reason, 0) + 1
                continue
            change = self._write_one(one, id_, plan, shared, restricted)
            changes.setdefault((change.list, id_), change)
        return tuple(changes.values())

    def _write_one(
        self, told: ToldEntity, id_: UUID, plan: SavedEntity, shared: Mapping[str, Any], restricted: Mapping[str, Any]
    ) -> EntityChange:
        def say(key: str) -> str:
            return _say(restricted.get(key) if key in self._restricted else shared.get(key))

        is_new = told.creates and not (told.updates and told.base is not None)
        said = [part.text or say(part.question) for part in plan.label]
        is_told = all(word for part, word in zip(plan.label, said, strict=True) if part.question)
        label = _SPACES.sub(" ", "".join(said)).strip()[:LONGEST_LABEL] if plan.label and (is_new or is_told) else ""
        if is_new and not (label and any(say(part.question) for part in plan.label if part.question)):
            label = make_neutral_label(id_)
        values = {name: say(key) for name, key in plan.properties.items()}
        return EntityChange(
            list=plan.list,
            id=id_,
            kind=CREATE if is_new else UPDATE,
            label=label or None,
            properties={name: value for name, value in values.items() if value},
            base=None if is_new else told.base,
            trunk=None if is_new else told.trunk,
            branch=told.branch if not is_new and told.branch and _BRANCH.match(told.branch) else None,
        )


def _say(value: Any) -> str:
    """A treated answer as a cell."""
    if isinstance(value, (list, tuple)):
        return " ".join(str(one) for one in value)
    return "" if value is None or isinstance(value, Mapping) else str(value)


def _read_id(text: str) -> UUID | None:
    """Only a random id can be one: whatever else was put there might tell who somebody is."""
    text = text.strip().removeprefix("uuid:")
    if len(text) != len("00000000-0000-0000-0000-000000000000"):
        return None
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() and found.version == 4 else None
