"""Read an XLSForm made elsewhere into proposals for the bank: what it asks already, and drafts of what is new."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from forms.child import run_in_child
from forms.columns import split_column
from forms.lints_book import Book, Line, open_book
from forms.matching import Asked, Spoken, compare_choices, find_matches, speak, speak_all
from forms.new_items import Drafter, Proposal, say_cell
from forms.outline import Field, Outline, load_outline, make_outline
from forms.questionnaires import find_language
from forms.safety import check_workbook
from forms.translations import translate
from forms.whereabouts import Chosen, find_whereabouts
from forms.xlsforms import XlsForm, dump_xlsform, load_xlsform, read_sheets
from pimcollect.domain.catalogue import Catalogue, NamedPlace
from pimcollect.errors import ErrorCode, PimError

MAX_QUESTIONS = 5_000
_KEYS = ("comparability_key", "indicator_key", "pim_key", "key")
_CODE = re.compile(r"^[A-Za-z0-9_]{1,32}$")


@dataclass(frozen=True)
class Proposals:
    """All proposals of one form, the choice lists that the drafts need, and the form itself, nothing of it lost."""

    form: str
    title: str
    language: str
    rows: tuple[Proposal, ...]
    lists: Mapping[str, tuple[tuple[str, str], ...]]
    """List of the form -> (code, label) of each choice, in its order: those that the bank does not have."""
    new_lists: Mapping[str, str]
    """List of the form -> what the bank would call it, for each of `lists`."""
    known_lists: Mapping[str, str]
    """List of the form -> the bank's list with the same codes and meanings."""
    sheets: XlsForm = field(repr=False)


def read_form(data: bytes, *, name: str) -> tuple[XlsForm, Outline]:
    """The sheets of an XLSForm and what pyxform makes of it, read in a child. Raises PimError as `read_outline`."""
    check_workbook(data)
    read = run_in_child("form", data, name=name)
    return load_xlsform(read["sheets"]), load_outline(read["outline"])


def parse_form(data: bytes, *, name: str) -> dict[str, Any]:
    """The same in this process, for the child: plain JSON."""
    sheets = read_sheets(data)
    outline = asdict(make_outline(sheets, name=name))
    return {"sheets": dump_xlsform(sheets), "outline": {**outline, "xform": ""}}  # which nobody reads here


def propose_form(
    sheets: XlsForm,
    outline: Outline,
    catalogue: Catalogue,
    *,
    form: str = "",
    tool: str = "H",
    use: str = "",
    places: Collection[NamedPlace] = (),
) -> Proposals:
    """Match every question to the bank and draft what is new. Pure. Raises PimError(TOO_LARGE) above 5,000 questions.

    `form` is another id for it, `tool` the letter of the tool that asks new items, `use` what the answers are for,
    `places` the gazetteer: what asks where somebody is can be coarsened by it.
    """
    catalogue = translate(catalogue)
    book = open_book(sheets)
    questions = dict(_pair_rows(book, outline))
    if len(questions) > MAX_QUESTIONS:
        raise PimError(
            ErrorCode.TOO_LARGE, f"The form asks more than {MAX_QUESTIONS:,} questions.", remedy="Divide it by modules."
        )
    columns = sheets.tables["survey"].columns
    language = find_language(columns, book.settings.get("default_language", ""))
    asked = {row: _ask(line, one) for row, (line, one) in questions.items()}
    lists = {name: speak(codes) for name, codes in outline.lists.items()}
    theirs = speak_all(catalogue)
    matches = find_matches(asked, catalogue, mine=lists, theirs=theirs)
    known, new = _sort_lists(outline, theirs, book, language)
    chosen = {row: Chosen(one, line["choice_filter"]) for row, (line, one) in questions.items()}
    maker = Drafter(
        catalogue,
        tool=tool,
        use=use,
        language=language,
        known=known,
        new=new,
        codes=outline.lists,
        areas=find_whereabouts(chosen, outline.lists, places),
    )
    rows = tuple(maker.propose(row, line, one, matches[row]) for row, (line, one) in questions.items())
    wanted = {one.draft["choices"] for one in rows if one.draft and one.draft["choices"]}
    needed = [name for name in new if maker.name_list(name) in wanted]
    return Proposals(
        form=form or outline.form,
        title=outline.title,
        language=language,
        rows=rows,
        lists={name: new[name] for name in needed},
        new_lists={name: maker.name_list(name) for name in needed},
        known_lists=known,
        sheets=sheets,
    )


def _pair_rows(book: Book, outline: Outline) -> Iterator[tuple[int, tuple[Line, Field]]]:
    """The rows of the survey sheet that are fields of the form, by number."""
    fields = {one.path: one for one in outline.fields}
    above: list[str] = []
    for line in book.survey:
        if line.kind.startswith("begin"):
            above.append(line["name"])
        elif line.kind.startswith("end"):
            above = above[:-1]
        elif found := fields.get("/".join((*above, line["name"]))):
            yield line.row, (line, found)


def _ask(line: Line, one: Field) -> Asked:
    labels = {
        split_column(header)[1]: cell for header, cell in line.cells.items() if split_column(header)[0] == "label"
    }
    key = next((line[column] for column in _KEYS if line[column]), "")
    return Asked(one.name, one.type, labels, one.choices, key)


def _sort_lists(
    outline: Outline, theirs: Mapping[str, Spoken], book: Book, language: str
) -> tuple[dict[str, str], dict[str, tuple[tuple[str, str], ...]]]:
    """(list -> the bank's list that is the same, list -> its choices where the bank could take them)."""
    known, new = {}, {}
    by_codes: dict[frozenset[str], list[str]] = {}
    for name, spoken in theirs.items():
        by_codes.setdefault(frozenset(spoken.labels), []).append(name)
    for name, codes in outline.lists.items():
        mine = speak(codes)
        same = [one for one in by_codes.get(frozenset(codes), ()) if compare_choices(mine, theirs[one]) == 1.0]
        if same:
            known[name] = name if name in same else same[0]
            continue
        rows = [(line["name"], say_cell(line, "label", language)) for line in book.lists.get(name, ())]
        is_whole = len({code for code, _ in rows}) == len(rows) > 0
        if is_whole and all(_CODE.match(code) and label for code, label in rows):
            new[name] = tuple(rows)
    return known, new
