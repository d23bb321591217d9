"""What a bank holds beside its items: every fault with its place, and forms that word, tell and stamp it."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from forms import starter
from forms.bank import read_catalogue, read_document
from forms.bank_files import read_bank_bytes, read_bank_file, write_bank
from forms.bank_sheets import OPTIONAL
from forms.drafts import MISSING, STALE, add_missing, list_drafts
from forms.places import read_starter_places
from forms.release import Frozen, build_form
from forms.texts import list_texts
from pimcollect.domain.catalogue import Catalogue, NamedPlace
from pimcollect.domain.translations import mark
from pimcollect.domain.version import read_version, write_version
from pimcollect.errors import ErrorCode, PimError
from tests.forms.test_bank_files import SMALL, TARGETS, put, workbook

BANK = read_document(starter.read_bytes("bank.json"))
PLACES = read_starter_places()
PLACE = SMALL["places"][0]


def changed(change: Callable[[dict[str, Any]], object], bank: dict[str, Any] = BANK) -> dict[str, Any]:
    document = copy.deepcopy(bank)
    change(document)
    return document


def translation(**facts: str) -> dict[str, str]:
    """One row of a bank's own, for an item of the starter bank."""
    text = {"part": "items", "key": "C01", "language": "fr", "source": "Are you 18 years old or older?"}
    return {**text, "text": "Êtes-vous majeur ?", "translator": "", "state": "translated", "back": "", **facts}


def sheet(name: str, cell: str, value: str) -> Callable[[Any], object]:
    return lambda book: book[name].__setitem__(cell, value)


# what is refused


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda d: d["variants"][0].update(item="C99"), "variants number 1 item: there is no item C99"),
        (lambda d: d["variants"][0].update(tool="O"), "variants number 1 tool: the tool O does not ask C04"),
        (lambda d: d["variants"].append(d["variants"][0]), "variants number 4 item: C04 F stands there twice"),
        (lambda d: d.update(translations=[translation(key="C99")]), "has no text C99 that may be translated"),
        (lambda d: d.update(translations=[translation(part="choices", key="wg.no_diff")]), "has no text wg.no_diff"),
        (lambda d: d.update(translations=[translation(language="en")]), "en is the language of the bank itself"),
        (lambda d: d.update(translations=[translation(state="approved")]), "state: Must be one of"),
        (lambda d: d.update(translations=[translation(state="back_translated")]), "back: is empty"),
        (lambda d: d.update(translations=[translation(), translation()]), "items C01 fr stands there twice"),
        (lambda d: d["disaggregations"][0].update(source="D99"), "there is no item D99"),
        (lambda d: d["disaggregations"][0].update(categories="gone"), "there is no choice list gone"),
        (lambda d: d["disaggregations"][0].update(order=1), "std 1 stands there twice"),
        (lambda d: d["items"][0].update(disagg="own"), "C01 disagg: there is no set of disaggregations own"),
        (lambda d: d["terms"].append(d["terms"][0]), "protection_risk stands there twice"),
        (lambda d: d["terms"][0].update(definition=""), "protection_risk definition: is empty"),
        (lambda d: d["purposes"][0].update(items="F01, F99"), "pm-households items: there is no item F99"),
        (lambda d: d["purposes"][0].update(starts_on="2026-02-01", ends_on="2026-01-01"), "ends_on: lies before"),
        (lambda d: d["purposes"][0].update(ends_on="soon"), "pm-households ends_on: Must be a day"),
        (lambda d: d["purposes"][0].update(not_needed=""), "pm-households not_needed: is empty"),
        (lambda d: d.update(places=[{**PLACE, "parent": "YY"}]), "XX01 parent: level 1 has no parent"),
        (lambda d: d.update(places=[{**PLACE, "level": 2}]), "XX01 parent: the parent is empty"),
        (lambda d: d.update(places=[{**PLACE, "names": {"fr": "Nord"}}]), "XX01 names: is empty"),
        (lambda d: d.update(places=[{**PLACE, "replaced_by": "XX02"}]), "XX01 replaced_by: there is no place XX02"),
        (lambda d: d.update(places=[{**PLACE, "replaced_by": "XX01"}]), "XX01 replaced_by: leads back"),
        (
            lambda d: d.update(places=[PLACE, {**PLACE, "code": "XX02"}]),
            "XX02 aliases: The North is a code or an alias",
        ),
    ],
)
def test_a_fault_in_a_part_is_named_with_its_place(change: Callable[[dict[str, Any]], object], place: str) -> None:
    with pytest.raises(PimError) as caught:
        read_catalogue(changed(change))
    assert caught.value.code is ErrorCode.BAD_BANK
    assert place in caught.value.message


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (sheet("variants", "B2", "Q"), "variants, row 2, column tool: Must be one of"),
        (sheet("translations", "B2", "C99"), "translations, row 2, column key: the part items has no text C99"),
        (sheet("terms", "C3", ""), "terms, row 3, column definition: is empty"),
        (sheet("places", "B3", "two"), "places, row 3, column level: must be a whole number"),
        (sheet("places", "H2", ""), "places, row 2, column name_en: is empty"),
        (sheet("places", "F3", "XX01 XX0101"), "places, row 3, column replaced_by: leads back"),
        (sheet("places", "L1", "names"), "places, row 1, column names: is no column of this sheet"),
    ],
)
def test_a_fault_in_a_sheet_of_a_part_is_named_by_its_cell(change: Callable[[Any], object], place: str) -> None:
    with pytest.raises(PimError) as caught:
        read_bank_bytes(workbook(change), is_workbook=True)
    assert place in caught.value.message


