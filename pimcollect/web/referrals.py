"""Referrals: by urgency and deadline; accept, decline, reveal, close."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from forms.current import read_current
from pimcollect.domain.roles import Actor, Role, allow, sees_all_referrals, serves
from pimcollect.tables.referrals import MoveRow, ReferralRow, find_moves, find_referral, find_referrals
from pimcollect.web.access import acting_member
from pimcollect.web.store import reading

blueprint = Blueprint("referrals", __name__, url_prefix="/referrals")
OPEN_STATES = ("no_service", "waiting", "accepted")


@dataclass(frozen=True)
class Shown:
    """A referral as a page shows it. `pathway` is empty for those who are not to know what it is about."""

    row: ReferralRow
    pathway: str
    is_mine: bool

    @property
    def is_open(self) -> bool:
        return self.row.state in OPEN_STATES

    @property
    def is_unserved(self) -> bool:
        """Nobody was found to send it to."""
        return self.row.state == "no_service"

    def is_overdue(self, now: datetime) -> bool:
        """Still open after its deadline."""
        return self.is_open and self.row.due_at < now


def _may_know_pathway(actor: Actor, row: ReferralRow) -> bool:
    """Only whom it is addressed to; and, while nobody is, who must find a service."""
    return serves(actor, row.service) or (row.service is None and Role.IMO in actor.roles)


def _show(session: Session, actor: Actor, rows: list[ReferralRow]) -> list[Shown]:
    titles: dict[str, str] = {}
    if any(_may_know_pathway(actor, row) for row in rows):
        titles = {code: one.title for code, one in read_current(session).catalogue.pathways.items()}
    return [
        Shown(
            row,
            pathway=titles.get(row.pathway, row.pathway) if _may_know_pathway(actor, row) else "",
            is_mine=serves(actor, row.service),
        )
        for row in rows
    ]


def find_visible(session: Session, actor: Actor, *, states: tuple[str, ...] = OPEN_STATES) -> list[Shown]:
    """The referrals that this member may see, unserved first, then by urgency and deadline."""
    allow(actor, "referrals.list")
    services = None if sees_all_referrals(actor) else [actor.service] if actor.service else []
    rows = find_referrals(session, services=services, states=list(states))
    return sorted(_show(session, actor, rows), key=lambda one: not one.is_unserved)


def _find_one(session: Session, actor: Actor, reference: str) -> Shown:
    """404 for one that is not there and for one that is somebody else's: both look alike."""
    row = find_referral(session, reference)
    if row is None or not (sees_all_referrals(actor) or serves(actor, row.service)):
        abort(404)
    return _show(session, actor, [row])[0]


@blueprint.get("")
def show_list() -> str:
    """Open ones, or those that are over."""
    is_over = request.args.get("over") == "yes"
    states = ("declined", "closed", "recalled", "withdrawn", "expired") if is_over else OPEN_STATES
    rows = find_visible(reading(), acting_member(), states=states)
    return render_template("referrals/list.html", rows=rows, is_over=is_over, now=datetime.now(UTC))


def _render(shown: Shown, moves: list[MoveRow], **more: object) -> str:
    return render_template("referrals/show.html", one=shown, moves=moves, now=datetime.now(UTC), **more)


@blueprint.get("/<reference>")
def show_one(reference: str) -> ResponseReturnValue:
    """One referral and what can be done with it now."""
    session, actor = reading(), acting_member()
    shown = _find_one(session, actor, reference)
    return _render(shown, find_moves(session, shown.row.id))
