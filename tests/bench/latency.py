"""How long it takes from the receipt of a delivery until it is settled, with the whole service up and a steady load."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import requests

from pimcollect.domain.version import read_version
from tests.bench.bodies import HOUSEHOLD, Sent, make_household
from tests.bench.chaos import release
from tests.bench.crowd import Hook
from tests.bench.measure import Figure, percentile
from tests.journeys.station import Station, open_station

GATE = 1.0
RATE = 50.0
SECONDS = 20.0
_WARM = 60
_SENDERS = 8
_WAITED = "SELECT extract(epoch FROM settled_at - received_at)::float FROM entries ORDER BY received_at OFFSET %s"


class Steady:
    """Sends deliveries at a steady pace, each at its time, whether or not the ones before it are answered."""

    def __init__(self, hook: Hook) -> None:
        self._hook = hook
        self._own = threading.local()
        self.answered: list[float] = []

    def _send(self, sent: Sent, at: float) -> None:
        if not hasattr(self._own, "session"):
            self._own.session = requests.Session()
        time.sleep(max(0.0, at - time.monotonic()))
        headers = dict(self._hook.headers)
        started = time.monotonic()
        self._own.session.post(self._hook.address, data=sent.body, headers=headers, timeout=10).raise_for_status()
        self.answered.append(time.monotonic() - started)

    def send(self, deliveries: list[Sent], *, rate: float) -> None:
        """All of them, `rate` a second."""
        started = time.monotonic() + 0.1
        with ThreadPoolExecutor(_SENDERS) as pool:
            done = [pool.submit(self._send, one, started + number / rate) for number, one in enumerate(deliveries)]
        for one in done:
            one.result()


def _measure(station: Station, folder: Path, *, seconds: float) -> tuple[list[float], list[float]]:
    hook = release(station, folder)[HOUSEHOLD]
    version = read_version(json.loads((folder / f"{HOUSEHOLD}.version.json").read_text()))
    deliveries = make_household(version)
    Steady(hook).send(list(islice(deliveries, _WARM)), rate=RATE)
    station.wait_until_settled()
    steady = Steady(hook)
    steady.send(list(islice(deliveries, int(RATE * seconds))), rate=RATE)
    station.wait_until_settled()
    return [waited for (waited,) in station.query(_WAITED, _WARM)], steady.answered


def measure_latency(*, seconds: float = SECONDS) -> Figure:
    """The 95th percentile in seconds, by the database's own clock; the floor is that of the mere answer."""
    with tempfile.TemporaryDirectory(prefix="pim-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        with open_station(folder / "home") as station:
            waited, answered = _measure(station, folder / "forms", seconds=seconds)
    value, floor = percentile(waited, 0.95), percentile(answered, 0.95)
    return Figure(
        part="latency",
        what="receipt to settled, p95",
        unit="s",
        value=value,
        floor=floor,
        floor_is="the 95th percentile of the answer to the sender, in the same run",
        ratio=value / floor,
        gate=f"< {GATE} s",
        is_ok=value < GATE,
        notes={"rate": RATE, "deliveries": len(waited), "p50": percentile(waited, 0.5), "longest": max(waited)},
    )
