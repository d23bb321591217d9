"""pimcollect phones: a phone is set up by one code or by typing, once; what is shown is never shown again."""

from __future__ import annotations

import io
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import segno
from PIL import Image
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pimcollect.cli.phone_refusals import check_phone_refusals
from pimcollect.config import Settings
from pimcollect.domain.collect_settings import unpack_settings
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.marks import PHONES, PhoneRefusal, mark_phone_refusals, mark_refusals
from tests.cli.conftest import Run
from tests.factories.collect import Collect, CollectError
from tests.factories.households import Household
from tests.factories.phones import make_phone_app, serve

Read = Callable[..., Any]


def test_what_cannot_be_is_refused_in_words(run: Run, read: Read, tmp_path: Path) -> None:
    for words, code in (
        (("phones", "add", "أمينة"), ErrorCode.BAD_SETTING),
        (("phones", "qr", "nobody"), ErrorCode.NOT_FOUND),
        (("forms", "qr", "hh_core", "--to", "phones"), ErrorCode.NOT_FOUND),
        (("phones", "revoke", "nobody"), ErrorCode.NOT_FOUND),
        (("forms", "release", "nothing", "--to", "phones"), ErrorCode.NOT_FOUND),
        (("forms", "close", "nothing", "--yes"), ErrorCode.NOT_FOUND),
    ):
        with pytest.raises(PimError) as caught:
            run(*words)
        assert caught.value.code is code, words
    for name in ("amina.txt", "no/such/folder/amina.png"):
        with pytest.raises(PimError) as caught:
            run("phones", "add", "amina", "--qr", str(tmp_path / name))
        assert caught.value.code is ErrorCode.BAD_FILE
    assert read("phones", "list") == []


