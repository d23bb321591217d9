"""Lints of expressions: references, functions, patterns, filters, circles. What pyxform and ODK Validate let pass."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from forms.columns import LOGIC, split_column
from forms.lints import Lint, find, read_words
from forms.lints_book import Book, Line

FUNCTIONS = read_words(
    """last position count id local-name namespace-uri name string concat starts-with contains substring-before
    substring-after substring string-length normalize-space translate boolean not true false lang number sum
    floor ceiling round node text comment processing-instruction if coalesce once selected selected-at
    count-selected jr:choice-name jr:itext current instance today now format-date format-date-time date
    date-time decimal-date decimal-date-time decimal-time time regex substr join checklist weighted-checklist
    count-non-empty max min pow log log10 abs sin cos tan asin acos atan atan2 sqrt exp exp10 pi int random
    randomize uuid area distance geofence boolean-from-string indexed-repeat ends-with digest base64-encode
    base64-decode pulldata search property version extract-signed intersects"""
)
"""What ODK Collect, Enketo and KoboCollect can work out (XPath 1.0 and the ODK XForms specification)."""

_LITERAL = re.compile(r"'[^']*'|\"[^\"]*\"")
_REFERENCE = re.compile(r"\$\{\s{0,9}(?:last-saved#)?([^}\s$]{0,255})\s{0,9}\}")
_CALL = re.compile(r"(?<![\w.:/$-])([A-Za-z][\w.:-]*)\s*\(")
_PATTERN = re.compile(r"regex\s*\([^'\"]*,\s*(?:'([^']*)'|\"([^\"]*)\")")
_WORD = re.compile(r"(?<![\w.:/@$-])([A-Za-z_][\w.-]*)(?![\w.:-]*\s*\()")
_PATH = re.compile(r"(?<![\w\])*.}/'\"])(/[A-Za-z_][\w.-]*(?:/[A-Za-z_][\w.-]*)+)(?![\w(*/])")
_PROPERTY = re.compile(r"\\[pP]\{[^}]*\}|\\[pP][A-Z]")
_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,31}$")
_OPERATORS = frozenset({"and", "or", "div", "mod"})
_GIVEN = frozenset({"name", "label", "value", "geometry"})
"""Columns that every list has for a filter."""
_LONGEST = 2_000
_SAID = ("label", "hint", "guidance_hint", "constraint_message", "required_message")


@dataclass(frozen=True)
class Names:
    """What a form's expressions may refer to."""

    names: frozenset[str]
    paths: frozenset[str]
    """Below the root: `/group/question`."""
    above: Mapping[str, tuple[Line, ...]]
    """Name -> the groups and repeats around it, outermost first."""


def read_names(book: Book) -> Names:
    """Walk the survey once."""
    names, paths, above = set[str](), set[str](), dict[str, tuple[Line, ...]]()
    stack: list[Line] = []
    for line in book.survey:
        if line.kind.startswith("end"):
            if stack:
                stack.pop()
            continue
        if not line["name"]:
            continue
        names.add(line["name"])
        paths.add("/" + "/".join((*(one["name"] for one in stack), line["name"])))
        above[line["name"]] = tuple(stack)
        if line.kind.startswith("begin"):
            stack.append(line)
    return Names(frozenset(names), frozenset(paths), above)


def find_names(text: str) -> tuple[str, ...]:
    """The names that an expression or a text refers to."""
    return tuple(_REFERENCE.findall(text))


def lint_logic(book: Book) -> Iterator[Lint]:
    """Every expression of the survey and of the settings."""
    known = read_names(book)
    for line in book.survey:
        yield from _lint_references(line, known)
        for column in LOGIC:
            text = line[column]
            if text and (column != "default" or "(" in text):
                yield from _lint_expression(text, column, line, known)
        yield from _lint_filter(line, book)
    for name in find_names(book.settings.get("instance_name", "")):
        if name not in known.names:
            yield find("X01", "settings", row=2, name="instance_name", text=f"it refers to {name}, which is not there")
    yield from _lint_circles(book, known)
    yield from _lint_names(book)


