"""A Kobo with many submissions, in trouble and alive, pulled by real workers that are killed: nothing may be lost."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pimcollect.actions.connections import connect_server
from pimcollect.config import Settings
from pimcollect.db import open_engine
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.domain.version import Version
from pimcollect.vault import read_door_keys
from tests.bench.bodies import HOUSEHOLD, make_household
from tests.bench.grounds import environment, open_ground
from tests.bench.killer import list_below
from tests.bench.settling import release_household
from tests.reenacted.kobo import ReenactedKobo
from tests.reenacted.server import Asked, Reply

_END_SECONDS = 900.0
_SHARE_OF_TROUBLE = 0.08
_PROGRESS_SECONDS = 60.0


class TroubledKobo(ReenactedKobo):
    """Answers one request of twelve badly: busy, away, cut off, broken, or with a page of its login."""

    def __init__(self, *, seed: int) -> None:
        super().__init__()
        self.chance = random.Random(seed)  # noqa: S311 - repeatable
        self.told: Counter[str] = Counter()

    def answer(self, asked: Asked) -> Reply:
        """As a server in a bad week."""
        healthy = super().answer(asked)
        if self.chance.random() > _SHARE_OF_TROUBLE:
            return healthy
        kind, reply = self.chance.choice(
            [
                ("busy", Reply(429, headers={"Retry-After": "1"})),
                ("away", Reply(self.chance.choice((500, 502, 503, 504)))),
                ("cut off", replace(healthy, cut=self.chance.randrange(1, max(2, len(healthy.body))))),
                ("broken", Reply(200, healthy.body[: len(healthy.body) // 2])),
                ("a login page", Reply(200, b"<html>log in</html>")),
            ]
        )
        self.told[kind] += 1
        return reply


@dataclass
class Result:
    """What was done and what was found."""

    submissions: int
    kills: int = 0
    life: Counter[str] = field(default_factory=Counter)
    troubles: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    missing: int = 0
    older: int = 0
    not_erased: int = 0
    waiting: int = 0
    doubled: int = 0
    there: int = 0
    known: int = 0

    @property
    def is_well(self) -> bool:
        """Equal counts, equal newest editions, nothing left."""
        faults = (self.missing, self.older, self.not_erased, self.waiting, self.doubled)
        return not any(faults) and self.there == self.known

    def __str__(self) -> str:
        life, troubles = (", ".join(f"{n} {what}" for what, n in sorted(one.items())) for one in (self.life, self.troubles))  # fmt: skip  # noqa: E501
        return (
            f"pulls: {self.submissions} submissions ({life}; {troubles}; {self.kills} kill -9), {self.seconds:.0f} s: "
            f"{self.there} there, {self.known} known, {self.missing} missing, {self.older} not the newest edition, "
            f"{self.not_erased} deleted and not erased, {self.doubled} double, {self.waiting} left waiting"
        )


def fill(kobo: ReenactedKobo, version: Version, *, count: int, seed: int) -> None:
    """So many submissions that were there before."""
    deliveries = make_household(version, seed=seed)
    for _ in range(count):
        kobo.submit(next(deliveries).body)


def live(kobo: TroubledKobo, version: Version, result: Result, *, seed: int, stop: threading.Event, most: int) -> None:
    """What people do there meanwhile: edits, edits of edits, deletions, new ones, the duplicate button, late files."""
    chance, deliveries = random.Random(seed), make_household(version, seed=seed + 1)  # noqa: S311 - repeatable
    for _ in range(most):
        if stop.wait(chance.uniform(0, 0.1)):
            return
        with kobo.lock:
            number = chance.choice(list(kobo.rows))
            what = chance.choices(("edits", "deletions", "new ones", "duplicates", "late files"), (6, 2, 3, 1, 1))[0]
            if what == "edits":
                kobo.edit(number, **{"hlp_evict": chance.choice(("no", "written", "verbal"))})
            elif what == "deletions":
                kobo.delete(number)
            elif what == "new ones":
                kobo.submit(next(deliveries).body)
            elif what == "duplicates":
                kobo.duplicate(number)
            else:
                kobo.attach(number, "photo.jpg", b"jpeg")
        result.life[what] += 1


@contextmanager
def run_service(settings: Settings) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Workers and clock as in service. Killed ones are the caller's to start again with `revive`."""
    processes = [_start(settings, words) for words in (("workers",), ("workers", "clock"))]
    try:
        yield processes
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def _start(settings: Settings, words: tuple[str, ...]) -> subprocess.Popen[bytes]:
    log = Path(settings.home).with_name("workers.log").open("ab")
    env = environment(settings, PIMCOLLECT_PRIVATE_HOSTS=" ".join(settings.private_hosts))
    with log:
        return subprocess.Popen([sys.executable, "-m", *words], env=env, stdout=log, stderr=log)


