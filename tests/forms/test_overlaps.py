"""What forms share: read from what is really asked, built or adopted, in whatever language."""

from __future__ import annotations

import json
from typing import Any

import pytest

from forms.intake import adopt_form
from forms.overlaps import FormTexts, find_doubles, find_overlaps, read_labels
from forms.release import Frozen
from pimcollect.domain.catalogue import Catalogue
from pimcollect.domain.version import write_version
from tests.forms.books import CONSENT, YES_NO, adopt
from tests.payloads import HERE


@pytest.fixture(scope="session")
def texts(built: dict[str, Frozen], catalogue: Catalogue) -> dict[str, FormTexts]:
    keys = {item.id: item.key for item in catalogue.items}
    return {name: FormTexts(json.loads(write_version(one.version)), one.xform, keys) for name, one in built.items()}


def test_every_question_that_is_shown_has_its_label(texts: dict[str, FormTexts], catalogue: Catalogue) -> None:
    labels = read_labels(texts["hh"].xform)
    paths = {row["path"]: row for row in texts["hh"].document["questions"]}
    asked = {item.name: item.label["en"] for item in catalogue.items}
    compared = 0
    for path, label in labels.items():
        if path in paths and paths[path]["key"] in asked and paths[path]["type"] != "calculate":
            assert label == " ".join(asked[paths[path]["key"]].split())
            compared += 1
    assert compared > 50


def test_shared_keys_are_exactly_those_that_both_ask(texts: dict[str, FormTexts]) -> None:
    rows = find_overlaps(texts["hh"], texts["ki"])
    both: list[set[str]] = [
        {form.keys[row["item"]] for row in form.document["questions"] if row["item"]}
        for form in (texts["hh"], texts["ki"])
    ]
    assert {row["key"] for row in rows if row["kind"] == "shared key"} == both[0] & both[1]


def test_one_concept_with_two_units_is_a_warning_not_a_match(texts: dict[str, FormTexts]) -> None:
    rows = [row for row in find_overlaps(texts["hh"], texts["ki"]) if row["kind"] == "other unit"]
    for row in rows:
        one, _, other = row["key"].partition(" / ")
        assert one.rpartition(".")[0] == other.rpartition(".")[0]
        assert one != other


def test_the_same_key_with_other_choices_is_said(texts: dict[str, FormTexts]) -> None:
    form = texts["hh_core"]
    other: dict[str, Any] = json.loads(json.dumps(form.document))
    name = next(row["choices"] for row in other["questions"] if row["key"] == "con_adult")
    other["choices"][name] = other["choices"][name][:1]
    rows = find_overlaps(form, FormTexts(other, form.xform, form.keys))
    assert next(row for row in rows if row["key"] == "con.adult")["remark"] == "other type or other choices"


def test_an_adopted_form_has_no_keys_but_its_questions_are_compared(texts: dict[str, FormTexts]) -> None:
    adopted = adopt_form((HERE / "pm_kac.xlsx").read_bytes(), name="pm_kac").frozen
    form = FormTexts(json.loads(write_version(adopted.version)), adopted.xform, {})
    rows = find_overlaps(form, form)
    assert {row["kind"] for row in rows} == {"nearly the same"}
    assert max(row["score"] for row in rows) == 1.0
    assert all(row["kind"] == "nearly the same" for row in find_overlaps(form, texts["hh"]))


def test_a_place_of_talk_of_origin_and_of_destination_are_not_one_question(texts: dict[str, FormTexts]) -> None:
    for one, other in (("hh", "ki"), ("hh_core", "ki"), ("ki", "hh")):
        near = [row for row in find_overlaps(texts[one], texts[other]) if row["kind"] == "nearly the same"]
        assert [row for row in near if "adm" in row["one"] or "adm" in row["other"]] == []
        assert not {"mov_origin", "dss_plan", "clo_place"} & {
            path.rpartition("/")[2] for row in near for path in (row["one"], row["other"])
        }


def test_levels_of_a_cascade_made_elsewhere_are_compared_with_the_text_above_them() -> None:
    def make(above: str) -> FormTexts:
        survey = f"{CONSENT}\nbegin group | g | {above}\nselect_one d | dist | District\nend group | | "
        one = adopt(survey, choices=f"{YES_NO}\nd | a | Aa\nd | b | Bb").frozen
        return FormTexts(json.loads(write_version(one.version)), one.xform, {})

    live, left = make("Where do you live now?"), make("Which area did your household flee from?")
    assert [row["one"] for row in find_overlaps(live, live) if "dist" in row["one"]] == ["g/dist"]
    assert [row for row in find_overlaps(live, left) if "dist" in row["one"]] == []


def test_the_starter_bank_has_no_key_twice(catalogue: Catalogue) -> None:
    assert [row for row in find_doubles(catalogue) if row["kind"] == "key twice"] == []
