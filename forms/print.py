"""A form on paper: one self-contained page for training and for review with a community, in every language."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from forms.columns import split_column
from forms.files import guess_type
from forms.lints_book import Book, Line
from forms.print_style import STYLE
from forms.print_words import find_direction, say_in
from forms.skips import Speaker, say_condition

LONGEST_LIST = 30
"""Choices that are printed; of longer lists only how many there are."""

_MOST_OF_A_PICTURE = 1024 * 1024
_REFERENCE = re.compile(r"\$\{[^}]*\}")
_CODE = re.compile(r"\(([a-z]{2,3})\)\s*$")
_SHORT = 60
_SECONDS = {"select_one": 15, "select_multiple": 25, "rank": 30, "text": 30, "note": 10, "calculate": 0, "today": 0}
_SILENT = frozenset({"calculate", "today", "hidden", "start", "end", "audit", "csv-external", "xml-external"})
_FIRST = ("con_intro_note", "con_purpose_note")
_BOXES = {"select_one": "○", "select_multiple": "☐", "rank": "__"}


@dataclass(frozen=True)
class Note:
    """What somebody said of a question in a review; an empty answer is none yet."""

    question: str
    text: str
    answer: str = ""


@dataclass(frozen=True)
class Sheet:
    """What is printed."""

    title: str
    version: str
    book: Book
    seconds: Mapping[str, int] = field(default_factory=dict)
    """Name of a question -> seconds that it takes; those that are not here are guessed by their type."""
    consent: str = ""
    """Name of the question by which people agree, for a form that was made elsewhere."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Language code -> the title in it, where it has one."""
    drafted: Collection[str] = ()
    """Language codes in which some wording is a machine's draft."""
    notes: tuple[Note, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)


def list_languages(book: Book) -> dict[str, str]:
    """Code -> the language as columns name it, in their order: {"fr": "French (fr)"}; `und` where none is named."""
    found: dict[str, str] = {}
    for header in book.headers["survey"]:
        column, language = split_column(header)
        if column == "label":
            code = _CODE.search(language)
            found.setdefault(code[1] if code else "und", language)
    return found


def print_form(
    sheet: Sheet, *, languages: Collection[str] = (), style: str = f"<style>{STYLE}</style>", top: str = ""
) -> str:
    """The page. Pure. `languages` are codes; empty means all that the form speaks. `style` and `top` are markup of
    ours: a site that forbids styles inside a page links to its sheet, and says how to come back."""
    known = list_languages(sheet.book)
    wanted = [code for code in languages or known if code in known]
    parts = [_Writer(sheet, code, known[code]).write() for code in wanted]
    first = wanted[0] if wanted else "en"
    contents = "".join(
        f'<li><a href="#{code}" lang="{code}" dir="{find_direction(code)}">{html.escape(known[code])}</a></li>'
        for code in wanted
    )
    return (
        f'<!DOCTYPE html>\n<html lang="{first}" dir="{find_direction(first)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(sheet.title)}</title>{style}</head><body>{top}"
        + (f'<nav><ul class="languages">{contents}</ul></nav>' if len(wanted) > 1 else "")
        + "".join(parts)
        + "</body></html>\n"
    )


