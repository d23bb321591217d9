"""The bank governed from the command line: what passes, what is held, who must agree, what forms make of it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from forms import starter
from forms.current import read_current
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.catalogue import BankRow
from pimcollect.tables.governance import BankChangeRow, ItemStateRow, VerdictRow
from pimcollect.tables.journal import JournalRow
from tests.cli.people import PEOPLE, mail, refused, settle_people

Run = Callable[..., Result]
STARTER: dict[str, Any] = json.loads(starter.read_bytes("bank.json"))


@pytest.fixture(autouse=True)
def people(run: Run, sessions: sessionmaker[Session]) -> None:
    settle_people(sessions)
    run("bank", "import")


def item(document: dict[str, Any], id_: str) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in document["items"] if row["id"] == id_)
    return found


@pytest.fixture
def edit(tmp_path: Path) -> Callable[..., str]:
    """A copy of the starter bank with another version and with one item changed; its path."""

    def write(version: str = "2026.2", *, id_: str = "", new: str = "", **fields: Any) -> str:
        document = copy.deepcopy(STARTER)
        document["version"] = version
        if id_:
            item(document, id_).update(fields)
        if new:
            document["items"].append(
                {**item(document, "F01"), "id": new, "name": f"fom_{new.lower()}", "key": f"fom.{new}.hh", **fields}
            )
        path = tmp_path / f"{version}.json"
        path.write_text(json.dumps(document))
        return str(path)

    return write


def count(sessions: sessionmaker[Session], table: Any) -> int:
    with sessions() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def state(read: Callable[..., Any], id_: str) -> str:
    found: str = next(row["state"] for row in read("bank", "states") if row["item"] == id_)
    return found


def review(run: Run, code: str, *, is_severe: bool = False) -> None:
    run("bank", "review", code, "--as", "im", "--by", mail("bilal"))
    run("bank", "review", code, "--as", "protection", "--by", mail("chen"))
    if is_severe:
        run("bank", "review", code, "--as", "data", "--by", mail("dana"))
    run("bank", "review", code, "--as", "community", "--by", mail("chen"))
    run("bank", "endorse", code, "--by", mail("bilal"))


# what does not pass


def test_what_breaks_a_series_is_not_taken_without_others(
    run: Run, sessions: sessionmaker[Session], edit: Callable[..., str]
) -> None:
    error = refused(run, "bank", "import", edit(id_="F01", lvl="person", key="fom.limited.30d.person"))
    assert error.code is ErrorCode.NOT_ALLOWED
    assert "F01 breaks its series" in error.message
    assert count(sessions, BankRow) == 1


def test_a_broken_series_needs_another_key(run: Run, edit: Callable[..., str]) -> None:
    error = refused(run, "bank", "import", edit(id_="F01", lvl="person"))
    assert error.code is ErrorCode.BAD_BANK
    assert "fom.limited.30d.hh2" in error.message


def test_a_lower_sensitivity_is_not_one_persons_decision(run: Run, edit: Callable[..., str]) -> None:
    error = refused(run, "bank", "import", edit(id_="H01", sens="L"), "--by", mail("amina"))
    assert (error.code, "protects less" in error.message) == (ErrorCode.NOT_ALLOWED, True)


def test_an_item_that_was_in_use_cannot_vanish(run: Run, tmp_path: Path) -> None:
    document = {**copy.deepcopy(STARTER), "version": "2026.2"}
    document["items"] = [row for row in document["items"] if row["id"] != "X02"]
    (tmp_path / "less.json").write_text(json.dumps(document))
    assert "X02 cannot vanish" in refused(run, "bank", "import", str(tmp_path / "less.json")).message


def test_another_content_needs_another_version(run: Run, edit: Callable[..., str]) -> None:
    assert "is kept already" in refused(run, "bank", "import", edit("2026.1", id_="F01", hint="New")).message


@pytest.mark.parametrize("change", ["label", "order", "answer"])
def test_official_questions_are_not_edited_in_a_bank(change: str, run: Run, tmp_path: Path) -> None:
    document = {**copy.deepcopy(STARTER), "version": "2026.2"}
    if change == "label":
        document["wg_ss"]["items"][0]["label"] = "Own words"
    elif change == "order":
        document["wg_ss"]["items"].reverse()
    else:
        document["choice_lists"]["wg"].pop()
    (tmp_path / "own.json").write_text(json.dumps(document))
    error = refused(run, "bank", "import", str(tmp_path / "own.json"), "--endorsed-elsewhere")
    assert error.code is ErrorCode.BAD_BANK
    assert "official" in error.message


def test_a_class_cannot_be_talked_down(run: Run, edit: Callable[..., str]) -> None:
    path = edit(id_="F01", lvl="person", key="fom.limited.30d.person")
    assert "never less" in refused(run, "bank", "import", path, "--dry-run", "--class", "patch").message


def test_a_class_that_was_raised_to_major_needs_what_major_needs(run: Run, edit: Callable[..., str]) -> None:
    path = edit(id_="F01", hint="Another hint")
    assert "give it another key" in refused(run, "bank", "import", path, "--class", "major").message


def test_nobody_but_an_administrator_says_that_others_have_endorsed(run: Run, edit: Callable[..., str]) -> None:
    path = edit(id_="H01", sens="L")
    assert refused(run, "bank", "import", path, "--endorsed-elsewhere", "--by", mail("amina")).code is (
        ErrorCode.NOT_ALLOWED
    )
    assert run("bank", "import", path, "--endorsed-elsewhere").exit_code == 0


def test_a_dry_run_ends_with_status_1_when_something_is_in_the_way(run: Run, edit: Callable[..., str]) -> None:
    kept = run("bank", "import", edit("2026.1", id_="F01", hint="New"), "--dry-run")
    assert "In the way: Version 2026.1 is kept already" in kept.output
    assert kept.exit_code == 1
    loose = edit(id_="H01", sens="L")
    assert run("bank", "import", loose, "--dry-run").exit_code == 1
    assert run("bank", "import", loose, "--dry-run", "--endorsed-elsewhere").exit_code == 0
    assert run("bank", "import", edit(id_="F01", hint="New"), "--dry-run").exit_code == 0


@pytest.mark.parametrize("constraint", ["nosuchfunc(.)", 'regex(., "[a-")', "(. > 3"])
def test_a_bank_that_no_form_can_be_built_from_is_not_taken(
    constraint: str, run: Run, sessions: sessionmaker[Session], edit: Callable[..., str]
) -> None:
    path = edit(id_="E05", constraint=constraint)
    told = run("bank", "import", path, "--dry-run")
    assert (told.exit_code, "E05 constraint: X" in told.stderr) == (1, True)
    assert run("bank", "check", path).exit_code == 1
    assert "E05 constraint: X" in refused(run, "bank", "import", path).message
    assert count(sessions, BankRow) == 1


def test_a_kept_bank_that_breaks_forms_is_named_by_its_check(run: Run, sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        row = session.scalars(select(BankRow)).one()
        row.document = copy.deepcopy(row.document)
        item(row.document, "L02")["constraint"] = "nosuchfunc(.)"
    checked = run("bank", "check")
    assert (checked.exit_code, "there is no function nosuchfunc()" in checked.output) == (1, True)
    assert "X02 survey row" in refused(run, "forms", "build", "hh").message


def test_a_dry_run_writes_nothing(
    run: Run, read: Callable[..., Any], sessions: sessionmaker[Session], edit: Callable[..., str]
) -> None:
    run("forms", "build", "hh_core")
    before = {table: count(sessions, table) for table in (BankRow, JournalRow, ItemStateRow, BankChangeRow)}
    shown = read("bank", "import", edit(id_="F01", hint="Another hint", lvl="person"), "--dry-run")
    assert shown["class"] == "major"
    assert {(row["id"], row["field"], row["class"]) for row in shown["changes"]} == {
        ("F01", "hint", "patch"),
        ("F01", "lvl", "major"),
    }
    assert [(row["form"], row["items"]) for row in shown["forms"]] == [("hh_core", ["F01"])]
    assert shown["obstacles"]
    assert shown["approvals"]
    assert {table: count(sessions, table) for table in before} == before
    told = run("bank", "import", edit(id_="F01", hint="Another hint"), "--dry-run").output
    assert "Class: patch" in told
    assert "Nothing was changed" in told


# what passes


def test_a_small_change_passes_and_is_kept_with_its_class(
    run: Run, read: Callable[..., Any], edit: Callable[..., str]
) -> None:
    run("bank", "import", edit(id_="F01", hint="Another hint"), "--class", "minor")
    assert [(row["computed"], row["chosen"], row["state"]) for row in read("bank", "changes")] == [
        ("patch", "minor", "active")
    ]
    assert [row["version"] for row in read("bank", "versions")] == ["2026.2", "2026.1"]
    assert [row["field"] for row in read("bank", "diff", "2026.1", "2026.2")] == ["hint"]
    assert read("bank", "diff", "starter", "2026.1") == []


def test_a_new_item_is_asked_only_when_it_is_active(
    run: Run, read: Callable[..., Any], sessions: sessionmaker[Session], edit: Callable[..., str]
) -> None:
    run("bank", "import", edit(new="F90"))
    assert state(read, "F90") == "draft"
    assert "F90 is not active: draft" in run("forms", "build", "hh").output
    run("bank", "propose", "F90", "--by", mail("amina"))
    review(run, "F90")
    with sessions() as session:
        assert "F90" in read_current(session).catalogue.held
        assert "F90" not in read_current(session, is_field_test=True).catalogue.held
    assert "hh_test" in run("forms", "build", "hh", "--field-test").output
    assert [row["form"] for row in read("bank", "where-used", "F90")] == ["hh_test"]
    run("bank", "activate", "F90", "--by", mail("amina"))
    assert "F90" not in run("forms", "build", "hh").output
    assert [row["form"] for row in read("bank", "where-used", "F90")] == ["hh", "hh_test"]


def test_a_severe_item_needs_data_protection_too(
    run: Run, read: Callable[..., Any], sessions: sessionmaker[Session], edit: Callable[..., str]
) -> None:
    run("bank", "import", edit(new="F90", sens="S"))
    run("bank", "propose", "F90", "--by", mail("amina"))
    run("bank", "review", "F90", "--as", "im", "--by", mail("bilal"))
    run("bank", "review", "F90", "--as", "protection", "--by", mail("chen"))
    assert state(read, "F90") == "in_review"
    assert next(row["due"] for row in read("bank", "states") if row["item"] == "F90") == ["data_review"]
    run("bank", "review", "F90", "--as", "data", "--by", mail("dana"))
    assert state(read, "F90") == "community_check"
    assert {row["member"] for row in read("bank", "verdicts", "F90")} <= {mail(one) for one in PEOPLE}
    assert mail("bilal") in run("bank", "verdicts", "F90").output
    assert {(row["step"], row["role"]) for row in read("bank", "verdicts", "F90")} == {
        ("im_review", "imo"),
        ("protection_review", "monitor"),
        ("data_review", "dpo"),
    }


@pytest.mark.parametrize(
    ("step", "by"), [("im", "chen"), ("im", "eva"), ("protection", "bilal"), ("protection", "dana"), ("im", "amina")]
)
def test_a_review_is_for_those_whose_word_counts(step: str, by: str, run: Run, edit: Callable[..., str]) -> None:
    run("bank", "import", edit(new="F90"))
    run("bank", "propose", "F90", "--by", mail("amina"))
    assert refused(run, "bank", "review", "F90", "--as", step, "--by", mail(by)).code is ErrorCode.NOT_ALLOWED


def test_two_reviews_are_two_people_and_the_command_line_is_nobody(run: Run, edit: Callable[..., str]) -> None:
    run("bank", "import", edit(new="F90"))
    assert refused(run, "bank", "propose", "F90").code is ErrorCode.NOT_ALLOWED
    run("bank", "propose", "F90", "--by", mail("amina"))
    run("bank", "review", "F90", "--as", "im", "--by", mail("both"))
    assert refused(run, "bank", "review", "F90", "--as", "protection", "--by", mail("both")).code is (
        ErrorCode.NOT_ALLOWED
    )


def test_a_refusal_goes_back_to_draft_and_stays_on_record(
    run: Run, read: Callable[..., Any], sessions: sessionmaker[Session], edit: Callable[..., str]
) -> None:
    run("bank", "import", edit(new="F90"))
    run("bank", "propose", "F90", "--by", mail("amina"))
    run("bank", "review", "F90", "--as", "im", "--by", mail("bilal"))
    run("bank", "review", "F90", "--as", "protection", "--refuse", "harmful", "--by", mail("chen"))
    assert state(read, "F90") == "draft"
    run("bank", "propose", "F90", "--by", mail("amina"))
    assert state(read, "F90") == "proposed"
    assert [(row["round"], row["is_yes"], row["reason"]) for row in read("bank", "verdicts", "F90")] == [
        (1, True, ""),
        (1, False, "harmful"),
    ]
    with sessions() as session:
        acts = session.scalars(select(JournalRow.action).where(JournalRow.noun == "bank_item")).all()
    assert sorted(acts) == ["im_review", "propose", "propose", "refuse"]


def test_what_is_under_review_does_not_change_under_the_hands_of_those_who_agree(
    run: Run, edit: Callable[..., str]
) -> None:
    run("bank", "import", edit(new="F90"))
    run("bank", "import", edit("2026.3", new="F90", q="Another question altogether?"))
    run("bank", "propose", "F90", "--by", mail("amina"))
    path = edit("2026.4", new="F90", q="And another one?")
    assert "F90 is under review" in refused(run, "bank", "import", path).message
    run("bank", "review", "F90", "--as", "im", "--refuse", "withdrawn", "--by", mail("amina"))
    run("bank", "import", path)


def test_a_change_is_held_until_it_is_agreed_and_then_taken_whole(
    run: Run, read: Callable[..., Any], sessions: sessionmaker[Session], edit: Callable[..., str]
) -> None:
    path = edit(id_="F01", lvl="person", key="fom.limited.30d.person")
    run("bank", "propose", path, "--by", mail("amina"))
    assert read("bank", "show", "F01")[0]["unit"] == "hh"
    assert refused(run, "bank", "activate", "2026.2", "--by", mail("amina")).code is ErrorCode.NOT_POSSIBLE_NOW
    assert refused(run, "bank", "review", "2026.2", "--as", "im", "--by", mail("amina")).code is ErrorCode.NOT_ALLOWED
    review(run, "2026.2")
    run("bank", "activate", "2026.2", "--by", mail("amina"))
    assert read("bank", "show", "F01")[0]["unit"] == "person"
    assert state(read, "F01") == "active"
    with sessions() as session:
        old = session.get(ItemStateRow, ("F01", "fom.limited.30d.hh"))
        assert old is not None
        assert (old.state, old.note) == ("deprecated", "replaced")
        change = session.scalars(select(BankChangeRow)).one()
        assert (change.state, change.document) == ("active", None)
        assert session.scalar(select(func.count()).select_from(VerdictRow)) == 4


def test_a_change_to_something_severe_needs_data_protection(run: Run, edit: Callable[..., str]) -> None:
    severe = next(row["id"] for row in STARTER["items"] if row["sens"] == "S")
    run("bank", "propose", edit(id_=severe, sens="M"), "--by", mail("amina"))
    with pytest.raises(PimError):
        review(run, "2026.2")
    run("bank", "review", "2026.2", "--as", "data", "--by", mail("dana"))


def test_a_change_that_was_overtaken_is_not_taken(run: Run, edit: Callable[..., str]) -> None:
    run("bank", "propose", edit(id_="H01", sens="L"), "--by", mail("amina"))
    review(run, "2026.2", is_severe=True) if item(STARTER, "H01")["sens"] == "S" else review(run, "2026.2")
    run("bank", "import", edit("2026.3", id_="F01", hint="Meanwhile"))
    error = refused(run, "bank", "activate", "2026.2", "--by", mail("amina"))
    assert (error.code, "has changed since" in error.message) == (ErrorCode.NOT_POSSIBLE_NOW, True)


def test_retired_is_for_ever(run: Run, read: Callable[..., Any]) -> None:
    assert refused(run, "bank", "retire", "Q05", "--by", mail("amina")).code is ErrorCode.NOT_POSSIBLE_NOW
    run("bank", "deprecate", "Q05", "--by", mail("amina"))
    run("bank", "activate", "Q05", "--by", mail("amina"))
    run("bank", "deprecate", "Q05", "--by", mail("amina"))
    run("bank", "retire", "Q05", "--by", mail("amina"))
    assert state(read, "Q05") == "retired"
    for verb in ("activate", "deprecate", "retire"):
        assert refused(run, "bank", verb, "Q05", "--by", mail("amina")).code is ErrorCode.NOT_POSSIBLE_NOW
    assert read("bank", "show", "Q05")[0]["name"] == item(STARTER, "Q05")["name"]
    assert "Q05 is not active: retired" in run("forms", "build", "hh").output


# comparing


def test_two_forms_share_keys_and_similar_questions_are_named(run: Run, read: Callable[..., Any]) -> None:
    run("forms", "build", "hh_core")
    run("forms", "build", "ki")
    rows = read("bank", "overlaps", "hh_core", "ki")
    shared = {row["key"] for row in rows if row["kind"] == "shared key"}
    assert "con.adult" in shared
    assert all(row["remark"] == "" for row in rows if row["kind"] == "shared key")
    assert refused(run, "bank", "overlaps", "hh_core", "none").code is ErrorCode.NOT_FOUND


def test_the_same_form_shares_every_key_with_itself_and_nothing_is_left_to_join(
    run: Run, read: Callable[..., Any]
) -> None:
    run("forms", "build", "obs")
    rows = read("bank", "overlaps", "obs", "obs")
    assert {row["kind"] for row in rows} <= {"shared key", "nearly the same"}
    assert all(row["one"] != row["other"] for row in rows if row["kind"] == "nearly the same")


def test_checking_names_what_should_be_one(run: Run, read: Callable[..., Any], edit: Callable[..., str]) -> None:
    path = edit(new="F90")
    found = [row for row in read("bank", "check", path) if row["kind"] == "nearly the same"]
    assert ("F01", "F90", 1.0) in {(row["one"], row["other"], row["score"]) for row in found}


def test_a_new_text_without_a_translation_is_named_before_and_after(
    run: Run, read: Callable[..., Any], edit: Callable[..., str]
) -> None:
    path = edit(id_="L01", hint="Birth certificates count too.")
    assert read("bank", "import", path, "--dry-run")["untranslated"] == [
        {"part": "items", "key": "L01.hint", "languages": ["fr", "ar"]}
    ]
    assert "items L01.hint (fr, ar)" in run("bank", "import", path, "--dry-run").output
    run("bank", "import", path)
    error = refused(run, "forms", "build", "hh_core", "--languages", "en,fr,ar")
    assert "doc_have hint (fr)" in error.message
    assert "bank translations list" in error.remedy
    assert "--translate fr" in error.remedy


def test_unused_items_are_the_banks_affair_and_counted_over_all_forms(run: Run, read: Callable[..., Any]) -> None:
    for languages in ("en", "en,fr", "en,ar"):
        run("forms", "build", "hh_core", "--languages", languages)
    assert "L17" not in run("forms", "lint", "hh_core").output
    assert "P02" in {row["one"] for row in read("bank", "check") if row["kind"] == "L17"}
    run("forms", "build", "hh")
    assert "P02" not in {row["one"] for row in read("bank", "check") if row["kind"] == "L17"}
