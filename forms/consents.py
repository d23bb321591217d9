"""Find the question by which people agree to take part, in a form that was made elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NoReturn

from forms.identifiers import is_yes, speaks_of
from forms.outline import Field, Outline
from pimcollect.domain.version import Condition, Version
from pimcollect.errors import ErrorCode, PimError

_BY_NAME = ("con_interview", "consent", "informed_consent", "consent_given", "consent_yn", "consent_interview")
"""Names that mean nothing else, the surest first."""

_SHOWN = 10
_FEW = 4
"""More choices than that are a scale of opinions, no consent."""


def find_consent(outline: Outline, *, named: str | None = None) -> Condition:
    """The condition that must hold for anything to be kept.

    With `named`, that question (by name or path); else the one question that asks for consent by its name, else by its
    label. Raises PimError(CONSENT_NOT_NAMED) that says how to name it and lists the questions that could be meant.
    """
    if named is not None:
        return _named(outline, named)
    usable = [one for one in outline.fields if one.type == "select_one" and _yes_codes(one, outline)]
    for name in _BY_NAME:
        exact = [field for field in usable if field.name.lower() == name]
        if len(exact) == 1:
            return _condition(exact[0], outline)
    for found in (
        [field for field in usable if speaks_of("agrees", (field.name,))],
        [field for field in usable if speaks_of("agrees", field.labels)],
    ):
        if len(found) == 1:
            return _condition(found[0], outline)
        if found:
            _refuse("More than one question could be the one for consent.", found)
    return _refuse("The form has no question that can be recognised as consent.", usable)


def asks_consent(field: Field, codes: Mapping[str, Sequence[str]]) -> bool:
    """Whether a question seems to ask for consent of any kind: a tick, or a few choices with a yes among them, that
    name or wording call so."""
    can = field.type == "acknowledge" or (
        field.type == "select_one"
        and 0 < len(codes) <= _FEW
        and any(is_yes(code, said) for code, said in codes.items())
    )
    return can and speaks_of("agrees", (field.name, *field.labels))


def _named(outline: Outline, named: str) -> Condition:
    found = [field for field in outline.fields if named in (field.name, field.path)]
    candidates = [field for field in outline.fields if _yes_codes(field, outline)]
    if not found:
        return _refuse(f"The form has no question {named!r}.", candidates)
    if len(found) > 1:
        _refuse(f"The form has more than one question {named!r}; name it by its path.", found)
    if found[0].repeat:
        _refuse(f"{named!r} stands in a repeat; consent is asked once.", candidates)
    if not _yes_codes(found[0], outline):
        _refuse(f"{named!r} has no answers that mean yes and no.", candidates)
    return _condition(found[0], outline)


def _yes_codes(field: Field, outline: Outline) -> tuple[str, ...]:
    """The codes of a question that mean yes; empty where it cannot be a question of consent."""
    if field.repeat:
        return ()
    if field.type == "acknowledge":
        return ("OK",)
    codes = outline.lists.get(field.choices, {}) if field.type == "select_one" else {}
    yes = tuple(code for code, labels in codes.items() if is_yes(code, labels))
    return yes if 0 < len(yes) < len(codes) else ()


def _condition(field: Field, outline: Outline) -> Condition:
    return Condition(field.key, _yes_codes(field, outline))


def _refuse(why: str, candidates: list[Field]) -> NoReturn:
    shown = ", ".join(field.name for field in candidates[:_SHOWN])
    more = f" and {len(candidates) - _SHOWN} more" if len(candidates) > _SHOWN else ""
    raise PimError(
        ErrorCode.CONSENT_NOT_NAMED,
        f"{why} Without consent nothing may be kept.",
        remedy=f"Name it with --consent QUESTION. Questions with yes and no: {shown or 'none'}{more}.",
    )


def list_missing(version: Version) -> tuple[str, ...]:
    """What an adopted form lacks for anybody to be referred, in plain words, with how to name it."""
    missing = []
    if not version.consent.refer:
        likely = next((one.key for one in version.questions if "refer" in one.key.lower() and one.choices), "QUESTION")
        named = json.dumps({"consent": {"refer": [{"question": likely, "accepted": ["yes"]}]}})
        missing.append(
            "no question is named by which people agree to be referred: nobody is ever referred from this form, "
            f"whatever they answer. Put it into the file of --treatments, with your question and its yes: {named}"
        )
    if not version.flags and version.requests is None:
        missing.append(
            "no flags and no request for help are named: nothing of this form is followed up, no alert is made and no "
            'need is counted. Name "flags", "pathways" and "requests" in the file of --treatments '
            "(docs/imo/adopt-a-form.md)."
        )
    return tuple(missing)