def kill_some(settings: Settings, processes: list[subprocess.Popen[bytes]], chance: random.Random) -> None:
    """Kill one child of the workers, or all of them with their parent, and see that somebody works again."""
    children = [one.pid for one in list_below(processes[0].pid)]
    if chance.random() < 0.8 and children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(chance.choice(children), signal.SIGKILL)
        return
    for pid in [processes[0].pid, *children]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    processes[0].wait()
    processes[0] = _start(settings, ("workers",))


def _hurry(engine: Engine) -> None:
    """What waits a minute or a quarter of an hour in service does not wait here."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE connections SET next_at = clock_timestamp() WHERE next_at > clock_timestamp()"))


def _wait_for_progress(engine: Engine, *, more: int) -> None:
    """Until more than so many are known, or the pull has nothing more to do."""
    until = time.monotonic() + _PROGRESS_SECONDS
    while time.monotonic() < until:
        _hurry(engine)
        with engine.connect() as connection:
            if (connection.scalar(text("SELECT count(*) FROM copies")) or 0) > more:
                return
        time.sleep(0.05)


def _is_done(engine: Engine, kobo: ReenactedKobo) -> bool:
    query = """
        SELECT (SELECT count(*) FROM copies) AS known, c.pulled_at > c.asked_at AS is_pulled, c.failures,
               (SELECT count(*) FROM entries WHERE state = 'untouched') AS waiting FROM connections c
    """
    with engine.connect() as connection:
        row = connection.execute(text(query)).one()
    return bool(row.is_pulled and row.known == len(kobo.rows) and not row.waiting and not row.failures)


def judge(engine: Engine, kobo: ReenactedKobo, *, result: Result) -> None:
    """Compare every root and its newest edition, both ways."""
    there = {row["meta/rootUuid"].removeprefix("uuid:"): row["_uuid"] for row in kobo.rows.values()}
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT root_id, edition_id, state, erased_at FROM submissions")).all()
        result.known = connection.scalar(text("SELECT count(*) FROM copies")) or 0
        result.waiting = connection.scalar(text("SELECT count(*) FROM entries WHERE state <> 'settled'")) or 0
        twice = "SELECT count(*) FROM (SELECT origin FROM referrals GROUP BY origin HAVING count(*) > 1) AS two"
        result.doubled = connection.scalar(text(twice)) or 0
    here = {row.root_id: row for row in rows}
    result.there = len(there)
    result.missing = len(there.keys() - here.keys())
    result.older = sum(root in here and here[root].edition_id != edition for root, edition in there.items())
    # also what came there while it was pulled, and was deleted there again
    result.not_erased = sum(row.erased_at is None for root, row in here.items() if root not in there)


def play(*, count: int, kills: int, life: int, seed: int = 1, may_manage: bool = True) -> Result:
    """Fill a Kobo, pull it while it lives and fails and the workers are killed, and compare.

    `may_manage`: the token may read the project history too.
    """
    result, chance, stop = Result(count), random.Random(seed), threading.Event()  # noqa: S311 - repeatable
    kobo = TroubledKobo(seed=seed)
    kobo.may_manage = may_manage
    kobo.cap = min(1000, max(10, count // 35))
    with ExitStack() as stack:
        stack.enter_context(kobo.listen())
        settings = replace(stack.enter_context(open_ground()), private_hosts=(kobo.host,))
        engine = open_engine(settings.database_url)
        stack.callback(engine.dispose)
        _, version = release_household(settings, engine)
        fill(kobo, version, count=count, seed=seed)
        _connect(settings, engine, kobo)
        processes = stack.enter_context(run_service(settings))
        started = time.monotonic()
        people = threading.Thread(
            target=live, args=(kobo, version, result), kwargs={"seed": seed, "stop": stop, "most": life}, daemon=True
        )
        people.start()
        for number in range(kills):
            _wait_for_progress(engine, more=number * count // (kills + 1))
            time.sleep(chance.uniform(0, 0.3))
            kill_some(settings, processes, chance)
            result.kills += 1
        people.join(timeout=_END_SECONDS)
        stop.set()
        with engine.begin() as connection:
            connection.execute(text("UPDATE connections SET asked_at = clock_timestamp(), next_at = clock_timestamp()"))
        until = time.monotonic() + _END_SECONDS
        while not _is_done(engine, kobo) and time.monotonic() < until:
            _hurry(engine)
            time.sleep(0.5)
        result.seconds = time.monotonic() - started
        result.troubles = dict(kobo.told)
        judge(engine, kobo, result=result)
    return result


def _connect(settings: Settings, engine: Engine, kobo: ReenactedKobo) -> None:
    with Session(engine) as session, session.begin():
        connect_server(
            session,
            COMMAND_LINE,
            server="kobo",
            form=HOUSEHOLD,
            base=kobo.base,
            there=kobo.uid,
            user="",
            secret=kobo.token,
            keys=read_door_keys(settings.door_keys),
            private_hosts=settings.private_hosts,
        )