def _lint_names(book: Book) -> Iterator[Lint]:
    """Kobo wants each name once over the whole form, and spreadsheets of answers know no paths."""
    seen: dict[str, int] = {}
    for line in book.survey:
        name = line["name"]
        if not name or line.kind.startswith("end"):
            continue
        if name in seen:
            text = f"this name stands in row {seen[name]} already"
            yield find("X14", "survey", row=line.row, name=name, text=text)
        elif not _NAME.match(name):
            yield find("X14", "survey", row=line.row, name=name)
        seen.setdefault(name, line.row)


def _lint_references(line: Line, known: Names) -> Iterator[Lint]:
    for header, cell in line.cells.items():
        column = split_column(header)[0]
        if column in (*LOGIC, *_SAID, "trigger", "parameters", "save_to", "type"):
            for name in dict.fromkeys(find_names(cell)):
                if name not in known.names:
                    text = f"{header} refers to {name or 'nothing'}, which is not there"
                    yield find("X01", "survey", row=line.row, name=line["name"], text=text)


def _lint_expression(text: str, column: str, line: Line, known: Names) -> Iterator[Lint]:
    def say(code: str, words: str) -> Lint:
        return find(code, "survey", row=line.row, name=line["name"], text=f"{column}: {words}")

    bare = _LITERAL.sub(" 0 ", text[:_LONGEST])
    if len(text) <= _LONGEST and (open_ := _find_open(bare)):
        yield say("X12", open_)
        return
    for name in dict.fromkeys(_CALL.findall(bare)):
        if name not in FUNCTIONS and name not in _OPERATORS and "::" not in name:
            yield say("X02", f"there is no function {name}()")
    for path in dict.fromkeys(_PATH.findall(bare)):
        if "/" + path.split("/", 2)[2] not in known.paths:
            yield say("X01", f"there is no {path}")
    for one, other in _PATTERN.findall(text[:_LONGEST]):
        if not _is_pattern(one or other):
            yield say("X03", "the pattern of regex() cannot be read")


def _find_open(bare: str) -> str:
    """What does not close in an expression without its literals; empty when all does."""
    if "'" in bare or '"' in bare:
        return "a quote does not close"
    depth = 0
    for sign in bare:
        depth += (sign == "(") - (sign == ")")
        if depth < 0:
            break
    return "a bracket does not close, or closes nothing" if depth else ""


def _is_pattern(pattern: str) -> bool:
    """Telephones know classes of letters (`\\p{L}`) that Python does not; for the rest the two agree well enough."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(_PROPERTY.sub("a", pattern))
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def find_filter_words(text: str) -> tuple[str, ...]:
    """The columns that a choice filter asks of each choice."""
    bare = _REFERENCE.sub(" ", _LITERAL.sub(" ", text[:_LONGEST]))
    words = dict.fromkeys(_WORD.findall(bare))
    return tuple(word for word in words if word not in _GIVEN and word not in _OPERATORS)


def _lint_filter(line: Line, book: Book) -> Iterator[Lint]:
    text, rows = line["choice_filter"], book.lists.get(line.list_name, ())
    if not text or not rows:
        return
    filled = {header for row in rows for header in row.cells}
    for word in find_filter_words(text):
        if word not in filled:
            words = f"the list {line.list_name} has no column {word}, or it is empty"
            yield find("X04", "survey", row=line.row, name=line["name"], text=words)


def _lint_circles(book: Book, known: Names) -> Iterator[Lint]:
    """A question waits for what its calculation and relevance name, and for what the groups around it wait for."""
    rows = {line["name"]: line for line in book.survey if line["name"] and not line.kind.startswith("end")}
    waits: dict[str, set[str]] = {}
    for name, line in rows.items():
        own = {one for column in ("calculation", "relevant") for one in find_names(line[column])}
        if "indexed-repeat" in line["calculation"]:
            own.discard(name)  # an earlier member of the repeat, not itself
        waits[name] = own | {one for group in known.above.get(name, ()) for one in find_names(group["relevant"])}
    circular = _find_circular(waits)
    for name in sorted(circular, key=lambda one: rows[one].row):
        others = ", ".join(sorted(waits[name] & circular))
        yield find("X06", "survey", row=rows[name].row, name=name, text=f"it stands in a circle with {others}")


def _find_circular(waits: Mapping[str, set[str]]) -> set[str]:
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