# in and out


@pytest.mark.parametrize("target", TARGETS)
def test_every_part_comes_back_to_the_byte(target: str, tmp_path: Path) -> None:
    files = write_bank(SMALL, tmp_path / target)
    put(files)
    document, catalogue = read_bank_file(tmp_path / target)
    assert document == SMALL
    assert write_bank(document, tmp_path / target) == files
    assert catalogue.places[1].replaced_by == ("XX0102",)
    assert catalogue.places[0].aliases == ("The North", "N.")


def test_a_bank_from_before_these_parts_stays_readable_as_it_is(tmp_path: Path) -> None:
    old = {name: part for name, part in BANK.items() if name not in OPTIONAL}
    for target in TARGETS:
        put(write_bank(old, tmp_path / target))
        assert read_bank_file(tmp_path / target)[0] == old


def test_a_workbook_without_the_newer_sheets_is_a_bank_without_them() -> None:
    def change(book: Any) -> None:
        for name in set(OPTIONAL) & set(book.sheetnames):
            book.remove(book[name])

    assert "places" not in read_bank_bytes(workbook(change), is_workbook=True)[0]


def test_a_translators_sheet_names_every_text_that_a_language_lacks() -> None:
    document = add_missing(BANK, "my")
    assert len(document["translations"]) == len(list(list_texts(BANK)))
    assert add_missing(BANK, "fr")["translations"] == []
    assert {one.state for one in list_drafts(document, "my", approved=())} == {MISSING}
    content = write_bank(document, Path("bank.xlsx"))[Path("bank.xlsx")]
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
    assert book["translations"]["D2"].value == "Consent and information"
    assert read_bank_bytes(content, is_workbook=True)[0] == document


# what forms make of it


def build(catalogue: Catalogue, form: str, *languages: str, **more: Any) -> Frozen:
    return build_form(catalogue, form, places=PLACES, languages=languages or ("en",), **more)


def test_a_tool_words_an_item_in_its_own_way() -> None:
    catalogue = read_catalogue(BANK)
    assert "Do all of you agree" in build(catalogue, "fgd").xform
    assert "Do you agree to answer our questions?" in build(catalogue, "hh_core").xform
    assert "Do all of you agree" not in build(catalogue, "hh_core").xform


def test_a_form_says_and_stamps_its_purpose() -> None:
    frozen = build(read_catalogue(BANK), "ki")
    assert frozen.version.purpose == "pm-informants"
    assert 'calculate="&apos;pm-informants&apos;"' in frozen.xform or "'pm-informants'" in frozen.xform
    assert "We ask people who know this place well" in frozen.xform
    document = json.loads(write_version(frozen.version))
    assert document["purpose"] == "pm-informants"
    assert read_version(document) == frozen.version
    kept = next(one for one in frozen.version.questions if one.key == "pim_purpose")
    assert kept.treatment.kind == "keep"


