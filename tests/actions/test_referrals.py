"""Following up: who may move a referral where, what becomes of its case, and who hears of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from pimcollect.actions.referrals import (
    Shown,
    accept_referral,
    close_referral,
    decline_referral,
    list_referrals,
    reopen_referral,
    reroute_referral,
    resend_notice,
    show_referral,
)
from pimcollect.config import Settings
from pimcollect.domain.roles import COMMAND_LINE, Actor, Role
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.journal import JournalRow
from pimcollect.tables.members import MemberRow
from pimcollect.tables.referrals import CaseRow, MoveRow, NoticeRow, ReferralRow
from pimcollect.tables.reveals import count_unseen
from tests.factories.referrals import Desk

Act = Callable[[Session, Actor, str], Any]
ACCEPT: Act = accept_referral


def decline(session: Session, actor: Actor, reference: str) -> Any:
    return decline_referral(session, actor, reference, reason="no_capacity")


def close(session: Session, actor: Actor, reference: str) -> Any:
    return close_referral(session, actor, reference, reason="needs_met")


def reroute(session: Session, actor: Actor, reference: str) -> Any:
    return reroute_referral(session, actor, reference, service="OTHER")


@pytest.fixture
def desk(settings: Settings) -> Iterator[Desk]:
    desk = Desk(settings)
    desk.service()
    desk.service("OTHER")
    yield desk
    desk.hands.engine.dispose()


@pytest.fixture
def monitor(desk: Desk) -> Actor:
    return desk.member()


def do(desk: Desk, act: Act, actor: Actor, referral: ReferralRow) -> ReferralRow:
    with desk.hands.sessions.begin() as session:
        act(session, actor, referral.reference)
    row: ReferralRow = desk.read(ReferralRow, id=referral.id)
    return row


def refused(desk: Desk, act: Act, actor: Actor, referral: ReferralRow) -> ErrorCode:
    before = (desk.read(ReferralRow, id=referral.id).state, len(desk.read_all(MoveRow)), len(desk.read_all(JournalRow)))
    with pytest.raises(PimError) as caught:
        do(desk, act, actor, referral)
    after = (desk.read(ReferralRow, id=referral.id).state, len(desk.read_all(MoveRow)), len(desk.read_all(JournalRow)))
    assert after == before, "a refusal changes nothing"
    return caught.value.code


# --- who may not


@pytest.mark.parametrize("act", [ACCEPT, decline])
@pytest.mark.parametrize("roles", [(Role.IMO,), (Role.DPO,), (Role.ADMIN,)])
def test_those_who_watch_over_referrals_cannot_answer_them(desk: Desk, act: Act, roles: tuple[Role, ...]) -> None:
    referral = desk.referral(state="sent")
    assert refused(desk, act, desk.member(None, roles=roles), referral) is ErrorCode.NOT_ALLOWED


@pytest.mark.parametrize("act", [ACCEPT, decline, close])
def test_another_service_does_not_even_learn_that_it_exists(desk: Desk, act: Act) -> None:
    referral = desk.referral(state="sent")
    stranger = desk.member("OTHER")
    assert refused(desk, act, stranger, referral) is ErrorCode.NOT_FOUND
    with desk.hands.sessions() as session:
        assert list_referrals(session, stranger) == []
        with pytest.raises(PimError, match="no such referral"):
            show_referral(session, stranger, referral.reference)


def test_an_enumerator_sees_none(desk: Desk) -> None:
    desk.referral(state="sent")
    with desk.hands.sessions() as session, pytest.raises(PimError) as caught:
        list_referrals(session, desk.member(None, roles=(Role.ENUMERATOR,)))
    assert caught.value.code is ErrorCode.NOT_ALLOWED


def test_a_complaint_about_aid_workers_is_seen_by_its_own_service_only(desk: Desk, monitor: Actor) -> None:
    ticket = desk.referral(course="ticket_no_identity", pathway="RP-PSEA", state="sent")
    plain = desk.referral(state="sent")
    overseer = desk.member(None, roles=(Role.IMO, Role.DPO, Role.ADMIN))
    with desk.hands.sessions() as session:
        assert [row.id for row in list_referrals(session, overseer)] == [plain.id]
        assert {row.id for row in list_referrals(session, monitor)} == {plain.id, ticket.id}
        with pytest.raises(PimError, match="no such referral"):
            show_referral(session, overseer, ticket.reference)


def test_a_complaint_that_nobody_serves_can_still_be_given_to_a_service(desk: Desk) -> None:
    ticket = desk.referral(None, course="ticket_no_identity", pathway="RP-PSEA")
    assert do(desk, reroute, desk.member(None, roles=(Role.IMO,)), ticket).service == "OTHER"


@pytest.mark.parametrize("act", [decline, close])
def test_what_a_colleague_accepted_only_the_colleague_ends(desk: Desk, monitor: Actor, act: Act) -> None:
    referral = desk.referral(state="accepted", accepted_by=monitor.id)
    assert refused(desk, act, desk.member(), referral) is ErrorCode.NOT_ALLOWED


@pytest.mark.parametrize(
    ("act", "state"),
    [
        (ACCEPT, "accepted"),
        (ACCEPT, "declined"),
        (ACCEPT, "closed"),
        (ACCEPT, "recalled"),
        (decline, "closed"),
        (decline, "recalled"),
        (close, "waiting"),
        (close, "sent"),
        (close, "closed"),
    ],
)
def test_a_move_that_the_state_does_not_allow_is_an_error_and_says_where_it_stands(
    desk: Desk, monitor: Actor, act: Act, state: str
) -> None:
    assert refused(desk, act, monitor, desk.referral(state=state)) is ErrorCode.NOT_POSSIBLE_NOW


@pytest.mark.parametrize("reason", ["", "because", "she moved to her sister's house"])
def test_a_reason_is_a_code_never_a_story(desk: Desk, monitor: Actor, reason: str) -> None:
    referral = desk.referral(state="sent")
    with pytest.raises(PimError) as caught, desk.hands.sessions.begin() as session:
        decline_referral(session, monitor, referral.reference, reason=reason)
    assert caught.value.code is ErrorCode.NOT_POSSIBLE_NOW
    assert not reason or reason not in str(caught.value)


def test_a_monitor_cannot_choose_another_service(desk: Desk, monitor: Actor) -> None:
    assert refused(desk, reroute, monitor, desk.referral(state="sent")) is ErrorCode.NOT_ALLOWED


@pytest.mark.parametrize("service", ["NOWHERE", "SAFE-NORTH"])
def test_a_referral_that_waits_goes_to_another_known_service_or_nowhere(desk: Desk, service: str) -> None:
    referral = desk.referral(state="sent")
    with pytest.raises(PimError), desk.hands.sessions.begin() as session:
        reroute_referral(session, COMMAND_LINE, referral.reference, service=service)


def test_a_shredded_case_is_not_sent_on(desk: Desk, monitor: Actor) -> None:
    referral = desk.referral(state="sent")
    do(desk, decline, monitor, referral)
    with desk.hands.sessions.begin() as session:
        case = session.get_one(CaseRow, referral.case_id)
        case.sealed, case.shredded_at = None, datetime.now(UTC)
    assert refused(desk, reroute, COMMAND_LINE, referral) is ErrorCode.NOT_POSSIBLE_NOW


def test_two_monitors_accepting_at_once_end_with_one(desk: Desk) -> None:
    referral = desk.referral(state="sent")
    outcomes: list[str] = []

    def try_it(actor: Actor) -> None:
        try:
            do(desk, ACCEPT, actor, referral)
            outcomes.append("accepted")
        except PimError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=try_it, args=(desk.member(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["accepted", ErrorCode.NOT_POSSIBLE_NOW]


def test_the_command_line_accepts_nothing_since_nobody_could_ever_see_the_case(desk: Desk) -> None:
    assert refused(desk, ACCEPT, COMMAND_LINE, desk.referral(state="sent")) is ErrorCode.NOT_ALLOWED


def test_only_who_may_reroute_asks_a_service_again(desk: Desk, monitor: Actor) -> None:
    assert refused(desk, reopen_referral, monitor, desk.referral(state="declined")) is ErrorCode.NOT_ALLOWED
    imo = desk.member(None, roles=(Role.IMO,))
    assert refused(desk, reopen_referral, imo, desk.referral(state="sent")) is ErrorCode.NOT_POSSIBLE_NOW
    assert refused(desk, reopen_referral, imo, desk.referral(state="closed")) is ErrorCode.NOT_POSSIBLE_NOW


# --- who may, and what follows


@pytest.mark.parametrize("held_by", ["nobody", "a colleague"])
def test_what_was_accepted_is_asked_of_the_same_service_again_and_another_member_takes_it(
    desk: Desk, monitor: Actor, held_by: str
) -> None:
    gone = desk.member()
    referral = desk.referral(state="accepted", accepted_by=gone.id if held_by == "a colleague" else None)
    row = do(desk, reopen_referral, desk.member(None, roles=(Role.IMO,)), referral)
    assert (row.state, row.service, row.accepted_by) == ("waiting", "SAFE-NORTH", None)
    assert desk.read(NoticeRow, kind="new", edition=2).state == "waiting"
    assert do(desk, ACCEPT, monitor, referral).accepted_by == UUID(monitor.id)


def test_a_service_that_declined_can_be_given_the_same_referral_again(desk: Desk, monitor: Actor) -> None:
    referral = desk.referral(state="sent")
    do(desk, decline, monitor, referral)
    with desk.hands.sessions.begin() as session:
        reroute_referral(session, COMMAND_LINE, referral.reference, service="SAFE-NORTH")
    row = desk.read(ReferralRow, id=referral.id)
    assert (row.state, row.service) == ("waiting", "SAFE-NORTH")
    assert not desk.read_all(NoticeRow, kind="recalled"), "it was not taken back from anybody"


def test_cases_that_nobody_can_see_are_counted(desk: Desk, monitor: Actor) -> None:
    desk.referral(state="accepted", accepted_by=monitor.id)
    desk.referral(state="accepted", course="ticket_no_identity")
    with desk.hands.sessions() as session:
        assert count_unseen(session) == 0
    desk.referral(state="accepted")
    desk.referral(state="accepted", accepted_by=desk.member("OTHER").id)
    with desk.hands.sessions.begin() as session:
        session.get_one(MemberRow, UUID(monitor.id)).is_active = False
        assert count_unseen(session) == 3


def test_accepting_says_who_and_leaves_a_move_and_a_journal_line(desk: Desk, monitor: Actor) -> None:
    referral = desk.referral(state="sent")
    row = do(desk, ACCEPT, monitor, referral)
    assert (row.state, str(row.accepted_by)) == ("accepted", monitor.id)
    move = desk.read(MoveRow, became="accepted")
    assert (move.was, move.by, move.reason) == ("sent", monitor.id, None)
    line = desk.read(JournalRow)
    assert (line.actor, line.action, line.noun, line.noun_id) == (monitor.id, "accept", "referrals", str(referral.id))


def test_declining_keeps_the_case_for_another_service_for_two_weeks_at_most(desk: Desk, monitor: Actor) -> None:
    referral = desk.referral(state="accepted", accepted_by=monitor.id)
    row = do(desk, decline, monitor, referral)
    assert (row.state, row.accepted_by) == ("declined", None)
    assert desk.read(MoveRow, became="declined").reason == "no_capacity"
    case = desk.read(CaseRow)
    assert case.sealed is not None
    assert case.shred_after - datetime.now(UTC) <= timedelta(days=14)
    assert desk.read(NoticeRow, edition=2).state == "waiting", "somebody must choose another service"


def test_declining_never_lengthens_the_life_of_a_case(desk: Desk, monitor: Actor) -> None:
    referral = desk.referral(state="sent")
    soon = datetime.now(UTC) + timedelta(days=2)
    with desk.hands.sessions.begin() as session:
        session.get_one(CaseRow, referral.case_id).shred_after = soon
    do(desk, decline, monitor, referral)
    assert desk.read(CaseRow).shred_after == soon


def test_closing_shreds_the_case(desk: Desk, monitor: Actor) -> None:
    referral = desk.referral(state="accepted", accepted_by=monitor.id)
    assert do(desk, close, monitor, referral).state == "closed"
    case = desk.read(CaseRow)
    assert case.sealed is None
    assert case.shredded_at is not None


def test_what_nobody_takes_is_closed_by_those_who_could_give_it_on(desk: Desk, monitor: Actor) -> None:
    referral = desk.referral(state="declined")
    assert refused(desk, close, monitor, referral) is ErrorCode.NOT_ALLOWED
    assert do(desk, close, desk.member(None, roles=(Role.IMO,)), referral).state == "closed"
    assert desk.read(CaseRow).sealed is None


def test_a_need_that_nobody_served_goes_to_a_service_and_is_announced_there(desk: Desk) -> None:
    referral = desk.referral(None)
    row = do(desk, reroute, desk.member(None, roles=(Role.IMO,)), referral)
    assert (row.state, row.service) == ("waiting", "OTHER")
    assert [(one.kind, one.edition, one.service) for one in desk.read_all(NoticeRow, edition=2)] == [("new", 2, None)]


def test_a_service_that_was_told_and_did_not_answer_hears_that_it_was_taken_back(desk: Desk) -> None:
    referral = desk.referral(state="sent")
    do(desk, reroute, COMMAND_LINE, referral)
    recalled = desk.read(NoticeRow, kind="recalled")
    assert recalled.service == "SAFE-NORTH"


def test_the_receiver_can_be_told_again(desk: Desk) -> None:
    referral = desk.referral(state="sent")
    with desk.hands.sessions.begin() as session:
        told = resend_notice(session, COMMAND_LINE, referral.reference)
    assert told.notice in {row.id for row in desk.read_all(NoticeRow, edition=2)}
    with pytest.raises(PimError), desk.hands.sessions.begin() as session:
        resend_notice(session, COMMAND_LINE, desk.referral(state="accepted").reference)


def test_the_command_line_closes_what_was_accepted_and_reveals_nobody(desk: Desk, monitor: Actor) -> None:
    referral = desk.referral(state="accepted", accepted_by=monitor.id)
    assert do(desk, close, COMMAND_LINE, referral).state == "closed"
    assert {line.actor for line in desk.read_all(JournalRow)} == {"command line"}


def test_a_referral_is_shown_with_its_moves_and_notices(desk: Desk, monitor: Actor) -> None:
    referral = desk.referral(state="sent")
    with desk.hands.sessions() as session:
        shown: Shown = show_referral(session, monitor, referral.reference)
    assert shown.referral.id == referral.id
    assert [move.became for move in shown.moves] == ["sent"]
    assert [notice.kind for notice in shown.notices] == ["new"]
