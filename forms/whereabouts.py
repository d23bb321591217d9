"""Tell which questions ask where somebody is, lives or comes from: by name, wording, cascade, codes and gazetteer.

Where somebody lives leads to who it is. In doubt a question counts as one; people say otherwise where they have thought
about it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forms.identifiers import fold, is_yes, words_of
from forms.reasons import BY_CASCADE, BY_CODES, BY_GAZETTEER, BY_NAME, BY_WORDING, IN_GAZETTEER, NAMED_THERE, NOT_THERE
from pimcollect.domain.catalogue import EXCLUSIVE, NamedPlace, find_references
from pimcollect.domain.phrases import phrase

if TYPE_CHECKING:  # pyxform is not loaded where forms are only compared
    from forms.outline import Field

_KINDS = ("select_one", "select_multiple", "rank", "text")
_MOST = 0.8
"""Share of the codes of a list that must be places, or look like p-codes."""
_FEW = 6
"""More choices than that are no yes and no."""
_PCODE = re.compile(r"[A-Z]{2,3}[-_]?[0-9]{2,12}")
_NUMBERED = re.compile(r"[a-z]{0,2}[0-9]+")
_ADMIN = re.compile(r"(adm|admin)[0-9]")
_BESIDE = frozenset(fold(one) for one in (*EXCLUSIVE, "other", "not_listed", "98", "99", "-1", "888", "999"))


def _list(text: str) -> frozenset[str]:
    return frozenset(fold(word) for word in text.split())


_AREAS = _list(
    """gov governorate governorates district districts dist subdistrict camp camps subcamp village villages town towns
    city cities municipality municipalities province provinces region regions state states county counties township
    townships commune communes ward wards parish settlement settlements site sites block zone neighbourhood neighborhood
    quarter hamlet locality location locations area place places country countries adm admin pcode admin0 admin1 admin2
    admin3 admin4 adm0 adm1 adm2 adm3 adm4 woreda kebele payam boma wilaya mahalla upazila union tehsil barangay
    gouvernorat gouvernorats quartier ville villes departement departements arrondissement localite prefecture cercle
    canton lieu lieux endroit pays provinces
    barrio vereda municipio departamento ciudad pueblo aldea campamento lugar provincia pais
    محافظة المحافظة محافظات قضاء القضاء ناحية الناحية مديرية المديرية مخيم المخيم قرية القرية مدينة المدينة بلدة البلدة
    بلدية البلدية منطقة المنطقة ولاية الولاية اقليم الإقليم إقليم حي الحي موقع الموقع مكان المكان دولة بلد البلد محلة
    محافظتك قريتك مخيمك منطقتك مدينتك"""
)
_FILLERS = _list(
    """name names nom nombre code of de du des la le les the your our his her
    their current origin home last former present
    previous residence living live lived id list label select or other and ou et y destination level اسم الأصل الحالي أو
    الحالية"""
)
"""Words that a name or label may have beside the area."""
_ASKS = _list("which what quel quelle quels quelles que cual quelqu أي ما في اي من")
_LINKS = _list("in from to is of the a your name dans de en du le la nom votre vous est s في من إلى هو هي اسم")
_LIVES = re.compile(
    r"^(in |from |dans |to )*("
    r"where (do|does|did|are|is|were|was|have|has) .*\b(live|lived|living|stay|stayed|staying|reside|from|come|sleep"
    r"|displaced|go|move|return|born|located)\b"
    r"|(d )?ou .*\b(habit|viv|resid|ven|log|loge|demeur|dorm|allez)"
    r"|donde .*\b(viv|resid|vien|duerm)"
    r"|(من )?اين .*(تعيش|تسكن|تقيم|يسكن|يعيش|اتيت|تنام|جئت)"
    r")"
)


@dataclass(frozen=True)
class Whereabouts:
    """That a question asks where somebody is. `level` is that of the coarsest gazetteer's place among its codes, 0 when
    its codes are none: then nothing can be coarsened."""

    reason: str
    level: int
    offer: str


@dataclass(frozen=True)
class Chosen:
    """A question with what its row says of how its choices are narrowed."""

    field: Field
    choice_filter: str = ""


def is_bare_area(label: str) -> bool:
    """True for a label that names a kind of area and nothing else: `District`, `State or region`, `المحافظة`."""
    words = words_of(label)
    return any(_is_area(word) for word in words) and all(_is_area(word) or word in _FILLERS for word in words)


def find_whereabouts(
    questions: Mapping[int, Chosen],
    lists: Mapping[str, Mapping[str, Sequence[str]]],
    places: Collection[NamedPlace] = (),
) -> dict[int, Whereabouts]:
    """Of the questions by row those that ask where somebody is, each with why. `lists` are the form's, code -> labels;
    `places` the gazetteer."""
    levels = {place.code: place.level for place in places}
    named = {fold(name): place for place in places for name in (*place.names.values(), *place.aliases)}
    told = {
        row: why
        for row, one in questions.items()
        if one.field.type in _KINDS and (why := _tell(one.field, lists.get(one.field.choices, {}), levels, named))
    }
    for chain in _find_chains(questions):
        for row in chain:
            told.setdefault(row, BY_CASCADE)
    return {row: _offer(told[row], lists.get(questions[row].field.choices, {}), levels, named) for row in sorted(told)}


def _tell(
    field: Field,
    codes: Mapping[str, Sequence[str]],
    levels: Mapping[str, int],
    named: Mapping[str, NamedPlace],
) -> str:
    """Why one question asks where somebody is; empty when nothing says so."""
    if _share(codes, lambda code, _: code in levels) >= _MOST:
        return BY_GAZETTEER
    if _share(codes, lambda _, said: any(fold(one) in named for one in said)) >= _MOST:
        return BY_GAZETTEER
    if len(codes) > 1 and _share(codes, lambda code, _: _PCODE.fullmatch(code) is not None) >= _MOST:
        return BY_CODES
    if len(codes) <= _FEW and any(is_yes(code, said) for code, said in codes.items()):
        return ""  # whether there is water in the village is no place
    if _names_area(field.name):
        return BY_NAME
    return BY_WORDING if any(_asks_area(label) for label in field.labels) else ""


def _share(codes: Mapping[str, Sequence[str]], holds: Callable[[str, Sequence[str]], bool]) -> float:
    real = {code: said for code, said in codes.items() if fold(code) not in _BESIDE}
    return sum(1 for code, said in real.items() if holds(code, said)) / len(real) if real else 0.0


def _is_area(word: str) -> bool:
    return word in _AREAS or _ADMIN.fullmatch(word) is not None


def _names_area(name: str) -> bool:
    """`camp`, `q5_district`, `gov_origin`, `name_of_village`, `currentDistrict`; not `camp_services`."""
    words = words_of(name.replace("_", " "))
    left = [word for word in words if word not in _FILLERS and (_is_area(word) or not _NUMBERED.fullmatch(word))]
    return bool(left) and _is_area(left[-1])


def _asks_area(label: str) -> bool:
    """`District`, `Which camp do you live in?`, `Dans quel village ...`, `Where do you live?`; not
    `Which services are in the camp?`."""
    if is_bare_area(label):
        return True
    words = words_of(label)
    if _LIVES.search(" ".join(words)):
        return True
    asks = next((at for at, word in enumerate(words[:3]) if word in _ASKS), None)
    if asks is None:
        return len(words) <= 4 and bool(words) and (_is_area(words[0]) or _is_area(words[-1]))
    rest = [word for word in words[asks + 1 :] if word not in _LINKS and word not in _ASKS]
    return bool(rest) and _is_area(rest[0])


def _find_chains(questions: Mapping[int, Chosen]) -> Iterator[set[int]]:
    """Rows of selects of which one narrows the choices of the next."""
    by_name = {one.field.name: row for row, one in questions.items() if one.field.type in _KINDS[:3]}
    for row, one in questions.items():
        above = {by_name[name] for name in find_references(one.choice_filter) if name in by_name}
        if one.field.type in _KINDS[:3] and above - {row}:
            yield above | {row}


def _offer(
    reason: str, codes: Mapping[str, Sequence[str]], levels: Mapping[str, int], named: Mapping[str, NamedPlace]
) -> Whereabouts:
    """With what the gazetteer has of its choices, and what to do where it has them by name only."""
    real = {code: said for code, said in codes.items() if fold(code) not in _BESIDE}
    mine = [levels[code] for code in real if code in levels]
    if mine and len(mine) >= _MOST * len(real):
        return Whereabouts(reason, min(mine), phrase(IN_GAZETTEER, number=len(mine), level=min(mine)))
    found = {code: place for code, said in real.items() for one in said if (place := named.get(fold(one)))}
    if found and len(found) >= _MOST * len(real):
        code, place = next(iter(found.items()))
        offer = phrase(NAMED_THERE, number=len(found), level=place.level, code=code, place=place.code)
        return Whereabouts(reason, 0, offer)
    return Whereabouts(reason, 0, NOT_THERE)
