"""Whatever an item says of how it is put reaches the telephone: both engines ask it so, and we read what they write."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from lxml import etree
from pyxform.xls2xform import convert

from forms.bank import read_catalogue
from forms.files import LONGEST_LIST
from forms.release import Frozen, build_form
from forms.xform import validate_with_odk
from pimcollect.domain.catalogue import Catalogue, NamedPlace
from pimcollect.domain.decide import prepare
from pimcollect.domain.expressions import find_broken
from pimcollect.errors import ErrorCode, PimError
from pimcollect.servers.kobo import read_opened
from pimcollect.servers.xforms import read_expressions, read_paths
from tests.engines import javarosa, xforms_engine
from tests.engines.filled import Filled, need
from tests.factories.rich_banks import MEDIA, rich_document

NS = {"x": "http://www.w3.org/2002/xforms", "h": "http://www.w3.org/1999/xhtml", "jr": "http://openrosa.org/javarosa"}
ANSWERS: dict[str, Any] = {
    "obs_only": "yes",
    "well_count": 2,
    "wells": [
        {"well_depth": 4.5, "well_use": "wash", "well_kind": "machine"},
        {"well_depth": 3, "well_use": "drink", "well_kind": "cup"},
    ],
    "well_taste": 4,
    "well_first": ["wash", "drink"],
    "well_day": "2026-11-02",
    "well_hour": "07:30:00.000",
    "well_seen": "2026-11-20T10:30:00",
    "well_read": "OK",
    "well_guard": "yes",
    "well_clinic": "c2",
    "well_code": "s599",
    "clo_outcome": "complete",
    "clo_place_adm1": "XX01",
    "clo_place_adm2": "XX0101",
    "clo_place_adm3": "XX010101",
}
ENGINES = (javarosa, xforms_engine)


def build(document: dict[str, Any], places: tuple[NamedPlace, ...], **more: Any) -> Frozen:
    return build_form(read_catalogue(document), "obs", places=places, **{"media": MEDIA, **more})


@pytest.fixture(scope="module")
def rich(places: tuple[NamedPlace, ...]) -> Frozen:
    """An observation of wells."""
    return build(rich_document(), places)


def find(frozen: Frozen, path: str) -> Any:
    return etree.fromstring(frozen.xform.encode()).xpath(path, namespaces=NS)


def fill(engine: Any, frozen: Frozen, **more: Any) -> Filled:
    filled: Filled = need(engine.load_engine).fill(frozen.xform, {**ANSWERS, **more}, files=frozen.files)
    return filled


def _change(name: str, **fields: Any) -> dict[str, Any]:
    document = rich_document()
    next(row for row in document["items"] if row["name"] == name).update(fields)
    return document


# refused


@pytest.mark.parametrize(
    ("name", "fields", "told"),
    [
        ("well_kind", {"choice_filter": "region=${well_use}"}, "the list wellkind has no column region"),
        ("well_clinic", {"choice_filter": "region=${well_use}"}, "the file clinics.csv has no column region"),
        ("well_code", {"choice_filter": "region=${well_use}"}, "the file wellcode.csv has no column region"),
        (
            "well_guard",
            {"default": "summ(${well_count})"},
            "X02 survey row 26 well_guard: default: there is no function",
        ),
        ("wells", {"repeat_count": "summ(${well_count})"}, "repeat_count: there is no function summ()"),
    ],
)
def test_a_form_that_would_break_or_offer_no_choices_is_not_built(
    places: tuple[NamedPlace, ...], name: str, fields: dict[str, str], told: str
) -> None:
    with pytest.raises(PimError) as caught:
        build(_change(name, **fields), places)
    assert caught.value.code is ErrorCode.BAD_FORM
    assert told in caught.value.message


def test_an_entity_whose_condition_would_break_is_not_built(places: tuple[NamedPlace, ...]) -> None:
    document = rich_document()
    document["entities"][0]["create_if"] = "nosuchfunc(${well_before})"
    with pytest.raises(PimError, match=r"X02 entities row 2 sites: create_if: there is no function nosuchfunc"):
        build(document, places)


def test_all_expressions_of_a_built_form_are_looked_at_before_a_release(rich: Frozen) -> None:
    found = list(read_expressions(rich.xform, heads=rich.files))
    assert list(find_broken(found, tuple(read_paths(rich.xform)))) == []
    filters = {one.path: one.columns for one in found if one.kind == "choice_filter"}
    assert filters["/fom/well_clinic"] == {"name", "label", "district"}
    assert filters["/fom/wells/well_box/well_kind"] == {"itextId", "name", "parent"}
    kinds = {one.kind for one in found}
    assert kinds >= {"relevant", "constraint", "calculate", "calculation", "repeat_count", "readonly", "required"}
    for broken in ("max( /data/fom/well_count ", "nosuchfunc( /data/fom/well_count )"):
        xform = rich.xform.replace('jr:count=" /data/fom/well_count "', f'jr:count="{broken}"')
        [(path, _)] = find_broken(list(read_expressions(xform, heads={})), tuple(read_paths(xform)))
        assert path == "/fom/wells"
    xform = rich.xform.replace("concat('Site '", "conc('Site '")
    told = [*find_broken(list(read_expressions(xform, heads={})), tuple(read_paths(xform)))]
    assert told == [("/meta/entity/label", "calculate: there is no function conc()")]


@pytest.mark.parametrize("lost", MEDIA)
def test_a_form_without_one_of_its_files_is_not_built(places: tuple[NamedPlace, ...], lost: str) -> None:
    with pytest.raises(PimError) as caught:
        build(rich_document(), places, media={name: content for name, content in MEDIA.items() if name != lost})
    assert lost in caught.value.message
    assert "--media" in caught.value.remedy


def test_a_file_that_no_telephone_should_fetch_is_refused(places: tuple[NamedPlace, ...]) -> None:
    with pytest.raises(PimError) as caught:
        build(rich_document(), places, media={**MEDIA, "well.mp3": bytes(10 * 1024 * 1024 + 1)})
    assert caught.value.code is ErrorCode.TOO_LARGE
    assert "well.mp3" in caught.value.message


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"code,label\nc1,C\n", b"name,label\nc1\n", b"name,label\n1,2,3\n", b""]
)
def test_a_file_of_choices_that_cannot_be_read_is_refused(places: tuple[NamedPlace, ...], content: bytes) -> None:
    with pytest.raises(PimError) as caught:
        build(rich_document(), places, media={**MEDIA, "clinics.csv": content})
    assert caught.value.code is ErrorCode.BAD_FILE


@pytest.mark.parametrize("fields", [{"sens": "H"}, {"cls": "quasi"}, {"cls": "sens"}, {"treat": "vault"}])
def test_nothing_of_a_person_goes_into_an_entity_list(places: tuple[NamedPlace, ...], fields: dict[str, str]) -> None:
    with pytest.raises(PimError, match=r"the entity list sites would show it in clear"):
        build(_change("well_code", **fields), places)


def test_a_position_or_a_photo_stays_forbidden(catalogue: Catalogue, places: tuple[NamedPlace, ...]) -> None:
    items = tuple(replace(one, type="image", choices="") if one.id == "F05" else one for one in catalogue.items)
    with pytest.raises(PimError, match="the type image is not allowed"):
        build_form(replace(catalogue, items=items), "hh", places=places)


# built


def test_the_sheets_and_the_workbook_give_the_same_xform_and_odk_validate_likes_it(rich: Frozen) -> None:
    assert str(convert(io.BytesIO(rich.xlsx), file_type=".xlsx").xform) == rich.xform
    assert validate_with_odk(rich.xform).is_valid is not False


def test_the_same_bank_and_files_give_the_same_bytes_and_other_files_another_version(
    rich: Frozen, places: tuple[NamedPlace, ...]
) -> None:
    again = build(rich_document(), places)
    assert (again.xlsx, again.xform, again.sha256, again.files) == (rich.xlsx, rich.xform, rich.sha256, rich.files)
    other = build(rich_document(), places, media={**MEDIA, "well.png": b"\x89PNG other"})
    assert other.version.version != rich.version.version


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("//x:bind[@nodeset='/data/fom/well_count']/@constraint", ". >= 0 and . <= 3"),
        ("//x:text[@id='/data/fom/well_count:jr:constraintMsg']/x:value/text()", "No more than three."),
        ("//x:text[@id='/data/fom/well_count:jr:requiredMsg']/x:value/text()", "Count them."),
        ("//x:text[@id='/data/fom/well_count:hint']/x:value[@form='guidance']/text()", "Count dry ones too."),
        ("//x:text[@id='/data/fom/well_note:label']/x:value[@form='image']/text()", "jr://images/well.png"),
        ("//x:text[@id='/data/fom/well_note:label']/x:value[@form='audio']/text()", "jr://audio/well.mp3"),
        ("//x:text[@id='welluse-0']/x:value[@form='image']/text()", "jr://images/well.png"),
        ("//x:repeat/@jr:count", " /data/fom/well_count "),
        ("//x:group[@ref='/data/fom/wells/well_box']/@appearance", "field-list"),
        ("//x:range/@end", "10"),
        ("//x:range/@appearance", "rating"),
        ("//x:input[@ref='/data/fom/well_day']/@appearance", "no-calendar"),
        ("//x:trigger/@ref", "/data/fom/well_read"),
        ("//x:select1[@ref='/data/fom/wells/well_box/well_use']/@appearance", "minimal"),
        ("//x:instance[@id='clinics']/@src", "jr://file-csv/clinics.csv"),
        ("//x:instance[@id='wellcode']/@src", "jr://file-csv/wellcode.csv"),
        ("//x:instance[@id='sites']/@src", "jr://file-csv/sites.csv"),
        ("//x:setvalue[@event='xforms-value-changed']/@ref", "/data/fom/well_told"),
        ("//x:bind[@nodeset='/data/fom/well_told']/@readonly", "true()"),
        ("//x:instance/data/fom/well_guard/text()", ""),
    ],
)
def test_what_an_item_says_stands_in_the_xform(rich: Frozen, path: str, value: str) -> None:
    found = find(rich, path) if value else find(rich, "//*[local-name()='well_guard']/text()")
    assert [str(one) for one in found][:1] == [value or "no"]


def test_only_lists_that_are_too_long_leave_the_form(rich: Frozen, places: tuple[NamedPlace, ...]) -> None:
    assert LONGEST_LIST == 500
    assert rich.files["wellcode.csv"].decode().splitlines()[:2] == ["name,label,parent", "s0,Site 0,"]
    assert {"adm1.csv", "adm3.csv", "welluse.csv"}.isdisjoint(rich.files)
    many = tuple(NamedPlace(f"XX0101{n:03}", 3, "XX0101", {"en": f"Ward {n}", "ar": f"حي {n}"}) for n in range(600))
    large = build_form(read_catalogue(rich_document()), "obs", places=(*places, *many), media=MEDIA, languages=("en",))
    assert "XX0101007,Ward 7,XX0101" in large.files["adm3.csv"].decode().splitlines()
    assert "adm2.csv" not in large.files


def test_a_file_has_the_names_of_all_languages_of_the_form(
    catalogue: Catalogue, places: tuple[NamedPlace, ...]
) -> None:
    many = tuple(NamedPlace(f"XX0101{n:03}", 3, "XX0101", {"en": f"Ward {n}", "ar": f"حي {n}"}) for n in range(600))
    frozen = build_form(catalogue, "hh_core", places=(*places, *many), languages=("en", "fr", "ar"))
    assert "XX0101007,Ward 7 · حي 7,XX0101" in frozen.files["adm3.csv"].decode().splitlines()


# filled


@pytest.mark.engine
@pytest.mark.parametrize("engine", ENGINES)
def test_both_engines_take_all_answers_and_we_read_them(rich: Frozen, engine: Any) -> None:
    filled = fill(engine, rich)
    assert (dict(filled.not_given), filled.violations, filled.silent) == ({}, (), ())
    answers, findings = prepare(rich.version).reader.read(read_opened(filled.xml, repeats=rich.version.repeats).raw)
    assert findings == {}
    assert answers["well_first"] == ("wash", "drink")
    assert (answers["well_sum"], answers["well_told"]) == ("7.5", 8)
    assert [row["well_kind"] for row in answers["wells"]] == ["machine", "cup"]
    assert (answers["well_clinic"], answers["well_code"], answers["well_hour"]) == ("c2", "s599", "07:30")


@pytest.mark.engine
@pytest.mark.parametrize("engine", ENGINES)
def test_a_filter_a_range_and_a_limit_hold_on_the_telephone(rich: Frozen, engine: Any) -> None:
    filled = fill(
        engine,
        rich,
        well_count=4,
        well_code="s600",
        wells=[{"well_depth": 0, "well_use": "drink", "well_kind": "machine"}],
    )
    assert filled.not_given["well_count"] == "constraint"
    assert filled.not_given["well_code"] == "choice"
    assert any("well_count required" in one for one in filled.violations)
    one = fill(engine, rich, well_count=1, wells=[{"well_depth": 0, "well_use": "drink", "well_kind": "machine"}])
    assert one.not_given["wells[1]/well_depth"] == "constraint"
    assert one.not_given["wells[1]/well_kind"] == "choice"


@pytest.mark.engine
def test_a_site_is_created_on_the_first_visit_and_changed_on_the_next(rich: Frozen) -> None:
    engine = need(xforms_engine.load_engine)
    visited = {
        **rich.files,
        "sites.csv": b"name,label,__version,code\n6b4b1a52-0000-4000-8000-000000000001,Site s1,3,s1\n",
    }
    first = etree.fromstring(engine.fill(rich.xform, ANSWERS, files=rich.files).xml)
    (entity,) = first.xpath("//*[local-name()='entity']")
    assert (entity.get("dataset"), entity.get("create")) == ("sites", "true")
    assert entity.findtext("{*}label") == "Site s599"
    again = {**ANSWERS, "well_before": "6b4b1a52-0000-4000-8000-000000000001"}
    (entity,) = etree.fromstring(engine.fill(rich.xform, again, files=visited).xml).xpath("//*[local-name()='entity']")
    told = (entity.get("update"), entity.get("create"), entity.get("baseVersion"), entity.get("id"))
    assert told == ("true", "false", "3", again["well_before"])


@pytest.mark.engine
def test_nothing_is_created_when_the_enumerator_does_not_confirm_an_observation(rich: Frozen) -> None:
    filled = need(xforms_engine.load_engine).fill(rich.xform, {**ANSWERS, "obs_only": "no"}, files=rich.files)
    (entity,) = etree.fromstring(filled.xml).xpath("//*[local-name()='entity']")
    assert (entity.get("create"), entity.get("update")) == ("false", "false")
    assert "s599" not in filled.xml.decode()


def test_which_one_was_visited_is_not_kept_as_an_answer(rich: Frozen) -> None:
    treatments = {question.key: question.treatment.kind for question in rich.version.questions}
    assert treatments["well_before"] == "drop"
    assert treatments["well_day"] == "date"
    assert [file.name for file in rich.version.files if file.is_entity_list] == ["sites.csv"]
    assert rich.files["sites.csv"] == b"name,label,__version,code\n"


def test_a_form_of_another_tool_creates_nothing(places: tuple[NamedPlace, ...]) -> None:
    catalogue = read_catalogue(rich_document())
    frozen = build_form(catalogue, "hh", places=places, media=MEDIA)
    assert "entities:" not in frozen.xform
    assert "<entity" not in frozen.xform
