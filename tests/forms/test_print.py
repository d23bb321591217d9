"""A form on paper: whole in every language, from its side, consent first, skips in words, nothing from outside."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree, html

from forms.bank import read_starter
from forms.files import guess_type
from forms.lints_book import open_book
from forms.print import LONGEST_LIST, Note, Sheet, list_languages, print_form
from forms.print_words import _ARABIC, _ENGLISH, _FRENCH
from forms.sheets import count_seconds
from forms.skips import Speaker, say_condition
from forms.xlsforms import read_xlsform
from tests.factories.rich_banks import MEDIA
from tests.forms.books import write_book
from tests.rounds.filling import build

SPEAKER = Speaker("en", lambda name: name.upper(), lambda _, code: f"<{code}>")


@pytest.fixture(scope="module")
def sheet() -> Sheet:
    """The household interview in three languages."""
    frozen = build("hh")
    return Sheet(
        title=frozen.version.title,
        version=frozen.version.version,
        book=open_book(read_xlsform(frozen.xlsx)),
        seconds=count_seconds(frozen.version, read_starter()),
        drafted=frozen.version.drafted,
    )


def read(page: str) -> Any:
    return html.fromstring(page)


def book(survey: str, **more: str) -> Sheet:
    return Sheet("A form", "1", open_book(read_xlsform(write_book(survey, **more))), consent="consent")


# skips in words


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("${a}='x'", "A is <x>"),
        ("${a} != 'x'", "A is not <x>"),
        ("selected(${a}, 'x')", "A includes <x>"),
        ("not(selected(${a},'x'))", "A does not include <x>"),
        ("${a}!=''", "A was answered"),
        ("${a}=''", "A was not answered"),
        ("${a} < 18 and ${b} >= 2", "A < 18 and B ≥ 2"),
        ("${a}=${b}", "A = B"),
        ("(${a}='x' or ${b}='y') and not(${c}='z')", "(A is <x> or B is <y>) and not (C is <z>)"),
        ("count-selected(.) > 2", "count-selected(.) > 2"),
        ("${a} < 'x'", "${a} < 'x'"),
        ("${a}='x' garbage", "${a}='x' garbage"),
        ("", ""),
    ],
)
def test_a_condition_reads_as_people_say_it_or_stays_as_it_is(expression: str, words: str) -> None:
    assert say_condition(expression, SPEAKER) == words


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="${}ab'()=!<> andort,.1", max_size=60))
def test_no_condition_breaks_the_page(expression: str) -> None:
    assert isinstance(say_condition(expression, SPEAKER), str)


def test_a_condition_that_is_nested_without_end_stays_as_it_is() -> None:
    deep = "(" * 5_000 + "${a}='x'" + ")" * 5_000
    assert say_condition(deep, SPEAKER) == deep


# the page


def test_markup_in_wording_names_and_notes_is_text() -> None:
    evil = "<script>alert(1)</script>"
    sheet = book(f"note | a | {evil}\nselect_one yn | consent | {evil}", choices=f"yn | yes | {evil}")
    page = print_form(replace(sheet, title=evil, version=evil, notes=(Note("consent", evil, evil),)))
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 7


def test_the_page_needs_nothing_from_anywhere(sheet: Sheet) -> None:
    page = print_form(sheet)
    assert not re.search(r"""(src|href)=["'](?!#|data:)|url\(|@import|<script|<link|http:""", page)
    assert len(etree.fromstring(page.encode(), etree.HTMLParser(recover=False))) == 2


def test_every_language_has_a_section_that_runs_its_way(sheet: Sheet) -> None:
    sections = read(print_form(sheet)).xpath("//section")
    assert [(one.get("lang"), one.get("dir")) for one in sections] == [("en", "ltr"), ("fr", "ltr"), ("ar", "rtl")]
    only = read(print_form(sheet, languages=["ar"]))
    assert (only.get("lang"), only.get("dir"), len(only.xpath("//section"))) == ("ar", "rtl", 1)


