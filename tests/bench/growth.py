"""Whether a delivery takes longer the more is stored: the same work with ten thousand and with a million stored."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice

from sqlalchemy import Engine, text

from pimcollect.db import borrow, open_engine
from pimcollect.servers import kobo
from pimcollect.vault import DoorKeys, read_door_keys
from tests.bench.bodies import Sent, make_household
from tests.bench.grounds import open_ground
from tests.bench.measure import Figure, Rounds
from tests.bench.settling import release_household
from webhooks.hooks import Hook
from webhooks.inbox import accept
from workers.hands import Hands, open_hands
from workers.settle import settle_waiting

GATE = 1.25
FEW, MANY = 10_000, 1_000_000
ROUNDS = 5
DELIVERIES = 1_000
_STEP = 100_000
# rows like one that is there, under new ids: whatever columns the tables come to have
_MULTIPLY = {
    "submissions": "'id', gen_random_uuid(), 'root_id', gen_random_uuid(), 'edition_id', gen_random_uuid()",
    "entries": "'id', gen_random_uuid(), 'identity', md5(random()::text || n)",
}


def store_many(engine: Engine, *, count: int) -> None:
    """Have `count` submissions and as many settled entries, by copying one that was settled properly."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table, other in _MULTIPLY.items():
            missing = count - (connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)
            for start in range(0, missing, _STEP):
                connection.execute(
                    text(
                        f"INSERT INTO {table} SELECT made.* FROM (SELECT * FROM {table} LIMIT 1) AS one,"
                        " generate_series(1, :n) AS n, LATERAL jsonb_populate_record("
                        f"NULL::{table}, to_jsonb(one) || jsonb_build_object('n', n, {other})) AS made"
                    ),
                    {"n": min(_STEP, missing - start)},
                )
            connection.execute(text(f"VACUUM ANALYZE {table}"))


def _walk(own: Hands, engine: Engine, deliveries: Iterator[Sent], *, hook: Hook, keys: DoorKeys) -> float:
    """Seconds for one delivery, put and settled."""
    sent = list(islice(deliveries, DELIVERIES))
    started = time.perf_counter()
    with borrow(engine) as connection:
        for one in sent:
            accept(connection, one.body, kobo.read_delivery(one.body), via=hook, keys=keys)
    settle_waiting(own)
    return (time.perf_counter() - started) / DELIVERIES


def measure_growth(*, few: int = FEW, many: int = MANY, rounds: int = ROUNDS) -> Figure:
    """Milliseconds for a delivery from the door's put to its outcome, with `many` stored, beside `few`."""
    with ExitStack() as stack:
        settings = stack.enter_context(open_ground())
        engine = open_engine(settings.database_url, statement_seconds=600)
        stack.callback(engine.dispose)
        puts = open_engine(settings.database_url, is_autocommit=True)
        stack.callback(puts.dispose)
        hook, version = release_household(settings, engine)
        keys, deliveries = read_door_keys(settings.door_keys), make_household(version)
        own = open_hands(settings)
        stack.callback(own.engine.dispose)
        taken = Rounds()
        for count, seconds in ((few, taken.floors), (many, taken.values)):
            _walk(own, puts, deliveries, hook=hook, keys=keys)
            store_many(engine, count=count)
            _walk(own, puts, deliveries, hook=hook, keys=keys)
            seconds += [_walk(own, puts, deliveries, hook=hook, keys=keys) * 1000 for _ in range(rounds)]
    ratio = min(taken.values) / min(taken.floors)
    return Figure(
        part="growth",
        what=f"one delivery with {many:,} stored",
        unit="ms",
        value=taken.value,
        floor=taken.floor,
        floor_is=f"the same with {few:,} stored; the ratio is that of the best rounds",
        ratio=ratio,
        gate=f"<= {GATE} of floor",
        is_ok=ratio <= GATE,
        notes={"deliveries": DELIVERIES * rounds},
    )
