"""The first page after the log-in: what waits for this member, by role."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Blueprint, render_template
from sqlalchemy.orm import Session

from pimcollect.domain.roles import Actor, Role, may
from pimcollect.tables.marks import count_held
from pimcollect.web.access import acting_member
from pimcollect.web.referrals import find_visible
from pimcollect.web.store import reading

blueprint = Blueprint("home", __name__)


@dataclass(frozen=True)
class Waiting:
    """How much waits; None where it is not this member's business."""

    referrals: int | None = None
    overdue: int = 0
    unserved: int = 0
    held: int | None = None


def count_waiting(session: Session, actor: Actor, now: datetime) -> Waiting:
    """What waits for the actor; lists are cut at 200, so larger numbers are not told apart."""
    referrals = overdue = unserved = held = None
    if may(actor, "referrals.list"):
        rows = find_visible(session, actor)
        unserved = sum(row.is_unserved for row in rows)
        referrals = len(rows) - unserved
        overdue = sum(row.is_overdue(now) for row in rows)
    if may(actor, "inbox.list"):
        held = sum(count_held(session).values())
    return Waiting(referrals, overdue or 0, unserved or 0, held)


@blueprint.get("/")
def show() -> str:
    """What waits, and where to go."""
    actor = acting_member()
    waiting = count_waiting(reading(), actor, datetime.now(UTC))
    is_desk = not actor.roles.isdisjoint({Role.IMO, Role.ADMIN, Role.DPO})
    return render_template("home/show.html", waiting=waiting, is_desk=is_desk)
