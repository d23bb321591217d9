"""What all processes remember about log-ins: which uses of a nonce were seen, and how often somebody failed.

Kept in Redis, under digests; where Redis is away each process remembers for itself, and nobody is kept out by that.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from redis.exceptions import RedisError

from pimcollect.doorbell import open_redis
from pimcollect.vault import keyed_digest
from webhooks.openrosa.digest import MOST_USES, NONCE_SECONDS

MOST_FAILURES = 20
"""Of one name from one address, in a quarter of an hour. Other names and other addresses are not touched."""
_FAILURE_SECONDS = 900
_REST_SECONDS = 5.0
_MOST_REMEMBERED = 20_000


class Tries:
    """One per process."""

    def __init__(self, url: str, key: bytes) -> None:
        self._redis = open_redis(url)
        self._key = key
        self._silent_until = 0.0
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, float] = OrderedDict()
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def admit(self, *, nonce: str, count: int, name: str, address: str) -> bool:
        """Whether a right answer is let through: this use of the nonce was not seen before, and the name does not fail
        again and again from this address."""
        if not 0 < count <= MOST_USES:
            return False
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
                return not was_seen and int(failures or 0) < MOST_FAILURES
        with self._lock:
            number, since = self._failures.get(failing, (0, 0.0))
            is_calm = number < MOST_FAILURES or time.monotonic() - since > _FAILURE_SECONDS
            return is_calm and self._is_first_use(f"{use}:{count}")

    def is_throttled(self, *, name: str, address: str) -> bool:
        """Whether a name has failed too often from an address (Basic, which has no nonce to ask about)."""
        failing = self._digest("failures", name, address)
        if not self._is_resting():
            try:
                return int(self._redis.get(failing) or 0) >= MOST_FAILURES
            except RedisError:
                self._rest()
        with self._lock:
            number, since = self._failures.get(failing, (0, 0.0))
            return number >= MOST_FAILURES and time.monotonic() - since <= _FAILURE_SECONDS

    def count_failure(self, *, name: str, address: str) -> None:
        """Somebody gave a wrong password."""
        failing = self._digest("failures", name, address)
        if not self._is_resting():
            try:
                with self._redis.pipeline(transaction=False) as pipe:
                    pipe.incr(failing)
                    pipe.expire(failing, _FAILURE_SECONDS, nx=True)
                    pipe.execute()
            except RedisError:
                self._rest()
        with self._lock:
            number, since = self._failures.pop(failing, (0, time.monotonic()))
            is_old = time.monotonic() - since > _FAILURE_SECONDS
            self._failures[failing] = (1, time.monotonic()) if is_old else (number + 1, since)
            while len(self._failures) > _MOST_REMEMBERED:
                self._failures.popitem(last=False)

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
