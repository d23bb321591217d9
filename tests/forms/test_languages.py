"""Forms in English, French and Arabic: complete, bound to their source, honest about who judged them."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

import openpyxl
import pytest
from lxml import etree

from forms.bank import read_starter
from forms.layout import lay_out
from forms.release import Frozen, build_form, count_drafted
from forms.selection import KINDS, select
from forms.translations import DRAFTED, TRANSLATED, hash_source, read_translations, translate
from forms.wording import ENGLISH, LANGUAGES, say
from forms.xform import find_java, validate_with_odk
from pimcollect.domain.catalogue import Catalogue, NamedPlace, find_references
from pimcollect.domain.version import hash_version, read_version, write_version
from pimcollect.errors import ErrorCode, PimError

_X = {"x": "http://www.w3.org/2002/xforms"}
_MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\u061c]")
_ARABIC = re.compile("[\u0600-\u06ff]")
_STRAY = re.compile("[A-Za-z]{3,}")


@pytest.fixture(scope="module")
def spoken(catalogue: Catalogue, places: tuple[NamedPlace, ...]) -> dict[str, Frozen]:
    """All five forms in all languages."""
    return {form: build_form(catalogue, form, places=places, languages=LANGUAGES) for form in KINDS}


def _texts(xform: str) -> dict[str, dict[str, str]]:
    """Language -> id of the text -> what a phone shows."""
    root = etree.fromstring(xform.encode())
    return {
        translation.get("lang", ""): {
            text.get("id", ""): "".join(text.xpath("x:value[not(@form)]", namespaces=_X)[0].itertext())
            for text in translation.findall("x:text", _X)
        }
        for translation in root.iter(f"{{{_X['x']}}}translation")
    }


def _sources(catalogue: Catalogue) -> Iterator[tuple[str, str, str]]:
    """(part, key, English) of everything that is to be translated."""
    yield from (("modules", module.id, module.title["en"]) for module in catalogue.modules)
    for item in catalogue.items:
        yield from _both("items", item.id, item.label, item.hint)
        for tool, one in item.variants.items():
            yield from _both("variants", f"{item.id}.{tool}", one.label, one.hint)
    for name, choices in catalogue.lists.items():
        if name != catalogue.washington_list:
            yield from (("choices", f"{name}.{choice.code}", choice.label["en"]) for choice in choices)
    for term in catalogue.terms:
        yield "terms", term.code, term.term["en"]
        yield "terms", f"{term.code}.definition", term.definition["en"]
    yield from (("purposes", one.id, one.text["en"]) for one in catalogue.purposes if one.text)
    yield from (("words", key, text) for key, text in ENGLISH.items())


def _both(part: str, key: str, label: Mapping[str, str], hint: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    yield part, key, label["en"]
    if hint:
        yield part, f"{key}.hint", hint["en"]


@pytest.mark.parametrize("form", KINDS)
def test_no_phone_shows_a_gap_in_any_language(spoken: dict[str, Frozen], form: str) -> None:
    texts = _texts(spoken[form].xform)
    assert list(texts) == ["English (en)", "French (fr)", "Arabic (ar)"]
    ids = set(texts["English (en)"])
    for language, said in texts.items():
        assert set(said) == ids
        empty = [one for one, text in said.items() if text.strip() in ("", "-")]
        if language == "English (en)":
            assert empty == []
        assert [one for one in empty if texts["English (en)"][one].strip()] == []


@pytest.mark.parametrize("form", KINDS)
def test_every_cell_of_the_workbook_is_filled_in_all_languages_or_in_none(spoken: dict[str, Frozen], form: str) -> None:
    book = openpyxl.load_workbook(io.BytesIO(spoken[form].xlsx))
    for sheet in ("survey", "choices"):
        header, *rows = book[sheet].iter_rows(values_only=True)
        for kind in {str(name).split("::")[0] for name in header if "::" in str(name)}:
            columns = [header.index(f"{kind}::{name}") for name in ("English (en)", "French (fr)", "Arabic (ar)")]
            for number, row in enumerate(rows, start=2):
                assert len({bool(row[column]) for column in columns}) == 1, (sheet, number, kind)


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated_from_the_wording_of_today(catalogue: Catalogue, language: str) -> None:
    known = read_translations(language)
    expected = {(part, key): hash_source(english) for part, key, english in _sources(catalogue)}
    found = {(part, key): one.of for part, rows in known.items() for key, one in rows.items()}
    assert found == expected


@pytest.mark.parametrize("language", TRANSLATED)
def test_whoever_wrote_it_the_state_is_said(language: str) -> None:
    assert {one.state for rows in read_translations(language).values() for one in rows.values()} == {DRAFTED}


@pytest.mark.parametrize("language", TRANSLATED)
def test_placeholders_numbers_and_brackets_survive(catalogue: Catalogue, language: str) -> None:
    known = read_translations(language)
    for part, key, english in _sources(catalogue):
        text = known[part][key].text
        assert find_references(text) == find_references(english), key
        assert text.count("(") == text.count(")"), key
        assert text == " ".join(text.split()), key
        assert len(text) < 3 * len(english) + 40, key


def test_arabic_is_arabic_and_carries_no_invisible_marks(catalogue: Catalogue) -> None:
    for rows in read_translations("ar").values():
        for key, one in rows.items():
            assert _ARABIC.search(one.text), key
            assert not _MARKS.search(one.text), key
            assert not _STRAY.search(re.sub(r"\$\{\w+\}", "", one.text)), key
            assert "?" not in one.text, key
            assert ";" not in one.text, key


def test_choices_of_one_list_stay_apart_in_every_language(catalogue: Catalogue) -> None:
    for name, choices in translate(catalogue).lists.items():
        if name == catalogue.washington_list:
            continue
        for language in LANGUAGES:
            labels = [choice.label[language] for choice in choices]
            assert len(set(labels)) == len(labels), (name, language)


def test_the_first_language_is_the_one_that_a_phone_starts_in(
    catalogue: Catalogue, places: tuple[NamedPlace, ...]
) -> None:
    frozen = build_form(catalogue, "hh_core", places=places, languages=("ar", "en"))
    root = etree.fromstring(frozen.xform.encode())
    default = [one.get("lang") for one in root.iter(f"{{{_X['x']}}}translation") if one.get("default")]
    assert default == ["Arabic (ar)"]
    assert _ARABIC.search(root.findtext(".//{http://www.w3.org/1999/xhtml}title") or "")
    alone = build_form(catalogue, "hh_core", places=places, languages=("ar",))
    assert list(_texts(alone.xform)) == ["Arabic (ar)"]
    assert "default_language" in json.dumps(
        [cell for row in openpyxl.load_workbook(io.BytesIO(alone.xlsx))["settings"].values for cell in row]
    )


@pytest.mark.skipif(find_java() is None, reason="ODK Validate needs a Java")
@pytest.mark.engine
@pytest.mark.parametrize("form", KINDS)
def test_odk_validate_finds_nothing_in_three_languages(spoken: dict[str, Frozen], form: str) -> None:
    verdict = validate_with_odk(spoken[form].xform)
    assert (verdict.is_valid, verdict.message) == (True, "ODK Validate: valid.")


@pytest.mark.parametrize("form", KINDS)
def test_a_version_says_which_languages_nobody_has_approved(
    spoken: dict[str, Frozen], built: dict[str, Frozen], form: str
) -> None:
    version = spoken[form].version
    assert version.drafted == ("fr", "ar")
    assert read_version(json.loads(write_version(version))) == version
    assert built[form].version.drafted == ()
    assert "drafted" not in json.loads(write_version(built[form].version))


def test_an_older_version_keeps_its_bytes(built: dict[str, Frozen]) -> None:
    document = json.loads(write_version(built["obs"].version))
    document.pop("drafted", None)
    assert hash_version(read_version(document)) == built["obs"].sha256


def test_languages_change_what_is_read_and_nothing_that_is_decided(
    spoken: dict[str, Frozen], built: dict[str, Frozen]
) -> None:
    for form in KINDS:
        one, many = built[form].version, spoken[form].version
        assert replace(many, version="", languages=(), drafted=()) == replace(one, version="", languages=())


def test_phones_decide_the_same_in_every_language(spoken: dict[str, Frozen], built: dict[str, Frozen]) -> None:
    def binds(xform: str) -> list[dict[str, str]]:
        keep = ("nodeset", "relevant", "constraint", "calculate", "required", "type")
        root = etree.fromstring(xform.encode())
        rows = [{name: str(one.get(name)) for name in keep} for one in root.iter(f"{{{_X['x']}}}bind")]
        return [one for one in rows if not one["nodeset"].endswith("pim_catalogue_version")]

    for form in KINDS:
        assert binds(spoken[form].xform) == binds(built[form].xform)


def test_a_translation_of_another_wording_is_not_used(catalogue: Catalogue, places: tuple[NamedPlace, ...]) -> None:
    reworded = replace(catalogue.items[0], label={"en": "Are you an adult?"})
    with pytest.raises(PimError, match=r"con_adult \(fr\)") as caught:
        build_form(
            replace(catalogue, items=(reworded, *catalogue.items[1:])), "hh", places=places, languages=("en", "fr")
        )
    assert caught.value.code is ErrorCode.BAD_FORM


def test_a_bank_that_speaks_for_itself_is_not_overruled(catalogue: Catalogue) -> None:
    own = replace(catalogue.items[0], label={**catalogue.items[0].label, "fr": "Êtes-vous majeur ?"})
    assert translate(replace(catalogue, items=(own,))).items[0].label["fr"] == "Êtes-vous majeur ?"


def test_what_the_bank_says_itself_is_no_draft(catalogue: Catalogue, places: tuple[NamedPlace, ...]) -> None:
    def drafts(bank: Catalogue) -> int:
        bank = translate(bank)
        layout = lay_out(bank, select(bank, "hh"), places=places, languages=("en", "fr"))
        return count_drafted(bank, layout, "fr")

    own = replace(catalogue.items[0], label={**catalogue.items[0].label, "fr": "Êtes-vous majeur ?"})
    assert drafts(replace(catalogue, items=(own, *catalogue.items[1:]))) == drafts(catalogue) - 1


def _load(catalogue: Catalogue, *languages: str) -> Catalogue:
    label: Mapping[str, str] = {language: f"Official {language}" for language in languages}
    answers = catalogue.washington_list
    return replace(
        catalogue,
        washington=tuple(replace(one, label=label) for one in catalogue.washington),
        lists={**catalogue.lists, answers: tuple(replace(one, label=label) for one in catalogue.lists[answers])},
    )


def test_official_wording_is_left_out_of_a_language_in_which_it_is_not_loaded(
    catalogue: Catalogue, places: tuple[NamedPlace, ...]
) -> None:
    loaded = _load(catalogue, "en")
    left_out = build_form(loaded, "hh", places=places, languages=("en", "ar")).version.left_out
    assert "D05 official wording is not loaded in ar" in left_out
    assert "D05" in {question.item for question in build_form(loaded, "hh", places=places).version.questions}
    both = build_form(_load(catalogue, "en", "ar"), "hh", places=places, languages=("en", "ar"))
    assert "D05" in {question.item for question in both.version.questions}


def test_a_missing_message_stops_the_build_like_a_missing_label(places: tuple[NamedPlace, ...]) -> None:
    with pytest.raises(PimError, match=r"\(es\)"):
        lay_out(read_starter(), select(read_starter(), "obs"), places=places, languages=("en", "es"))


def test_our_own_sentences_speak_all_languages() -> None:
    assert all(set(say(key)) == set(LANGUAGES) for key in ENGLISH)
