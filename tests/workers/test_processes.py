"""The working processes: what the queue library may not write down, and that they outlive Redis."""

from __future__ import annotations

import json
import logging
from uuid import uuid4

import pytest
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from pimcollect.doorbell import JOBS, QUEUES
from pimcollect.log import configure_logging
from workers.processes import open_worker

_CANARY = b"Nadia Al-Example"


def _dump(queue: Redis) -> bytes:
    """Everything that a Redis holds, as bytes."""
    found = []
    for key in queue.scan_iter():
        kind = queue.type(key)
        found.append(key)
        if kind == b"hash":
            found += [part for pair in queue.hgetall(key).items() for part in pair]
        elif kind == b"stream":
            found += [part for _, fields in queue.xrange(key) for pair in fields.items() for part in pair]
        elif kind == b"string":
            found.append(queue.get(key) or b"")
        elif kind == b"list":
            found += queue.lrange(key, 0, -1)
        elif kind == b"set":
            found += queue.smembers(key)
        elif kind == b"zset":
            found += queue.zrange(key, 0, -1)
    return b"\n".join(found)


@pytest.fixture
def restored_logging() -> object:
    root = logging.getLogger()
    kept = root.handlers[:], root.level, logging.raiseExceptions
    yield
    root.handlers[:], root.level, logging.raiseExceptions = kept
    logging.getLogger("pimcollect").setLevel(logging.NOTSET)


@pytest.mark.parametrize("job", ["tests.workers.bells.ring_badly", "tests.workers.bells.ring_well"])
def test_neither_errors_nor_results_stay_in_the_queue_or_the_log(
    redis_url: str, capfd: pytest.CaptureFixture[str], restored_logging: object, job: str
) -> None:
    configure_logging("test")
    with Redis.from_url(redis_url) as connection:
        queue = Queue("settle", connection=connection, serializer=JSONSerializer)
        queue.enqueue_call(job, args=(str(uuid4()),), description="settle", result_ttl=0, failure_ttl=60)
        worker = open_worker("settle", connection)
        worker.work(burst=True, logging_level="ERROR")
        assert _CANARY not in _dump(connection)
        assert queue.count == 0
    said = capfd.readouterr()
    assert _CANARY.decode() not in said.out + said.err
    lines = [json.loads(line) for line in said.err.splitlines() if line.startswith("{")]
    failures = [(line["event"], line["error"]) for line in lines if line["event"] == "job_failed"]
    assert failures == ([("job_failed", "ValueError")] if job.endswith("badly") else [])


def test_the_dump_of_the_test_sees_what_it_looks_for(redis_url: str) -> None:
    with Redis.from_url(redis_url) as connection:
        queue = Queue("settle", connection=connection, serializer=JSONSerializer)
        queue.enqueue_call("tests.workers.bells.ring_well", args=(_CANARY.decode(),))
        assert _CANARY in _dump(connection)


def test_a_worker_takes_no_commands_from_the_queue(redis_url: str) -> None:
    with Redis.from_url(redis_url) as connection:
        worker = open_worker("settle", connection)
        worker.work(burst=True, logging_level="ERROR")
        assert worker.pubsub_thread is None


def test_every_queue_has_one_job() -> None:
    assert set(JOBS) == set(QUEUES)
