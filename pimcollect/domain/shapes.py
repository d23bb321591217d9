"""What a rule may say about a form: the shape of each answer, by name, at the top and inside each repeat."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pimcollect.domain.leaves import (
    CHOICE_TYPES,
    DATE_TYPES,
    MEDIA_TYPES,
    NUMBER_TYPES,
    POSITION_TYPES,
    SET_TYPES,
    STAFF_TYPES,
)
from pimcollect.domain.version import Question, Version


class Shape(StrEnum):
    """The kinds of value that a rule can hold in its hands."""

    NUMBER = "a number"
    CODE = "one choice"
    CODES = "several choices"
    TEXT = "a text"
    DATE = "a date"
    TRUTH = "a claim"
    MEMBERS = "a repeat"
    MEMBER = "a member of a repeat"
    LITERAL = "a constant"
    LITERALS = "a list of constants"


@dataclass(frozen=True)
class Named:
    """What a name stands for. `codes` are the codes of its list; None when the list is not known here."""

    shape: Shape
    codes: frozenset[str] | None = None
    level: FormShape | None = None


@dataclass
class FormShape:
    """The names of one level of a form: of the top, or of one repeat."""

    names: dict[str, Named] = field(default_factory=dict)


def _shape_question(question: Question, version: Version) -> Named | None:
    """None for what no rule may look at: positions, files and staff data."""
    if question.type in CHOICE_TYPES:
        listed = version.choices.get(question.choices)
        codes = None if listed is None else frozenset(choice.code for choice in listed)
        return Named(Shape.CODES if question.type in SET_TYPES else Shape.CODE, codes)
    if question.type in NUMBER_TYPES:
        return Named(Shape.NUMBER)
    if question.type in DATE_TYPES:
        return Named(Shape.DATE)
    if question.type in POSITION_TYPES | MEDIA_TYPES | STAFF_TYPES or question.disclosure == "direct":
        return None
    return Named(Shape.TEXT)


def shape_form(version: Version) -> FormShape:
    """The names that rules of this version may use."""
    levels = {"": FormShape()}
    for path in version.repeats:
        outer = max((known for known in levels if known == "" or path.startswith(known + "/")), key=len)
        levels[path] = FormShape()
        levels[outer].names[path.rpartition("/")[2]] = Named(Shape.MEMBERS, level=levels[path])
    for question in version.questions:
        named = _shape_question(question, version)
        if named is not None:
            levels[question.repeat].names[question.key] = named
    return levels[""]
