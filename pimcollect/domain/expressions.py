"""Expressions of a form: what no telephone can work out. pyxform and ODK Validate let it pass."""

from __future__ import annotations

import csv
import re
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from posixpath import dirname, normpath
from typing import NamedTuple

from pimcollect.domain.phrases import phrase

_KNOWN = """
    last position count id local-name namespace-uri name string concat starts-with contains substring-before
    substring-after substring string-length normalize-space translate boolean not true false lang number sum
    floor ceiling round node text comment processing-instruction if coalesce once selected selected-at
    count-selected jr:choice-name jr:itext current instance today now format-date format-date-time date
    date-time decimal-date decimal-date-time decimal-time time regex substr join checklist weighted-checklist
    count-non-empty max min pow log log10 abs sin cos tan asin acos atan atan2 sqrt exp exp10 pi int random
    randomize uuid area distance geofence boolean-from-string indexed-repeat ends-with digest base64-encode
    base64-decode pulldata search property version extract-signed intersects"""
FUNCTIONS = frozenset(_KNOWN.split())
"""What ODK Collect, Enketo and KoboCollect can work out (XPath 1.0 and the ODK XForms specification)."""

OPERATORS = frozenset({"and", "or", "div", "mod"})
LITERAL = re.compile(r"'[^']*'|\"[^\"]*\"")
LONGEST = 2_000
"""So many characters of an expression are looked at."""
_CALL = re.compile(r"(?<![\w.:/$-])([A-Za-z][\w.:-]*)\s*\(")
_PATTERN = re.compile(r"regex\s*\([^'\"]*,\s*(?:'([^']*)'|\"([^\"]*)\")")
_PATH = re.compile(r"(?<![\w\])*.}/'\"])(/[A-Za-z_][\w.-]*(?:/[A-Za-z_][\w.-]*)+)(?![\w(*/])")
_RELATIVE = re.compile(r"(?<![\w./])(?:current\(\)/)?((?:\.\./)+[A-Za-z_][\w./-]*)")
_WAITING = ("relevant", "calculate", "required", "readonly")
"""What telephones work out again whenever an answer changes. Constraints, filters, defaults and counts are not: two of
those may name each other."""
FILTER = "choice_filter"
"""Kind of an expression that chooses among the choices of a list."""
_GIVEN = frozenset({"name", "label", "value", "geometry", "itextId"})
"""Columns that every list has for a filter."""
_WORD = re.compile(r"(?<![\w.:/@$-])([A-Za-z_][\w.-]*)(?![\w.:-]*\s*\()")
_WITHIN = re.compile(r"\[[^\[\]]*\]")
_META = "/meta/"
"""Below it stands what converters write by themselves."""
_PROPERTY = re.compile(r"\\[pP]\{[^}]*\}|\\[pP][A-Z]")


class Expression(NamedTuple):
    """One expression of an XForm: the path of its question or group, whether relevant, calculate, ..., and itself."""

    path: str
    kind: str
    text: str
    columns: frozenset[str] | None = None
    """Of the list that a choice filter looks at; None where nobody can know them."""


def find_broken(expressions: Sequence[Expression], paths: Collection[str]) -> Iterator[tuple[str, str]]:
    """Path and words of everything that breaks a compiled form on a telephone: expressions and circles."""
    for one in expressions:
        for _, words in find_breaks(one.text, paths):
            yield one.path, phrase("%(column)s: %(words)s", column=one.kind, words=words)
        for word in _find_lost_columns(one):
            words = phrase("the list has no column %(column)s, or it is empty", column=word)
            yield one.path, phrase("%(column)s: %(words)s", column=one.kind, words=words)
    for path in sorted(find_circular(_find_waits(expressions, paths))):
        yield path, phrase("it waits for itself, by way of others")


def _find_waits(expressions: Sequence[Expression], paths: Collection[str]) -> dict[str, set[str]]:
    """Path -> what it waits for: what its own logic names, and the relevance of the groups around it."""
    own: dict[str, set[str]] = {}
    for one in expressions:
        if one.kind in _WAITING:
            own.setdefault(one.path, set()).update(_find_paths(one))
    relevant = {one.path: _find_paths(one) for one in expressions if one.kind == "relevant"}
    waits = {path: set(own.get(path, ())) for path in paths}
    for path, others in waits.items():
        above = dirname(path)
        while len(above) > 1:
            others |= relevant.get(above, set())
            above = dirname(above)
    return waits


