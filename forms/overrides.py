"""Read a treatments file: what somebody decided about the fields, consent, flags and pathways of an adopted form."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from forms.outline import Outline
from pimcollect.domain.documents import read_json
from pimcollect.domain.version import (
    Condition,
    FlagRule,
    Pathway,
    Profile,
    ReferralFields,
    RequestMap,
    Treatment,
)
from pimcollect.errors import ErrorCode, PimError
from pimcollect.schemas.treatments import find_treatment_errors

_SHOWN = 20
_GUIDE = "docs/imo/adopt-a-form.md shows the shape."


@dataclass(frozen=True)
class Overrides:
    """What the file decides; empty parts leave the defaults."""

    treatments: Mapping[str, Treatment] = field(default_factory=dict)
    """By key of the question."""
    keep: tuple[Condition, ...] = ()
    share: tuple[Condition, ...] = ()
    refer: tuple[Condition, ...] = ()
    media: tuple[Condition, ...] = ()
    flags: tuple[FlagRule, ...] = ()
    pathways: Mapping[str, Pathway] = field(default_factory=dict)
    requests: RequestMap | None = None
    referral: ReferralFields | None = None
    profile: Profile = field(default_factory=Profile)


def read_overrides(source: bytes, outline: Outline) -> Overrides:
    """Read and check the file against the form. All or nothing.

    Raises PimError(BAD_TREATMENT) that names each wrong place and what to do.
    """
    try:
        document = read_json(source)
    except ValueError as error:
        where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise PimError(ErrorCode.BAD_TREATMENT, f"The treatments file is not JSON{where}.", remedy=_GUIDE) from error
    keys = _Keys(outline)
    mistakes = list(_say(find_treatment_errors(document)))
    if not mistakes:
        mistakes = list(_find_unknown(document, keys, outline))
    if mistakes:
        more = f" And {len(mistakes) - _SHOWN} more." if len(mistakes) > _SHOWN else ""
        raise PimError(
            ErrorCode.BAD_TREATMENT,
            f"The treatments file was not taken. {' '.join(mistakes[:_SHOWN])}{more}",
            remedy=_GUIDE,
        )
    return _make(document, keys)


class _Keys:
    """Finds a question by its name, its path or its key."""

    def __init__(self, outline: Outline) -> None:
        self._found: dict[str, list[str]] = {}
        for one in outline.fields:
            for name in {one.name, one.path, one.key}:
                self._found.setdefault(name, []).append(one.key)
        self._repeats = {path.rpartition("/")[2] for path in outline.repeats}

    def complain(self, name: str) -> str:
        """Why a name cannot be used; empty when it can."""
        found = self._found.get(name, [])
        if len(found) == 1 or (not found and name in self._repeats):
            return ""
        return "more than one question has this name; write its path" if found else "the form has no such question"

    def find(self, name: str) -> str:
        """The key of a question (or the name of a repeat) that `complain` had nothing against."""
        return self._found[name][0] if name in self._found else name


def _say(tree: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    if isinstance(tree, list):
        for message in tree:
            yield f"{' > '.join(path)}: {message}"
        return
    for key, below in tree.items():
        place = f"number {key + 1}" if isinstance(key, int) else str(key)
        yield from _say(below, path if place == "value" else (*path, place))


def _named_questions(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(place, question) for every question that the file names."""
    for name in document.get("treatments", {}):
        yield "treatments", name
    for part, conditions in document.get("consent", {}).items():
        for condition in conditions:
            yield f"consent > {part}", condition["question"]
    for part in ("want", "services"):
        if "requests" in document:
            yield f"requests > {part}", document["requests"][part]
    if "referral" in document:
        yield "referral > scope", document["referral"]["scope"]
        for code, names in document["referral"]["by_scope"].items():
            yield from ((f"referral > by_scope > {code}", name) for name in names)
    yield from _named_in_profile(document)


def _named_in_profile(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for part, names in document.get("profile", {}).items():
        for name in names if isinstance(names, list) else [names]:
            if name:
                yield f"profile > {part}", name


def _find_unknown(document: Mapping[str, Any], keys: _Keys, outline: Outline) -> Iterator[str]:
    for place, name in _named_questions(document):
        complaint = keys.complain(name)
        if complaint:
            yield f"{place} > {name}: {complaint}."
    yield from _find_unknown_answers(document, keys, outline)
    pathways = document.get("pathways", {})
    for rule in document.get("flags", []):
        if rule["pathway"] not in pathways:
            yield f"flags > {rule['id']}: define {rule['pathway']} under pathways."
    for code, pathway in document.get("requests", {}).get("pathways", {}).items():
        if pathway not in pathways:
            yield f"requests > pathways > {code}: define {pathway} under pathways."


def _find_unknown_answers(document: Mapping[str, Any], keys: _Keys, outline: Outline) -> Iterator[str]:
    choices = {one.key: one.choices for one in outline.fields}
    for part, conditions in document.get("consent", {}).items():
        for condition in conditions:
            name = condition["question"]
            codes = outline.lists.get(choices.get(keys.find(name), ""), {})
            for code in condition["accepted"]:
                if codes and code not in codes:
                    yield f"consent > {part} > {name}: {code} is not in its list of choices."


def _make(document: Mapping[str, Any], keys: _Keys) -> Overrides:
    consent, profile = document.get("consent", {}), document.get("profile", {})
    requests, referral = document.get("requests"), document.get("referral")

    def conditions(part: str) -> tuple[Condition, ...]:
        return tuple(Condition(keys.find(row["question"]), tuple(row["accepted"])) for row in consent.get(part, ()))

    def one(name: str) -> str:
        return keys.find(profile[name]) if profile.get(name) else ""

    return Overrides(
        treatments={
            keys.find(name): Treatment(row) if isinstance(row, str) else Treatment(row["kind"], row.get("options", {}))
            for name, row in document.get("treatments", {}).items()
        },
        keep=conditions("keep"),
        share=conditions("share"),
        refer=conditions("refer"),
        media=conditions("media"),
        flags=tuple(FlagRule(**row) for row in document.get("flags", ())),
        pathways={code: Pathway(code=code, **row) for code, row in document.get("pathways", {}).items()},
        requests=None
        if requests is None
        else RequestMap(keys.find(requests["want"]), keys.find(requests["services"]), requests["pathways"]),
        referral=None
        if referral is None
        else ReferralFields(
            keys.find(referral["scope"]),
            {code: tuple(keys.find(name) for name in names) for code, names in referral["by_scope"].items()},
        ),
        profile=Profile(
            places=tuple(keys.find(name) for name in profile.get("places", ())),
            group=one("group"),
            sex=one("sex"),
            age=one("age"),
        ),
    )
