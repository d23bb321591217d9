"""Lints of expressions: references, functions, patterns, filters, circles. What pyxform and ODK Validate let pass."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pyxform.utils import default_is_dynamic

from forms.columns import LOGIC, split_column
from forms.lints import Lint, find
from forms.lints_book import Book, Line
from pimcollect.domain.expressions import find_breaks, find_circular, find_filter_words
from pimcollect.domain.phrases import phrase

_REFERENCE = re.compile(r"\$\{\s{0,9}(?:last-saved#)?([^}\s$]{0,255})\s{0,9}\}")
_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,31}$")
_CIRCULAR = ("calculation", "relevant", "required", "readonly")
"""What telephones work out again whenever an answer changes. A default, a filter, a count or a triggered calculation
is worked out at its own moment: those may name each other."""
_ENTITY = ("label", "entity_id", "create_if", "update_if")
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


def is_dynamic(default: str, kind: str) -> bool:
    """Whether pyxform takes a default of a question of this type for an expression, not for a plain value."""
    return bool(default_is_dynamic(default, kind))  # type: ignore[no-untyped-call]


def find_names(text: str) -> tuple[str, ...]:
    """The names that an expression or a text refers to."""
    return tuple(_REFERENCE.findall(text))


def lint_logic(book: Book) -> Iterator[Lint]:
    """Every expression of the survey, of the entities, and of the settings."""
    known = read_names(book)
    for line in book.survey:
        yield from _lint_references(line, known)
        for column in LOGIC:
            text = line[column]
            if text and (column != "default" or is_dynamic(text, line.kind)):
                yield from _lint_expression(text, column, line, known)
        yield from _lint_filter(line, book)
    for line in book.choices:
        yield from _lint_references(line, known)
    for line in book.entities:
        yield from _lint_references(line, known)
        for column in _ENTITY:
            yield from _lint_expression(line[column], column, line, known)
    for name in find_names(book.settings.get("instance_name", "")):
        if name not in known.names:
            yield find(
                "X01",
                "settings",
                row=2,
                name="instance_name",
                text=phrase("it refers to %(name)s, which is not there", name=name),
            )
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
            text = phrase("this name stands in row %(row)s already", row=seen[name])
            yield find("X14", "survey", row=line.row, name=name, text=text)
        elif not _NAME.match(name):
            yield find("X14", "survey", row=line.row, name=name)
        seen.setdefault(name, line.row)


def _lint_references(line: Line, known: Names) -> Iterator[Lint]:
    for header, cell in line.cells.items():
        column = split_column(header)[0]
        if column in (*LOGIC, *_SAID, *_ENTITY, "trigger", "parameters", "save_to", "type"):
            for name in dict.fromkeys(find_names(cell)):
                if name not in known.names:
                    text = phrase("%(column)s refers to %(name)s, which is not there", column=header, name=name or "-")
                    yield find("X01", line.sheet, row=line.row, name=line.called, text=text)


def _lint_expression(text: str, column: str, line: Line, known: Names) -> Iterator[Lint]:
    for code, words in find_breaks(text, known.paths):
        yield find(
            code,
            line.sheet,
            row=line.row,
            name=line.called,
            text=phrase("%(column)s: %(words)s", column=column, words=words),
        )


def _lint_filter(line: Line, book: Book) -> Iterator[Lint]:
    text, filled = _REFERENCE.sub(" ", line["choice_filter"]), book.find_columns(line)
    for word in find_filter_words(text) if filled else ():
        if word not in filled:
            text = (
                phrase("the file %(file)s has no column %(column)s", file=line.file, column=word)
                if line.file
                else phrase(
                    "the list %(list)s has no column %(column)s, or it is empty", list=line.list_name, column=word
                )
            )
            yield find("X04", "survey", row=line.row, name=line["name"], text=text)


def _lint_circles(book: Book, known: Names) -> Iterator[Lint]:
    """A question waits for what its own logic names, and for what the groups around it wait for."""
    rows = {line["name"]: line for line in book.survey if line["name"] and not line.kind.startswith("end")}
    waits: dict[str, set[str]] = {}
    for name, line in rows.items():
        columns = [one for one in _CIRCULAR if one != "calculation" or not line["trigger"]]
        own = {one for column in columns for one in find_names(line[column])}
        if "indexed-repeat" in line["calculation"]:
            own.discard(name)  # an earlier member of the repeat, not itself
        waits[name] = own | {one for group in known.above.get(name, ()) for one in find_names(group["relevant"])}
    circular = find_circular(waits)
    for name in sorted(circular, key=lambda one: rows[one].row):
        text = phrase("it stands in a circle with %(others)s", others=sorted(waits[name] & circular))
        yield find("X06", "survey", row=rows[name].row, name=name, text=text)
