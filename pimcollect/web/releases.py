"""Releases of one form: where it is, how far a release is, what a server holds that it should not; and the button."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, current_app, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from pimcollect.actions.releases import release_to_phones
from pimcollect.actions.server_releases import Wish, check_releases, find_places, release_version
from pimcollect.domain.release_words import MOST_HOURS
from pimcollect.domain.releases import ORDER, State, Step
from pimcollect.domain.roles import allow
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.forms import FormRow, FormVersionRow, find_newest_version
from pimcollect.tables.phones import find_shown_version
from pimcollect.tables.releases import find_releases
from pimcollect.web.access import acting_member
from pimcollect.web.release_words import FINDINGS, REASONS, RELEASE_STATES, STEPS
from pimcollect.web.store import acting, reading

blueprint = Blueprint("releases", __name__, url_prefix="/forms")
PHONES = "phones"
_REFRESH_SECONDS = "5"
"""While a release is on its way the page comes again by itself, without script."""
_MOST_SHOWN = 30


def _render(form: str, *, mistake: PimError | None = None, status: int = 200) -> Response:
    session = reading()
    row = session.get(FormRow, form)
    if row is None:
        abort(404)
    rows = find_releases(session, form=form, limit=_MOST_SHOWN)
    phones = find_shown_version(session, form)
    is_busy = any(one["state"] == State.WAITING for one in rows)
    page = render_template(
        "forms/releases.html",
        form=row,
        newest=find_newest_version(session, form),
        releases=[_measure(one) for one in rows],
        places=[one for one in find_places(session, acting_member()) if one.form == form],
        mistake=mistake,
        asked=request.args.get("asked", ""),
        is_busy=is_busy,
        most=len(ORDER) - 1,
        phones=phones,
        phones_version=session.get_one(FormVersionRow, phones.version).version if phones else "",
        most_time=timedelta(hours=MOST_HOURS),
        PHONES=PHONES,
        RELEASE_STATES=RELEASE_STATES,
        STEPS=STEPS,
        REASONS=REASONS,
        FINDINGS=FINDINGS,
    )
    answer = make_response(page, status)
    if is_busy and mistake is None:
        answer.headers["Refresh"] = _REFRESH_SECONDS
    return answer


def _measure(row: dict[str, Any]) -> dict[str, Any]:
    """A release with how far it is, as a number."""
    return {**row, "far": ORDER.index(Step(row["step"]))}


@blueprint.get("/<form>/releases")
def show(form: str) -> Response:
    """All releases of a form, newest first, and a form to make another."""
    allow(acting_member(), "forms.release")
    return _render(form)


@blueprint.post("/<form>/releases")
def release(form: str) -> ResponseReturnValue:
    """Release the newest version to our own phones or to a connected server."""
    actor, place = acting_member(), request.form.get("place", "")
    try:
        with acting() as session:
            if place == PHONES:
                release_to_phones(session, actor, form)
                rung = None
            else:
                rung = _ask(session, form, place)
    except PimError as error:
        return _render(form, mistake=error, status=422)
    if rung is not None:
        current_app.extensions["bell"].ring_release(rung)
    return redirect(url_for("releases.show", form=form, asked=PHONES if rung is None else "server"), 303)


def _ask(session: Session, form: str, place: str) -> UUID:
    try:
        connection = UUID(place)
    except ValueError as error:
        raise PimError(ErrorCode.NOT_FOUND, "Say where to.", remedy="Choose one of the places.") from error
    wish = Wish(
        form,
        connection,
        has_hook=request.form.get("hook") == "yes",
        accepts_warnings=request.form.get("warnings") == "yes",
    )
    keys = current_app.extensions["door"].keys
    return release_version(session, acting_member(), wish, keys=keys, public_url=current_app.config["PUBLIC_URL"])


@blueprint.post("/<form>/releases/check")
def check(form: str) -> ResponseReturnValue:
    """Look now whether the servers still hold what was released."""
    try:
        with acting() as session:
            asked = check_releases(session, acting_member(), form)
    except PimError as error:
        return _render(form, mistake=error, status=422)
    current_app.extensions["bell"].ring_release(asked[0])
    return redirect(url_for("releases.show", form=form, asked="check"), 303)
