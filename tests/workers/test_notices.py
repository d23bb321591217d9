"""Notices: once to the right receiver, nothing in them, and none lost whatever the mail server does."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from pimcollect.config import Settings
from pimcollect.notifiers.words import AMENDED, NEW, RECALLED, UNSERVED, WORDS, Facts, write_notice
from pimcollect.tables.referrals import MoveRow, NoticeRow, ReferralRow
from tests.factories.referrals import CANARY, PUBLIC_URL, Desk
from tests.journeys.mailbox import find_port
from tests.workers.postbox import Postbox, open_postbox
from workers import notices
from workers.notices import choose_pause, send_due

DUTY = "duty@operation.example.org"


@pytest.fixture
def postbox() -> Iterator[Postbox]:
    with open_postbox() as box:
        yield box


@pytest.fixture
def desk(settings: Settings, postbox: Postbox) -> Iterator[Desk]:
    desk = Desk(settings, smtp_url=postbox.url, mail_from="pim@pim.example.org", duty_email=DUTY)
    desk.service()
    yield desk
    desk.hands.engine.dispose()


def body_of(mail: object) -> str:
    return str(mail.get_content())  # type: ignore[attr-defined]


# --- when it does not work


def test_a_mail_server_that_is_away_loses_nothing(desk: Desk, postbox: Postbox) -> None:
    port = find_port()
    desk.change(smtp_url=f"smtp://127.0.0.1:{port}")
    desk.referral()
    desk.referral(urgency="R")
    assert send_due(desk.hands) == 0
    reasons = sorted(str(row.reason) for row in desk.read_all(NoticeRow))
    assert not any(row.may_be_told for row in desk.read_all(NoticeRow))
    assert reasons == ["None", "unreachable"], "one try is enough to know that the server is away"
    desk.make_due()
    assert send_due(desk.hands) == 0
    with open_postbox(port) as box:
        desk.run(update(NoticeRow).where(NoticeRow.attempts == 1).values(next_at=datetime.now(UTC)))
        assert send_due(desk.hands) == 2, "the one whose pause is over wakes the other"
        assert len(box.mails) == 2
    assert {row.state for row in desk.read_all(NoticeRow)} == {"sent"}


def test_without_a_mail_server_notices_wait_and_say_so(desk: Desk) -> None:
    url = desk.hands.settings.smtp_url
    desk.change(smtp_url="")
    desk.referral()
    assert send_due(desk.hands) == 0
    row = desk.read(NoticeRow)
    assert (row.state, row.reason, row.attempts) == ("waiting", "no_channel", 0)
    desk.change(smtp_url=url)
    assert send_due(desk.hands) == 1, "as soon as there is one, whatever the pause was"


@pytest.mark.parametrize("refusal", ["450 busy", "452 4.2.2 full", "552 5.2.2 mailbox full", "554 5.7.1 policy"])
def test_a_refusal_that_may_pass_is_tried_again(desk: Desk, postbox: Postbox, refusal: str) -> None:
    postbox.rcpt = refusal
    desk.referral()
    assert send_due(desk.hands) == 0
    row = desk.read(NoticeRow)
    assert row.state == "waiting"
    assert row.reason in {"deferred", "refused_for_now"}
    assert timedelta(seconds=3) < row.next_at - datetime.now(UTC) < timedelta(seconds=15)
    postbox.rcpt = "250 ok"
    desk.make_due()
    assert send_due(desk.hands) == 1


@pytest.mark.parametrize("duty", ["duty@relief.org", ""])
def test_a_real_deployment_writes_to_no_example_address_and_tells_the_duty_officer(
    desk: Desk, postbox: Postbox, duty: str
) -> None:
    desk.change(public_url="https://pim.relief.org", duty_email=duty)
    desk.referral()
    assert send_due(desk.hands) == (1 if duty else 0)
    row = desk.read(NoticeRow)
    assert (row.state, row.reason) == (("sent", None) if duty else ("waiting", "no_receiver"))


@pytest.mark.parametrize(
    ("rcpt", "data"), [("550 5.1.1 unknown", "250 ok"), ("550 no", "250 ok"), ("250 ok", "554 no")]
)
def test_a_refusal_for_good_is_dead_and_stays_visible(desk: Desk, postbox: Postbox, rcpt: str, data: str) -> None:
    postbox.rcpt, postbox.data = rcpt, data
    referral = desk.referral()
    assert send_due(desk.hands) == 0
    row = desk.read(NoticeRow)
    assert (row.state, row.reason, row.sent_at) == ("dead", "refused", None)
    assert desk.read(ReferralRow, id=referral.id).state == "waiting", "the referral itself is not lost"


def test_nothing_of_what_the_server_says_is_kept_or_logged(
    desk: Desk, postbox: Postbox, caplog: pytest.LogCaptureFixture
) -> None:
    postbox.rcpt = "550 5.1.1 <focal@service.example.org>: Canaria Qartaji has left"
    desk.referral()
    send_due(desk.hands)
    row = desk.read(NoticeRow)
    seen = caplog.text + " ".join(str(getattr(record, "facts", "")) for record in caplog.records)
    for secret in ("Canaria", "focal@"):
        assert secret not in seen
        assert secret not in str(vars(row))


def test_one_bad_address_does_not_hold_up_the_others(desk: Desk) -> None:
    desk.service("BROKEN", mail="a@b.example\r\nBcc: all@example.org")
    desk.referral("BROKEN")
    desk.referral(urgency="R")
    assert send_due(desk.hands) == 1
    assert sorted(row.state for row in desk.read_all(NoticeRow)) == ["dead", "sent"]


def test_a_server_that_drops_after_taking_is_asked_again_with_the_same_id(desk: Desk, postbox: Postbox) -> None:
    postbox.drops = True
    desk.referral()
    assert send_due(desk.hands) == 0
    assert (desk.read(NoticeRow).reason, desk.read(NoticeRow).may_be_told) == ("unreachable", True)
    postbox.drops = False
    desk.make_due()
    assert send_due(desk.hands) == 1
    ids = {mail["Message-ID"] for mail in postbox.mails}
    assert ids == {f"<{desk.read(NoticeRow).id}@pim.example.org>"}


def test_killed_between_sending_and_recording_it_is_sent_again_with_the_same_id(
    desk: Desk, postbox: Postbox, settings: Settings
) -> None:
    desk.referral()
    sender = start_sender(settings, postbox)
    postbox.kills = sender.pid
    assert sender.wait(timeout=30) == -signal.SIGKILL
    postbox.kills = None
    assert len(postbox.mails) == 1
    assert desk.read(NoticeRow).may_be_told
    assert send_due(desk.hands) == 0, "the lease of the dead one holds for a while"
    desk.make_due()
    assert send_due(desk.hands) == 1
    first, second = postbox.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert len(desk.read_all(MoveRow, became="sent")) == 1


def start_sender(settings: Settings, postbox: Postbox) -> subprocess.Popen[bytes]:
    """A process of its own that sends what is due, as a worker would; it begins when it reads a line."""
    env = {
        **os.environ,
        "PIMCOLLECT_HOME": str(settings.home),
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "PIMCOLLECT_DOOR_KEYS": str(settings.door_keys),
        "PIMCOLLECT_HANDS_KEYS": str(settings.hands_keys),
        "PIMCOLLECT_SMTP_URL": postbox.url,
        "PIMCOLLECT_MAIL_FROM": "pim@pim.example.org",
    }
    code = "import time, uuid; from workers.notices import send; time.sleep(0.3); send(str(uuid.uuid4()))"
    return subprocess.Popen([sys.executable, "-c", code], env=env)


def test_after_three_days_a_notice_gives_up(desk: Desk, postbox: Postbox) -> None:
    postbox.rcpt = "450 busy"
    desk.referral()
    desk.run(update(NoticeRow).values(created_at=datetime.now(UTC) - timedelta(hours=73)))
    send_due(desk.hands)
    assert (desk.read(NoticeRow).state, desk.read(NoticeRow).reason) == ("dead", "deferred")


def test_a_server_that_never_answers_costs_seconds_not_minutes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pimcollect.notifiers.email.ANSWER_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        desk.change(smtp_url=f"smtp://127.0.0.1:{silent.getsockname()[1]}")
        for _ in range(5):
            desk.referral()
        begun = datetime.now(UTC)
        assert send_due(desk.hands) == 0
        assert datetime.now(UTC) - begun < timedelta(seconds=2)


# --- whom it tells, and when it is not true any more


def test_without_a_receiver_it_waits_for_one(desk: Desk) -> None:
    desk.change(duty_email="")
    urgent, routine = desk.referral(None), desk.referral(None, urgency="R")
    desk.run(update(NoticeRow).values(created_at=datetime.now(UTC) - timedelta(days=30)))
    assert send_due(desk.hands) == 0
    for referral, minutes in ((urgent, 5), (routine, 60)):
        row = desk.read(NoticeRow, referral=referral.id)
        assert (row.state, row.reason, row.may_be_told) == ("waiting", "no_receiver", False)
        assert timedelta(minutes=minutes - 1) < row.next_at - datetime.now(UTC) <= timedelta(minutes=minutes)


def test_a_recalled_referral_is_not_announced(desk: Desk, postbox: Postbox) -> None:
    desk.referral(state="recalled", kinds=("new", "recalled"))
    assert send_due(desk.hands) == 0
    assert postbox.mails == []
    assert {(row.state, row.reason) for row in desk.read_all(NoticeRow)} == {("dead", "not_needed")}


def test_who_was_told_is_told_of_the_recall(desk: Desk, postbox: Postbox) -> None:
    referral = desk.referral()
    send_due(desk.hands)
    with desk.hands.sessions.begin() as session:
        session.get_one(ReferralRow, referral.id).state = "recalled"
        session.add(NoticeRow(referral=referral.id, kind="recalled"))
    assert send_due(desk.hands) == 1
    assert "was taken back" in body_of(postbox.mails[1])
    assert desk.read(ReferralRow, id=referral.id).state == "recalled"


def test_who_may_have_been_told_by_a_killed_sender_is_told_of_the_recall(desk: Desk, postbox: Postbox) -> None:
    referral = desk.referral(state="recalled", kinds=("new", "recalled"))
    desk.run(update(NoticeRow).where(NoticeRow.kind == "new").values(may_be_told=True, service="SAFE-NORTH"))
    assert send_due(desk.hands) == 1
    (mail,) = postbox.mails
    assert "was taken back" in body_of(mail)
    assert referral.reference in body_of(mail)


def test_a_service_that_lost_a_referral_hears_only_that_it_was_taken_back(desk: Desk, postbox: Postbox) -> None:
    desk.service("SAFE-SOUTH", mail="south@service.example.org")
    referral = desk.referral()
    send_due(desk.hands)
    with desk.hands.sessions.begin() as session:
        row = session.get_one(ReferralRow, referral.id)
        row.service, row.state = "SAFE-SOUTH", "waiting"
        session.add(NoticeRow(referral=row.id, kind="recalled", service="SAFE-NORTH"))
        session.add(NoticeRow(referral=row.id, kind="new", edition=2))
    assert send_due(desk.hands) == 2
    told = dict(zip(postbox.receivers[1:], map(body_of, postbox.mails[1:]), strict=True))
    assert "was taken back" in told["focal@service.example.org"]
    assert "waits for you" in told["south@service.example.org"]


def test_an_amendment_before_the_first_mail_is_one_mail(desk: Desk, postbox: Postbox) -> None:
    desk.referral(kinds=("new", "amended"))
    desk.run(
        update(NoticeRow).where(NoticeRow.kind == "amended").values(next_at=datetime.now(UTC) - timedelta(hours=1))
    )
    assert send_due(desk.hands) == 1
    assert "waits for you" in body_of(postbox.mails[0])


def test_an_amendment_after_the_first_mail_is_told(desk: Desk, postbox: Postbox) -> None:
    referral = desk.referral()
    send_due(desk.hands)
    with desk.hands.sessions.begin() as session:
        session.add(NoticeRow(referral=referral.id, kind="amended"))
    assert send_due(desk.hands) == 1
    assert "has changed" in body_of(postbox.mails[1])


def test_nobody_serves_it_then_the_duty_officer_is_told(desk: Desk, postbox: Postbox) -> None:
    referral = desk.referral(None)
    assert send_due(desk.hands) == 1
    assert postbox.receivers == [DUTY]
    assert "nobody to go to" in body_of(postbox.mails[0])
    assert desk.read(ReferralRow, id=referral.id).state == "no_service"


def test_a_service_without_a_readable_contact_falls_back_to_the_duty_officer(desk: Desk, postbox: Postbox) -> None:
    desk.service("SILENT", mail=None)
    desk.referral("SILENT")
    assert send_due(desk.hands) == 1
    assert postbox.receivers == [DUTY]


# --- when it works


def test_a_notice_is_delivered_once_and_moves_the_referral(desk: Desk, postbox: Postbox) -> None:
    referral = desk.referral()
    assert send_due(desk.hands) == 1
    assert send_due(desk.hands) == 0
    assert postbox.receivers == ["focal@service.example.org"]
    row = desk.read(ReferralRow, id=referral.id)
    assert row.state == "sent"
    moves = [(move.was, move.became, move.by) for move in desk.read_all(MoveRow, referral=referral.id)]
    assert ("waiting", "sent", "workers") in moves
    (mail,) = postbox.mails
    assert mail["Auto-Submitted"] == "auto-generated"
    text = body_of(mail)
    assert f"{PUBLIC_URL}/referrals/{referral.reference}" in text
    assert f"{row.due_at:%Y-%m-%d %H:%M} (UTC)" in text


def test_the_most_urgent_goes_first(desk: Desk, postbox: Postbox) -> None:
    references = {urgency: desk.referral(urgency=urgency).reference for urgency in ("R", "H", "U")}
    assert send_due(desk.hands) == 3
    order = [str(mail["Subject"]).partition(":")[0] for mail in postbox.mails]
    assert order == [references["U"], references["H"], references["R"]]


def test_two_senders_at_once_send_each_notice_once(desk: Desk, settings: Settings, postbox: Postbox) -> None:
    other = Desk(settings, smtp_url=postbox.url, duty_email=DUTY)
    for _ in range(20):
        desk.referral()
    threads = [threading.Thread(target=send_due, args=(one.hands,)) for one in (desk, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.hands.engine.dispose()
    assert len(postbox.mails) == 20
    assert len({mail["Message-ID"] for mail in postbox.mails}) == 20


@pytest.mark.parametrize("course", ["referral", "ticket_no_identity", "supervisor_alert_no_identity"])
def test_a_mail_holds_nothing_of_the_case(desk: Desk, postbox: Postbox, course: str) -> None:
    referral = desk.referral(course=course)
    send_due(desk.hands)
    (mail,) = postbox.mails
    seen = " ".join([str(mail), body_of(mail), *map(str, mail.values())])
    for secret in (
        *CANARY.values(),
        "RP-SAFE",
        "SAFE-NORTH",
        "XX0101",
        "Practice",
        str(referral.id),
        str(referral.case_id),
    ):
        assert secret not in seen


@pytest.mark.parametrize(("kind", "urgency"), [*itertools.product((NEW, AMENDED, RECALLED, UNSERVED), "UHR")])
def test_every_text_in_every_language_says_the_four_things_and_no_more(kind: str, urgency: str) -> None:
    due = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
    facts = Facts(kind, "R-7F3K2M4P", urgency, due, "https://pim.example.org/referrals/R-7F3K2M4P")
    other = Facts(kind, "R-22222222", urgency, due, "https://pim.example.org/referrals/R-22222222")
    for language in WORDS:
        subject, text = write_notice(facts, (language,))
        assert "R-7F3K2M4P" in subject
        assert "{" not in text
        assert write_notice(other, (language,))[1] == text.replace("R-7F3K2M4P", "R-22222222")
        assert (facts.link in text) is (kind != RECALLED)
    _, together = write_notice(facts, tuple(WORDS))
    assert all(words[kind].format(reference="R-7F3K2M4P") in together for words in WORDS.values())


def test_a_long_run_ends_and_rings_for_the_rest(desk: Desk, postbox: Postbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "_RUN_SECONDS", 0.0)
    for _ in range(3):
        desk.referral()
    assert send_due(desk.hands) == 1
    assert desk.hands.bell.depth("notices") == 1


def test_pauses_grow_and_urgent_ones_stay_short() -> None:
    assert 7 <= choose_pause("U", 1) <= 13
    assert choose_pause("U", 40) <= 300 * 1.25
    assert 4 * 3600 <= choose_pause("R", 40) <= 7.5 * 3600
