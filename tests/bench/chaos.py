"""`make chaos`: real deliveries to a real service whose processes are killed and whose queue is emptied meanwhile.

Prints one JSON line and ends with 0 when nothing was lost, doubled or seen. With `--naive` the same is done to a
service that answers before it stores; it ends with 0 when that one lost some, as it must.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pimcollect.domain.version import read_version
from tests.bench.bodies import ADOPTED, HOUSEHOLD, Sent, make_mixed
from tests.bench.crowd import PHONES, Crowd, Hook, repeat_some
from tests.bench.judge import Verdict, judge, look_for_canaries
from tests.bench.killer import Killer, NobodyToKillError
from tests.bench.naive import NaiveStation
from tests.factories import kobo
from tests.factories.phones import write_post
from tests.factories.versions import bank_version
from tests.journeys.mailbox import Mailbox, open_mailbox
from tests.journeys.station import Station, StationError, open_station, wait_for

ROOT = Path(__file__).parents[2]
_DRAIN_SECONDS = 180.0
_NOTICE_SECONDS = 150.0
"""A notice that was being sent when its sender was killed is free again after its lease of a minute."""
_STILL_SECONDS = 5.0


@dataclass(frozen=True)
class Order:
    """What to do."""

    submissions: int = 2000
    duplicates: float = 0.1
    kills: int = 40
    flushes: int = 2
    restarts: int = 0
    phones: float = 0.5
    seed: int = 1
    naive: bool = False


def read_order(words: Sequence[str]) -> Order:
    """The options of the command line."""
    parser = argparse.ArgumentParser(prog="tests.bench.chaos", description=__doc__)
    parser.add_argument("--submissions", type=int, default=Order.submissions)
    parser.add_argument("--duplicates", type=float, default=Order.duplicates, help="part that is sent twice")
    parser.add_argument("--kills", type=int, default=Order.kills)
    parser.add_argument("--flushes", type=int, default=Order.flushes, help="how often the queue is emptied")
    parser.add_argument(
        "--restarts", type=int, default=Order.restarts, help="how often the database is restarted at once"
    )
    parser.add_argument("--phones", type=float, default=Order.phones, help="part of the households sent by phone")
    parser.add_argument("--seed", type=int, default=Order.seed)
    parser.add_argument("--naive", action="store_true", help="the same to a service that answers before it stores")
    return Order(**vars(parser.parse_args(words)))


@contextmanager
def explained(station: Station) -> Iterator[None]:
    """Whatever does not come to its end inside is told together with the last lines of the service."""
    try:
        yield
    except (StationError, NobodyToKillError) as error:
        raise StationError(f"{error}; it said: {station.read_log()[-2000:]}") from None


def torment(station: Station, hooks: dict[str, Hook], sent: list[Sent], order: Order) -> tuple[Crowd, Killer]:
    """Send everything, a burst for each kill. Returns when all was acknowledged and all kills are done."""
    assert station.process is not None
    posts = repeat_some(sent, part=order.duplicates, seed=order.seed)
    crowd = Crowd(posts, hooks)
    data = station.flush_to_files()
    killer = Killer(station.process.pid, station.redis_url, data=data, seed=order.seed)
    plan = killer.plan(kills=order.kills, flushes=order.flushes, restarts=order.restarts)
    crowd.start()
    for number, step in enumerate(plan):
        crowd.allow((number + 1) / len(plan))
        killer.do(step)
    crowd.allow(1)
    wait_for("everything to be acknowledged", lambda: crowd.is_done, seconds=_DRAIN_SECONDS)
    return crowd, killer


def release(station: Station, folder: Path) -> dict[str, Hook]:
    """The practice places and services, both forms, and a hook for each: by the commands that people use."""
    station.run("bank", "import")
    station.run("places", "import")
    station.run("services", "import")
    station.run("forms", "build", HOUSEHOLD, "--no-encrypt", "--languages", "en", "-o", str(folder))
    station.run("forms", "adopt", str(ROOT / "tests/payloads/pm_kac.xlsx"), "--consent", "consent")
    hooks = {}
    for form in (HOUSEHOLD, ADOPTED):
        opened = station.read("hooks", "open", "--server", "kobo", "--form", form)
        address = f"{station.url}/webhooks/{opened['url'].rsplit('/', 1)[-1]}"
        hooks[form] = Hook(address, {**kobo.write_headers(), **opened["headers"]})
    station.run("forms", "release", HOUSEHOLD, "--to", "phones")
    (device,) = station.read("phones", "add", "chaos", "--device")
    _, content_type = write_post(None)
    address = f"{station.url}{urlsplit(device['server_url']).path}/submission?deviceID=chaos"
    hooks[PHONES] = Hook(address, {"Content-Type": content_type, "X-OpenRosa-Version": "1.0"})
    return hooks


def summarise(order: Order, crowd: Crowd, killer: Killer, **more: Any) -> dict[str, Any]:
    """The line that is printed."""
    return {
        "submissions": order.submissions,
        "duplicates": int(order.submissions * order.duplicates),
        "kills": sum(killer.kills.values()),
        "flushes": killer.flushes,
        "restarts": killer.restarts,
        "acknowledged": len(crowd.acknowledged),
        **more,
        "killed": dict(killer.kills),
        "answers": {str(status): n for status, n in sorted(crowd.statuses.items())},
        "lost_connections": crowd.lost_connections,
        "seed": order.seed,
    }


def judge_answers(crowd: Crowd, verdict: Verdict) -> None:
    """201 or 202, or 503 when the sender shall come again; anything else would lose data at a real sender."""
    for status, count in crowd.statuses.items():
        if status not in (201, 202, 503):
            verdict.complain(f"{count} answers with status {status}")


def run_real(order: Order, folder: Path) -> tuple[dict[str, Any], bool]:
    """The real service. Returns the line and whether all is well."""
    with ExitStack() as stack:
        mailbox = stack.enter_context(open_mailbox())
        settings = {"PIMCOLLECT_SMTP_URL": mailbox.smtp_url}
        station = stack.enter_context(open_station(folder / "home", settings=settings))
        hooks = release(station, folder / "forms")
        version = read_version(json.loads((folder / "forms" / f"{HOUSEHOLD}.version.json").read_text()))
        sent = list(islice(make_mixed(version, seed=order.seed, phones=order.phones), order.submissions))
        started = time.monotonic()
        with explained(station):
            crowd, killer = torment(station, hooks, sent, order)
        taken_at = time.monotonic()
        station.wait_until_settled(seconds=_DRAIN_SECONDS)
        drained_at = time.monotonic()
        _wait_for_notices(station)
        sent_at = time.monotonic()
        verdict = judge(station, crowd.acknowledged)
        judge_answers(crowd, verdict)
        look_for_canaries(station, mails=mailbox.raw, verdict=verdict)
        if missing := order.submissions - len(crowd.acknowledged):
            verdict.complain(f"{missing} deliveries were never acknowledged")
        line = summarise(
            order,
            crowd,
            killer,
            lost=verdict.lost,
            duplicated=verdict.duplicated,
            canaries=verdict.canaries,
            seconds=round(taken_at - started, 1),
            drain_seconds=round(drained_at - taken_at, 1),
            notice_seconds=round(sent_at - drained_at, 1),
            **count_mails(mailbox),
            violations=verdict.others,
        )
    return line, verdict.is_clean


def count_mails(mailbox: Mailbox) -> dict[str, int]:
    """How many mails came, and how many of them a second time: allowed after a kill, and known by their id."""
    keys = [str(mail["Message-ID"]) for mail in mailbox.mails]
    return {"mails": len(keys), "mails_again": len(keys) - len(set(keys))}


def _wait_for_notices(station: Station) -> None:
    def are_sent() -> bool:
        return station.query("SELECT count(*) FROM notices WHERE state = 'waiting'") == [(0,)]

    wait_for("the notices to be sent", are_sent, seconds=_NOTICE_SECONDS)


def run_naive(order: Order, folder: Path) -> tuple[dict[str, Any], bool]:
    """The naive service. Returns the line and whether the harness saw a loss, as it must."""
    station = NaiveStation(folder / "home")
    station.start()
    try:
        sent = list(islice(make_mixed(bank_version(HOUSEHOLD), seed=order.seed), order.submissions))
        hook = Hook(f"{station.url}/", kobo.write_headers())
        started = time.monotonic()
        with explained(station):
            crowd, killer = torment(station, {HOUSEHOLD: hook, ADOPTED: hook}, sent, order)
        taken_at = time.monotonic()
        stored = _wait_until_still(station)
        line = summarise(
            order,
            crowd,
            killer,
            lost=len(set(crowd.acknowledged) - set(stored)),
            duplicated=sum(number > 1 for number in stored.values()),
            seconds=round(taken_at - started, 1),
            drain_seconds=round(time.monotonic() - taken_at, 1),
        )
    finally:
        station.stop()
    return line, line["lost"] > 0


def _wait_until_still(station: Station) -> dict[str, int]:
    """What the naive worker stored, when nothing more has come for some seconds; root id -> how often."""
    before, since = -1, time.monotonic()
    until = since + _DRAIN_SECONDS
    while time.monotonic() < until and time.monotonic() - since < _STILL_SECONDS:
        count = station.query("SELECT count(*) FROM naive")[0][0]
        if count != before:
            before, since = count, time.monotonic()
        time.sleep(0.2)
    return {root: int(n) for root, n in station.query("SELECT root_id, count(*) FROM naive GROUP BY 1")}


def run(order: Order) -> tuple[dict[str, Any], bool]:
    """One run in a scratch folder that is gone afterwards; (the line, whether it ended as it must)."""
    random.seed(order.seed)
    # a short path: sockets stand inside
    with tempfile.TemporaryDirectory(prefix="pim-", ignore_cleanup_errors=True) as folder:
        return (run_naive if order.naive else run_real)(order, Path(folder))


def main(words: Sequence[str]) -> int:
    """Run, print the line, say what was wrong."""
    try:
        line, is_well = run(read_order(words))
    except StationError as error:
        sys.stderr.write(f"chaos: {error}\n")
        return 1
    sys.stdout.write(json.dumps(line) + "\n")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