class _Writer:
    """Writes the form in one language."""

    def __init__(self, sheet: Sheet, code: str, language: str) -> None:
        self.sheet, self.code, self.language = sheet, code, language
        self.lines = {line["name"]: line for line in sheet.book.survey if line["name"]}
        self.numbers = _number(sheet.book)
        self.notes: dict[str, list[Note]] = {}
        for note in sheet.notes:
            self.notes.setdefault(note.question, []).append(note)

    def write(self) -> str:
        """One section, which begins a page of its own when it is printed."""
        total = sum(_seconds(line, self.sheet) for line in self.sheet.book.survey) / 60
        title = self.sheet.titles.get(self.code, self.sheet.title)
        head = f'<h1>{html.escape(title)}</h1><p class="facts">{self._say("version")} '
        head += f'<bdi dir="ltr">{html.escape(self.sheet.version)}</bdi> · {self._minutes(total)}</p>'
        if self.code in self.sheet.drafted:
            head += f'<p class="drafted">{self._say("drafted")}</p>'
        return (
            f'<section class="form" id="{self.code}" lang="{self.code}" dir="{find_direction(self.code)}">{head}'
            f"{self._first()}{self._notes('')}{''.join(self._rows())}</section>"
        )

    def _say(self, key: str, **parts: object) -> str:
        return html.escape(say_in(self.code, key, **parts))

    def _minutes(self, minutes: float) -> str:
        return self._say("minutes", number=f"{minutes:.1f}".removesuffix(".0"))

    def _text(self, line: Line, column: str) -> str:
        """What a row says in this language; a reference becomes a gap to fill."""
        for header, cell in line.cells.items():
            if split_column(header) == (column, self.language):
                return _REFERENCE.sub("____", cell)
        return ""

    def _first(self) -> str:
        """The words of consent, before anything is asked."""
        names = [name for name in _FIRST if name in self.lines] or [self.sheet.consent]
        said = [self._text(self.lines[name], "label") for name in names if name in self.lines]
        if not any(said):
            return ""
        told = "".join(f"<p>{_lay(one)}</p>" for one in said if one)
        return f'<aside class="first"><h2>{self._say("first")}</h2>{told}</aside>'

    def _rows(self) -> Iterator[str]:
        depth = 0
        for line in self.sheet.book.survey:
            if line.kind.startswith("end"):
                depth -= 1
                yield "</div>"
            elif line.kind.startswith("begin"):
                depth += 1
                yield self._container(line, depth)
            elif line.kind not in _SILENT:
                yield self._question(line)

    def _container(self, line: Line, depth: int) -> str:
        label = html.escape(self._text(line, "label"))
        said = f"{self._say('repeat')}: {label}" if line.kind == "begin_repeat" else label
        minutes = _sum_seconds(line, self.sheet) / 60
        level = min(depth + 1, 4)
        told = f' <span class="time">{self._minutes(minutes)}</span>' if depth == 1 and minutes else ""
        head = f"<h{level}>{self._number(line)} {said}{told}</h{level}>" if said.strip() else ""
        kind = "repeat" if line.kind == "begin_repeat" else "group"
        return f'<div class="{kind}">{head}{self._condition(line)}{self._notes(line["name"])}'

    def _question(self, line: Line) -> str:
        label, hint = self._text(line, "label"), self._text(line, "hint")
        if line["name"] in _FIRST:  # stands in the box at the top
            label = f"↑ {say_in(self.code, 'first')}"
        guidance = self._text(line, "guidance_hint")
        must = f" · <b>{self._say('required')}</b>" if line["required"] in ("yes", "true()", "true", "1") else ""
        parts = [
            f'<p class="label">{self._number(line)} {_lay(label)}</p>',
            f'<p class="kind">{self._kind(line)}{must} <code dir="ltr">{html.escape(line["name"])}</code></p>',
            self._condition(line),
            *(f'<p class="hint">{_lay(one)}</p>' for one in (hint, guidance) if one),
            self._pictures(line),
            self._choices(line),
            self._limit(line),
            self._notes(line["name"]),
        ]
        return f'<div class="question {html.escape(line.kind)}">{"".join(parts)}</div>'

    def _number(self, line: Line) -> str:
        number = self.numbers.get(line["name"], "")
        return f'<span class="number"><bdi dir="ltr">{number}</bdi></span>' if number else ""

    def _kind(self, line: Line) -> str:
        kind = line.kind.removesuffix("_from_file")
        if kind == "date" and "month-year" in line["appearance"]:
            kind = "month"
        try:
            return self._say(kind)
        except KeyError:
            return self._say("other")

    def _condition(self, line: Line) -> str:
        if not line["relevant"]:
            return ""
        speaker = Speaker(self.code, self._call, self._answer)
        return f'<p class="skip">{self._say("only_if")}: {html.escape(say_condition(line["relevant"], speaker))}</p>'

    def _call(self, name: str) -> str:
        """A question by its number and the beginning of its words; a calculation by its name."""
        line = self.lines.get(name)
        label = self._text(line, "label") if line else ""
        if name == "ers_decision":
            return say_in(self.code, "ers_decision")
        if not label:
            return name
        short = label if len(label) <= _SHORT else f"{label[:_SHORT].rsplit(' ', 1)[0]} …"
        return f"{self.numbers.get(name, '')} «{short}»".strip()

    def _answer(self, name: str, code: str) -> str:
        line = self.lines.get(name)
        for choice in self.sheet.book.lists.get(line.list_name, ()) if line else ():
            if choice["name"] == code:
                return f"«{self._text(choice, 'label') or code}»"
        return code

    def _choices(self, line: Line) -> str:
        if line.kind.endswith("_from_file"):
            return f'<p class="long">{self._say("from_file")}</p>'
        choices = self.sheet.book.lists.get(line.list_name, ())
        if len(choices) > LONGEST_LIST:
            return f'<p class="long">{self._say("long_list", number=len(choices))}</p>'
        box = _BOXES.get(line.kind, "○")
        rows = (
            f'<li><span class="box">{box}</span> {_lay(self._text(one, "label"))}{self._pictures(one)}</li>'
            for one in choices
        )
        return f'<ul class="choices">{"".join(rows)}</ul>' if choices else '<p class="line"></p>' * _is_open(line)

    def _limit(self, line: Line) -> str:
        message = self._text(line, "constraint_message")
        return f'<p class="limit">{_lay(message)}</p>' if message else ""

    def _pictures(self, line: Line) -> str:
        name = self._text(line, "image") or next(
            (cell for header, cell in line.cells.items() if split_column(header)[0] == "image"), ""
        )
        content = self.sheet.files.get(name, b"")
        if not name or not guess_type(name).startswith("image/") or not 0 < len(content) <= _MOST_OF_A_PICTURE:
            return ""
        data = base64.b64encode(content).decode()
        return f'<img alt="{html.escape(name)}" src="data:{guess_type(name)};base64,{data}">'

    def _notes(self, name: str) -> str:
        found = self.notes.get(name, ())
        if not found:
            return ""
        rows = "".join(
            f'<li dir="auto">{html.escape(note.text)}'
            + (
                f"<br><b>{self._say('answer')}:</b> {html.escape(note.answer)}"
                if note.answer
                else f" <b>({self._say('open')})</b>"
            )
            + "</li>"
            for note in found
        )
        return f'<div class="notes"><b>{self._say("notes")}</b><ul>{rows}</ul></div>'


