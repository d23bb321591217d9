"""F14: wrong clocks. The same deliveries in processes whose clock is days off must come to the same bytes.

`python -m tests.faults.clocks` is such a process: door, worker and sender in one, under libfaketime.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text

from pimcollect.config import read_settings
from pimcollect.db import open_engine
from tests.bench.grounds import environment, open_ground
from tests.factories.households import SCENARIOS, Household, freeze, open_household, write_kobo
from tests.faults.found import Found
from tests.faults.points import TABLES
from tests.workers.postbox import open_postbox

_LIBRARY = "libfaketimeMT.so.1"
CLOCKS = {
    "two days fast": ("+2d", "UTC"),
    "two days slow": ("-2d", "UTC"),
    "into summer time": ("@2027-03-28 01:59:58", "Europe/Paris"),
    "out of summer time": ("@2027-10-31 02:59:58", "Europe/Paris"),
    "leap day": ("@2028-02-29 23:59:58", "Asia/Yangon"),
    "2038": ("@2038-01-19 03:14:05", "UTC"),
}
_STATES = (
    "SELECT root_id, edition_id, form, state, may_share, place, shared, restricted, erased_at IS NULL AS here, "
    "month FROM submissions ORDER BY root_id",
    "SELECT origin, pathway, urgency, course, state, service, place, "
    "round(extract(epoch FROM due_at - created_at) / 60) AS minutes FROM referrals ORDER BY origin",
    "SELECT kind, form, month, detail, place, n FROM tallies ORDER BY 1, 2, 3, 4, 5",
    "SELECT n.kind, n.edition, n.state, n.channel, count(*) FROM notices n GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
    "SELECT state, reason, body IS NULL AS shredded, count(*) FROM entries GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    "SELECT action, noun, count(*) FROM journal GROUP BY 1, 2 ORDER BY 1, 2",
)


def find_library() -> Path | None:
    """libfaketime, if this machine has it."""
    return next((path for path in Path("/usr/lib").glob(f"*/faketime/{_LIBRARY}")), None)


def _deliver(rounds: int) -> None:
    """All scenarios of the household form, settled and sent, under whatever clock this process has."""
    from tests.factories.door import make_app
    from webhooks.hooks import SECRET_HEADER
    from workers.hands import hands
    from workers.notices import send_due
    from workers.settle import settle_waiting

    settings, path, secret = read_settings(), os.environ["HOOK_PATH"], os.environ["HOOK_SECRET"]
    engine = open_engine(settings.database_url)
    client, number = make_app(settings, engine).test_client(), 0
    for _ in range(rounds):
        for scenario in SCENARIOS["scenarios"]:
            number += 1
            answers = {k: v for k, v in {**SCENARIOS["base_answers"], **scenario["answers"]}.items() if v is not None}
            body, _ = write_kobo(answers, frozen=freeze(), root=str(UUID(int=number, version=4)))
            status = client.post(path, data=body, headers={SECRET_HEADER: secret}).status_code
            if status != 202:
                raise SystemExit(f"the door said {status}")
    settle_waiting(hands())
    send_due(hands())
    sys.stdout.write(json.dumps({"clock": time.time(), "n": number}) + "\n")


def _read(engine: Engine) -> list[list[tuple[Any, ...]]]:
    with engine.connect() as connection:
        return [[tuple(row) for row in connection.execute(text(query))] for query in _STATES]


def _clear(engine: Engine) -> None:
    with engine.begin() as connection:
        for table in (*TABLES, "journal"):
            connection.execute(text(f"DELETE FROM {table}"))


def _run(household: Household, settings_env: dict[str, str], *, rounds: int) -> dict[str, Any]:
    hook = household.door.hook
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.clocks", str(rounds)],
        env={**settings_env, "HOOK_PATH": hook.path, "HOOK_SECRET": hook.secret},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the deliveries ended with {done.returncode}: {done.stderr[-800:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def skew_clocks(*, is_quick: bool) -> Found:
    """F14. Door, worker and sender with another clock than the database; each time from empty tables."""
    found, library, rounds = Found(), find_library(), 1 if is_quick else 4
    if library is None:
        raise RuntimeError("libfaketime is not on this machine (Debian and Ubuntu: apt install faketime)")
    with open_postbox() as box, open_ground() as ground:
        settings = replace(ground, smtp_url=box.url)
        engine = open_engine(settings.database_url)
        household = open_household(settings, engine)
        plain = environment(settings, PIMCOLLECT_SMTP_URL=box.url, PIMCOLLECT_DUTY_EMAIL="duty@example.org")
        _clear(engine)
        _run(household, plain, rounds=rounds)
        expected, mails = _read(engine), len(box.raw)
        for name in list(CLOCKS)[: 2 if is_quick else None]:
            when, zone = CLOCKS[name]
            _clear(engine)
            faked = {
                **plain,
                "LD_PRELOAD": str(library),
                "FAKETIME": when,
                "TZ": zone,
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
            told = _run(household, faked, rounds=rounds)
            off = abs(told["clock"] - datetime.now(UTC).timestamp())
            found.expect(off > 86_400, f"{name}: the clock was not changed")
            seen = _read(engine)
            differing = [number for number, (one, other) in enumerate(zip(expected, seen, strict=True)) if one != other]
            found.expect(not differing, f"{name}: tables {differing} differ")
            found.expect(len(box.raw) - mails == mails_of(expected), f"{name}: {len(box.raw) - mails} mails")
            mails, found.n = len(box.raw), found.n + told["n"]
        household.hands.engine.dispose()
        engine.dispose()
    return found


def mails_of(state: list[list[tuple[Any, ...]]]) -> int:
    """How many notices were sent in a state."""
    return sum(row[-1] for row in state[3] if row[2] == "sent")


if __name__ == "__main__":
    _deliver(int(sys.argv[1]))
