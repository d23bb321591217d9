"""Lints of sheets: translations row by row, files, columns, what identifies people, what the telephone collects."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches

from forms.columns import LOGIC, TRANSLATED, UNNAMED, split_column
from forms.defaults import identifies
from forms.lints import Lint, Severity, find, read_words
from forms.lints_book import Book, Line
from forms.lints_logic import find_names
from forms.outline import Field
from pimcollect.domain.catalogue import EXCLUSIVE
from pimcollect.domain.entities import read_label
from pimcollect.domain.phrases import phrase

SENSES = read_words(
    """geopoint geotrace geoshape start-geopoint background-geopoint background-audio image photo audio video
    file deviceid imei simserial subscriberid phonenumber username email barcode"""
)
"""Types that collect a position, a picture, a sound, a device or an account (L07)."""

AREAS = read_words(
    """adm0 adm1 adm2 adm3 adm4 admin1 admin2 admin3 region regions state states province provinces district
    districts township townships village villages county counties governorate governorates commune communes ward
    wards"""
)
"""Names of lists that hold areas (L16)."""

ANALYSIS = frozenset(
    {"chapter", "disaggregation", "correlate", "structuralequation", "cluster", "variable", "analysis"}
)
"""koboloadeR's columns of the survey sheet that plan the analysis."""

_SURVEY = read_words(
    """type name parameters appearance trigger save_to rows required disabled big-image autoplay hxl note
    list_name tag"""
) | {*LOGIC, *TRANSLATED}
_CHOICES = frozenset({"list_name", "name", "label", "image", "audio", "video", "big-image", "geometry"})
_MARKS = ("sens", "flag", "treat", "risk", "aggregate", "recode", "protect", "restrict", "comment", "note")
_FILES = {"csv-external": ".csv", "xml-external": ".xml"}
_SECONDS: Mapping[str, int] = {"select_one": 15, "select_multiple": 25, "rank": 30, "text": 30}
_OTHERS = 12
_ANALYSED = ("select_one", "select_multiple", "rank", "text", "integer", "decimal", "date")
_BOTH = ("survey", "choices")
_WIDEST = 500
"""Columns of a sheet that are looked at; no form that people fill has more."""


def lint_sheets(book: Book, *, files: Collection[str] | None = None, is_ours: bool = False) -> Iterator[Lint]:
    """What any workbook can be asked. `files`: names of the files beside it, None where nobody can know.

    In a form of ours the types are checked already, and free text and areas are the bank's business.
    """
    yield from _lint_translations(book)
    yield from _lint_columns(book)
    yield from _lint_metadata(book)
    yield from _lint_naming(book)
    yield from _lint_entities(book)
    if files is not None:
        yield from _lint_files(book, frozenset(files))
    if not is_ours:
        for line in book.survey:
            yield from _lint_question(line, book)
        yield from _lint_analysis(book)


def _field(line: Line) -> Field:
    return Field(name=line["name"], path=line["name"], type=line.kind, labels=line.labels)


def _name_language(language: str, book: Book) -> str:
    """A column that names no language speaks the default one (pyxform)."""
    return book.settings.get("default_language") or UNNAMED if language == UNNAMED else language


def _languages(book: Book) -> list[str]:
    """The languages of the form: those that columns name, and the default one where a label names none."""
    columns = [split_column(header) for sheet in ("survey", "choices") for header in book.headers[sheet]]
    found = {
        _name_language(language, book): None
        for column, language in columns
        if column == "label" or (column in TRANSLATED and language != UNNAMED)
    }
    return list(found)


def _lint_translations(book: Book) -> Iterator[Lint]:
    languages = _languages(book)
    default = book.settings.get("default_language", "")
    if default and default not in {split_column(one)[1] for name in _BOTH for one in book.headers[name]}:
        text = phrase("default_language is %(language)s, which no column has", language=default)
        yield find("X07", "settings", row=2, name="default_language", text=text)
    for line in (*book.survey, *book.choices):
        for column, known in _find_spoken(line, book).items():
            missing = [language for language in languages if language not in known]
            if missing:
                text = phrase("%(column)s is missing in %(languages)s", column=column, languages=missing)
                yield find("X07", line.sheet, row=line.row, name=line.called, text=text)


