"""How many slow requests may hold a thread at once: deliveries share the threads, and must not wait for pages."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask, current_app

from pimcollect.errors import ErrorCode, PimError

LOGINS, REVEALS = "logins", "reveals"
_SEATS = {LOGINS: 2, REVEALS: 2}
"""In each process, of its 8 threads. A log-in takes 64 MB and a tenth of a second, a reveal up to 8 seconds."""
_PATIENCE_SECONDS = 1.0


def set_seats(app: Flask) -> None:
    """Put the seats of each kind out."""
    app.extensions["seats"] = {kind: threading.BoundedSemaphore(n) for kind, n in _SEATS.items()}


@contextmanager
def seat(kind: str) -> Iterator[None]:
    """Hold a seat while the block runs. Raises PimError(AWAY) when none becomes free within a second."""
    seats: threading.BoundedSemaphore = current_app.extensions["seats"][kind]
    if not seats.acquire(timeout=_PATIENCE_SECONDS):
        raise PimError(ErrorCode.AWAY, "Too many ask for this at once.", remedy="Try again in a moment.")
    try:
        yield
    finally:
        seats.release()
