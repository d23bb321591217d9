"""What happens by default to each field of a form that was made elsewhere: by its type, its name and its label.

docs/imo/adopt-a-form.md says these defaults to people. In doubt a field is
dropped; `--treatments` says otherwise where somebody has thought about it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from forms.identifiers import asks_age, is_count, is_document_number, speaks_of
from forms.outline import Field
from forms.plan import CUTS
from pimcollect.domain.catalogue import find_references
from pimcollect.domain.version import Treatment

TOP = 10
"""Counts and amounts of unknown meaning are shown as 10+ from here on."""


@dataclass(frozen=True)
class Fate:
    """What happens to a field, and why, in words for the person who adopts the form."""

    treatment: Treatment
    reason: str


_DROP = Treatment("drop")
_MONTH = Treatment("date", {"to": "month"})
_DAY = Treatment("date", {"to": "day"})

_BY_TYPE: Mapping[str, Fate] = {
    "start": Fate(_DAY, "metadata: the day only"),
    "end": Fate(_DAY, "metadata: the day only"),
    "today": Fate(_MONTH, "metadata: the month only"),
    "deviceid": Fate(Treatment("pseudonym", {"domain": "device", "norm": "id"}), "metadata: for quality checks only"),
    "username": Fate(
        Treatment("pseudonym", {"domain": "enumerator", "norm": "text"}), "metadata: for quality checks only"
    ),
    "phonenumber": Fate(_DROP, "metadata that identifies the enumerator"),
    "simserial": Fate(_DROP, "metadata that identifies the enumerator"),
    "subscriberid": Fate(_DROP, "metadata that identifies the enumerator"),
    "email": Fate(_DROP, "metadata that identifies the enumerator"),
    "audit": Fate(_DROP, "the log of the interview can hold positions and answers"),
    "text": Fate(_DROP, "free text"),
    "phone number": Fate(_DROP, "a telephone number"),
    "rank": Fate(Treatment("keep"), "codes of a list"),
    "select_one": Fate(Treatment("keep"), "codes of a list"),
    "select_multiple": Fate(Treatment("keep"), "codes of a list"),
    "date": Fate(_MONTH, "a date: the month only"),
    "dateTime": Fate(_MONTH, "a date: the month only"),
    "time": Fate(_DROP, "a time of day"),
    "geopoint": Fate(_DROP, "a position; areas cannot be worked out of it yet"),
    "geotrace": Fate(_DROP, "a path leads home"),
    "geoshape": Fate(_DROP, "an outline of a place"),
    "start-geopoint": Fate(_DROP, "a position"),
    "background-geopoint": Fate(_DROP, "a position"),
    "background-audio": Fate(_DROP, "a recording"),
    "image": Fate(_DROP, "a picture"),
    "audio": Fate(_DROP, "a recording"),
    "video": Fate(_DROP, "a recording"),
    "file": Fate(_DROP, "a file"),
    "osm": Fate(_DROP, "a position"),
    "barcode": Fate(Treatment("pseudonym", {"domain": "id", "norm": "id"}), "the number of a document"),
    "hidden": Fate(_DROP, "nobody can see what it holds"),
    "acknowledge": Fate(Treatment("keep"), "a tick"),
}

_UNKNOWN = Fate(_DROP, "a type that we do not know")
_LITERAL = re.compile(r"^\s*('[^']*'|\"[^\"]*\"|-?[0-9.]+)\s*$")
_REACHES_OUT = re.compile(
    r"\b(pulldata|instance|indexed-repeat|property|now|uuid|random|last-saved|search|jr:)\b|last-saved#", re.IGNORECASE
)


def choose_fate(field: Field) -> Fate:
    """The default of one field; a calculation is left to `choose_calculation`, which needs the others' fates."""
    if field.type in ("integer", "decimal", "range"):
        return _number(field)
    if field.type in ("select_one", "select_multiple", "rank"):
        return _selection(field)
    if field.type in ("date", "dateTime") and speaks_of("births", (field.name, *field.labels)):
        return Fate(_DROP, "a date of birth")
    if field.type == "barcode" and speaks_of("names", (field.name,)):
        return Fate(_DROP, "a name")
    if field.type == "text" and _find_identity(field):
        return Fate(_DROP, f"free text that identifies ({_find_identity(field)})")
    return _BY_TYPE.get(field.type, _UNKNOWN)


_IDENTITIES = (
    ("names", "a name"),
    ("contacts", "a contact"),
    ("papers", "the number of a document"),
    ("births", "a birth"),
)


def _find_identity(field: Field, *, is_number: bool = False) -> str:
    """What the answer would tell about who somebody is; empty if nothing. A number is nobody's name."""
    if is_number and is_count(field.labels) and not is_document_number(field.labels):
        return ""
    texts = (field.name, *field.labels)
    for topic, word in _IDENTITIES[1:] if is_number else _IDENTITIES:
        if speaks_of(topic, texts):
            return word
    return ""


def identifies(field: Field) -> bool:
    """True when name or label say that the answer tells who somebody is (codes of a list never do)."""
    if field.type in ("integer", "decimal", "range"):
        return bool(_find_identity(field, is_number=True))
    return field.type == "phone number" or (field.type in ("text", "barcode") and bool(_find_identity(field)))


def _number(field: Field) -> Fate:
    identity = _find_identity(field, is_number=True)
    if identity:
        return Fate(_DROP, f"a number that identifies ({identity})")
    is_age = asks_age(field.name, field.labels)
    if is_age and speaks_of("months", (field.name, *field.labels)):
        return Fate(_DROP, "an age in months")
    if is_age:
        return Fate(Treatment("band", {"cuts": list(CUTS)}), "an age: the band only")
    return Fate(Treatment("topcode", {"from": TOP}), f"a number: {TOP} and more are one")


def _selection(field: Field) -> Fate:
    if field.outside:
        return Fate(_DROP, field.outside)
    if speaks_of("names", (field.name,)):
        return Fate(_DROP, "its choices may be people's names")
    return _BY_TYPE[field.type]


def choose_calculation(field: Field, treatments: Mapping[str, Treatment]) -> Fate:
    """A calculation is kept only if all that it is made of is kept; `treatments` are those of the questions by name."""
    names = find_references(field.calculation)
    if _REACHES_OUT.search(field.calculation):
        return Fate(_DROP, "calculated from something outside these answers")
    if not names:
        if _LITERAL.match(field.calculation):
            return Fate(Treatment("keep"), "a constant")
        return Fate(_DROP, "calculated in a way that cannot be followed")
    lost = sorted(name for name in names if name not in treatments or treatments[name].kind != "keep")
    if lost:
        return Fate(_DROP, f"calculated from {', '.join(lost)}, which is not kept as it is")
    return Fate(Treatment("keep"), "calculated from answers that are kept")
