"""How fast what a server had before is taken in: sealed and put by one process, settled by another, as in service."""

from __future__ import annotations

import multiprocessing
import time
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from multiprocessing.synchronize import Barrier, Event

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pimcollect.actions.connections import connect_server
from pimcollect.config import Settings
from pimcollect.db import open_engine
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.servers.copies import Page
from pimcollect.vault import read_door_keys
from tests.bench.bodies import HOUSEHOLD, make_household
from tests.bench.grounds import open_ground
from tests.bench.measure import Figure
from tests.bench.settling import BACKLOG, NotDrainedError, fill_inbox, release_household
from tests.reenacted.kobo import ReenactedKobo
from workers import fetch
from workers.hands import open_hands
from workers.pull import Pull, store
from workers.settle import settle_waiting

GATE = 800.0
SUBMISSIONS = 35_000
_PAUSE_SECONDS = 0.02
_LONGEST_SECONDS = 600.0


def measure_backfill(*, count: int = SUBMISSIONS) -> Figure:
    """Submissions taken in and settled in a second once they are downloaded; beside it the same with the download
    from a server on this machine."""
    with ExitStack() as stack:
        kobo = ReenactedKobo()
        stack.enter_context(kobo.listen())
        settings = replace(stack.enter_context(open_ground()), private_hosts=(kobo.host,))
        engine = open_engine(settings.database_url)
        stack.callback(engine.dispose)
        hook, version = release_household(settings, engine)
        keys = read_door_keys(settings.door_keys)
        with Session(engine) as session, session.begin():
            row = connect_server(
                session, COMMAND_LINE, server="kobo", form=HOUSEHOLD, base=kobo.base, there=kobo.uid, user="",
                secret=kobo.token, keys=keys, private_hosts=settings.private_hosts,
            )  # fmt: skip
            connection = row.id
        own = open_hands(settings)
        stack.callback(own.engine.dispose)
        fill_inbox(engine, islice(make_household(version), BACKLOG), hook=hook, keys=keys)
        started = time.perf_counter()
        settle_waiting(own)
        alone = BACKLOG / (time.perf_counter() - started)
        for one in islice(make_household(version, seed=3), count):
            kobo.submit(one.body)
        holder = fetch.open_holder(own, connection)
        stack.callback(holder.close)
        started = time.perf_counter()
        pages = [page for page in holder.read_new({}) if page.cursor is not None]
        downloaded = time.perf_counter() - started
        put, settled = _take_in(Pull(own, connection, HOUSEHOLD, holder, keys, "fetch"), pages)
        _check(engine, BACKLOG + count)
    value = count / settled
    return Figure(
        part="backfill",
        what="backfill, taken in and settled",
        unit="/s",
        value=value,
        floor=alone,
        floor_is=f"settling alone of {BACKLOG:,}, in the same run",
        ratio=value / alone,
        gate=f">= {GATE:,.0f}/s",
        is_ok=value >= GATE,
        notes={
            "submissions": count,
            "download_s": round(downloaded, 1),
            "put_s": round(put, 1),
            "settled_s": round(settled, 1),
            "with_download": round(count / (settled + downloaded)),
        },
    )


def _take_in(pull: Pull, pages: list[Page]) -> tuple[float, float]:
    """Seconds until all pages are put, and until all of them are settled, which another process does meanwhile."""
    spawn = multiprocessing.get_context("spawn")
    both, is_put = spawn.Barrier(2), spawn.Event()
    settler = spawn.Process(target=_settle_meanwhile, args=(pull.own.settings, both, is_put), daemon=True)
    settler.start()
    both.wait(_LONGEST_SECONDS)
    started = time.perf_counter()
    for page in pages:
        store(pull, page.copies, cursor=page.cursor)
    put = time.perf_counter() - started
    is_put.set()
    settler.join(_LONGEST_SECONDS)
    return put, time.perf_counter() - started


def _settle_meanwhile(settings: Settings, both: Barrier, is_put: Event) -> None:
    """What the settling worker does when it is rung for, until all is put and nothing waits."""
    own = open_hands(settings)
    both.wait(_LONGEST_SECONDS)
    is_whole = False
    while settle_waiting(own) or not is_whole:
        is_whole = is_put.is_set()
        time.sleep(_PAUSE_SECONDS)


def _check(engine: Engine, count: int) -> None:
    with engine.connect() as connection:
        done = connection.scalar(text("SELECT count(*) FROM submissions"))
        left = connection.scalar(text("SELECT count(*) FROM entries WHERE state <> 'settled'"))
    if done != count or left:
        raise NotDrainedError(f"{done} of {count} submissions, {left} entries not settled")
