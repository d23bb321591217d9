"""How fast what a server had before is taken in: downloaded, sealed, put and settled, by one worker's functions."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pimcollect.actions.connections import connect_server
from pimcollect.db import open_engine
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.servers.copies import Page
from pimcollect.vault import read_door_keys
from tests.bench.bodies import HOUSEHOLD, make_household
from tests.bench.grounds import open_ground
from tests.bench.measure import Figure
from tests.bench.settling import NotDrainedError, release_household
from tests.reenacted.kobo import ReenactedKobo
from workers import fetch
from workers.hands import open_hands
from workers.pull import Pull, store
from workers.settle import settle_waiting

GATE = 800.0
SUBMISSIONS = 35_000


def measure_backfill(*, count: int = SUBMISSIONS) -> Figure:
    """Submissions taken in and settled in a second once they are downloaded, one process after the other; beside it
    the same with the download from a server on this machine."""
    with ExitStack() as stack:
        kobo = ReenactedKobo()
        stack.enter_context(kobo.listen())
        settings = replace(stack.enter_context(open_ground()), private_hosts=(kobo.host,))
        engine = open_engine(settings.database_url)
        stack.callback(engine.dispose)
        _, version = release_household(settings, engine)
        keys = read_door_keys(settings.door_keys)
        with Session(engine) as session, session.begin():
            row = connect_server(
                session, COMMAND_LINE, server="kobo", form=HOUSEHOLD, base=kobo.base, there=kobo.uid, user="",
                secret=kobo.token, keys=keys, private_hosts=settings.private_hosts,
            )  # fmt: skip
            connection = row.id
        own = open_hands(settings)
        stack.callback(own.engine.dispose)
        for one in islice(make_household(version, seed=3), count):
            kobo.submit(one.body)
        holder = fetch.open_holder(own, connection)
        stack.callback(holder.close)
        started = time.perf_counter()
        pages = [page for page in holder.read_new({}) if page.cursor is not None]
        downloaded = time.perf_counter() - started
        pull = Pull(own, connection, HOUSEHOLD, holder, keys, "fetch")
        taken, settled = _take_in(pull, pages)
        done = _count(engine, count)
    value = done / (taken + settled)
    return Figure(
        part="backfill",
        what="backfill, taken in and settled",
        unit="/s",
        value=value,
        floor=done / settled,
        floor_is="settling alone, of the same run",
        ratio=value / (done / settled),
        gate=f">= {GATE:,.0f}/s",
        is_ok=value >= GATE,
        notes={
            "submissions": count,
            "download_s": round(downloaded, 1),
            "put_s": round(taken, 1),
            "settle_s": round(settled, 1),
            "with_download": round(done / (taken + settled + downloaded)),
        },
    )


def _take_in(pull: Pull, pages: list[Page]) -> tuple[float, float]:
    """Seconds for putting all pages, and for settling them."""
    started = time.perf_counter()
    for page in pages:
        store(pull, page.copies, cursor=page.cursor)
    taken = time.perf_counter() - started
    started = time.perf_counter()
    while settle_waiting(pull.own):
        pass
    return taken, time.perf_counter() - started


def _count(engine: Engine, count: int) -> int:
    with engine.connect() as connection:
        done = connection.scalar(text("SELECT count(*) FROM submissions"))
        left = connection.scalar(text("SELECT count(*) FROM entries WHERE state <> 'settled'"))
    if done != count or left:
        raise NotDrainedError(f"{done} of {count} submissions, {left} entries not settled")
    return int(done)
