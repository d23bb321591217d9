"""Send notices: take the most urgent one that is due, close, send, then record what became of it.

A process that dies between sending and recording leaves a lease behind; the notice is sent again with the same
Message-ID. At least once, and known as a repetition. See docs/decisions/0005.
"""

from __future__ import annotations

import json
import random
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pimcollect.config import Settings
from pimcollect.db import transaction
from pimcollect.domain.referrals import State, Verb, is_open, move
from pimcollect.doorbell import NOTICES
from pimcollect.errors import PimError
from pimcollect.log import open_log
from pimcollect.notifiers.base import Channel, Message, NotDelivered
from pimcollect.notifiers.reserved import is_practising, is_reserved
from pimcollect.notifiers.words import NEW, RECALLED, UNSERVED, Facts, write_notice
from pimcollect.plugins import find_plugin
from pimcollect.tables.catalogue import ServiceRow
from pimcollect.tables.journal import beat
from pimcollect.tables.notices import (
    NOT_NEEDED,
    WAITING,
    find_notices,
    lease_notice,
    record_dead,
    record_failure,
    record_sent,
    take_notice,
    wake_notices,
)
from pimcollect.tables.referrals import MoveRow, NoticeRow, ReferralRow
from pimcollect.vault import open_value
from workers.hands import Hands, hands

LEASE_SECONDS = 60.0
"""Longer than one send can take; what a killed sender held is free again after it."""
MOST_HOURS = 72.0
_RUN_SECONDS = 120.0
"""A run ends before the queue would end it, and rings for the rest."""
_FIRST_SECONDS = 10.0
_LONGEST_SECONDS = {"U": 300.0, "H": 1800.0, "R": 6 * 3600.0}
"""The longest pause between two attempts, by urgency."""
_HOUR = 3600.0
_UNSERVED = (State.NO_SERVICE, State.DECLINED)
"""Somebody must choose a service: the duty officer is told, whoever it was addressed to before."""
_UNANSWERED = (State.WAITING, State.SENT, *_UNSERVED)
"""Only then is a first notice still news."""
_NO_RECEIVER, _NO_CHANNEL = "no_receiver", "no_channel"
_CHANNEL_REASONS = ["unreachable", "server_refused", "server_cannot", "login_refused", "login_needs_tls", "tls_failed"]
_log = open_log("notices")


@dataclass(frozen=True)
class _Letter:
    """A notice taken, with all that is needed to send it and to record it."""

    notice: UUID
    referral: UUID
    channel: str
    kind: str
    urgency: str
    attempts: int
    was_told: bool
    """Whether an earlier attempt may have reached the receiver."""
    to: str | None
    facts: Facts


def send(notice: str) -> None:
    """The job. `notice` is the id that was rung for; whatever else is due is sent too."""
    UUID(notice)
    send_due(hands())


def send_due(own: Hands) -> int:
    """Send all that is due, the most urgent first. Returns how many were sent."""
    own.bell.quiet(NOTICES)
    until = time.monotonic() + _RUN_SECONDS
    sent, silent = 0, _find_silent(own)
    with ExitStack() as stack:
        channels: dict[str, Channel] = {}
        while (letter := _take(own, silent)) is not None:
            if isinstance(letter, UUID):
                continue
            failure = _deliver(own, letter, channels, stack)
            if failure is None:
                sent += _record_sent(own, letter)
            else:
                _record_failure(own, letter, failure)
                if failure.is_channel:  # every other mail would fail in the same way: the next sweep tries again
                    silent.append(letter.channel)
            if time.monotonic() > until:
                own.bell.ring_notice(letter.notice)
                break
    return sent


def tell_settings(settings: Settings) -> dict[str, Any]:
    """What `pimcollect doctor` may know of the settings that notices are sent with; no secret, and nobody's address."""
    return {
        "has_mail": bool(settings.smtp_url),
        "has_duty_officer": bool(settings.duty_email),
        "address": settings.public_url,
    }


def _find_silent(own: Hands) -> list[str]:
    """Channels that nobody set up: their notices wait and say so, without counting attempts."""
    silent: list[str] = []
    with transaction(own.sessions) as session:
        beat(session, NOTICES, told=tell_settings(own.settings))
        for name in session.scalars(select(NoticeRow.channel).where(NoticeRow.state == WAITING).distinct()).all():
            try:
                is_ready = find_plugin("notifiers", name).is_set_up(own.settings)
            except PimError:
                is_ready = False
            if is_ready:
                wake_notices(session, channel=name, reasons=[_NO_CHANNEL])
            else:
                silent.append(name)
                _say_no_channel(session, name)
    return silent


def _say_no_channel(session: Session, channel: str) -> None:
    rows = session.scalars(
        select(NoticeRow)
        .where(NoticeRow.state == WAITING, NoticeRow.channel == channel, NoticeRow.next_at <= func.clock_timestamp())
        .with_for_update(skip_locked=True)
        .limit(500)
    )
    for row in rows:
        record_failure(session, row.id, _NO_CHANNEL, seconds=_HOUR, most_hours=None, may_be_told=row.may_be_told)


def _take(own: Hands, silent: list[str]) -> _Letter | UUID | None:
    """Lease one notice and read what sending needs. A bare id: it was not needed any more."""
    with transaction(own.sessions) as session:
        row = take_notice(session, silent=silent)
        if row is None:
            return None
        referral = session.get_one(ReferralRow, row.referral)
        addressed = None if referral.state in _UNSERVED else referral.service
        row.service = row.service or addressed  # from now on it is known whom this notice tells
        others = [one for one in find_notices(session, row.referral) if one.id != row.id]
        if not _is_needed(row, referral, others, addressed=addressed):
            record_dead(session, row.id, NOT_NEEDED, may_be_told=row.may_be_told)
            return row.id
        letter = _write_letter(own, session, row, referral)
        lease_notice(row, seconds=LEASE_SECONDS)
        return letter


