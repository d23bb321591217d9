"""What goes back onto phones: treated answers alone, in labels too; whatever cannot be made of them is not there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from pimcollect.domain.entities import (
    CREATE,
    UPDATE,
    EntityChange,
    EntityWriter,
    ToldEntity,
    read_label,
)
from pimcollect.domain.version import (
    Condition,
    ConsentMap,
    LabelPart,
    Question,
    SavedEntity,
    Treatment,
    Version,
    read_version,
    write_version,
)

CANARY = "Auntie Silverleaf"
ID = "6b4b1a52-0000-4000-8000-000000000001"
TOLD = ToldEntity("meta/entity", "homes", ID, creates=True, updates=False)
BY_KIND = {
    **{"keep": "text", "band": "integer", "date": "date", "recode": "select_one", "coarsen": "text"},
    **{"topcode": "integer", "round": "integer", "pseudonym": "text"},
    **{"drop": "text", "derive": "text", "vault": "text", "restrict": "text"},
}
SHOWN = ("keep", "band", "date", "recode", "coarsen", "topcode", "round", "pseudonym")
OPTIONS: dict[str, Any] = {"pseudonym": {"domain": "case", "norm": "id"}}


def ask(key: str, kind: str, **more: Any) -> Question:
    return Question(key, key, BY_KIND[kind], Treatment(kind, OPTIONS.get(kind, {})), **more)


def make_version(*questions: Question, label: tuple[LabelPart, ...] = ()) -> Version:
    return Version(
        form="register",
        title="Register",
        version="1",
        origin="adopted",
        bank_version="",
        languages=("en",),
        questions=questions,
        choices={},
        repeats=(),
        consent=ConsentMap(keep=(Condition("consent", ("yes",)),)),
        entities=(SavedEntity("homes", "meta/entity", label, {one.key: one.key for one in questions}),),
    )


def write(version: Version, told: ToldEntity = TOLD, *, findings: dict[str, int] | None = None) -> Any:
    """What becomes of an entity when each answer was treated to its key in capitals."""
    restricted = {one.key: f"{one.key.upper()}-R" for one in version.questions}
    shared = {one.key: one.key.upper() for one in version.questions}
    changes = EntityWriter(version).write((told,), shared, restricted, {} if findings is None else findings)
    return changes[0] if changes else None


# never


@pytest.mark.parametrize("kind", BY_KIND)
def test_only_what_treatment_leaves_becomes_a_property_or_part_of_a_label(kind: str) -> None:
    version = make_version(ask("a", kind), label=(LabelPart(text="Home "), LabelPart(question="a")))
    change = write(version)
    if kind in SHOWN:
        said = "A-R" if kind == "pseudonym" else "A"
        assert (change.label, change.properties) == (f"Home {said}", {"a": said})
    else:
        assert (change.label, change.properties) == ("6B4B-1A52", {})


@pytest.mark.parametrize("more", [{"sensitivity": "S"}, {"sensitivity": "H"}, {"disclosure": "direct"}])
def test_a_severe_or_identifying_answer_is_not_shown_whatever_its_treatment_says(more: dict[str, str]) -> None:
    change = write(make_version(ask("a", "keep", **more), label=(LabelPart(question="a"),)))
    assert (change.label, change.properties) == ("6B4B-1A52", {})


@pytest.mark.parametrize(
    "id_",
    [
        *("", CANARY, "0999 4417 820", "6b4b1a52-0000-1000-8000-000000000001", "6b4b1a52000040008000000000000001"),
        *("{6b4b1a52-0000-4000-8000-000000000001}", ID + " x", "00000000-0000-0000-0000-000000000000"),
    ],
)
def test_an_id_that_is_not_random_could_tell_who_somebody_is_and_makes_nothing(id_: str) -> None:
    findings: dict[str, int] = {}
    version = make_version(ask("a", "keep"))
    assert write(version, replace(TOLD, id=id_), findings=findings) is None
    assert findings == {"entity_without_id": 1}


@pytest.mark.parametrize("more", [{"list": "others"}, {"path": "group/meta/entity"}])
def test_an_entity_that_the_form_did_not_plan_makes_nothing(more: dict[str, str]) -> None:
    findings: dict[str, int] = {}
    assert write(make_version(ask("a", "keep")), replace(TOLD, **more), findings=findings) is None
    assert findings == {"entity_not_planned": 1}


def test_an_entity_that_is_neither_created_nor_updated_is_nothing() -> None:
    assert write(make_version(ask("a", "keep")), replace(TOLD, creates=False)) is None


@pytest.mark.parametrize(
    "expression",
    [
        *(
            "",
            "'Site'",
            "if(${a} = 'x', ${a}, 'no')",
            "${gone}",
            "concat('Site ', ${gone})",
            "concat(${a}",
            "${a}, ${b}",
        ),
        *("jr:choice-name(${a}, '${b}')", "concat(concat(${a}, 'x'), 'y')", "concat(${a} 'x')", "${a} + 1", "concat()"),
        *("concat(${a},)", "substr(${a}, 0, 2)", "/data/../secret", "'a" * 5000, "concat(" * 5000),
    ],
)
def test_a_label_that_is_more_than_texts_and_answers_is_not_made(expression: str) -> None:
    assert read_label(expression, {"${a}": "a", "${b}": "b"}) == ()


# made


@pytest.mark.parametrize(
    ("expression", "parts"),
    [
        ("${a}", (LabelPart(question="a"),)),
        (" concat( 'Site ' ,${a}) ", (LabelPart(text="Site "), LabelPart(question="a"))),
        ('concat("It\'s ", ${a}, ", ", ${b})', ("It's ", "a", ", ", "b")),
        ("concat(jr:choice-name(${a}, '${a}'), ' x')", ("", "a", " x")),
        ("concat(jr:choice-name( /data/g/c , ' /data/g/c '), ' x')", ("", "g_c", " x")),
    ],
)
def test_a_label_of_texts_and_answers_is_read(expression: str, parts: tuple[Any, ...]) -> None:
    found = read_label(expression, {"${a}": "a", "${b}": "b", "/data/g/c": "g_c"})
    if isinstance(parts[0], LabelPart):
        assert found == parts
    else:
        assert [one.text or one.question for one in found] == [one for one in parts if one]


def test_an_update_says_what_it_saw_and_leaves_the_label_when_nothing_of_it_was_answered() -> None:
    version = make_version(ask("a", "keep"), ask("b", "keep"), label=(LabelPart(text="Home "), LabelPart(question="b")))
    branch = "11111111-0000-4000-8000-000000000001"
    told = ToldEntity("meta/entity", "homes", ID.upper(), creates=False, updates=True, base=4, trunk=3, branch=branch)
    (change,) = EntityWriter(version).write((told,), {"a": ("x", "y"), "b": None}, {}, {})
    assert change == EntityChange("homes", UUID(ID), UPDATE, None, {"a": "x y"}, base=4, trunk=3, branch=branch)
    (other,) = EntityWriter(version).write((replace(told, branch=CANARY),), {"a": "x"}, {}, {})
    assert other.branch is None


def test_both_create_and_update_is_a_creation_only_while_the_phone_knew_no_version() -> None:
    version = make_version(ask("a", "keep"))
    assert write(version, replace(TOLD, updates=True)).kind == CREATE
    assert write(version, replace(TOLD, updates=True, base=2)).kind == UPDATE


def test_what_a_version_saves_survives_its_document_and_old_versions_keep_their_bytes() -> None:
    import json

    version = make_version(ask("a", "keep"), label=(LabelPart(text="Home "), LabelPart(question="a")))
    assert read_version(json.loads(write_version(version))) == version
    assert "entities" not in json.loads(write_version(replace(version, entities=())))
