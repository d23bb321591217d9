"""How many deliveries the real door takes, beside a bare route on the same server that inserts a row of that size."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

from sqlalchemy.orm import Session

from pimcollect.actions.hooks import open_hook
from pimcollect.config import Settings
from pimcollect.db import open_engine
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.vault import read_door_keys, seal_value
from tests.bench.bodies import HOUSEHOLD, write_household
from tests.bench.grounds import open_ground, serve
from tests.bench.load import MARK, Plan, Seen, run_load
from tests.bench.measure import Figure, take_rounds
from tests.factories import families, kobo
from tests.factories.door import put_form
from tests.factories.versions import bank_version
from webhooks.hooks import SECRET_HEADER

GATE = 0.6
ROUNDS, SECONDS = 11, 2.0
"""Many short ones: a machine that others use too changes its speed within seconds."""
CONNECTIONS = 12
CENTRAL = 170.0
"""Submissions a second that ODK Central took with four clients on two cores (measured before we began)."""
CLIENTS, TIMES, SLOWEST_MS = 4, 4, 35.0
GATES = f">= {GATE} of floor; {CLIENTS} clients >= {TIMES} x {CENTRAL:.0f}/s, p95 < {SLOWEST_MS:.0f} ms"


class OddAnswersError(RuntimeError):
    """The server did not take what was sent."""


def take_all(plan: Plan) -> Seen:
    """Run a plan. Raises OddAnswersError unless every delivery was taken."""
    seen = run_load(plan)
    if seen.odd or not seen.answers:
        raise OddAnswersError(f"{seen.odd} of {seen.answers} answers were not {plan.expected}")
    return seen


def are_kept(ratio: float, few: Seen) -> bool:
    """Whether a door keeps its gates: `few` is what its four clients saw."""
    return ratio >= GATE and few.rate >= TIMES * CENTRAL and few.p95 < SLOWEST_MS


def _open_hook(settings: Settings) -> tuple[str, str]:
    engine = open_engine(settings.database_url)
    with Session(engine) as session, session.begin():
        put_form(session, HOUSEHOLD)
        opened = open_hook(session, COMMAND_LINE, server="kobo", form=HOUSEHOLD)
    engine.dispose()
    return opened.key, opened.secret


def measure_intake(*, rounds: int = ROUNDS, seconds: float = SECONDS) -> Figure:
    """Deliveries answered in a second by the web processes alone; no worker runs beside them."""
    body = write_household(families.EVICTED, bank_version(HOUSEHOLD), root_id=MARK).decode()
    with ExitStack() as stack:
        settings = stack.enter_context(open_ground())
        sealed = seal_value(body.encode(), to=read_door_keys(settings.door_keys).intake, context="bench")
        key, secret = _open_hook(settings)
        door = stack.enter_context(serve(settings, "pimcollect", "web", ready="/healthz"))
        bare = stack.enter_context(serve(settings, "tests.bench.bare", str(len(sealed)), ready="/readyz"))
        headers = {**kobo.write_headers(), SECRET_HEADER: secret}
        to_door = Plan(door, f"/webhooks/{key}", headers, body, CONNECTIONS, seconds)
        to_bare = Plan(bare, "/", headers, body, CONNECTIONS, seconds)
        for plan in (to_door, to_bare):
            take_all(Plan(plan.port, plan.path, headers, body, CONNECTIONS, 1.0))
        taken = take_rounds(lambda: take_all(to_door).rate, lambda: take_all(to_bare).rate, rounds=rounds)
        few = take_all(replace(to_door, connections=CLIENTS))
    return Figure(
        part="intake",
        what="hook intake",
        unit="/s",
        value=taken.value,
        floor=taken.floor,
        floor_is="a bare Flask route on the same server that inserts one row of that size and commits",
        ratio=taken.ratio,
        gate=GATES,
        is_ok=are_kept(taken.ratio, few),
        notes={"bytes": len(body), f"rate_{CLIENTS}_clients": round(few.rate), "p95_ms": few.p95, "p99_ms": few.p99},
    )