def _is_open(line: Line) -> bool:
    return line.kind in ("text", "integer", "decimal", "range", "date", "time", "dateTime", "barcode")


def _lay(text: str) -> str:
    """A text with its line breaks; what looks like markup is text."""
    return html.escape(text).replace("\n", "<br>")


def _number(book: Book) -> dict[str, str]:
    """Name -> 3 for a group at the top, 3.2 for a question; notes and what nobody sees have none."""
    found: dict[str, str] = {}
    depth, outer, inner = 0, 0, 0
    for line in book.survey:
        if line.kind.startswith("end"):
            depth -= 1
            continue
        is_container = line.kind.startswith("begin")
        if depth == 0 and line.kind not in _SILENT and line.kind != "note":
            outer, inner = outer + 1, 0
            found[line["name"]] = str(outer)
        elif not is_container and line.kind not in _SILENT and line.kind != "note":
            inner += 1
            found[line["name"]] = f"{outer}.{inner}"
        depth += is_container
    return found


def _seconds(line: Line, sheet: Sheet) -> int:
    if line["name"] in sheet.seconds:
        return sheet.seconds[line["name"]]
    if sheet.seconds or line.kind.startswith(("begin", "end")) or line.kind in _SILENT:
        return 0
    return _SECONDS.get(line.kind, 12)


def _sum_seconds(container: Line, sheet: Sheet) -> int:
    """Seconds of all that stands in a group or repeat, itself included."""
    total, depth, is_inside = 0, 0, False
    for line in sheet.book.survey:
        if line is container:
            is_inside = True
        if is_inside:
            depth += line.kind.startswith("begin") - line.kind.startswith("end")
            total += _seconds(line, sheet)
            if depth == 0:
                break
    return total
