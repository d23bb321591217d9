"""F09 and F26: the same delivery many times at once, and twice the workers, clocks and senders."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from tests.bench.bodies import Sent
from tests.faults.field import Field, open_field
from tests.faults.found import Found

_TIMES, _CLIENTS = 5, 8


def _vary(sent: Sent, number: int) -> Sent:
    """The same delivery: three times the same bytes, once with another word in it, once with its ids spelled with
    their prefix the other way round."""
    if number < _TIMES - 2:
        return sent
    document = json.loads(sent.body)
    if number == _TIMES - 2:
        document["_submitted_by"] = "another"
        document["start"] = "2026-11-20T09:12:00.000+06:30" if "start" in document else None
    else:
        document["_uuid"] = f"uuid:{sent.root_id}"
        document["meta/instanceID"] = sent.root_id
        document["meta/rootUuid"] = sent.root_id
    return replace(sent, body=json.dumps({key: value for key, value in document.items() if value is not None}).encode())


def send_doubles(*, is_quick: bool) -> Found:
    """F09. Each delivery five times within moments, by eight senders."""
    found, chance = Found(), random.Random(9)  # noqa: S311 - repeatable
    with open_field(seed=9) as field:
        once: list[Sent] = []
        while len(once) < (20 if is_quick else 2000):
            once += [one for one in field.make(50) if not one.is_by_phone]
        posts = [_vary(one, number) for one in once for number in chance.sample(range(_TIMES), _TIMES)]
        crowd = field.send(posts, clients=_CLIENTS)
        found.note_waits([wait for _, _, wait in crowd.answers])
        field.settle()
        field.judge(found, crowds=(crowd,))
        found.expect(found.n == len(once), f"{found.n} of {len(once)} were acknowledged")
        found.notes["posts"] = len(posts)
    return found


@contextmanager
def second_crew(field: Field) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Workers and a clock of their own beside those of the installation, on the same database and queue."""
    env = {**field.station.environ, "DATABASE_URL": field.station.database_url, "REDIS_URL": field.station.redis_url}
    crew = [
        subprocess.Popen([sys.executable, "-m", *words], env=env, stdout=log, stderr=log)
        for words in (("workers",), ("workers", "clock"))
        for log in [subprocess.DEVNULL]
    ]
    try:
        yield crew
    finally:
        for one in crew:
            with contextlib.suppress(ProcessLookupError):
                one.send_signal(signal.SIGTERM)
            one.wait(timeout=60)


def double_crew(*, is_quick: bool) -> Found:
    """F26. Two of each that settles, sends and sweeps."""
    found = Found()
    with open_field(seed=26) as field, second_crew(field) as crew:
        count = 60 if is_quick else 3000
        crowd = field.send(count)
        found.note_waits([wait for _, _, wait in crowd.answers])
        field.settle()
        keys = [str(mail["Message-ID"]) for mail in field.mailbox.mails]
        found.expect(len(keys) == len(set(keys)), f"{len(keys) - len(set(keys))} mails came twice")
        found.expect(all(one.poll() is None for one in crew), "the second crew did not live")
        return field.judge(found, crowds=(crowd,))
