"""Whether web and worker grow: the whole service up, a hundred thousand deliveries through it, memory on the way."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from pimcollect.domain.version import read_version
from tests.bench.bodies import HOUSEHOLD, SILENT, write_household
from tests.bench.chaos import release
from tests.bench.killer import WEB, WORKER_CHILD, find_victims
from tests.bench.load import MARK, Plan, run_load
from tests.bench.measure import Figure
from tests.journeys.station import Station, open_station, wait_for

GATE = 1.1
DELIVERIES, WARM = 100_000, 20_000
"""After the warm part every cache is full: only what comes later counts as growth."""
_CONNECTIONS = 12
_SLICE_SECONDS = 5.0
_DRAIN_SECONDS = 600.0


def read_rss(pid: int) -> float:
    """Resident memory of a process in MB (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def read_memory(station: Station) -> dict[str, float]:
    """The largest process of each kind, in MB."""
    assert station.process is not None
    victims = find_victims(station.process.pid)
    return {role: max(read_rss(pid) for pid in victims[role]) for role in (WEB, WORKER_CHILD)}


def _send_until(station: Station, plan: Plan, *, count: int) -> None:
    """Send in slices and let each settle, so that the backlog stays as short as in service."""
    stored = 0
    while stored < count:
        run_load(plan)
        station.wait_until_settled(seconds=_DRAIN_SECONDS)
        stored = station.query("SELECT count(*) FROM submissions")[0][0]


def measure_memory(*, deliveries: int = DELIVERIES, warm: int = WARM) -> Figure:
    """Memory of the largest web process and worker at the end, beside what it was after the warm part."""
    with tempfile.TemporaryDirectory(prefix="pim-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        with open_station(folder / "home") as station:
            hook = release(station, folder / "forms")[HOUSEHOLD]
            version = read_version(json.loads((folder / "forms" / f"{HOUSEHOLD}.version.json").read_text()))
            body = write_household(SILENT, version, root_id=MARK).decode()
            address = urlsplit(hook.address)
            plan = Plan(address.port or 80, address.path, dict(hook.headers), body, _CONNECTIONS, _SLICE_SECONDS)
            wait_for("the workers to be there", lambda: all(read_memory(station).values()), seconds=30)
            _send_until(station, plan, count=warm)
            before = read_memory(station)
            _send_until(station, plan, count=deliveries)
            after = read_memory(station)
    ratio = max(after[role] / before[role] for role in before)
    return Figure(
        part="memory",
        what=f"memory of web + worker after {deliveries:,}",
        unit="MB",
        value=sum(after.values()),
        floor=sum(before.values()),
        floor_is=f"the same after {warm:,} deliveries; the ratio is that of the kind that grew most",
        ratio=ratio,
        gate=f"<= {GATE} of floor",
        is_ok=ratio <= GATE,
        notes={**{f"{role} MB": round(mb) for role, mb in after.items()}},
    )
