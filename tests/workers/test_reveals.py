"""Reveals: only for the member who accepted, journaled before anything is opened, shown once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text, update

from pimcollect.actions.reveals import ask_reveal, take_answer
from pimcollect.config import Settings
from pimcollect.domain.roles import COMMAND_LINE, Actor
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.journal import JournalRow
from pimcollect.tables.members import MemberRow
from pimcollect.tables.referrals import CaseRow, ReferralRow, RevealRow, shred_case
from pimcollect.tables.retention import drop_reveals
from pimcollect.vault import OpenKey, create_open_key, open_value
from tests.factories.referrals import CANARY, Desk
from workers.reveals import answer_waiting


@pytest.fixture
def desk(settings: Settings) -> Iterator[Desk]:
    desk = Desk(settings)
    desk.service()
    yield desk
    desk.hands.engine.dispose()


@pytest.fixture
def monitor(desk: Desk) -> Actor:
    return desk.member()


@pytest.fixture
def accepted(desk: Desk, monitor: Actor) -> ReferralRow:
    return desk.referral(state="accepted", accepted_by=monitor.id)


@dataclass(frozen=True)
class Page:
    """A page that asks: the private half of its key lives here only."""

    id: UUID
    actor: Actor
    key: OpenKey = field(repr=False)


def ask(desk: Desk, actor: Actor, referral: ReferralRow, *, reason: str = "contact") -> Page:
    key = create_open_key()
    with desk.hands.sessions.begin() as session:
        asked = ask_reveal(session, actor, referral.reference, reason=reason, public_key=key.seal_key.raw)
    return Page(asked, actor, key)


def look(desk: Desk, page: Page, *, actor: Actor | None = None) -> bytes | None:
    with desk.hands.sessions.begin() as session:
        return take_answer(session, actor or page.actor, page.id).sealed


def refusal(desk: Desk, reveal: Page) -> str | None:
    assert answer_waiting(desk.hands, first=reveal.id) == 0
    row = desk.read(RevealRow, id=reveal.id)
    assert row.sealed is None
    return str(row.refused)


def test_nobody_else_may_ask(desk: Desk, accepted: ReferralRow) -> None:
    colleague, stranger = desk.member(), desk.member(desk.service("OTHER"))
    for actor, code in (
        (colleague, ErrorCode.NOT_ALLOWED),
        (stranger, ErrorCode.NOT_FOUND),
        (COMMAND_LINE, ErrorCode.NOT_ALLOWED),
    ):
        with pytest.raises(PimError) as caught:
            ask(desk, actor, accepted)
        assert caught.value.code is code
    assert desk.read_all(RevealRow) == []


@pytest.mark.parametrize("state", ["waiting", "sent", "declined", "closed", "recalled"])
def test_only_what_is_accepted_can_be_asked_for(desk: Desk, monitor: Actor, state: str) -> None:
    referral = desk.referral(state=state, accepted_by=monitor.id)
    with pytest.raises(PimError) as caught:
        ask(desk, monitor, referral)
    assert caught.value.code is ErrorCode.NOT_POSSIBLE_NOW


def test_a_question_without_a_coded_reason_is_refused(desk: Desk, monitor: Actor, accepted: ReferralRow) -> None:
    with pytest.raises(PimError, match="coded reason"):
        ask(desk, monitor, accepted, reason="she lives next door to my cousin")


def test_the_worker_asks_again_who_accepted(desk: Desk, monitor: Actor, accepted: ReferralRow) -> None:
    reveal = ask(desk, monitor, accepted)
    desk.run(update(ReferralRow).values(accepted_by=desk.member().id))
    assert refusal(desk, reveal) == "accepted_by_other"


def test_a_referral_that_was_taken_back_meanwhile_is_not_opened(
    desk: Desk, monitor: Actor, accepted: ReferralRow
) -> None:
    reveal = ask(desk, monitor, accepted)
    desk.run(update(ReferralRow).values(state="recalled"))
    assert refusal(desk, reveal) == "not_accepted"


def test_a_member_who_was_switched_off_or_moved_sees_nothing(desk: Desk, monitor: Actor, accepted: ReferralRow) -> None:
    first = ask(desk, monitor, accepted)
    desk.run(update(MemberRow).values(is_active=False))
    assert refusal(desk, first) == "not_serving"
    second = ask(desk, monitor, accepted)
    desk.run(update(MemberRow).values(is_active=True, service=desk.service("OTHER")))
    assert refusal(desk, second) == "not_serving"


def test_a_shredded_case_says_so(desk: Desk, monitor: Actor, accepted: ReferralRow) -> None:
    reveal = ask(desk, monitor, accepted)
    with desk.hands.sessions.begin() as session:
        shred_case(session, accepted.case_id)
    assert refusal(desk, reveal) == "shredded"


def test_a_page_that_is_gone_is_not_answered(desk: Desk, monitor: Actor, accepted: ReferralRow) -> None:
    reveal = ask(desk, monitor, accepted)
    desk.run(update(RevealRow).values(asked_at=datetime.now(UTC) - timedelta(minutes=1)))
    assert refusal(desk, reveal) == "late"


def test_without_its_journal_line_nothing_is_opened(desk: Desk, monitor: Actor, accepted: ReferralRow) -> None:
    reveal = ask(desk, monitor, accepted)
    block = "ALTER TABLE journal ADD CONSTRAINT no_more CHECK (action <> 'reveal') NOT VALID"
    desk.run(text(block))
    try:
        assert answer_waiting(desk.hands) == 0
        row = desk.read(RevealRow)
        assert (row.sealed, row.answered_at) == (None, None)
        assert look(desk, reveal) is None
    finally:
        desk.run(text("ALTER TABLE journal DROP CONSTRAINT no_more"))
    assert answer_waiting(desk.hands) == 1, "and it is not lost: a page that still waits gets it"


def test_another_pages_key_opens_nothing(desk: Desk, monitor: Actor, accepted: ReferralRow) -> None:
    first, second = ask(desk, monitor, accepted), ask(desk, monitor, accepted)
    answer_waiting(desk.hands)
    sealed = look(desk, first)
    assert sealed is not None
    for key, context in ((second.key, f"reveal|{first.id}"), (first.key, f"reveal|{second.id}")):
        with pytest.raises(PimError) as caught:
            open_value(sealed, ring=(key,), context=context)
        assert caught.value.code is ErrorCode.SEAL_BROKEN


def test_another_member_cannot_take_the_answer(desk: Desk, monitor: Actor, accepted: ReferralRow) -> None:
    page = ask(desk, monitor, accepted)
    answer_waiting(desk.hands)
    assert look(desk, page, actor=desk.member()) is None
    assert look(desk, page) is not None


def test_it_is_shown_once_to_the_member_who_accepted(desk: Desk, monitor: Actor, accepted: ReferralRow) -> None:
    page = ask(desk, monitor, accepted)
    assert look(desk, page) is None, "not answered yet"
    assert answer_waiting(desk.hands) == 1
    sealed = look(desk, page)
    assert sealed is not None
    assert json.loads(open_value(sealed, ring=(page.key,), context=f"reveal|{page.id}")) == CANARY
    assert look(desk, page) is None, "there is no second time"
    assert desk.read(RevealRow).shown_at is not None
    lines = [(line.actor, line.action) for line in desk.read_all(JournalRow)]
    assert lines.count((monitor.id, "ask_reveal_contact")) == 1
    assert lines.count((monitor.id, "reveal")) == 1
    assert desk.read(CaseRow).sealed is not None, "the case itself stays sealed"


def test_what_no_page_fetched_is_dropped(desk: Desk, monitor: Actor, accepted: ReferralRow) -> None:
    ask(desk, monitor, accepted)
    answer_waiting(desk.hands)
    unanswered = ask(desk, monitor, accepted)
    desk.run(update(RevealRow).values(asked_at=datetime.now(UTC) - timedelta(minutes=11)))
    with desk.hands.sessions.begin() as session:
        drop_reveals(session)
    assert [row.sealed for row in desk.read_all(RevealRow)] == [None, None]
    assert desk.read(RevealRow, id=unanswered.id).refused == "late"