def test_the_code_holds_what_the_text_beside_it_says(run: Run, read: Read) -> None:
    shown = run("phones", "add", "Amina", "--project", "Exercise").stdout
    assert "Username  amina" in shown
    assert "█" in shown or "▄" in shown
    (made,) = read("phones", "qr", "amina", "--project", "Exercise")
    assert made["password"] not in shown
    settings = unpack_settings(made["settings"])
    general = settings["general"]
    assert (general["server_url"], general["username"], general["password"]) == (
        made["server_url"],
        "amina",
        made["password"],
    )
    assert settings["project"] == {"name": "Exercise"}
    assert made["password"] not in run("phones", "list").stdout


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("", "not seen to answer. Only this machine"),
        ("http://127.0.0.1:8000", "Only this machine"),
        ("http://10.0.0.7:8000", "can be listened to"),
        ("https://pim.example.org", ""),
    ],
)
def test_an_address_that_others_do_not_reach_is_told_beside_it_once_and_nowhere_else(
    run: Run, household: Household, monkeypatch: pytest.MonkeyPatch, *, address: str, said: str
) -> None:
    monkeypatch.setenv("PIMCOLLECT_URL", address)
    for words in (("phones", "add", "amina"), ("phones", "qr", "amina"), ("hooks", "open", "--form", "hh")):
        told = run(*words).stderr
        assert (said in told, told.count("\n")) == (True, 1 if said else 0)
    for words in (("phones", "list"), ("hooks", "list"), ("phones", "revoke", "amina")):
        assert run(*words).stderr == ""


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_picture_of_the_code_is_for_its_owner_only(run: Run, read: Read, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"tablet.{kind}"
    (made,) = read("phones", "add", "tablet-1", "--device", "--qr", str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (made["username"], made["password"]) == (None, None)
    assert "/phones/key/" in made["server_url"]
    if kind == "png":
        expected = io.BytesIO()
        segno.make(made["settings"], micro=False, error="l").save(expected, kind="png", scale=6, border=4)
        assert list(Image.open(path).convert("1").tobytes()) == list(Image.open(expected).convert("1").tobytes())
    else:
        assert path.read_text().lstrip().startswith("<?xml")


def test_a_phone_that_was_set_up_by_the_commands_gets_its_forms_and_loses_them_when_revoked(
    run: Run, read: Read, settings: Settings, engine: Engine, household: Household
) -> None:
    (made,) = read("phones", "add", "amina")
    assert "phones" in run("forms", "release", "hh", "--to", "phones").stdout
    app = make_phone_app(replace(settings), engine, puts=engine)
    with serve(app) as address:
        collect = Collect(f"{address}/phones", made["username"], made["password"])
        assert [form.form_id for form in collect.fetch_list()] == ["hh"]
        run("forms", "close", "hh", "--yes")
        assert collect.fetch_list() == []
        run("phones", "revoke", "amina")
        with pytest.raises(CollectError, match="password"):
            collect.fetch_list()
        collect.close()
    assert [(row["name"], row["state"]) for row in read("phones", "list")] == [("amina", "revoked")]


def test_a_script_that_says_yes_shuts_a_lost_phone_out_and_gives_a_new_code(run: Run, read: Read) -> None:
    run("phones", "add", "enum-07")
    assert read("phones", "qr", "enum-07", "--yes")[0]["name"] == "enum-07"
    assert read("phones", "revoke", "enum-07", "--yes") == [{"name": "enum-07", "state": "revoked"}]


@pytest.mark.parametrize("option", ["", "--device"])
def test_a_phone_that_was_ended_is_told_so_with_how_to_let_it_in_anew(run: Run, option: str) -> None:
    add = ("phones", "add", "facade07", *filter(None, [option]))
    assert run(*add).exit_code == run("phones", "revoke", "facade07").exit_code == 0
    for command in ("qr", "revoke"):
        with pytest.raises(PimError) as caught:
            run("phones", command, "facade07")
        assert "The phone facade07 was ended on 20" in caught.value.message
        assert caught.value.remedy == f"To let it in anew: `pimcollect {' '.join(add)}`."
    assert run(*add).exit_code == 0


def test_a_check_for_phones_says_what_is_missing_then_that_nothing_is_and_releases_nothing(
    run: Run, read: Read, household: Household, engine: Engine
) -> None:
    check = ("forms", "release", "hh", "--to", "phones", "--check")
    assert "can be released: nothing is missing. It is not on the list of phones yet." in run(*check).stdout
    assert read(*check)[0]["is_shown"] is False
    run("forms", "release", "hh", "--to", "phones")
    assert "is on the list of phones." in run(*check).stdout
    assert read(*check)[0]["is_shown"] is True
    with engine.begin() as connection:
        connection.execute(text("UPDATE services SET is_suspended = true"))
    for where in (("--to", "phones"), ()):
        with pytest.raises(PimError) as caught:
            run("forms", "release", "hh", "--check", *where)
        assert caught.value.code is ErrorCode.NOT_POSSIBLE_NOW
    with pytest.raises(PimError, match="There is no version"):
        run("forms", "release", "nothing", "--check", "--to", "phones")


def test_what_was_refused_lately_is_told_by_list_and_doctor_with_what_to_do(
    run: Run, read: Read, engine: Engine
) -> None:
    (made,) = read("phones", "add", "enum-07")
    with Session(engine) as session, session.begin():
        assert [one.state for one in check_phone_refusals(session)] == ["ok"]
        mark_refusals(session, {(PHONES, PhoneRefusal.UNKNOWN): 40})
        for why in set(PhoneRefusal) - {PhoneRefusal.UNKNOWN}:
            mark_phone_refusals(session, {(UUID(made["id"]), why): 12})
    (row,) = read("phones", "list")
    assert row["refused"] == 12 * (len(PhoneRefusal) - 1)
    assert {one["reason"] for one in row["refusals"]} == set(PhoneRefusal) - {PhoneRefusal.UNKNOWN}
    told = run("phones", "list").stderr
    assert "enum-07: somebody called 12 times with a password that is not right, last 20" in told
    assert "If the phone does not get in, give it a new code: `pimcollect phones qr enum-07`." in told
    assert "somebody called 40 times with a user name or a code that no phone has or had" in told
    with Session(engine) as session, session.begin():
        found = list(check_phone_refusals(session))
        assert [f"{one.detail}. {one.remedy}" for one in found] == told.splitlines()
        session.execute(text("UPDATE phone_refusals SET last_at = now() - interval '8 days'"))
        session.execute(text("UPDATE refusals SET last_at = now() - interval '8 days'"))
        assert [one.state for one in check_phone_refusals(session)] == ["ok"]
    assert read("phones", "list")[0]["refused"] == 12 * (len(PhoneRefusal) - 1)
    assert run("phones", "list").stderr == ""


def test_a_name_that_was_let_in_anew_is_told_nothing_of_the_phone_before_but_that_it_still_calls(
    run: Run, read: Read, engine: Engine
) -> None:
    (before,) = read("phones", "add", "enum-08")
    with Session(engine) as session, session.begin():
        for why in (PhoneRefusal.PASSWORD, PhoneRefusal.ENDED):
            mark_phone_refusals(session, {(UUID(before["id"]), why): 3})
    run("phones", "revoke", "enum-08")
    assert "though it is let in no more" in run("phones", "list").stderr
    run("phones", "add", "enum-08")
    with Session(engine) as session, session.begin():
        assert [one.state for one in check_phone_refusals(session)] == ["ok"]
        mark_phone_refusals(session, {(UUID(before["id"]), PhoneRefusal.ENDED): 1})
    told = run("phones", "list").stderr
    assert told.startswith("enum-08 (the one before): somebody called 4 times though it is let in no more, last 20")
    assert "phones qr" not in told
    assert "phones add" not in told
