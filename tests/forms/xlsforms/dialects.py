"""What KoboToolbox and koboloadeR write beside XLSForm, and what spreadsheet programs do to cells."""

# ruff: noqa: E501 - tables read better on one line

from __future__ import annotations

import datetime
from collections.abc import Callable

from tests.forms.xlsforms.build import Case, case, open_case, save_book

_PLAIN = """
| survey |
|        | type         | name | label | default |
|        | select_one c | a    | A     |         |
|        | text         | b    | B     |         |
| choices |
|         | list_name | name | label |
|         | c         | 1    | One   |
|         | c         | 2    | Two   |
"""

CASES = [
    case(
        "Kobo: its own columns",
        """
| survey |
|        | $kuid   | $prev | $autoname | type         | name | label::English (en) | hxl      | tags    | kobo--locking-profile |
|        | ab1cd23 |       | a         | select_one c | a    | Which?              | #sector  | hxl:#x  | flex                  |
|        | ef4gh56 | ab1cd | b         | text         | b    | Why?                |          |         |                       |
| choices |
|         | list_name | name | label::English (en) | kobo--score |
|         | c         | o1   | One                 | 1           |
|         | c         | o2   | Two                 | 2           |
| settings |
|          | form_title | version           | style | kobo--lock_all | kobo--locking-profile |
|          | K          | 3 (2026-11-25)    | pages | false          | core                  |
| kobo--locking-profiles |
|                        | restriction   | core   |
|                        | choice_add    | locked |
""",
        "//*[@version='3 (2026-11-25)']",
        "//x:instance[@id='c']//x:item",
    ),
    case(
        "Kobo: sound, picture and map",
        """
| survey |
|        | type             | name  | label | parameters                | appearance |
|        | background-audio | rec   |       | quality=voice-only        |            |
|        | image            | photo | P     | max-pixels=1024           | signature  |
|        | geopoint         | where | W     |                           | maps       |
|        | select_one c     | c1    | C     | randomize=true            | likert     |
|        | xml-external     | ext   |       |                           |            |
| choices |
|         | list_name | name | label | image |
|         | c         | x    | X     | x.png |
|         | c         | y    | Y     | y.png |
""",
        "//odk:recordaudio",
        "//x:select1[@appearance='likert']",
    ),
    case(
        "Kobo: several languages and null ones",
        """
| survey |
|        | type       | name | label | label::Français (fr) | label::عربي (ar) | required | $qpath |
|        | begin_group| g    | G     | Le groupe            | مجموعة           |          | g      |
|        | text       | a    | A     | Un                   | واحد             | true     | g-a    |
|        | end_group  |      |       |                      |                  |          |        |
""",
        "//x:translation[@lang='عربي (ar)']",
        "//x:bind[@required='true()']",
    ),
    case(
        "koboloadeR: the analysis beside the form",
        """
| survey |
|        | type              | name | label | chapter | disaggregation | correlate | anonymise | structuralequation | clean | cluster | predict | variable | mappoint | recategorise |
|        | select_one c      | a    | A     | Safety  | TRUE           | q2        | remove    | risk               | no    | TRUE    |         | ordinal  |          |              |
|        | select_multiple c | b    | B     | Safety  |                |           |           | coping             |       |         |         |          |          | 1-2          |
|        | integer           | n    | N     | Who     | TRUE           |           | mask      |                    | yes   |         | x       | numeric  |          |              |
|        | geopoint          | p    | P     |         |                |           | remove    |                    |       |         |         |          | TRUE     |              |
| choices |
|         | list_name | name | label | order | recategorise |
|         | c         | 1    | One   | 2     | low          |
|         | c         | 2    | Two   | 1     | high         |
| analysisPlan |
|              | Research Questions | Question |
|              | Who is at risk?    | a        |
| indicator |
|           | type     | fullname | label |
|           | calculate| x        | X     |
""",
        "//x:select1",
        "//x:instance[@id='c']//x:order[.='2']",
    ),
    case(
        "koboloadeR: repeats of frames",
        """
| survey |
|        | type         | name      | label  | repeatsummarize | chapter | relevant  |
|        | begin_repeat | household | Member | avg             | Who     |           |
|        | integer      | age       | Age    | avg             | Who     |           |
|        | select_one s | sex       | Sex    |                 | Who     | ${age} > 0 |
|        | end_repeat   |           |        |                 |         |           |
| choices |
|         | list_name | name | label  |
|         | s         | m    | Male   |
|         | s         | f    | Female |
""",
        "//x:repeat[@nodeset='/data/household']",
    ),
    case(
        "blank rows and columns without a name",
        """
| survey |
|        | type    | name | label |         | relevant |
|        | text    | a    | A     | remark  |          |
|        | integer | b    | B     | remark  | ${a}='1' |
""",
        "//x:bind[@relevant]",
    ),
    case("sheets in capitals", _PLAIN.replace("survey", "Survey").replace("choices", "CHOICES"), "//x:select1"),
    case(
        "a sheet alone under another name", "| Tabelle1 |\n| | type | name | label |\n| | text | a | A |\n", "//x:input"
    ),
]

Edit = Callable[[bytes], bytes]


def _edit(change: Callable[[object], None], form: str = _PLAIN) -> Callable[[], bytes]:
    def make() -> bytes:
        book = open_case(form)
        change(book)
        return save_book(book)

    return make


def _numbers(book: object) -> None:
    book["choices"]["B2"], book["choices"]["B3"] = 1, 2.0  # type: ignore[index]
    book["survey"]["D3"] = 7.5  # type: ignore[index]


def _ticks(book: object) -> None:
    book["choices"]["B2"], book["choices"]["B3"] = True, False  # type: ignore[index]


def _dates(book: object) -> None:
    book["survey"]["D3"] = datetime.datetime(2026, 11, 25)  # type: ignore[index]  # noqa: DTZ001 - as cells have it


def _gaps(book: object) -> None:
    book["survey"].insert_rows(3, 5)  # type: ignore[index]
    book["choices"].insert_rows(2, 2)  # type: ignore[index]


def _spaces(book: object) -> None:
    book["survey"]["C3"] = "  B with\u00a0a fixed space \n and a line  "  # type: ignore[index]
    book["survey"]["A1"] = " type "  # type: ignore[index]


BOOKS: list[tuple[Case, Callable[[], bytes]]] = [
    (case("cells: numbers", _PLAIN, "//x:item/x:name[.='2']", "//*[local-name()='b'][.='7.5']"), _edit(_numbers)),
    (case("cells: ticks", _PLAIN, "//x:item/x:name[.='TRUE']"), _edit(_ticks)),
    (case("cells: dates", _PLAIN, "//*[local-name()='b'][starts-with(., '2026-11-25')]"), _edit(_dates)),
    (case("cells: empty rows between", _PLAIN, "//x:select1"), _edit(_gaps)),
    (case("cells: spaces around", _PLAIN, "//x:label[starts-with(., 'B with a fixed')]"), _edit(_spaces)),
]
"""Cases that need a workbook of their own: the feature, and what makes it."""
