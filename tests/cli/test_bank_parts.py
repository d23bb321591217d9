"""The parts of a bank beside its items, from the command line: where they are used, what enters the gazetteer."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy.orm import Session, sessionmaker

from forms import starter
from pimcollect.domain.places import climb
from pimcollect.errors import ErrorCode
from pimcollect.tables.catalogue import find_places, read_directory
from tests.cli.people import mail, refused, settle_people

Run = Callable[..., Result]
STARTER: dict[str, Any] = json.loads(starter.read_bytes("bank.json"))
PLACE = {"level": 1, "valid_from": "", "valid_to": "", "replaced_by": "", "aliases": ""}
PLACES = [
    {**PLACE, "code": "AA01", "names": {"en": "North"}, "aliases": "Al-Shamal | الشمال"},
    {**PLACE, "code": "AA0101", "level": 2, "parent": "AA01", "names": {"en": "Old"}, "replaced_by": "AA0102"},
    {**PLACE, "code": "AA0102", "level": 2, "parent": "AA01", "names": {"en": "New"}},
    {**PLACE, "code": "AA010201", "level": 3, "parent": "AA0102", "names": {"en": "Site"}},
]


@pytest.fixture(autouse=True)
def people(run: Run, sessions: sessionmaker[Session]) -> None:
    settle_people(sessions)
    run("bank", "import")


@pytest.fixture
def edit(tmp_path: Path) -> Callable[..., str]:
    """A copy of the starter bank of another version, changed; its path."""

    def write(change: Callable[[dict[str, Any]], object], version: str = "2026.2") -> str:
        document = copy.deepcopy(STARTER)
        document["version"] = version
        change(document)
        path = tmp_path / f"{version}.json"
        path.write_text(json.dumps(document))
        return str(path)

    return write


def test_another_wording_of_a_tool_needs_another_key_of_the_item(run: Run, edit: Callable[..., str]) -> None:
    path = edit(lambda d: d["variants"][0].update(q="Does anybody want to leave?"))
    error = refused(run, "bank", "import", path, "--by", mail("amina"))
    assert error.code is ErrorCode.BAD_BANK
    assert "C04 breaks its series" in error.message


def test_a_changed_definition_lists_the_forms_that_say_the_term(
    run: Run, read: Callable[..., Any], edit: Callable[..., str]
) -> None:
    run("forms", "build", "hh_core")
    path = edit(lambda d: d["terms"][-1].update(definition="All who live in one street."))
    told = read("bank", "import", path, "--dry-run")
    assert [row["form"] for row in told["forms"]] == ["hh_core"]
    assert "T01" in told["forms"][0]["items"]
    assert [row["form"] for row in read("bank", "where-used", "community")] == ["hh_core"]


def test_where_used_knows_every_part(run: Run, read: Callable[..., Any]) -> None:
    run("forms", "build", "hh_core")
    for code in ("yn", "M01", "std", "pm-households", "FR01", "RP-CP", "con.adult", "XX0101"):
        assert [row["form"] for row in read("bank", "where-used", code)] == ["hh_core"], code
    assert read("bank", "where-used", "RP-GBV") == []


def test_a_purpose_is_used_by_the_forms_that_were_built_for_it_only(run: Run, read: Callable[..., Any]) -> None:
    run("forms", "build", "hh_core")
    run("forms", "build", "ki")
    assert {row["form"] for row in read("bank", "where-used", "pm-households")} == {"hh_core"}
    assert {row["form"] for row in read("bank", "where-used", "pm-informants")} == {"ki"}
    assert read("bank", "where-used", "pm-groups") == []
    told = run("bank", "where-used", "con_adult", "con_interview").output
    assert [line.split()[-2:] for line in told.splitlines() if "C0" in line][:2] == [
        ["C01", "con.adult"],
        ["C04", "con.interview"],
    ]


def test_a_changed_purpose_touches_the_forms_that_were_built_for_it_only(
    run: Run, read: Callable[..., Any], edit: Callable[..., str]
) -> None:
    run("forms", "build", "hh_core")
    run("forms", "build", "ki")
    path = edit(lambda d: next(one for one in d["purposes"] if one["id"] == "pm-informants").update(text="Another."))
    assert [row["form"] for row in read("bank", "import", path, "--dry-run")["forms"]] == ["ki"]


def test_purposes_are_listed_by_what_people_read_of_them(run: Run) -> None:
    heads = run("bank", "list", "--part", "purposes").output.splitlines()[0].split()
    assert heads == ["id", "tools", "title", "group", "area", "questions"]


def test_what_stands_nowhere_is_not_taken_for_unused(run: Run) -> None:
    run("forms", "build", "hh_core")
    error = refused(run, "bank", "where-used", "L05", "nothinghere", "--json")
    assert (error.code, "'nothinghere'" in error.message) == (ErrorCode.NOT_FOUND, True)


def test_a_version_is_found_by_the_key_that_it_froze(
    run: Run, read: Callable[..., Any], edit: Callable[..., str]
) -> None:
    def reword(document: dict[str, Any]) -> None:
        row = next(one for one in document["items"] if one["id"] == "L01")
        row.update(q="Who of your household is without papers?", key="doc.have.hh2")

    old = next(row["key"] for row in read("bank", "show", "L01"))
    run("forms", "build", "hh_core")
    before = read("forms", "list")[0]["version"]
    assert [row["version"] for row in read("bank", "where-used", old)] == [before]
    assert run("bank", "import", edit(reword), "--endorsed-elsewhere").exit_code == 0
    assert read("bank", "where-used", "doc.have.hh2") == []
    assert [row["keys"] for row in read("bank", "where-used", old)] == [{"L01": old}]
    run("forms", "build", "hh_core")
    (now,) = read("bank", "where-used", "doc.have.hh2")
    assert (now["version"] == before, now["keys"]) == (False, {"L01": "doc.have.hh2"})
    assert [row["version"] for row in read("bank", "where-used", old)] == [before]
    assert len(read("bank", "where-used", "L01")) == 2
    assert "doc.have.hh2" in run("bank", "where-used", "doc_have").output


def test_every_part_is_listed(run: Run, read: Callable[..., Any]) -> None:
    assert [row["id"] for row in read("bank", "list", "--part", "purposes")] == [
        *("pm-households", "pm-informants", "pm-groups", "pm-sites")
    ]
    assert "A threat that meets" in run("bank", "list", "--part", "terms").output
    assert read("bank", "list", "--part", "places") == []
    assert {row["sensitivity"] for row in read("bank", "list", "--tool", "K", "--sensitivity", "S")} == {"S"}
    assert read("bank", "list", "--state", "draft") == []
    assert len(read("bank", "list", "--state", "active")) == len(STARTER["items"])


def test_the_places_of_a_bank_enter_the_gazetteer_and_old_codes_are_read_across(
    run: Run, read: Callable[..., Any], edit: Callable[..., str], sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    run("bank", "import", edit(lambda d: d.update(places=PLACES)), "--by", mail("amina"))
    with sessions() as session:
        assert [row.code for row in find_places(session)] == ["AA01", "AA0101", "AA0102", "AA010201"]
        directory = read_directory(session)
    assert climb(directory, "AA0101", level=2) == "AA0102"
    assert climb(directory, "الشمال", level=1) == "AA01"
    assert [row["code"] for row in read("places", "show", "AA0101")] == ["AA0102", "AA01"]
    assert [row["code"] for row in read("places", "show", "al-shamal")] == ["AA01"]
    run("forms", "build", "obs", "-o", str(tmp_path))
    offered = json.loads((tmp_path / "obs.version.json").read_text())["choices"]["adm2"]
    assert [one["code"] for one in offered] == ["AA0102"]


def test_places_go_out_and_come_in_as_csv(run: Run, read: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "places.csv"
    path.write_text(
        "code,level,parent,name_en,name_my,valid_from,valid_to,replaced_by,aliases\n"
        "B,1,,Beta,ဘီတာ,2020-01-01,,,Old Beta | B.\nB1,2,B,Left,,,2026-06-30,B2 B3,\nB2,2,B,Up,,,,,\nB3,2,B,Down,,,,,\n"
    )
    run("places", "import", str(path))
    run("places", "export", str(tmp_path / "out.csv"))
    first = (tmp_path / "out.csv").read_bytes()
    run("places", "import", str(tmp_path / "out.csv"))
    run("places", "export", str(tmp_path / "out.csv"))
    assert (tmp_path / "out.csv").read_bytes() == first
    assert [row["code"] for row in read("places", "show", "B1")] == ["B"]
    assert read("places", "list")[1]["replaced_by"] == ["B2", "B3"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("A,1,,Alpha,soon,,,", "Line 2: valid_from must be a day"),
        ("A,1,,Alpha,2026-02-01,2026-01-01,,", "Line 2: valid_to lies before the first day"),
        ("A,1,,Alpha,,,Z,", "Line 2: replaced_by there is no place Z"),
        ("A,1,,Alpha,,,A,", "Line 2: replaced_by leads back"),
    ],
)
def test_a_wrong_crosswalk_is_refused_line_by_line(run: Run, tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "places.csv"
    path.write_text(f"code,level,parent,name_en,valid_from,valid_to,replaced_by,aliases\n{line}\n")
    assert words in refused(run, "places", "import", str(path)).message


def test_an_item_tells_what_it_is_broken_down_by_and_what_is_given_up_first(run: Run, read: Callable[..., Any]) -> None:
    assert read("bank", "show", "F01")[0]["dimensions"] == ["sex", "group", "age", "disability", "place"]
    told = run("bank", "show", "F01").output
    assert "by sex (D01), group (D03), age (D02), disability (D05), place (Z04)" in told
