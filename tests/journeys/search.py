"""Searches a running station for values that must be nowhere: tables, files, queue, output, and what it answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from tests.contracts.canaries import Hit, Scanner
from tests.journeys.station import Station


@dataclass(frozen=True)
class Search:
    """What was found, and how much was looked at."""

    hits: tuple[Hit, ...]
    files: int
    spellings: int

    @property
    def places(self) -> list[str]:
        """Where something was found, without the values."""
        return sorted({f"{hit.where} ({hit.spelling})" for hit in self.hits})


def list_folders(station: Station) -> list[Path]:
    """The home, and PostgreSQL's files when another account keeps them elsewhere; all that is in memory is in them."""
    data = station.flush_to_files()
    return [station.home] if station.home in data.parents else [station.home, data]


def search_station(
    station: Station, values: tuple[str, ...], *, said: Mapping[str, str | bytes] | None = None
) -> Search:
    """Look for `values` in every table, file (heap, WAL, queue, logs), queue key, in the output of `up`, and in `said`
    (what -> text: answers, mails, output of commands)."""
    scanner = Scanner(values)
    hits = scanner.scan_database(station.admin_url)
    with Redis.from_url(station.redis_url) as queue:
        hits += scanner.scan_redis(queue)
    folders = list_folders(station)
    for folder in folders:
        hits += scanner.scan_tree(folder)
    hits += scanner.scan_text(station.read_log(), "output of up")
    for what, text in (said or {}).items():
        hits += scanner.scan_bytes(text if isinstance(text, bytes) else text.encode(), what)
    files = sum(1 for folder in folders for path in folder.rglob("*") if path.is_file())
    return Search(tuple(hits), files, len(scanner.patterns))
