"""Six identical posts at the same moment, round after round, to the two web processes of a real service."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from uuid import uuid4

import requests
from sqlalchemy import text
from sqlalchemy.orm import Session

from pimcollect.actions.phones import add_phone
from pimcollect.actions.releases import release_to_phones
from pimcollect.db import open_engine
from pimcollect.domain.phones import PhoneKind
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.vault import read_door_keys
from tests.bench.grounds import open_ground, serve
from tests.factories.households import SCENARIOS, freeze, open_household
from tests.factories.phones import write_odk, write_post

AT_ONCE = 6
FORM = "hh_core"


@dataclass
class Resent:
    """What came of the rounds."""

    rounds: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: int = 0
    """Rounds that were not exactly one 201 and else 202."""
    entries: int = 0


def resend(rounds: int) -> Resent:
    """New submissions, parts of split ones and corrections take turns; each is posted six times at once."""
    done = Resent()
    with ExitStack() as stack:
        settings = stack.enter_context(open_ground())
        engine = open_engine(settings.database_url, pool_size=8)
        stack.callback(engine.dispose)
        stack.callback(open_household(settings, engine, form=FORM).hands.engine.dispose)
        with Session(engine) as session, session.begin():
            release_to_phones(session, COMMAND_LINE, FORM)
            keys = read_door_keys(settings.door_keys)
            device = add_phone(session, COMMAND_LINE, name="rounds", kind=PhoneKind.DEVICE, keys=keys)
        # one socket, two processes: whichever is free takes the next connection
        port = stack.enter_context(serve(settings, "pimcollect", "web", ready="/healthz"))
        address = f"http://127.0.0.1:{port}/phones/key/{device.secret}/submission"
        pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        lines = [stack.enter_context(requests.Session()) for _ in range(AT_ONCE)]
        start = threading.Barrier(AT_ONCE)

        def post(number: int, body: bytes, content_type: str) -> int:
            start.wait(timeout=30)
            headers = {"Content-Type": content_type}
            return lines[number].post(address, data=body, headers=headers, timeout=30).status_code

        for body, content_type, is_part in _list_posts(rounds):
            statuses = list(pool.map(post, range(AT_ONCE), [body] * AT_ONCE, [content_type] * AT_ONCE))
            done.statuses.update(statuses)
            done.rounds += 1
            expected = {201} if is_part else {201, 202}
            done.wrong += set(statuses) != expected or (not is_part and statuses.count(201) != 1)
        with engine.connect() as connection:
            done.entries = connection.execute(text("SELECT count(*) FROM entries")).scalar_one()
    return done


def _list_posts(rounds: int) -> Iterator[tuple[bytes, str, bool]]:
    """(body, content type, whether more is to come)."""
    frozen, last = freeze(FORM), str(uuid4())
    for number in range(rounds):
        deprecated = last if number % 3 == 1 else None
        xml, last = write_odk(SCENARIOS["base_answers"], frozen=frozen, deprecated=deprecated)
        is_part = number % 3 == 2
        yield *write_post(xml, {"a.jpg": b"x"}, is_incomplete=is_part), is_part
