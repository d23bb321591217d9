"""What doctor says of the doors: who was refused lately, why, and what to do."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy.orm import Session

from pimcollect.actions.hooks import list_hooks
from pimcollect.cli.desk import count
from pimcollect.cli.findings import ATTENTION, OK, Finding
from pimcollect.config import Settings
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.errors import PimError
from pimcollect.servers.base import MAPPED
from pimcollect.tables.carried import count_carriable
from pimcollect.tables.forms import find_unasked_hooks
from pimcollect.tables.marks import HOOKS, RECENT_DAYS, Refusal, find_refused_strangers
from pimcollect.vault import read_door_keys

_MENDS = {
    Refusal.CLOSED: "Somebody still posts to a closed address: `pimcollect hooks open --form {form} --server {server}` "
    "and enter the new one there.",
    Refusal.WRONG_SECRET: "Is the newest secret there? `pimcollect hooks rotate {id}`, paste it, then send anew there.",
    Refusal.NETWORK: "If it is a sender of yours: `pimcollect hooks change {id} {allowed} --allow NETWORK`.",
    Refusal.TOO_LARGE: "Raise PIMCOLLECT_MAX_BODY_MB if it is as it should be, then send anew there.",
}
_STRANGERS = "Is an address mistyped at a server? `pimcollect hooks list`; else it is somebody who tries."
_MOST = 20
_LEAST_UNASKED = 3
"""In a row. Fewer may be people who were not there: a question that nobody answered is not in a delivery either."""


def check_unasked(session: Session) -> Iterator[Finding]:
    """Hooks whose newest deliveries carried no question of consent at all: each of them is taken for a no."""
    for row in find_unasked_hooks(session, least=_LEAST_UNASKED):
        detail = f"hook {str(row.id)[:8]} of {row.form}: its last {row.unasked} deliveries carried no consent question"
        mend = "Each counts as a no. In Kobo's REST service leave 'Select fields' empty; then connect the server "
        mend += "(`pimcollect servers connect`): its pull brings whole copies, which put it right."
        yield Finding("doors", ATTENTION, detail, mend)


def check_refusals(session: Session) -> Iterator[Finding]:
    """Hooks that refused something in the last days, closed ones too, and calls of addresses that never were."""
    told = [(one["last_at"], hook.row, one) for hook in list_hooks(session, COMMAND_LINE) for one in hook.standing]
    told.sort(key=lambda each: each[0], reverse=True)
    for last_at, row, one in told[:_MOST]:
        why, short = Refusal(one["reason"]), str(row.id)[:8]
        state = "closed hook" if row.closed_at else "hook"
        last = f"last {last_at:%Y-%m-%d %H:%M} UTC"
        detail = f"{state} {short} of {row.form}: {one['n']} refused, {last}: {why.value}"
        allowed = " ".join(f"--allow {network}" for network in row.networks)
        mend = _MENDS[why].format(id=short, form=row.form, server=row.server, allowed=allowed)
        yield Finding("doors", ATTENTION, detail, mend)
    if len(told) > _MOST:
        yield Finding("doors", ATTENTION, f"{len(told) - _MOST} more, longer ago", "Run `pimcollect hooks list`.")
    strangers = find_refused_strangers(session, HOOKS)
    if strangers is not None:
        calls = count(strangers.n, "call of an address", "calls of addresses")
        last = f"last {strangers.last_at:%Y-%m-%d %H:%M} UTC"
        yield Finding("doors", ATTENTION, f"{calls} that no hook has, {last}", _STRANGERS)
    if not told and strangers is None:
        yield Finding("doors", OK, f"no hook refused anything in {RECENT_DAYS} days")


def count_to_carry(session: Session, settings: Settings) -> int:
    """How many are held because they are sealed for another machine, as they should be."""
    try:
        door = read_door_keys(settings.door_keys)
    except PimError:
        return 0  # said by check_keys
    return 0 if door.carry is None else count_carriable(session, door.intake.key_id, without=MAPPED)
