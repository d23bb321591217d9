"""Which treatment a question may have: refused when the plan is compiled, long before the first answer comes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from pimcollect.domain.leaves import CHOICE_TYPES, MEDIA_TYPES, STAFF_TYPES, known_codes
from pimcollect.domain.spelling import NORMS
from pimcollect.domain.treatments import MAKERS, Choices
from pimcollect.domain.version import Question, Version
from pimcollect.errors import ErrorCode, PimError

_FREE = frozenset({"drop", "derive", "vault"})
_SCALAR = _FREE | {"keep", "restrict"}
_TEXT = _SCALAR | {"pseudonym", "recode", "coarsen"}
_NUMBER = _SCALAR | {"band", "topcode", "round"}
_DROP = frozenset({"drop"})

ALLOWED: dict[str, frozenset[str]] = {
    **dict.fromkeys(MEDIA_TYPES, _DROP),
    "image": _DROP | {"vault"},
    **dict.fromkeys(STAFF_TYPES, _DROP | {"pseudonym"}),
    **dict.fromkeys(("background-geopoint", "start-geopoint", "geotrace", "geoshape", "instanceName"), _DROP),
    **dict.fromkeys(("start", "end", "today"), _DROP | {"date"}),
    **dict.fromkeys(("integer", "decimal", "range"), _NUMBER),
    **dict.fromkeys(("select_multiple", "rank"), _SCALAR | {"recode"}),
    **dict.fromkeys(("date", "dateTime"), _FREE | {"restrict", "date"}),
    **dict.fromkeys(("calculate", "hidden"), _TEXT | _NUMBER | {"date"}),
    **dict.fromkeys(("note", "acknowledge", "trigger"), _DROP | {"keep"}),
    "text": _TEXT,
    "select_one": _SCALAR | {"recode", "coarsen"},
    "time": _SCALAR,
    "geopoint": _FREE | {"coarsen"},
    "barcode": _FREE | {"pseudonym"},
}
"""Kinds of treatment by type of question (privacy facts, section 6.1). Any other type may only be dropped."""

SAFE_FOR_DIRECT = _FREE | {"pseudonym"}
"""What may be done to an answer that identifies a person by itself."""

_BIRTH = re.compile(r"(^|_)(dob|birth_?(date|day)|date_?of_?birth|born)(_|$)")
_FEW_VALUES = re.compile(r"(^|_)((first|last|full|sur|nick)?names?|nom|prenom|nombre|age|sex|gender|village)(_|$)")
_PRECISIONS = ("day", "month", "quarter", "year")


def _is_whole(value: Any, lowest: int) -> bool:
    return value.__class__ is int and value >= lowest


def _are_cuts(cuts: Any) -> bool:
    whole = isinstance(cuts, (list, tuple)) and len(cuts) > 1 and all(_is_whole(cut, 0) for cut in cuts)
    return whole and all(low < high for low, high in itertools.pairwise(cuts))


def _is_pattern(value: Any) -> bool:
    try:
        return isinstance(value, str) and len(value) <= 200 and re.compile(value) is not None
    except re.error:
        return False


_OPTIONS: dict[str, dict[str, tuple[Callable[[Any], bool], str]]] = {
    "keep": {"pattern": (_is_pattern, "a regular expression that the whole text must fit")},
    "restrict": {"pattern": (_is_pattern, "a regular expression that the whole text must fit")},
    "band": {
        "cuts": (_are_cuts, "two or more ascending whole numbers"),
        "max": (lambda value: _is_whole(value, 1), "a whole number"),
    },
    "date": {
        "to": (lambda value: value in _PRECISIONS, "day, month, quarter or year"),
        "shared": (lambda value: value in _PRECISIONS, "day, month, quarter or year"),
    },
    "recode": {
        "map": (lambda value: isinstance(value, Mapping), "code -> coarser code"),
        "other": (lambda value: isinstance(value, str) and value != "", "a code"),
    },
    "coarsen": {"level": (lambda value: _is_whole(value, 0), "the number of a level")},
    "topcode": {"from": (lambda value: _is_whole(value, 1), "a whole number of 1 or more")},
    "round": {"to": (lambda value: _is_whole(value, 2), "a whole number of 2 or more")},
    "pseudonym": {
        "domain": (lambda value: isinstance(value, str) and value != "", "a word, for example enumerator"),
        "norm": (lambda value: value in NORMS, "phone, id or text"),
        "country": (lambda value: isinstance(value, str) and value.isdigit(), "a country's telephone code"),
    },
}
_NEEDED = {"pseudonym": ("domain", "norm")}


def check_treatment(question: Question, form: str, choices: Choices) -> None:
    """Refuse a treatment that does not exist, does not fit, or would let a person be recognised.

    Raises PimError(BAD_TREATMENT) that names the field, the form, and what to use instead.
    """

    def refuse(why: str, remedy: str) -> NoReturn:
        raise PimError(
            ErrorCode.BAD_TREATMENT,
            f"Field {question.path} of form {form} cannot have the treatment {question.treatment.kind!r}: {why}.",
            remedy=remedy,
        )

    kind = question.treatment.kind
    if kind not in MAKERS:
        refuse("there is no such treatment", f"There are: {', '.join(MAKERS)}.")
    allowed = ALLOWED.get(question.type, _DROP)
    if kind not in allowed:
        refuse(f"a field of type {question.type} does not allow it", f"Use one of: {', '.join(sorted(allowed))}.")
    if question.disclosure == "direct" and kind not in SAFE_FOR_DIRECT:
        refuse("the field identifies a person", f"Use one of: {', '.join(sorted(SAFE_FOR_DIRECT & allowed))}.")
    if kind in {"date", "restrict"} and _BIRTH.search(question.key.lower()):
        refuse("a birth date beside an age gives a person away", "Use derive, and ask for the age.")
    if kind == "pseudonym" and _FEW_VALUES.search(question.key.lower()):
        refuse("such answers can be guessed, or are spelled too freely", "Use drop, or pseudonym on a number.")
    if kind in {"keep", "restrict"} and question.type in CHOICE_TYPES and known_codes(question, choices) is None:
        refuse("its list of choices is not part of the form", "Use drop, or put the list into the form.")
    if kind == "recode" and question.type not in CHOICE_TYPES and "map" not in question.treatment.options:
        refuse("nothing says what is shared instead", "Give options.map, code by code.")
    _check_options(question, refuse)


def check_picture(question: Question, version: Version) -> None:
    """Refuse to keep a picture that nobody was asked about, or that cannot be told whose it is.

    Raises PimError(BAD_TREATMENT).
    """
    if question.type not in MEDIA_TYPES or question.treatment.kind == "drop":
        return
    why = ""
    if not version.consent.media:
        why, remedy = "no question asks whether a picture may be kept", "Name it as consent for media, or use drop."
    elif question.repeat:
        why, remedy = "it stands in a repeat", "Ask for the picture outside of it, or use drop."
    if why:
        raise PimError(
            ErrorCode.BAD_TREATMENT,
            f"Field {question.path} of form {version.form} cannot be kept: {why}.",
            remedy=remedy,
        )


def _check_options(question: Question, refuse: Callable[[str, str], NoReturn]) -> None:
    kind, options = question.treatment.kind, question.treatment.options
    known = _OPTIONS.get(kind, {})
    for name in _NEEDED.get(kind, ()):
        if name not in options:
            refuse(f"the option {name} is missing", f"Give {name}: {known[name][1]}.")
    for name, value in options.items():
        if name not in known:
            refuse(f"it has no option {name}", f"Known options: {', '.join(known) or 'none'}.")
        test, words = known[name]
        if not test(value):
            refuse(f"the option {name} cannot be read", f"Give {words}.")
