"""Referrals: by urgency and deadline; accept, decline, close, give to a service; and show once whom one is about."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid4

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy.orm import Session

from forms.pathways import say_title
from pimcollect.actions.referrals import (
    Told,
    accept_referral,
    close_referral,
    decline_referral,
    list_referrals,
    reopen_referral,
    reroute_referral,
    show_referral,
)
from pimcollect.actions.reveals import Answer, ask_reveal, take_answer
from pimcollect.domain import referrals
from pimcollect.domain.roles import Actor, may, sees_all_referrals, serves
from pimcollect.domain.version import Pathway
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.referrals import ReferralRow
from pimcollect.vault import OpenKey, create_open_key, open_value
from pimcollect.web.access import acting_member
from pimcollect.web.catalogue import name_places, read_bank
from pimcollect.web.offers import find_offers
from pimcollect.web.persons import Person, read_person
from pimcollect.web.seats import REVEALS, seat
from pimcollect.web.store import acting, reading
from pimcollect.web.telling import say
from pimcollect.web.words import STATES

blueprint = Blueprint("referrals", __name__, url_prefix="/referrals")
_OVER = [state.value for state in referrals.State if state not in referrals.OPEN]
_UNSERVED = [referrals.State.NO_SERVICE.value, referrals.State.DECLINED.value]
_ADDRESSED = [state.value for state in referrals.State if state in referrals.OPEN and state not in _UNSERVED]
_MOST = 200
"""How many a list shows of each kind; it says so when there are more."""
_REVEAL_SECONDS = 8.0
_LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Shown:
    """A referral as a page shows it. `pathway` is empty for those who are not to know what it is about."""

    row: ReferralRow
    pathway: str
    place: str
    is_mine: bool
    """Addressed to the service of whoever looks."""
    may_reveal: bool
    may_reroute: bool
    may_reopen: bool

    @property
    def is_unserved(self) -> bool:
        """Somebody must find a service."""
        return self.row.state in _UNSERVED and not self.is_mine

    @property
    def is_open(self) -> bool:
        """Still waits for whoever looks; what the own service declined does not."""
        return referrals.is_open(self.row.state) and not (self.is_mine and self.row.state in _UNSERVED)

    @property
    def may_answer(self) -> bool:
        """Accept or decline."""
        return self.is_mine and self.row.state in (referrals.State.WAITING, referrals.State.SENT)

    @property
    def may_close(self) -> bool:
        """Close, or give back."""
        return self.is_mine and self.row.state == referrals.State.ACCEPTED

    def is_overdue(self, now: datetime) -> bool:
        """Still open after its deadline."""
        return self.is_open and self.row.due_at < now


def _show(session: Session, actor: Actor, rows: list[ReferralRow]) -> list[Shown]:
    """One query for the names of all places."""
    pathways = read_bank(session).pathways
    places = name_places(session, (row.place for row in rows))
    return [_show_row(actor, row, pathways, places) for row in rows]


def _show_row(actor: Actor, row: ReferralRow, pathways: Mapping[str, Pathway], places: Mapping[str, str]) -> Shown:
    is_mine = serves(actor, row.service)
    may_reroute = may(actor, "referrals.reroute") and row.state in _UNSERVED
    known = pathways.get(row.pathway)
    title = say_title(known.title) if known else row.pathway
    return Shown(
        row,
        # only whom it is addressed to; and, while nobody takes it, who must find a service
        pathway=title if is_mine or may_reroute else "",
        place=places.get(row.place or "", row.place or ""),
        is_mine=is_mine,
        may_reveal=is_mine
        and row.state in referrals.REVEALABLE
        and row.case_id is not None
        and str(row.accepted_by) == actor.id,
        may_reroute=may_reroute,
        may_reopen=may(actor, "referrals.reroute") and row.state == referrals.State.ACCEPTED,
    )


def find_visible(session: Session, actor: Actor, *, is_over: bool = False) -> list[Shown]:
    """What this member may see: unserved first, then by urgency and deadline. What is over: the last that moved first.

    What the own service declined is over for its monitor, and open for whoever must find another service.
    """
    if is_over:
        rows = list_referrals(session, actor, states=_OVER + _UNSERVED[1:], is_newest_first=True, limit=_MOST)
    else:
        rows = list_referrals(session, actor, states=_UNSERVED, limit=_MOST) if sees_all_referrals(actor) else []
        rows += list_referrals(session, actor, states=_ADDRESSED, limit=_MOST)
    return [one for one in _show(session, actor, rows) if one.is_open is not is_over]


@blueprint.get("")
def show_list() -> str:
    """Open ones, or those that are over."""
    is_over = request.args.get("over") == "yes"
    rows = find_visible(reading(), acting_member(), is_over=is_over)
    is_cut = len(rows) >= _MOST
    return render_template("referrals/list.html", rows=rows, is_over=is_over, is_cut=is_cut, now=datetime.now(UTC))


def _render(reference: str, **more: Any) -> str:
    session, actor = reading(), acting_member()
    found = show_referral(session, actor, reference)
    one = _show(session, actor, [found.referral])[0]
    now = datetime.now(UTC)
    offers = find_offers(session, one.row, read_bank(session), on=now.date()) if one.may_reroute else []
    return render_template(
        "referrals/show.html",
        one=one,
        moves=found.moves,
        offers=offers,
        look=uuid4(),
        now=now,
        **more,
    )


@blueprint.get("/<reference>")
def show_one(reference: str) -> ResponseReturnValue:
    """One referral and what can be done with it now. 404 alike for one that is not there and for somebody else's."""
    return _render(reference)