def test_every_question_and_choice_that_a_phone_shows_stands_in_every_language(sheet: Sheet) -> None:
    page = read(print_form(sheet))
    shown = [line for line in sheet.book.survey if line.labels and not line.kind.startswith("begin")]
    for code, language in list_languages(sheet.book).items():
        section = page.get_element_by_id(code)
        assert len(section.find_class("question")) == len(shown)
        labels = [" ".join(one.text_content().split()) for one in section.find_class("label")]
        assert all(labels)
        wanted = [line.cells[f"label::{language}"] for line in shown if "${" not in line.cells[f"label::{language}"]]
        told = " ".join(labels)
        lost = [text for text in wanted if " ".join(text.split()) not in told]
        assert len(lost) <= 2, lost  # what stands in the box at the top


def test_the_words_of_consent_come_before_everything(sheet: Sheet) -> None:
    for section in read(print_form(sheet)).xpath("//section"):
        (box,) = section.find_class("first")
        first = section.find_class("group")[0]
        assert len(box.text_content()) > 300
        assert section.index(box) < section.index(first)


def test_a_form_made_elsewhere_shows_its_consent_first() -> None:
    page = read(print_form(book("text | q | Q\nselect_one yn | consent | Do you agree to talk?")))
    assert "Do you agree to talk?" in page.find_class("first")[0].text_content()


def test_each_module_tells_its_minutes_and_they_add_up(sheet: Sheet) -> None:
    section = read(print_form(sheet, languages=["en"])).get_element_by_id("en")
    total = float(re.findall(r"about ([\d.]+) minutes", section.find_class("facts")[0].text_content())[0])
    parts = [float(re.findall(r"about ([\d.]+)", one.text_content())[0]) for one in section.find_class("time")]
    assert len(parts) > 10
    assert sum(parts) == pytest.approx(total, abs=1)
    assert total == pytest.approx(build("hh").version.minutes, abs=0.1)


def test_skips_name_the_question_by_number_and_words(sheet: Sheet) -> None:
    skips = [one.text_content() for one in read(print_form(sheet, languages=["en"])).find_class("skip")]
    assert "Only if: 1.1 «Are you 18 years old or older?» is «Yes»" in skips
    assert not [one for one in skips if "${" in one]
    arabic = [one.text_content() for one in read(print_form(sheet, languages=["ar"])).find_class("skip")]
    assert arabic[0].startswith("فقط إذا")


def test_notes_stand_under_their_question_and_say_whether_they_are_open() -> None:
    sheet = book("select_one yn | consent | Agree?\ntext | q | Q")
    notes = (Note("q", "Too long?"), Note("consent", "Say please", "Done"), Note("", "Nice form"))
    page = read(print_form(replace(sheet, notes=notes)))
    told = {one.getparent().get("class"): one.text_content() for one in page.find_class("notes")}
    assert "Too long? (open)" in told["question text"]
    assert "Answer: Done" in told["question select_one"]
    assert "Nice form" in told["form"]


def test_a_long_list_is_told_by_its_number_and_a_reference_is_a_gap() -> None:
    choices = "\n".join(f"l | c{number} | Choice {number}" for number in range(LONGEST_LIST + 1))
    page = print_form(book("select_one l | q | Hello ${consent}, which?", choices=choices))
    assert "31 to choose from" in page
    assert "Choice 7" not in page
    assert "Hello ____, which?" in page


def test_pictures_are_in_the_page_and_other_files_are_not() -> None:
    columns = "type | name | label | media::image"
    sheet = book("note | a | A | well.png\nnote | b | B | well.mp3", columns=columns)
    page = print_form(replace(sheet, files=MEDIA))
    assert page.count("data:image/png;base64,") == 1
    assert "audio" not in page
    assert guess_type("x.PNG") == "image/png"


def test_drafts_are_marked_in_their_language_only(sheet: Sheet) -> None:
    page = read(print_form(sheet))
    assert [len(page.get_element_by_id(code).find_class("drafted")) for code in ("en", "fr", "ar")] == [0, 1, 1]


def test_all_own_words_are_there_in_three_languages() -> None:
    assert _ENGLISH.keys() == _FRENCH.keys() == _ARABIC.keys()
    for words in (_FRENCH, _ARABIC):
        for key, text in words.items():
            assert sorted(re.findall(r"{\w+}", text)) == sorted(re.findall(r"{\w+}", _ENGLISH[key]))


def test_the_same_sheet_gives_the_same_page(sheet: Sheet) -> None:
    assert print_form(sheet) == print_form(sheet)