def test_a_bank_without_purposes_builds_forms_that_name_none() -> None:
    frozen = build(read_catalogue(changed(lambda d: d.pop("purposes"))), "ki")
    assert frozen.version.purpose == ""
    assert "purpose" not in json.loads(write_version(frozen.version))
    assert "pim_purpose" not in frozen.xform


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"purpose": "nothing"}, "has no purpose 'nothing'"),
        ({"purpose": "pm-sites"}, "is for another tool"),
        ({"purpose": "pm-informants", "on": "2027-01-01"}, "is for another time"),
    ],
)
def test_a_purpose_of_another_tool_or_time_is_refused(facts: dict[str, str], words: str) -> None:
    bank = changed(lambda d: d["purposes"][1].update(ends_on="2026-12-31"))
    with pytest.raises(PimError, match=words):
        build(read_catalogue(bank), "ki", **facts)


def test_where_several_purposes_fit_one_must_be_named() -> None:
    bank = changed(lambda d: d["purposes"].append({**d["purposes"][1], "id": "second"}))
    with pytest.raises(PimError, match="Several purposes fit"):
        build(read_catalogue(bank), "ki")
    assert build(read_catalogue(bank), "ki", purpose="second").version.purpose == "second"


def speak(language: str, document: dict[str, Any]) -> dict[str, Any]:
    """The same bank with every text in another language, as somebody typed it."""
    rows = [
        {
            **translation(part=one.part, key=one.key, language=language),
            **{"source": one.english, "text": f"<{language}> {one.english}"},
        }
        for one in list_texts(document)
    ]
    return {**document, "translations": rows}


def test_a_language_that_nothing_ships_for_is_spoken_once_the_bank_holds_all_of_it() -> None:
    catalogue = read_catalogue(speak("my", BANK))
    frozen = build(catalogue, "fgd", "my", "en")
    assert "&lt;my&gt; Do all of you agree" in frozen.xform
    assert "&lt;my&gt; Say thank you and do not ask again" in frozen.xform
    assert frozen.version.drafted == ("my",)
    with pytest.raises(PimError, match=r"\(my\)"):
        build(read_catalogue(BANK), "fgd", "my")


def test_the_banks_own_translation_goes_before_what_ships_until_its_english_changes() -> None:
    own = changed(lambda d: d.update(translations=[translation()]))
    assert "Êtes-vous majeur ?" in build(read_catalogue(own), "hh_core", "en", "fr").xform
    old = changed(lambda d: d.update(translations=[translation(source="Are you an adult?")]))
    assert "Avez-vous 18 ans" in build(read_catalogue(old), "hh_core", "en", "fr").xform


def approve(document: dict[str, Any], language: str) -> frozenset[str]:
    return frozenset(one.bound.mark for one in list_drafts(document, language, approved=()) if one.bound)


def test_a_language_is_no_draft_once_every_text_of_the_form_is_approved(places: tuple[NamedPlace, ...]) -> None:
    catalogue, marks = read_catalogue(BANK), approve(BANK, "fr")
    done = replace(catalogue, approved=marks)
    assert build(done, "fgd", "en", "fr", "ar").version.drafted == ("ar",)
    one = mark("variants", "C04.F", "fr", source=BANK["variants"][0]["q"], text=french("variants", "C04.F"))
    assert one in marks
    assert build(replace(catalogue, approved=marks - {one}), "fgd", "en", "fr").version.drafted == ("fr",)
    assert build(replace(catalogue, approved=marks - {one}), "ki", "en", "fr").version.drafted == ()


def french(part: str, key: str) -> str:
    text: str = json.loads(starter.read_bytes("translations/fr.json"))[part][key]["text"]
    return text


def test_a_changed_source_voids_an_approval_and_says_that_the_text_is_stale() -> None:
    marks = approve(BANK, "fr")
    own = changed(lambda d: d.update(translations=[translation(source="Are you an adult?", key="C01")]))
    own["items"][0]["q"] = "Are you 18 years old or more?"
    states = {one.key: one.state for one in list_drafts(own, "fr", approved=marks) if one.part == "items"}
    assert states["C01"] == STALE
    assert states["C02"] == "approved"