def _say_problem(error: PimError, reference: str) -> str:
    """Why not, in the page's language, with the state it is in now."""
    state = say(STATES, show_referral(reading(), acting_member(), reference).referral.state)
    if error.code is ErrorCode.NOT_ALLOWED:
        return gettext(
            "Not done: a colleague answers this one, or the limit is reached. It is now: %(state)s.", state=state
        )
    return gettext("Not done: not possible any more, or no reason was chosen. It is now: %(state)s.", state=state)


def _act(reference: str, act: Callable[[Session, Actor], object]) -> ResponseReturnValue:
    """One act in one commit, then back to the referral. What is refused is said on the page: 403 or 409."""
    actor = acting_member()
    try:
        with acting() as session:
            act(session, actor)
    except PimError as error:
        if error.code is ErrorCode.NOT_FOUND:
            raise
        status = HTTPStatus.FORBIDDEN if error.code is ErrorCode.NOT_ALLOWED else HTTPStatus.CONFLICT
        return _render(reference, problem=_say_problem(error, reference)), status
    return redirect(url_for("referrals.show_one", reference=reference), HTTPStatus.SEE_OTHER)


@blueprint.post("/<reference>/accept")
def accept(reference: str) -> ResponseReturnValue:
    """This member takes it on."""
    return _act(reference, lambda session, actor: accept_referral(session, actor, reference))


@blueprint.post("/<reference>/decline")
def decline(reference: str) -> ResponseReturnValue:
    """This service cannot take it; `reason` is a code."""
    reason = request.form.get("reason", "")
    return _act(reference, lambda session, actor: decline_referral(session, actor, reference, reason=reason))


@blueprint.post("/<reference>/close")
def close(reference: str) -> ResponseReturnValue:
    """It is over; `reason` is a code. The case is shredded."""
    reason = request.form.get("reason", "")
    return _act(reference, lambda session, actor: close_referral(session, actor, reference, reason=reason))


@blueprint.post("/<reference>/reroute")
def reroute(reference: str) -> ResponseReturnValue:
    """Give it to a service."""
    service = request.form.get("service", "")
    return _act_and_tell(reference, lambda session, actor: reroute_referral(session, actor, reference, service=service))


@blueprint.post("/<reference>/reopen")
def reopen(reference: str) -> ResponseReturnValue:
    """Ask the same service again: whoever accepted cannot follow it up."""
    return _act_and_tell(reference, lambda session, actor: reopen_referral(session, actor, reference))


def _act_and_tell(reference: str, act: Callable[[Session, Actor], Told]) -> ResponseReturnValue:
    """An act that makes a notice: rung after its commit."""
    notices: list[UUID] = []
    answer = _act(reference, lambda session, actor: notices.append(act(session, actor).notice))
    for notice in notices:
        current_app.extensions["bell"].ring_notice(notice)
    return answer


@blueprint.post("/<reference>/reveal")
def reveal(reference: str) -> ResponseReturnValue:
    """Show once whom it is about. The private half of the key that the answer is sealed to lives in this call only."""
    with seat(REVEALS):
        return _reveal(reference, acting_member(), create_open_key())


def _reveal(reference: str, actor: Actor, key: OpenKey) -> ResponseReturnValue:
    try:
        with acting() as session:
            asked = ask_reveal(
                session,
                actor,
                reference,
                reason=request.form.get("reason", ""),
                public_key=key.seal_key.raw,
                look=_read_look(),
            )
    except PimError as error:
        if error.code is ErrorCode.NOT_FOUND:
            raise
        if error.code is ErrorCode.SHOWN_ALREADY:
            said = gettext("This was shown already. To see it again, say once more what for: each look is recorded.")
            return _render(reference, problem=said), HTTPStatus.CONFLICT
        status = HTTPStatus.FORBIDDEN if error.code is ErrorCode.NOT_ALLOWED else HTTPStatus.CONFLICT
        return _render(reference, problem=_say_problem(error, reference)), status
    current_app.extensions["bell"].ring_reveal(asked)
    answer = _wait(lambda session: take_answer(session, actor, asked))
    if answer.sealed is None:
        said = gettext("It could not be shown now. Try again in a minute; if it stays so, tell your administrator.")
        status = HTTPStatus.CONFLICT if answer.refused else HTTPStatus.SERVICE_UNAVAILABLE
        return _render(reference, problem=said), status
    return _render(reference, person=_open(answer.sealed, key, context=f"reveal|{asked}"))


def _read_look() -> UUID | None:
    """Which page asks: a browser that reloads the answer sends the same one again."""
    try:
        return UUID(request.form.get("look", ""))
    except ValueError:
        return None


def _wait(take: Callable[[Session], Answer]) -> Answer:
    """Look for the answer until it is there, without holding a transaction while waiting."""
    until = time.monotonic() + _REVEAL_SECONDS
    while True:
        with acting() as session:
            answer = take(session)
        if answer.sealed is not None or answer.refused is not None or time.monotonic() > until:
            return answer
        time.sleep(_LOOK_SECONDS)


def _open(sealed: bytes, key: OpenKey, *, context: str) -> Person:
    return read_person(reading(), open_value(sealed, ring=(key,), context=context))
