"""F06, F07, F08 and F30: the database is restarted, hangs, is killed, has no room; everything dies at once."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.bench.crowd import Crowd
from tests.bench.killer import list_below
from tests.embedded.front import open_front
from tests.embedded.test_shedding import (
    test_while_the_database_hangs_senders_hear_503_at_once_and_what_was_accepted_is_there as hang_with_senders,
)
from tests.faults.field import open_field
from tests.faults.found import Found

_RECOVERY_SECONDS = 5.0
_START_SECONDS = 20.0
_ROOM = "256m"


def _find_recovery(crowd: Crowd, at: float) -> float:
    """Seconds from a blow to the next delivery that was taken and had been begun after it."""
    taken = [when - at for when, status, wait in list(crowd.answers) if status in (201, 202) and when - wait > at]
    return min(taken, default=float("inf"))


def trouble_database(*, is_quick: bool) -> Found:
    """F06. Immediate restarts, all of its processes stopped for a while, and no connection left."""
    found, restarts = Found(), 1 if is_quick else 5
    pause, still = (3.0, 2.0) if is_quick else (8.0, 30.0)
    with open_field(seed=6) as field:
        blows: list[float] = []

        def restart() -> None:
            for _ in range(restarts):
                time.sleep(1.0)
                blows.append(time.monotonic())
                os.kill(field.find_postmaster(), signal.SIGQUIT)
                time.sleep(pause)

        def stop() -> None:
            postmaster = field.find_postmaster()
            pids = [postmaster, *(one.pid for one in list_below(postmaster))]
            for number in (signal.SIGSTOP, signal.SIGCONT):
                for pid in pids:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, number)
                if number == signal.SIGSTOP:
                    time.sleep(still)
            blows.append(time.monotonic())

        length = restarts * (pause + 1.0)
        crowds = (
            field.send(int(length * 20), seconds=length, meanwhile=restart),
            field.send(int(still * 20), seconds=still, meanwhile=stop),
        )
        recoveries = [round(_find_recovery(crowds[0 if at in blows[:-1] else 1], at), 1) for at in blows]
        found.notes["recovery_seconds"] = recoveries
        found.expect(max(recoveries) <= _RECOVERY_SECONDS, f"recovered after {max(recoveries)} s, not within 5 s")
        found.note_waits([wait for _, _, wait in crowds[0].answers])
        field.settle()
        field.judge(found, crowds=crowds)
    with open_front() as front, found.promised("no connection left"):
        hang_with_senders(front)
    return found


def kill_after_receipt(*, is_quick: bool) -> Found:
    """F07. The database's first process gets signal 9 right after a 2xx; the row must be there."""
    found, rounds = Found(), 2 if is_quick else 200
    with open_field(seed=7) as field:
        for number in range(rounds):
            field.send(1)
            os.kill(field.find_postmaster(), signal.SIGKILL)
            field.wait_for_database()
            (count,) = field.station.query("SELECT count(*) FROM entries")[0]
            found.expect(count == number + 1, f"round {number}: {number + 1 - count} rows missing")
        field.settle()
        return field.judge(found)


@contextmanager
def _small_disk() -> Iterator[Path]:
    """A file system of 256 MB in memory; only root may make one."""
    with tempfile.TemporaryDirectory(prefix="pim-", ignore_cleanup_errors=True) as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_ROOM}", "tmpfs", folder], check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


def _fill_disk(folder: Path) -> Path:
    """One file that takes what is left."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 65536)
    return filler


def fill_disk(*, is_quick: bool) -> Found:
    """F08. Data, its log of changes and our logs are on one small disk that has no byte left for a while."""
    found, seconds = Found(), 3.0 if is_quick else 20.0
    with _small_disk() as disk, open_field(seed=8, home=disk / "home") as field:

        def fill() -> None:
            time.sleep(1.0)
            filler = _fill_disk(disk)
            time.sleep(seconds)
            filler.unlink()

        crowd = field.send(int(seconds * 30), seconds=seconds, meanwhile=fill)
        found.notes["answers"] = {str(status): count for status, count in sorted(crowd.statuses.items())}
        found.expect(crowd.statuses[503], "nobody was told 503: the disk was not full")
        field.settle()
        with psycopg.connect(field.station.admin_url, autocommit=True) as admin:
            found.notes["checked"] = _check_indexes(admin)
        return field.judge(found, crowds=(crowd,))


def _check_indexes(admin: psycopg.Connection[tuple[object, ...]]) -> str:
    """Every index against its table with amcheck; raises when one is corrupt."""
    try:
        admin.execute("CREATE EXTENSION IF NOT EXISTS amcheck")
    except psycopg.Error:
        return "amcheck is not in this PostgreSQL"
    row = admin.execute(
        "SELECT count(bt_index_check(c.oid, true)) FROM pg_class c JOIN pg_am a ON a.oid = c.relam "
        "WHERE c.relkind = 'i' AND a.amname = 'btree' AND c.relnamespace = 'public'::regnamespace"
    ).fetchone()
    return f"amcheck: {row[0] if row else 0} indexes whole"


def cut_power(*, is_quick: bool) -> Found:
    """F30. Everything dies at once while deliveries come, and starts cold on the same home."""
    found, rounds = Found(), 1 if is_quick else 20
    starts: list[float] = []
    with open_field(seed=30) as field:
        for _ in range(rounds):

            def cut() -> None:
                time.sleep(0.6)
                field.cut_power()
                starts.append(round(field.start_again(), 1))

            crowd = field.send(30, seconds=1.0, meanwhile=cut)
            found.expect(set(crowd.statuses) <= {201, 202, 503}, f"answers: {dict(crowd.statuses)}")
        field.settle()
        found.notes["cold_start_seconds"] = {"longest": max(starts), "middle": sorted(starts)[len(starts) // 2]}
        found.expect(max(starts) <= _START_SECONDS, f"a cold start took {max(starts)} s")
        return field.judge(found)