def _find_spoken(line: Line, book: Book) -> dict[str, set[str]]:
    """Column -> the languages in which this row fills it. A picture without a language is for all of them."""
    said: dict[str, set[str]] = {}
    for header, cell in line.cells.items():
        column, language = split_column(header)
        is_for_all = column in ("image", "audio", "video") and language == UNNAMED
        if column in TRANSLATED and not is_for_all:
            known = said.setdefault(column, set())
            if cell != "-":
                known.add(_name_language(language, book))
    return said


def _lint_columns(book: Book) -> Iterator[Lint]:
    for header in book.headers["survey"][:_WIDEST]:
        column = split_column(header)[0]
        if column in _SURVEY or "::" in column:
            continue
        if near := get_close_matches(column, _SURVEY, n=1, cutoff=0.75):
            text = phrase("it is not read; is %(column)s meant?", column=near[0])
            yield find("X11", "survey", row=1, name=header, text=text)
    filters = " ".join(line["choice_filter"] for line in book.survey)
    for header in book.headers["choices"][:_WIDEST]:
        column = split_column(header)[0]
        if column in _CHOICES or column in filters:
            continue
        is_mark = any(mark in column for mark in _MARKS)
        severity = Severity.ERROR if is_mark else Severity.WARNING
        text = phrase("every telephone gets this column")
        yield find("L18", "choices", row=1, name=header, text=text, severity=severity)


def _lint_metadata(book: Book) -> Iterator[Lint]:
    for line in book.survey:
        if line.kind != "audit":
            continue
        settings = line["parameters"].lower().replace(" ", "")
        for name in ("track-changes=true", "identify-user=true", "track-changes-reasons=on-form-edit"):
            if name in settings:
                text = phrase("%(setting)s writes it into audit.csv", setting=name)
                yield find("X09", "survey", row=line.row, name=line["name"], text=text)
        if "location-" in settings:
            text = phrase("the audit log records where each question was asked")
            yield find("X09", "survey", row=line.row, name=line["name"], text=text)


def _lint_naming(book: Book) -> Iterator[Lint]:
    """Names of records and entities stand in clear in every list; last-saved answers stay on the telephone."""
    personal = {line["name"] for line in book.survey if line.is_question and identifies(_field(line))}
    places = [("settings", 2, "instance_name", book.settings.get("instance_name", ""))]
    places += [("survey", line.row, line["name"], line["instance::name"]) for line in book.survey]
    places += [("entities", line.row, "label", line["label"]) for line in book.entities]
    for sheet, row, name, text in places:
        for one in dict.fromkeys(find_names(text)):
            severity = Severity.ERROR if one in personal else Severity.WARNING
            shown = phrase("it shows the answer %(name)s in clear", name=one)
            yield find("X09", sheet, row=row, name=name, text=shown, severity=severity)
    for line in book.survey:
        for column in LOGIC:
            for one in find_names(line[column]):
                if one in personal and f"last-saved#{one}" in line[column]:
                    text = phrase("the telephone keeps the answer %(name)s of the person before", name=one)
                    yield find("X09", "survey", row=line.row, name=line["name"], text=text)


def _lint_entities(book: Book) -> Iterator[Lint]:
    """What is visited again goes back onto phones, in clear, made of treated answers alone."""
    for line in book.survey:
        if line["save_to"] and line.is_question and identifies(_field(line)):
            text = phrase("the property %(name)s shows it in clear", name=line["save_to"])
            yield find("X09", "survey", row=line.row, name=line["name"], text=text)
    inside: list[str] = []
    for line in book.survey:
        if line.kind in ("begin_group", "begin_repeat"):
            inside.append(line.kind)
        elif line.kind in ("end_group", "end_repeat"):
            del inside[-1:]
        elif line["save_to"] and "begin_repeat" in inside:
            text = phrase("it is saved from a repeat, whose members are people: no entity is kept of them")
            yield find("X15", "survey", row=line.row, name=line["name"], text=text)
    for line in book.entities:
        label = line["label"]
        keys = {f"${{{name}}}": name for name in find_names(label)}
        if label and not read_label(label, keys):
            text = phrase("it is more than texts and answers: phones show a short code in its place")
            yield find("X15", "entities", row=line.row, name="label", text=text)


