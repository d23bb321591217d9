"""pimcollect referrals: readable for people, one JSON document for programs, and no name on either."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from pimcollect.cli.referrals import referrals
from pimcollect.config import Settings
from pimcollect.errors import PimError
from pimcollect.tables.members import MemberRow
from pimcollect.tables.referrals import ReferralRow
from tests.factories.referrals import CANARY, Desk

Run = Callable[..., Result]


@pytest.fixture
def desk(settings: Settings) -> Iterator[Desk]:
    desk = Desk(settings)
    desk.service()
    yield desk
    desk.hands.engine.dispose()


@pytest.fixture
def run(settings: Settings) -> Run:
    env = {
        "PIMCOLLECT_HOME": str(settings.home),
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "COLUMNS": "200",
    }

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(referrals, words, env=env)

    return invoke


def test_a_move_without_its_reason_lists_the_codes_and_changes_nothing(desk: Desk, run: Run) -> None:
    referral = desk.referral(state="sent")
    said = run("move", referral.reference, "decline")
    assert said.exit_code == 2
    assert "no_capacity" in said.output
    assert desk.read(ReferralRow).state == "sent"


def test_a_member_named_with_by_has_no_more_rights_than_logged_in(desk: Desk, run: Run) -> None:
    referral = desk.referral(state="sent")
    stranger = desk.member(desk.service("OTHER"))
    mail = desk.read(MemberRow, id=stranger.id).mail
    said = run("move", referral.reference, "accept", "--by", mail)
    assert isinstance(said.exception, PimError)
    assert desk.read(ReferralRow).state == "sent"
    assert isinstance(run("move", referral.reference, "accept", "--by", "nobody@example.org").exception, PimError)


def test_accepting_by_command_needs_a_member_of_the_service_and_says_who_there_is(desk: Desk, run: Run) -> None:
    referral = desk.referral(state="sent")
    nobody = run("move", referral.reference, "accept").exception
    assert isinstance(nobody, PimError)
    assert "members create" in nobody.remedy
    mail = desk.read(MemberRow, id=desk.member().id).mail
    desk.member(desk.service("OTHER"))
    refused = run("move", referral.reference, "accept").exception
    assert isinstance(refused, PimError)
    assert refused.remedy == f"Say --by with one of its members: {mail}."
    assert desk.read(ReferralRow).state == "sent"


def test_a_member_of_another_service_is_told_so_and_not_that_there_is_no_such_referral(desk: Desk, run: Run) -> None:
    referral = desk.referral(state="sent")
    mail = desk.read(MemberRow, id=desk.member().id).mail
    stranger = desk.read(MemberRow, id=desk.member(desk.service("OTHER")).id).mail
    for act in (("accept",), ("close", "--reason", "needs_met")):
        refused = run("move", referral.reference, *act, "--by", stranger).exception
        assert isinstance(refused, PimError)
        assert (referral.reference in refused.message, "SAFE-NORTH" in refused.message) == (True, True)
        assert mail in refused.remedy


def test_what_the_command_line_took_before_this_was_refused_goes_back_to_its_service(desk: Desk, run: Run) -> None:
    referral = desk.referral(state="accepted")
    mail = desk.read(MemberRow, id=desk.member().id).mail
    again = run("move", referral.reference, "accept", "--by", mail).exception
    assert isinstance(again, PimError)
    assert again.remedy == "Possible now: decline, close, reopen."
    assert run("move", referral.reference, "reopen").output == f"{referral.reference} is waiting.\n"
    assert run("move", referral.reference, "accept", "--by", mail).exit_code == 0
    assert desk.read(ReferralRow).accepted_by is not None


def test_a_list_for_programs_is_a_list_of_objects_and_nothing_else(desk: Desk, run: Run) -> None:
    assert json.loads(run("list", "--json").output) == []
    routine, urgent = desk.referral(urgency="R"), desk.referral(None)
    rows = json.loads(run("list", "--json").output)
    assert [row["id"] for row in rows] == [str(urgent.id), str(routine.id)]
    assert {"id", "reference", "state", "pathway", "urgency", "course", "service", "due_at"} <= set(rows[0])
    assert [row["id"] for row in json.loads(run("list", "--state", "no_service", "--json").output)] == [str(urgent.id)]


def test_a_referral_goes_its_way_by_command(desk: Desk, run: Run) -> None:
    referral = desk.referral(state="sent")
    monitor = desk.member()
    mail = desk.read(MemberRow, id=monitor.id).mail
    assert run("move", referral.reference, "accept", "--by", mail).output == f"{referral.reference} is accepted.\n"
    closed = json.loads(
        run("move", referral.reference, "close", "--reason", "needs_met", "--by", mail, "--json").output
    )
    assert closed["state"] == "closed"
    shown = json.loads(run("show", referral.reference, "--json").output)
    assert [move["became"] for move in shown["moves"]] == ["sent", "accepted", "closed"]
    assert [notice["kind"] for notice in shown["notices"]] == ["new"]


def test_no_output_holds_anything_of_the_person(desk: Desk, run: Run) -> None:
    referral = desk.referral(state="sent")
    for words in (("list",), ("list", "--json"), ("show", referral.reference), ("show", referral.reference, "--json")):
        output = run(*words).output
        assert referral.reference in output
        assert not any(secret in output for secret in (*CANARY.values(), "focal@service.example.org"))
