"""What all processes remember about log-ins: which uses of a nonce were seen, and how often somebody failed.

Kept in Redis, under digests; where Redis is away each process remembers for itself, and nobody is kept out by that.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from enum import Enum, auto

from redis.exceptions import RedisError

from pimcollect.doorbell import open_redis
from pimcollect.vault import keyed_digest
from webhooks.openrosa.digest import MOST_USES, NONCE_SECONDS

MOST_FAILURES = 20
"""Of one name from one address, in a quarter of an hour. Other names and other addresses are not touched."""
_FAILURE_SECONDS = 900
_REST_SECONDS = 5.0
_MOST_REMEMBERED = 20_000


class Verdict(Enum):
    """What becomes of a right answer."""

    ADMITTED = auto()
    STALE = auto()
    """This use of the nonce was seen before: the phone asks for another one and answers again."""
    LOCKED = auto()


class Tries:
    """One per process. `name` is who failed, with the number of its secret: what failed with the secret before does not
    stand against a new one."""

    def __init__(self, url: str, key: bytes) -> None:
        self._redis = open_redis(url)
        self._key = key
        self._silent_until = 0.0
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, float] = OrderedDict()
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def admit(self, *, nonce: str, count: int, name: str, address: str) -> Verdict:
        """Whether a right answer is let through: the name does not fail again and again from this address, and this use
        of the nonce was not seen before."""
        if not 0 < count <= MOST_USES:
            return Verdict.STALE
        use, failing = self._digest("nonce", nonce), self._digest("failures", name, address)
        if not self._is_resting():
            try:
                with self._redis.pipeline(transaction=False) as pipe:
                    pipe.setbit(use, count, 1)
                    pipe.expire(use, NONCE_SECONDS + 60)
                    pipe.get(failing)
                    was_seen, _, failures = pipe.execute()
            except RedisError:
                self._rest()
            else:
                if int(failures or 0) >= MOST_FAILURES:
                    return Verdict.LOCKED
                return Verdict.STALE if was_seen else Verdict.ADMITTED
        with self._lock:
            if self._is_failing(failing):
                return Verdict.LOCKED
            return Verdict.ADMITTED if self._is_first_use(f"{use}:{count}") else Verdict.STALE

    def is_locked(self, *, name: str, address: str) -> bool:
        """Whether a name has failed too often from an address (Basic, which has no nonce to ask about)."""
        failing = self._digest("failures", name, address)
        if not self._is_resting():
            try:
                return int(self._redis.get(failing) or 0) >= MOST_FAILURES
            except RedisError:
                self._rest()
        with self._lock:
            return self._is_failing(failing)

    def count_failure(self, *, name: str, address: str) -> bool:
        """Somebody gave a wrong password; whether the name is locked for this address now."""
        failing, failures = self._digest("failures", name, address), None
        if not self._is_resting():
            try:
                with self._redis.pipeline(transaction=False) as pipe:
                    pipe.incr(failing)
                    pipe.expire(failing, _FAILURE_SECONDS, nx=True)
                    failures, _ = pipe.execute()
            except RedisError:
                self._rest()
        with self._lock:
            number, since = self._failures.pop(failing, (0, time.monotonic()))
            is_old = time.monotonic() - since > _FAILURE_SECONDS
            self._failures[failing] = (1, time.monotonic()) if is_old else (number + 1, since)
            while len(self._failures) > _MOST_REMEMBERED:
                self._failures.popitem(last=False)
            return self._is_failing(failing) if failures is None else int(failures) >= MOST_FAILURES

    def _is_failing(self, failing: str) -> bool:
        number, since = self._failures.get(failing, (0, 0.0))
        return number >= MOST_FAILURES and time.monotonic() - since <= _FAILURE_SECONDS

    def _is_first_use(self, use: str) -> bool:
        if use in self._seen:
            return False
        self._seen[use] = time.monotonic()
        while len(self._seen) > _MOST_REMEMBERED:
            self._seen.popitem(last=False)
        return True

    def _digest(self, *parts: str) -> str:
        return f"pim:phones:{keyed_digest(self._key, 'phones', *parts)}"

    def _is_resting(self) -> bool:
        return time.monotonic() < self._silent_until

    def _rest(self) -> None:
        self._silent_until = time.monotonic() + _REST_SECONDS
