"""The only module that enqueues. A ring carries one id; losing every ring loses nothing, the sweep rings again.

Jobs are named by dotted path, so the web process never loads worker code. The queue library stores a description of
each job in clear, so ours is fixed and the only argument is a random id of ours.
"""

from __future__ import annotations

import threading
import time
from uuid import UUID

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

SETTLE, NOTICES, REVEALS, RELEASES, FETCH = "settle", "notices", "reveals", "releases", "fetch"
QUEUES = (SETTLE, NOTICES, REVEALS, RELEASES, FETCH)
JOBS = {
    SETTLE: "workers.settle.settle",
    NOTICES: "workers.notices.send",
    REVEALS: "workers.reveals.answer",
    RELEASES: "workers.releases.publish",
    FETCH: "workers.fetch.fetch",
}
"""Queue -> dotted path of its job; every job takes one string id."""
_WAIT_SECONDS = 0.3
_REST_SECONDS = 5.0
"""How long the bell stays silent after Redis did not answer, so that no sender waits for it again and again."""
_MERGE_SECONDS = 10
"""Rings of the same queue within this time become one job: a job takes all that is waiting, not only its own id."""
_JOB_SECONDS = 300
_LONG_SECONDS = {FETCH: 3600}
"""What a job may take where it waits for others."""
_CALM_SECONDS = 0.02
"""How long the thread that rings for the door rests after a ring; all that comes meanwhile is one ring."""


def open_redis(url: str, *, seconds: float = _WAIT_SECONDS) -> Redis:
    """A connection that gives up quickly instead of holding its caller."""
    return Redis.from_url(
        url, socket_timeout=seconds, socket_connect_timeout=seconds, retry=Retry(NoBackoff(), 0), protocol=2
    )


def _merge_key(queue: str) -> str:
    return f"pim:rung:{queue}"


class Bell:
    """A bell on one Redis. Ringing never raises and never waits long."""

    def __init__(self, url: str) -> None:
        self._redis = open_redis(url)
        self._silent_until = 0.0
        self._calm = threading.Lock()
        self._wanted = threading.Event()
        self._ringer: threading.Thread | None = None
        self._latest = UUID(int=0)
        self._queues = {name: Queue(name, connection=self._redis, serializer=JSONSerializer) for name in QUEUES}

    def ring_entry(self, entry: UUID) -> bool:
        """Wake the settling workers."""
        return self._ring(SETTLE, entry)

    def ring_entry_soon(self, entry: UUID) -> None:
        """Wake the settling workers within moments. The caller does not wait for Redis, and a rush rings once."""
        self._latest = entry
        if self._ringer is None or not self._ringer.is_alive():
            with self._calm:
                if self._ringer is None or not self._ringer.is_alive():
                    self._ringer = threading.Thread(target=self._keep_ringing, name="bell", daemon=True)
                    self._ringer.start()
        self._wanted.set()

    def _keep_ringing(self) -> None:
        """One thread of each process that rings in its own time. What it does not come to, the sweep rings for."""
        while True:
            self._wanted.wait()
            # cleared before it rings: whatever comes from now on rings anew
            self._wanted.clear()
            self.ring_entry(self._latest)
            time.sleep(_CALM_SECONDS)

    def ring_notice(self, notice: UUID) -> bool:
        """Wake the sender of notices."""
        return self._ring(NOTICES, notice)

    def ring_reveal(self, reveal: UUID) -> bool:
        """Wake the worker that opens a case for a member who asked."""
        return self._ring(REVEALS, reveal)

    def ring_release(self, release: UUID) -> bool:
        """Wake the worker that brings forms onto servers."""
        return self._ring(RELEASES, release)

    def ring_fetch(self, connection: UUID) -> bool:
        """Wake the worker that pulls from connected servers."""
        return self._ring(FETCH, connection)

    def quiet(self, queue: str) -> None:
        """Said by a job before it looks: whatever comes from now on must ring anew."""
        try:
            self._redis.delete(_merge_key(queue))
        except RedisError:
            self._rest()

    def depth(self, queue: str) -> int | None:
        """How many jobs wait in a queue; None when Redis does not answer."""
        try:
            return self._queues[queue].count
        except RedisError:
            return None

    def _rest(self) -> None:
        self._silent_until = time.monotonic() + _REST_SECONDS

    def _ring(self, queue: str, subject: UUID) -> bool:
        """True when a job is waiting that will see the subject; False when Redis did not answer."""
        if time.monotonic() < self._silent_until:
            return False
        try:
            if not self._redis.set(_merge_key(queue), b"1", nx=True, ex=_MERGE_SECONDS):
                return True
            self._queues[queue].enqueue_call(
                JOBS[queue],
                args=(str(subject),),
                description=queue,
                timeout=_LONG_SECONDS.get(queue, _JOB_SECONDS),
                result_ttl=0,
                failure_ttl=60,
            )
        except (RedisError, OSError, ValueError):  # the last two: the connection was closed in the middle of an answer
            self._rest()
            return False
        return True
