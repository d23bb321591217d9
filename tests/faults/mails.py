"""F16 and F17: the mail server, and servers that forms are brought to and pulled from, in every bad state."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from tests.bench.grounds import open_ground
from tests.factories.referrals import Desk
from tests.faults.found import Found
from tests.journeys.mailbox import find_port
from tests.workers.postbox import Postbox, open_postbox
from workers.notices import send_due

_MOODS = {
    "deferred": ("450 busy", "250 taken", False),
    "full": ("552 5.2.2 mailbox full", "250 taken", False),
    "refused content for now": ("250 ok", "451 later", False),
    "drops": ("250 ok", "250 taken", True),
}
_COUNTS = "SELECT state, reason, count(*) FROM notices GROUP BY 1, 2"


@contextmanager
def _open_desk(box: Postbox) -> Iterator[Desk]:
    with open_ground() as settings:
        desk = Desk(settings, smtp_url=box.url, mail_from="pim@pim.example.org", duty_email="duty@example.org")
        desk.service()
        yield desk
        desk.hands.engine.dispose()


def _count(desk: Desk) -> dict[tuple[str, str | None], int]:
    with desk.hands.engine.connect() as connection:
        return {(state, reason): n for state, reason, n in connection.execute(text(_COUNTS))}


def _send_all(desk: Desk) -> None:
    """As the sweeps of some hours would, their pauses left out."""
    for _ in range(3):
        desk.make_due()
        send_due(desk.hands)


def trouble_mail(*, is_quick: bool) -> Found:
    """F16. Mails while the server is away, defers, is full, refuses, drops after taking; then it is well again."""
    found, each = Found(), 4 if is_quick else 60
    with open_postbox() as box, _open_desk(box) as desk:
        for mood, (rcpt, data, drops) in _MOODS.items():
            for _ in range(each):
                desk.referral()
            box.rcpt, box.data, box.drops = rcpt, data, drops
            _send_all(desk)
            waiting = sum(n for (state, _), n in _count(desk).items() if state == "waiting")
            found.expect(waiting == each, f"{mood}: {waiting} of {each} wait")
            box.rcpt, box.data, box.drops = "250 ok", "250 taken", False
            _send_all(desk)
            found.n += each
        for _ in range(each):
            desk.referral()
        desk.change(smtp_url=f"smtp://127.0.0.1:{find_port()}")
        _send_all(desk)
        desk.change(smtp_url=box.url)
        _send_all(desk)
        found.n += each
        sent = _count(desk)
        found.lost += found.n - sum(n for (state, _), n in sent.items() if state == "sent")
        keys = [str(mail["Message-ID"]) for mail in box.mails]
        found.expect(len(set(keys)) == found.n, f"{len(set(keys))} different mails for {found.n} notices")
        found.notes["mails_again"] = len(keys) - len(set(keys))
        _refuse_for_good(desk, box, found, each=each)
    return found


def _refuse_for_good(desk: Desk, box: Postbox, found: Found, *, each: int) -> None:
    """A receiver that does not exist: told to nobody again and again, and never forgotten."""
    for _ in range(each):
        desk.referral()
    box.rcpt, before = "550 5.1.1 unknown", len(box.raw)
    _send_all(desk)
    dead = _count(desk).get(("dead", "refused"), 0)
    found.expect(dead == each, f"{dead} of {each} are marked as refused")
    found.expect(len(box.raw) == before, "a refused mail went out")
    found.n += each


_SERVERS = (
    "tests/servers/test_http.py",
    "tests/workers/test_release_kills.py",
    "tests/workers/test_release_refusals.py",
)


def trouble_servers(*, is_quick: bool) -> Found:
    """F17, servers: 429, 5xx, redirects off the host, answers too large, too slow or not JSON, lost replies, kills."""
    return run_promises(*(_SERVERS[:1] if is_quick else _SERVERS))


def run_promises(*names: str) -> Found:
    """Tests of ours as they stand, in a pytest of their own: each that fails is a violation."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n0", "--no-header", "-rfE", *names],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    found = Found(violations=[line[:300] for line in lines if line.startswith(("FAILED", "ERROR"))])
    found.n = sum(int(part.split()[0]) for part in (lines[-1] if lines else "").split(", ") if "passed" in part)
    found.expect(found.n and done.returncode == 0, f"pytest ended with {done.returncode}")
    return found
