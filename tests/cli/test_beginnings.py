"""The beginning of an id is enough for every command that takes one, and never picks one of several."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pimcollect.config import Settings
from pimcollect.errors import ErrorCode
from pimcollect.tables.members import MemberRow
from pimcollect.tables.referrals import ReferralRow
from tests.cli.conftest import Run
from tests.cli.people import refused
from tests.factories.door import put_form
from tests.factories.referrals import Desk

Read = Callable[..., Any]
IDS = [f"abcdef{number}0-0000-4000-8000-00000000000{number}" for number in range(3)]
CONNECT = ("servers", "connect", "--url", "https://kf.kobotoolbox.org", "--form", "pm_kac", "--token-file", "-")


@pytest.fixture(autouse=True)
def form(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        put_form(session)


@pytest.fixture
def desk(settings: Settings) -> Iterator[Desk]:
    desk = Desk(settings)
    desk.service()
    yield desk
    desk.hands.engine.dispose()


def rename(engine: Engine, table: str, *ids: str) -> None:
    """Give the rows of a table known ids, which the database itself would refuse for hooks."""
    with engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        for new in ids:
            old = connection.scalar(text(f"SELECT id FROM {table} WHERE id <> ALL(:ids) LIMIT 1"), {"ids": list(ids)})
            connection.execute(text(f"UPDATE {table} SET id = :new WHERE id = :old"), {"new": new, "old": old})
        connection.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))


def test_what_several_ids_begin_with_picks_none_and_names_them(run: Run, read: Read, engine: Engine) -> None:
    for _ in IDS:
        read("hooks", "open", "--form", "pm_kac")
    rename(engine, "hooks", *IDS)
    for verb in ("rotate", "close"):
        error = refused(run, "hooks", verb, "ABCDEF")
        assert (error.code, "More than one hook" in error.message) == (ErrorCode.NOT_FOUND, True)
        assert all(one in error.remedy for one in IDS)
    assert {row["state"] for row in read("hooks", "list")} == {"open"}
    assert "Closed" in run("hooks", "close", "abcdef1", "--yes").output
    assert [row["id"] for row in read("hooks", "list") if row["state"] == "closed"] == [IDS[1]]
    assert read("hooks", "rotate", "abcdef20-00")["id"] == IDS[2]


@pytest.mark.parametrize(
    "words", [("inbox", "show"), ("inbox", "replay"), ("hooks", "rotate"), ("servers", "close", "--yes")]
)
def test_what_is_too_short_no_id_or_unknown_is_said_and_not_repeated(run: Run, words: tuple[str, ...]) -> None:
    for given, said in (
        ("abcde", "6 characters at least"),
        ("Nadia-Canary", "nor the beginning of one"),
        ("", "nor the beginning of one"),
        ("a" * 33, "nor the beginning of one"),
        ("abcdef", "begins so"),
        (str(UUID(int=0)), "this id"),
    ):
        error = refused(run, *words, given)
        assert (error.code, said in error.message) == (ErrorCode.NOT_FOUND, True), (given, error)
        assert "Canary" not in str(error)


def test_a_connection_is_closed_by_the_beginning_of_its_id(run: Run, read: Read) -> None:
    run(*CONNECT, "--there", "aUid", input="8c1ftoken\n")
    (one,) = read("servers", "list")
    assert "Closed" in run("servers", "close", one["id"][:6], "--yes").output


def test_a_phone_is_ended_by_its_id_and_never_by_half_a_name_or_for_another(run: Run, read: Read) -> None:
    read("phones", "add", "enum-01")
    old = read("phones", "list")[0]["id"]
    for half in ("enum-0", "enum-", "enum"):
        refused(run, "phones", "revoke", half)
    run("phones", "revoke", old[:8])
    read("phones", "add", "enum-01")
    refused(run, "phones", "revoke", old[:8])
    assert [row["state"] for row in read("phones", "list")] == ["open", "revoked"]


def test_a_referral_is_found_by_its_beginning_and_kept_from_other_services(run: Run, read: Read, desk: Desk) -> None:
    rows = [desk.referral(state="sent") for _ in range(3)]
    references = ["R-ABCD2222", "R-ABCD3333", "R-ABCE4444"]
    for row, reference in zip(rows, references, strict=True):
        with desk.hands.sessions.begin() as session:
            session.execute(
                text("UPDATE referrals SET reference = :new WHERE id = :id"), {"new": reference, "id": row.id}
            )
    error = refused(run, "referrals", "show", "r-abcd")
    assert all(one in error.remedy for one in references[:2])
    assert references[2] not in error.remedy
    assert read("referrals", "show", "r-abce")["reference"] == references[2]
    for given in ("R-AB", "R-ZZZZ", "%%%%%%", "R-ABC_2222"):
        assert refused(run, "referrals", "show", given).code is ErrorCode.NOT_FOUND
    stranger = desk.member(desk.service("OTHER"))
    mail = desk.read(MemberRow, id=stranger.id).mail
    # who sits at the terminal may see them all, and is told why this member may not have one
    assert refused(run, "referrals", "move", "R-ABCD", "accept", "--by", mail).code is ErrorCode.NOT_FOUND
    refused(run, "referrals", "move", references[0], "accept", "--by", mail)
    assert desk.read(ReferralRow, id=rows[0].id).state == "sent"