def _write_letter(own: Hands, session: Session, row: NoticeRow, referral: ReferralRow) -> _Letter:
    is_unserved = row.kind != RECALLED and row.service is None
    return _Letter(
        notice=row.id,
        referral=referral.id,
        channel=row.channel,
        kind=row.kind,
        urgency=referral.urgency,
        attempts=row.attempts + 1,
        was_told=row.may_be_told,
        to=_find_receiver(own, session, row.service),
        facts=Facts(
            kind=UNSERVED if is_unserved else row.kind,
            reference=referral.reference,
            urgency=referral.urgency,
            due_at=referral.due_at,
            link=f"{_find_address(own.settings)}/referrals/{referral.reference}",
        ),
    )


def _find_address(settings: Settings) -> str:
    return settings.public_url or f"http://127.0.0.1:{settings.port}"


def _is_needed(row: NoticeRow, referral: ReferralRow, others: list[NoticeRow], *, addressed: str | None) -> bool:
    """Whether what the notice tells is still true, and new to whom it addresses."""
    same = [one for one in others if one.service == row.service]
    is_told = any(one.kind != RECALLED and one.may_be_told for one in same)
    if row.kind == RECALLED:
        return is_told
    if row.service != addressed:
        return False
    if any(one.kind == row.kind and one.edition > row.edition and one.state == WAITING for one in others):
        return False
    if row.kind == NEW:
        return referral.state in _UNANSWERED
    return is_open(referral.state) and (is_told or not any(_is_coming(one) for one in others))


def _is_coming(row: NoticeRow) -> bool:
    return row.kind == NEW and row.state == WAITING


def _find_receiver(own: Hands, session: Session, service: str | None) -> str | None:
    """The focal point of the service, else the duty officer, else nobody."""
    row = None if service is None else session.get(ServiceRow, service)
    if row is not None:
        try:
            contact = json.loads(open_value(row.contact_sealed, ring=own.keys.cases, context=f"service|{row.code}"))
            mail = contact.get("mail")
        except (PimError, ValueError, AttributeError):
            _log.error("contact_unreadable")
            mail = None
        if isinstance(mail, str) and "@" in mail:
            if not is_reserved(mail) or is_practising(own.settings):
                return mail
            _log.warning("practice_address")  # nobody reads it: the duty officer is told
    return own.settings.duty_email or None


def _deliver(own: Hands, letter: _Letter, channels: dict[str, Channel], stack: ExitStack) -> NotDelivered | None:
    """Send one letter, outside any transaction. Returns why it did not go out; an error of ours is such a reason too,
    so that no letter stands in the way of the others."""
    if letter.to is None:
        return NotDelivered(_NO_RECEIVER, retry_after=min(_HOUR, _LONGEST_SECONDS[letter.urgency]))
    subject, text = write_notice(letter.facts, own.settings.languages)
    key, is_urgent = str(letter.notice), letter.urgency == "U"
    try:
        if letter.channel not in channels:
            notifier = find_plugin("notifiers", letter.channel)
            channels[letter.channel] = stack.enter_context(notifier.open_channel(own.settings))
        channels[letter.channel].deliver(Message(key, letter.to, subject, text, is_urgent))
    except NotDelivered as failure:
        return failure
    except Exception as error:  # told by its class: its text may quote the address
        _log.error("sending_failed", notice=letter.notice, error=type(error).__name__)
        return NotDelivered("failing", is_unclear=True)
    return None


def _record_sent(own: Hands, letter: _Letter) -> bool:
    """Mark it sent; the first notice to a service moves its referral on. The channel works: wake what waited for it."""
    with transaction(own.sessions) as session:
        referral = session.scalar(select(ReferralRow).where(ReferralRow.id == letter.referral).with_for_update())
        is_first = record_sent(session, letter.notice)
        wake_notices(session, channel=letter.channel, reasons=_CHANNEL_REASONS)
        if is_first and referral is not None and letter.kind == NEW and referral.state == State.WAITING:
            was, referral.state = referral.state, move(referral.state, Verb.SEND)
            referral.moved_at = func.clock_timestamp()
            session.add(MoveRow(referral=referral.id, was=was, became=referral.state, by="workers"))
        return is_first


def _record_failure(own: Hands, letter: _Letter, failure: NotDelivered) -> None:
    told = letter.was_told or failure.is_unclear
    seconds = failure.retry_after or choose_pause(letter.urgency, letter.attempts)
    with transaction(own.sessions) as session:
        if failure.is_final:
            record_dead(session, letter.notice, failure.reason, may_be_told=told)
        else:
            hours = None if failure.reason == _NO_RECEIVER else MOST_HOURS
            record_failure(session, letter.notice, failure.reason, seconds=seconds, most_hours=hours, may_be_told=told)
    _log.warning("notice_waits", notice=letter.notice, reason=failure.reason, attempts=letter.attempts)


def choose_pause(urgency: str, attempts: int) -> float:
    """Seconds until the next attempt: doubling from ten seconds, never longer than the urgency bears, with jitter."""
    pause = _FIRST_SECONDS * 2.0 ** min(attempts - 1, 16)
    return min(pause, _LONGEST_SECONDS[urgency]) * random.uniform(0.75, 1.25)  # noqa: S311 - not a secret
