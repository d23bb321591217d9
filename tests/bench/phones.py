"""How many submissions the phones' door takes, beside the same bare route as the hooks' door, and with four clients."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

from sqlalchemy.orm import Session

from pimcollect.actions.phones import add_phone
from pimcollect.actions.releases import release_to_phones
from pimcollect.config import Settings
from pimcollect.db import open_engine
from pimcollect.domain.phones import PhoneKind
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.vault import read_door_keys, seal_value
from tests.bench.bodies import HOUSEHOLD
from tests.bench.grounds import open_ground, serve
from tests.bench.intake import CLIENTS, CONNECTIONS, GATES, ROUNDS, SECONDS, are_kept, take_all
from tests.bench.load import MARK, Plan
from tests.bench.measure import Figure, take_rounds
from tests.bench.settling import release_household
from tests.factories import families
from tests.factories.households import freeze
from tests.factories.phones import write_odk, write_post


def _release(settings: Settings) -> str:
    """The household form on the phones, and the path that a device sends to."""
    engine = open_engine(settings.database_url)
    release_household(settings, engine)
    with Session(engine) as session, session.begin():
        release_to_phones(session, COMMAND_LINE, HOUSEHOLD)
        keys = read_door_keys(settings.door_keys)
        made = add_phone(session, COMMAND_LINE, name="bench", kind=PhoneKind.DEVICE, keys=keys)
    engine.dispose()
    return f"/phones/key/{made.secret}/submission?deviceID=bench"


def measure_phones(*, rounds: int = ROUNDS, seconds: float = SECONDS) -> Figure:
    """Submissions of one post each, answered in a second by the web processes alone."""
    xml, _ = write_odk(families.EVICTED, frozen=freeze(HOUSEHOLD), root=MARK)
    posted, content_type = write_post(xml)
    body, headers = posted.decode(), {"Content-Type": content_type, "X-OpenRosa-Version": "1.0"}
    with ExitStack() as stack:
        settings = stack.enter_context(open_ground())
        path = _release(settings)
        sealed = seal_value(xml, to=read_door_keys(settings.door_keys).intake, context="bench")
        door = stack.enter_context(serve(settings, "pimcollect", "web", ready="/healthz"))
        bare = stack.enter_context(serve(settings, "tests.bench.bare", str(len(sealed)), ready="/readyz"))
        to_door = Plan(door, path, headers, body, CONNECTIONS, seconds, expected=201)
        to_bare = Plan(bare, "/", headers, body, CONNECTIONS, seconds)
        for plan in (to_door, to_bare):
            take_all(Plan(plan.port, plan.path, headers, body, CONNECTIONS, 1.0, expected=plan.expected))
        taken = take_rounds(lambda: take_all(to_door).rate, lambda: take_all(to_bare).rate, rounds=rounds)
        few = take_all(replace(to_door, connections=CLIENTS))
    return Figure(
        part="phones",
        what="phone intake",
        unit="/s",
        value=taken.value,
        floor=taken.floor,
        floor_is="a bare Flask route on the same server that inserts one row of that size and commits",
        ratio=taken.ratio,
        gate=GATES,
        is_ok=are_kept(taken.ratio, few),
        notes={"bytes": len(body), f"rate_{CLIENTS}_clients": round(few.rate), "p95_ms": few.p95, "p99_ms": few.p99},
    )
