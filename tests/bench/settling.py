"""How fast one settling worker drains a backlog, beside a bare loop that claims, inserts and updates as many rows."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from uuid import uuid4

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from forms import starter
from forms.current import read_current
from forms.places import read_starter_places
from forms.release import build_form
from forms.services import read_services
from pimcollect.actions.catalogue import import_places, import_services
from pimcollect.actions.forms import keep_version
from pimcollect.actions.hooks import open_hook
from pimcollect.config import Settings
from pimcollect.db import borrow, open_engine
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.domain.version import Version
from pimcollect.servers import kobo
from pimcollect.vault import DoorKeys, read_door_keys
from tests.bench.bodies import HOUSEHOLD, Sent, make_household
from tests.bench.grounds import open_ground
from tests.bench.measure import Figure, take_rounds
from webhooks.hooks import Hook, Hooks
from webhooks.inbox import accept
from workers.hands import open_hands
from workers.settle import BATCH, settle_waiting

GATE = 1000.0
ROUNDS = 3
_CLAIMED = 100
BACKLOG = 5000
_MAKE = """
    CREATE TABLE bare_inbox (id uuid PRIMARY KEY, body bytea, state text NOT NULL,
                             received_at timestamptz NOT NULL DEFAULT clock_timestamp());
    CREATE INDEX bare_untouched ON bare_inbox (received_at) WHERE state = 'untouched';
    CREATE TABLE bare_outcome (id uuid PRIMARY KEY, answers jsonb NOT NULL);
"""
_CLAIM = (
    "SELECT id, body FROM bare_inbox WHERE state = 'untouched' ORDER BY received_at LIMIT %s FOR UPDATE SKIP LOCKED"
)


class NotDrainedError(RuntimeError):
    """The worker left something behind."""


def release_household(settings: Settings, engine: Engine) -> tuple[Hook, Version]:
    """The practice places and services, the household form, and a hook for it; (hook, frozen version)."""
    with Session(engine) as session, session.begin():
        import_places(session, COMMAND_LINE, read_starter_places())
        current = read_current(session)
        directory = read_services(starter.read_bytes("services.json"), current.codes)
        cases = read_door_keys(settings.door_keys).cases
        import_services(session, COMMAND_LINE, services=directory.services, rules=directory.rules, cases_key=cases)
        frozen = build_form(current.catalogue, HOUSEHOLD, places=current.places)
        keep_version(session, COMMAND_LINE, version=frozen.version, xlsx=frozen.xlsx, xform=frozen.xform)
        opened = open_hook(session, COMMAND_LINE, server="kobo", form=HOUSEHOLD)
    hook = Hooks(engine).find_fresh(opened.key)
    assert hook is not None
    return hook, frozen.version


def fill_inbox(engine: Engine, sent: Iterator[Sent], *, hook: Hook, keys: DoorKeys) -> None:
    """Put deliveries through the door's own function, sealed, without ringing for them."""
    with borrow(engine) as connection:
        for one in sent:
            accept(connection, one.body, kobo.read_delivery(one.body), via=hook, keys=keys)


def _fill_bare(connection: psycopg.Connection, body: bytes, *, count: int) -> None:
    rows = [(uuid4(), body, "untouched") for _ in range(count)]
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO bare_inbox (id, body, state) VALUES (%s, %s, %s)", rows)
    connection.commit()


def _drain_bare(connection: psycopg.Connection, answers: str) -> int:
    """Claim, read, insert one row each, update, commit: what no worker can do without."""
    done = 0
    document = Jsonb(json.loads(answers))
    with connection.cursor() as cursor:
        while rows := cursor.execute(_CLAIM, (_CLAIMED,)).fetchall():
            cursor.executemany(
                "INSERT INTO bare_outcome (id, answers) VALUES (%s, %s)", [(one, document) for one, _ in rows]
            )
            cursor.execute(
                "UPDATE bare_inbox SET state = 'settled', body = NULL WHERE id = ANY(%s)", ([one for one, _ in rows],)
            )
            connection.commit()
            done += len(rows)
    connection.rollback()
    return done


def measure_settling(*, rounds: int = ROUNDS, backlog: int = BACKLOG) -> Figure:
    """Entries settled in a second by one worker's function, in this process."""
    with ExitStack() as stack:
        settings = stack.enter_context(open_ground())
        engine = open_engine(settings.database_url)
        stack.callback(engine.dispose)
        hook, version = release_household(settings, engine)
        deliveries = make_household(version)
        keys = read_door_keys(settings.door_keys)
        own = open_hands(settings)
        stack.callback(own.engine.dispose)
        bare = stack.enter_context(psycopg.connect(settings.database_url))
        bare.execute(_MAKE)
        # the document that the worker stores of the longest delivery, about
        answers = json.dumps({f"question_{number}": "an_answer" for number in range(45)})

        def settle() -> float:
            fill_inbox(engine, islice(deliveries, backlog), hook=hook, keys=keys)
            started = time.perf_counter()
            done = settle_waiting(own)
            took = time.perf_counter() - started
            if done < backlog:
                raise NotDrainedError(f"{done} of {backlog} entries were settled")
            return backlog / took

        def drain() -> float:
            _fill_bare(bare, b"x" * 2200, count=backlog)
            started = time.perf_counter()
            _drain_bare(bare, answers)
            return backlog / (time.perf_counter() - started)

        fill_inbox(engine, islice(deliveries, BATCH), hook=hook, keys=keys)
        settle_waiting(own)
        taken = take_rounds(settle, drain, rounds=rounds)
        held = bare.execute("SELECT count(*) FROM entries WHERE state <> 'settled'").fetchone()
        if held != (0,):
            raise NotDrainedError(f"{held} entries were held instead of settled")
    return Figure(
        part="settle",
        what="settling, one worker",
        unit="/s",
        value=taken.value,
        floor=taken.floor,
        floor_is=f"a bare loop: claim {_CLAIMED} with SKIP LOCKED, insert a row for each, update, commit",
        ratio=taken.ratio,
        gate=f">= {GATE:,.0f}/s",
        is_ok=taken.value >= GATE,
        notes={"backlog": backlog, "batch": BATCH},
    )
