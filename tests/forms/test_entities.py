"""What a workbook made elsewhere saves for later visits: read off its XForm, and what is lost is said with its mend."""

from __future__ import annotations

from typing import Any

import pytest

from forms.bank import read_catalogue
from forms.entities import PATH, find_losses, plan_entity
from forms.intake import Adopted, adopt_outline
from forms.layout import Layout
from forms.outline import make_outline
from forms.release import build_form
from forms.rows import Row
from forms.xlsforms import read_sheets
from pimcollect.domain.catalogue import ListedEntity, NamedPlace
from pimcollect.domain.version import LabelPart, Question, SavedEntity, Treatment
from tests.factories.rich_banks import MEDIA, rich_document
from tests.factories.visits import CHOICES, COLUMNS, adopt_follow, adopt_register
from tests.forms.books import CONSENT, write_book

GROUPED = f"""
{CONSENT}
begin group | g | G
select_one wat | water | Water? | water
end group
"""
IN_A_REPEAT = f"""
{CONSENT}
begin repeat | r | R
select_one wat | water | Water? | water
end repeat
"""
READS = f"{CONSENT}\nselect_one_from_file households.csv | hh | Which?"


def adopt(survey: str, entities: str = "", **more: Any) -> Adopted:
    data = write_book(survey, choices=CHOICES, columns=COLUMNS, entities=entities)
    return adopt_outline(make_outline(read_sheets(data), name="file"), data, consent="consent", **more)


def test_what_would_tell_too_much_is_named_with_its_place_and_mend() -> None:
    said = [one for one in adopt_register().warnings if "save_to" in one]
    assert [one.split(" ")[0] for one in said] == ["head", "secret", "tel"]
    assert all("stays empty; take save_to out" in one for one in said)
    other = adopt_register("if(${water} = 'well', 'a', 'b')")
    (label,) = [one for one in other.warnings if one.startswith("entities the label")]
    assert "concat(" in label
    assert not [one for one in adopt_follow().warnings if one.startswith("entities")]


def test_members_of_a_repeat_are_people_and_become_no_entity() -> None:
    adopted = adopt(IN_A_REPEAT, "list_name | label\nwells | ${water}")
    assert 'dataset="wells"' in adopted.frozen.xform
    assert adopted.frozen.version.entities == ()


@pytest.mark.parametrize("name", ["na me", "../up", "__own"])
def test_a_list_whose_name_is_none_is_nowhere(name: str) -> None:
    from forms.entities import read_entities

    frozen = adopt(GROUPED, "list_name | label\nwells | ${water}").frozen
    xform = frozen.xform.replace('dataset="wells"', f'dataset="{name}"')
    assert read_entities(xform, frozen.version.questions, ()) == ()


def test_what_is_saved_stands_in_the_version() -> None:
    (entity,) = adopt_register().frozen.version.entities
    assert entity.label == (LabelPart(text="Household "), LabelPart(question="code"))
    assert entity.properties == {
        **{"age": "age", "code": "code", "head_name": "head", "secret": "secret", "tel": "tel", "water": "water"}
    }
    (grouped,) = adopt(GROUPED, "list_name | label\nwells | ${water}").frozen.version.entities
    assert grouped == SavedEntity("wells", "meta/entity", (LabelPart(question="water"),), {"water": "water"})


def test_a_list_that_the_form_fills_or_another_one_fills_is_fetched_anew_each_time() -> None:
    (file,) = adopt_follow().frozen.version.files
    assert (file.name, file.is_entity_list) == ("households.csv", True)
    assert adopt_follow().frozen.files["households.csv"] == b"name,label,__version,tents,water\n"
    reads = adopt(READS, lists={"households"})
    assert [one.is_entity_list for one in reads.frozen.version.files] == [True]
    assert not [one for one in reads.warnings if "households.csv" in one]


def test_a_file_beside_the_workbook_is_the_form_s_own_unless_it_fills_that_list_itself() -> None:
    given = {"households.csv": b"name,label\na,A\n"}
    reads = adopt(READS, files=given, lists={"households"})
    assert [one.is_entity_list for one in reads.frozen.version.files] == [False]
    fills = adopt(
        f"{READS}\nselect_one wat | water | Water? | water", "list_name | label\nhouseholds | ${water}", files=given
    )
    assert [one.is_entity_list for one in fills.frozen.version.files] == [True]
    assert fills.frozen.files == given
    assert [one for one in fills.warnings if "households.csv" in one]


def test_a_field_test_of_the_bank_has_a_list_of_its_own_by_its_very_name(places: tuple[NamedPlace, ...]) -> None:
    document = rich_document()
    item = next(row for row in document["items"] if row["name"] == "well_sum")
    item["calc"] = "count(instance('sites')/root/item) + sum(${well_depth})"
    catalogue = read_catalogue(document)
    built = {
        is_test: build_form(catalogue, "obs", places=places, media=MEDIA, is_field_test=is_test)
        for is_test in (True, False)
    }
    for is_test, name in ((True, "sites_test"), (False, "sites")):
        frozen = built[is_test]
        assert [one.list for one in frozen.version.entities] == [name]
        assert f"{name}.csv" in frozen.files
        assert f'dataset="{name}"' in frozen.xform
        assert f"instance('{name}')/root/item)" in frozen.xform
    assert "'sites'" not in built[True].xform
    assert not [one for one in built[True].version.left_out if one.startswith("entities")]


def test_what_the_bank_saves_out_of_a_repeat_never_reaches_the_list_and_the_build_says_so() -> None:
    layout = Layout(
        form="obs",
        title="",
        languages=("en",),
        rows=(Row("begin_repeat", "wells"), Row("integer", "depth", save_to="depth"), Row("end_repeat", "wells")),
        lists={},
        entity=ListedEntity("sites", "O", "concat('Site ', ${depth})"),
    )
    entities = plan_entity(layout)
    depth = Question("depth", "wells/depth", "integer", Treatment("keep"), "wells")
    said = list(find_losses(entities, [depth], labelled={PATH}))
    assert [one.split(" ")[0] for one in said] == ["entities", "depth"]
