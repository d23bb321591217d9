"""What is held: why, what to do about it, and trying again."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, current_app, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from pimcollect.actions.inbox import discard_entry, list_entries, replay_entry, tell_fault
from pimcollect.web.access import acting_member
from pimcollect.web.fault_words import BODY_FAULTS
from pimcollect.web.store import acting, reading

blueprint = Blueprint("inbox", __name__, url_prefix="/inbox")


@blueprint.get("")
def show_held() -> str:
    """Held entries, newest first; the bodies stay sealed."""
    rows = [(row, tell_fault(row)) for row in list_entries(reading(), acting_member(), state="held")]
    return render_template("inbox/held.html", rows=rows, faults=BODY_FAULTS)


@blueprint.post("/<uuid:entry>/replay")
def replay(entry: UUID) -> ResponseReturnValue:
    """Let a held entry be tried again."""
    with acting() as session:
        replay_entry(session, acting_member(), entry)
    current_app.extensions["bell"].ring_entry(entry)
    return redirect(url_for("inbox.show_held"), 303)


@blueprint.post("/<uuid:entry>/discard")
def discard(entry: UUID) -> ResponseReturnValue:
    """Shred what will never be settled."""
    with acting() as session:
        discard_entry(session, acting_member(), entry)
    return redirect(url_for("inbox.show_held"), 303)