def _find_lost_columns(one: Expression) -> list[str]:
    """The columns that a choice filter asks of a list without them; in a nodeset it stands in brackets."""
    if one.kind != FILTER or one.columns is None:
        return []
    predicate = one.text.partition("[")[2].rpartition("]")[0]
    return [word for word in find_filter_words(predicate) if word not in one.columns]


def _find_paths(one: Expression) -> set[str]:
    """What an expression of an XForm refers to, below the root; an earlier member of a repeat is not itself."""
    bare = LITERAL.sub(" 0 ", one.text[:LONGEST])
    found = {"/" + path.split("/", 2)[2] for path in _PATH.findall(bare)}
    found |= {normpath(f"{one.path}/{path}") for path in _RELATIVE.findall(bare)}
    return found - {one.path} if "[" in bare or "indexed-repeat" in bare else found


def find_breaks(text: str, paths: Collection[str]) -> Iterator[tuple[str, str]]:
    """Lint and words of each reason why an expression breaks on a telephone. `paths` are those below the root."""
    bare = LITERAL.sub(" 0 ", text[:LONGEST])
    if len(text) <= LONGEST and (open_ := _find_open(bare)):
        yield "X12", open_
        return
    for name in dict.fromkeys(_CALL.findall(bare)):
        if name not in FUNCTIONS and name not in OPERATORS and "::" not in name:
            yield "X02", phrase("there is no function %(name)s()", name=name)
    for path in dict.fromkeys(_PATH.findall(bare)):
        below = "/" + path.split("/", 2)[2]
        if below not in paths and not below.startswith(_META):
            yield "X01", phrase("there is no %(path)s", path=path)
    for one, other in _PATTERN.findall(text[:LONGEST]):
        if not _is_pattern(one or other):
            yield "X03", phrase("the pattern of regex() cannot be read")


def find_filter_words(text: str) -> tuple[str, ...]:
    """The columns that a choice filter asks of each choice, without what stands in brackets about another list."""
    bare, inner = LITERAL.sub(" ", text[:LONGEST]), ""
    while bare != inner:
        bare, inner = _WITHIN.sub(" ", bare), bare
    words = dict.fromkeys(_WORD.findall(bare))
    return tuple(word for word in words if word not in _GIVEN and word not in OPERATORS)


def read_columns(head: bytes) -> frozenset[str]:
    """The columns that the first line of a CSV names."""
    return frozenset(next(csv.reader(head.decode("utf-8-sig", "replace").splitlines()[:1]), []))


def _find_open(bare: str) -> str:
    """What does not close in an expression without its literals; empty when all does."""
    if "'" in bare or '"' in bare:
        return phrase("a quote does not close")
    depth = 0
    for sign in bare:
        depth += (sign == "(") - (sign == ")")
        if depth < 0:
            break
    return phrase("a bracket does not close, or closes nothing") if depth else ""


def _is_pattern(pattern: str) -> bool:
    """Telephones know classes of letters (`\\p{L}`) that Python does not; for the rest the two agree well enough."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(_PROPERTY.sub("a", pattern))
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def find_circular(waits: Mapping[str, set[str]]) -> set[str]:
    """The names that stand in or between circles: take away what waits for nothing, then what nothing waits for."""
    known = {name: others & waits.keys() for name, others in waits.items()}
    for _ in range(2):
        turned: dict[str, set[str]] = {name: set() for name in known}
        for name, others in known.items():
            for other in others:
                turned[other].add(name)
        left = {name: len(others) for name, others in known.items()}
        ready = [name for name, number in left.items() if not number]
        while ready:
            name = ready.pop()
            del left[name]
            for waiting in turned[name]:
                left[waiting] -= 1
                if not left[waiting]:
                    ready.append(waiting)
        known = {name: turned[name] & left.keys() for name in left}
    return set(known)
