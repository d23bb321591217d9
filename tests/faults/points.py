"""F02, F03 and F18: dead at named places between receipt and mail, and two workers with one entry."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from forms.release import Frozen
from pimcollect.actions.forms import keep_version
from pimcollect.config import Settings
from pimcollect.db import open_engine
from pimcollect.domain.roles import COMMAND_LINE
from tests.bench.grounds import open_ground
from tests.factories.households import Household, open_household, write_kobo
from tests.factories.phones import Phones, open_phones, write_odk, write_post
from tests.faults.crash import Nursery, Point, Post
from tests.faults.found import Found
from tests.webhooks.openrosa.conftest import XFORM
from tests.workers.postbox import Postbox, open_postbox
from tests.workers.test_fetch_kobo import URGENT
from tests.workers.test_pictures import ANSWERS, FORM, JPEG, PHOTO, picture_version
from webhooks.hooks import SECRET_HEADER

TABLES = ("notices", "referral_moves", "referrals", "pictures", "cases", "submissions", "media", "entries", "tallies")
STATE = """
    SELECT (SELECT count(*) FROM entries) AS entries, (SELECT count(*) FROM media) AS files,
           (SELECT count(*) FROM entries WHERE state = 'settled' AND body IS NULL) AS settled,
           (SELECT coalesce(max(attempts), 0) FROM entries) AS attempts,
           (SELECT count(*) FROM submissions) AS submissions, (SELECT count(*) FROM cases) AS cases,
           (SELECT count(*) FROM referrals) AS referrals,
           (SELECT count(*) FROM notices WHERE state = 'waiting') AS waiting,
           (SELECT count(*) FROM notices WHERE state = 'sent') AS sent,
           (SELECT count(*) FROM referral_moves WHERE became = 'sent') AS moved
"""
NOTHING = {
    "entries": 0,
    "files": 0,
    "settled": 0,
    "submissions": 0,
    "cases": 0,
    "referrals": 0,
    "waiting": 0,
    "sent": 0,
}
TAKEN = {**NOTHING, "entries": 1, "attempts": 0}
TRIED = {**TAKEN, "attempts": 1}
DONE = {"entries": 1, "settled": 1, "submissions": 1, "cases": 1, "referrals": 1}
TO_SEND = {**DONE, "waiting": 1, "sent": 0, "moved": 0}
AT_END = {**DONE, "waiting": 0, "sent": 1, "moved": 1}

_ROUTES, _PHONES, _SETTLE, _NOTICES = (
    "webhooks.routes",
    "webhooks.openrosa.submission",
    "workers.settle",
    "workers.notices",
)
_MAIL = "pimcollect.notifiers.email:MailChannel.deliver"


@dataclass(frozen=True)
class Named:
    """A named point: in which step it lies, what must be found right after the death, and how many mails are out."""

    verb: str
    point: Point
    after: dict[str, int]
    mails: int = 0
    has_file: bool = False


POINTS = {
    "before_seal": Named("post", Point("webhooks.inbox:seal_value"), NOTHING),
    # a hook's put is one statement that commits itself; between insert and commit one can only be with files
    "after_insert": Named("post", Point(f"{_PHONES}:accept", is_before=False), NOTHING, has_file=True),
    "mid_attachment": Named("post", Point(f"{_PHONES}:store_media", is_before=False), NOTHING, has_file=True),
    "after_commit": Named("post", Point(f"{_ROUTES}:accept", is_before=False), TAKEN),
    "after_enqueue": Named("post", Point("pimcollect.doorbell:Bell._ring", is_before=False), TAKEN),
    "after_attempt": Named("settle", Point(f"{_SETTLE}:_settle_together"), TRIED),
    "after_open": Named("settle", Point(f"{_SETTLE}:open_value", is_before=False), TRIED),
    "after_case": Named("settle", Point("workers.writing:put_rows", is_before=False, only="CaseRow"), TRIED),
    "after_notices": Named("settle", Point("workers.writing:put_rows", is_before=False, only="NoticeRow"), TRIED),
    "before_done": Named("settle", Point("workers.writing:settle_entries"), TRIED),
    "after_done_commit": Named("settle", Point("pimcollect.doorbell:Bell.ring_notice"), TO_SEND),
    "before_send": Named("send", Point(_MAIL), TO_SEND),
    "after_send": Named("send", Point(_MAIL, is_before=False), TO_SEND, mails=1),
    "before_mark_sent": Named("send", Point(f"{_NOTICES}:record_sent"), TO_SEND, mails=1),
}


@dataclass
class Stage:
    """Both doors, workers and a mail server; every step in a process of its own."""

    settings: Settings
    engine: Engine
    household: Household
    phones: Phones
    postbox: Postbox
    nursery: Nursery

    def look(self) -> dict[str, int]:
        """What is in the tables."""
        with self.engine.connect() as connection:
            return dict(connection.execute(text(STATE)).one()._mapping)

    def clear(self) -> None:
        """As before the first delivery."""
        with self.engine.begin() as connection:
            for table in TABLES:
                connection.execute(text(f"DELETE FROM {table}"))
        self.postbox.raw.clear()

    def make_due(self) -> None:
        """Let a dead sender's lease be over; in service that takes its minute."""
        with self.engine.begin() as connection:
            connection.execute(text("UPDATE notices SET next_at = clock_timestamp(), lease_until = NULL"))

    def write(self, *, has_file: bool) -> Post:
        """A delivery with a referral, with a file or by a hook."""
        if has_file:
            xml, _ = write_odk(ANSWERS, frozen=Frozen(picture_version(), b"", XFORM))
            body, kind = write_post(xml, {PHOTO: JPEG})
            headers = {"Content-Type": kind, "X-OpenRosa-Version": "1.0"}
            return Post("phones", f"{self.phones.base}/submission", body.decode("latin-1"), headers)
        body, _ = write_kobo(URGENT, frozen=self.household.frozen, root=str(uuid4()))
        hook = self.household.door.hook
        return Post("hooks", hook.path, body.decode("latin-1"), {SECRET_HEADER: hook.secret})