def _lint_files(book: Book, files: frozenset[str]) -> Iterator[Lint]:
    for sheet, lines in (("survey", book.survey), ("choices", book.choices)):
        for line in lines:
            for wanted in dict.fromkeys(_find_files(line)):
                if wanted not in files:
                    text = phrase("%(file)s is not beside the workbook", file=wanted)
                    yield find("X05", sheet, row=line.row, name=line["name"], text=text)


def _find_files(line: Line) -> Iterator[str]:
    for header, cell in line.cells.items():
        if split_column(header)[0] in ("image", "audio", "video", "big-image") and "${" not in cell:
            yield cell
    words = line.type.split(" ")
    if words[0].endswith("_from_file") and len(words) > 1 and "${" not in words[1]:
        yield words[1]
    if line.kind in _FILES and line["name"]:
        yield line["name"] + _FILES[line.kind]
    for column in (*LOGIC, "appearance"):
        for function in ("pulldata(", "search("):
            for piece in line[column].replace(" ", "").split(function)[1:]:
                if piece[:1] in ("'", '"') and (found := piece[1:].split(piece[0])[0]):
                    yield found if found.endswith(".csv") else f"{found}.csv"


def _lint_question(line: Line, book: Book) -> Iterator[Lint]:
    """A question of somebody else's form: what is an error in ours is said as a warning, except what breaks data."""

    def say(code: str, text: str, severity: Severity = Severity.WARNING) -> Lint:
        return find(code, "survey", row=line.row, name=line["name"], text=text, severity=severity)

    if not line.is_question:
        return
    if identifies(_field(line)):
        yield say("L03", phrase("it looks as if it identifies people"))
    elif line.kind == "text" and "regex(" not in line["constraint"]:
        yield say("L06", phrase("free text: people write names into it"))
    if line.kind in SENSES:
        yield say("L07", phrase("%(type)s is collected", type=line.kind))
    rows = book.lists.get(line.list_name, ())
    alone = [row["name"] for row in rows if row["name"] in EXCLUSIVE]
    if line.kind == "select_multiple" and alone and "selected(" not in line["constraint"].replace(" ", ""):
        yield say("L15", phrase("%(codes)s can be chosen beside others", codes=alone), Severity.ERROR)
    if line.list_name and line.list_name.lower() in AREAS:
        yield say("L16", phrase("the list %(list)s holds areas", list=line.list_name))


def _lint_analysis(book: Book) -> Iterator[Lint]:
    """Where a workbook plans its analysis (koboloadeR's columns), a question without a plan can be cut."""
    columns = {split_column(header)[0] for header in book.headers["survey"]} & ANALYSIS
    if not columns:
        yield find("X10", "survey", row=1, text=phrase("no column says what is done with any answer"))
        return
    read = {
        name for line in book.survey for column in LOGIC for name in find_names(line[column]) if name != line["name"]
    }
    asked = [line for line in book.survey if line.kind in _ANALYSED]
    idle = [line for line in asked if line["name"] not in read and not any(line[column] for column in columns)]
    for line in idle:
        minutes = f"{_SECONDS.get(line.kind, _OTHERS) / 60:.1f}"
        text = phrase("no analysis is planned; cutting it saves about %(minutes)s minutes", minutes=minutes)
        yield find("X10", "survey", row=line.row, name=line["name"], text=text)
    if len(idle) > 1:
        saved, whole = (sum(_SECONDS.get(line.kind, _OTHERS) for line in lines) / 60 for lines in (idle, asked))
        text = phrase(
            "cutting all %(number)s of these saves about %(saved)s of %(whole)s minutes",
            number=len(idle),
            saved=f"{saved:.1f}",
            whole=f"{whole:.1f}",
        )
        yield find("X10", "survey", row=1, text=text)
