"""What doctor says of the doors: who was refused lately, why, and what to do."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy.orm import Session

from pimcollect.cli.findings import ATTENTION, OK, Finding
from pimcollect.tables.forms import find_refused_hooks, find_unasked_hooks
from pimcollect.tables.marks import HOOKS, RECENT_DAYS, Refusal, find_refused_strangers

_MENDS = {
    Refusal.CLOSED: "Somebody still posts to a closed address: `pimcollect hooks open --form {form} --server {server}` "
    "and enter the new one there.",
    Refusal.WRONG_SECRET: "Is the newest secret there? `pimcollect hooks rotate {id}`, paste it, then send anew there.",
    Refusal.NETWORK: "If it is a sender of yours: `pimcollect hooks change {id} --allow NETWORK`.",
    Refusal.TOO_LARGE: "Raise PIMCOLLECT_MAX_BODY_MB if it is as it should be, then send anew there.",
}
_STRANGERS = "Is an address mistyped at a server? `pimcollect hooks list`; else it is somebody who tries."


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
    rows = find_refused_hooks(session, days=RECENT_DAYS)
    for row in rows:
        why = Refusal(row.refused_reason or Refusal.WRONG_SECRET)
        state = "closed hook" if row.closed_at else "hook"
        last = f"last {row.refused_at:%Y-%m-%d %H:%M} UTC" if row.refused_at else ""
        detail = f"{state} {str(row.id)[:8]} of {row.form}: {row.refused} refused, {last}: {why.value}"
        mend = _MENDS.get(why, "Run `pimcollect hooks list`.")
        yield Finding("doors", ATTENTION, detail, mend.format(id=str(row.id)[:8], form=row.form, server=row.server))
    strangers = find_refused_strangers(session, HOOKS)
    if strangers is not None:
        yield Finding("doors", ATTENTION, f"{strangers.n} calls of addresses that no hook has, some lately", _STRANGERS)
    if not rows and strangers is None:
        yield Finding("doors", OK, f"no hook refused anything in {RECENT_DAYS} days")