@contextmanager
def open_stage() -> Iterator[Stage]:
    """For as long as the block; its servers commit as durably as in service."""
    with ExitStack() as stack:
        postbox = stack.enter_context(open_postbox())
        settings = replace(stack.enter_context(open_ground()), smtp_url=postbox.url)
        engine = open_engine(settings.database_url)
        stack.callback(engine.dispose)
        household = open_household(settings, engine)
        stack.callback(household.hands.engine.dispose)
        with Session(engine) as session, session.begin():
            keep_version(session, COMMAND_LINE, version=picture_version(), xlsx=b"", xform=XFORM)
        phones = open_phones(settings, engine, FORM)
        stack.callback(phones.puts.dispose)
        more = {"PIMCOLLECT_SMTP_URL": postbox.url, "PIMCOLLECT_DUTY_EMAIL": "duty@example.org"}
        yield Stage(settings, engine, household, phones, postbox, stack.enter_context(Nursery(settings, **more)))


def crash_once(stage: Stage, name: str, found: Found) -> None:
    """Die at one point, look, come back as service does, and look again."""
    named, before = POINTS[name], len(found.violations)
    stage.clear()
    post = stage.write(has_file=named.has_file)
    steps = ("post", "settle", "send")
    for verb in steps[: steps.index(named.verb)]:
        found.expect(stage.nursery.run(verb, request=post) == "ended 0", f"{name}: {verb} before it failed")
    ended = stage.nursery.run(named.verb, named.point, request=post)
    found.expect(ended == f"ended {-signal.SIGKILL}", f"{name}: the point was not reached ({ended})")
    seen = stage.look()
    wrong = {what: seen[what] for what, count in named.after.items() if seen[what] != count}
    found.expect(not wrong, f"{name}: right after it {wrong} instead of {named.after}")
    found.expect(len(stage.postbox.raw) == named.mails, f"{name}: {len(stage.postbox.raw)} mails went out")
    stage.make_due()
    for verb in steps:  # the sender comes again, the clock rings again
        found.expect(stage.nursery.run(verb, request=post) == "ended 0", f"{name}: {verb} after it failed")
    _judge_end(stage, name, found)
    found.n += 1
    found.notes[name] = found.notes.get(name, 0) + (len(found.violations) == before)


def _judge_end(stage: Stage, name: str, found: Found) -> None:
    seen = stage.look()
    found.lost += any(seen[what] < count for what, count in AT_END.items())
    found.dup += any(seen[what] > count for what, count in AT_END.items() if what != "waiting")
    wrong = {what: seen[what] for what, count in AT_END.items() if seen[what] != count}
    found.expect(not wrong, f"{name}: at the end {wrong} instead of {AT_END}")
    keys = [mail["Message-ID"] for mail in stage.postbox.mails]
    found.expect(len(set(keys)) == 1, f"{name}: {len(set(keys))} different mails")
    found.expect(len(keys) <= 1 + POINTS[name].mails, f"{name}: {len(keys)} mails")


def kill_at_points(*, is_quick: bool) -> Found:
    """F02: fourteen points; the note of each says how often all was as its row says."""
    found = Found()
    with open_stage() as stage:
        for _ in range(1 if is_quick else 50):
            for name in POINTS:
                crash_once(stage, name, found)
    return found


def crash_before_mark(*, is_quick: bool) -> Found:
    """F18: the mail is out and the sender dies before it is written down; the receiver knows the second by its key."""
    found = Found()
    with open_stage() as stage:
        for _ in range(2 if is_quick else 100):
            crash_once(stage, "after_send", found)
            found.expect(len(stage.postbox.raw) == 2, "it was not sent again")
    return found


_HALVES = ("after_attempt", "after_open", "after_case", "after_notices", "before_done")


def redeliver_while_alive(*, is_quick: bool) -> Found:
    """F03: a worker stands still somewhere in an entry, another one gets the same entry, then the first goes on."""
    found, chance = Found(), random.Random(3)  # noqa: S311 - repeatable
    with open_stage() as stage:
        for _ in range(5 if is_quick else 500):
            name = chance.choice(_HALVES)
            stage.clear()
            post = stage.write(has_file=False)
            stage.nursery.run("post", request=post)
            halted = stage.nursery.run("settle", replace(POINTS[name].point, way=int(signal.SIGSTOP)))
            found.expect(halted.startswith("stopped"), f"{name}: it did not stand still there ({halted})")
            stage.household.settle()
            found.expect(stage.nursery.go_on() == "ended 0", f"{name}: the first one did not come to its end")
            stage.household.settle()
            seen = stage.look()
            wrong: dict[str, Any] = {what: seen[what] for what, count in TO_SEND.items() if seen[what] != count}
            found.lost += seen["submissions"] < 1
            found.dup += seen["submissions"] > 1 or seen["referrals"] > 1 or seen["waiting"] > 1
            found.expect(not wrong, f"{name}: {wrong} instead of {TO_SEND}")
            found.n += 1
    return found
