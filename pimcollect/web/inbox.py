"""What is held: why, what to do about it, and trying again."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from pimcollect.actions.inbox import discard_entry, list_entries, replay_entry, tell_collisions, tell_fault, tell_ways
from pimcollect.tables.entries import EVERY_DOOR, Door
from pimcollect.web.access import acting_member
from pimcollect.web.fault_words import BODY_FAULTS
from pimcollect.web.store import acting, reading

blueprint = Blueprint("inbox", __name__, url_prefix="/inbox")


@blueprint.get("")
def show_held() -> str:
    """Held entries, newest first, of all doors or of the one that is asked for; the bodies stay sealed."""
    asked = {name: request.args.get(name, "").replace("\0", "\ufffd") or None for name in ("via", "form")}
    door = Door(hook=request.args.get("hook", type=UUID), **asked)
    found = list_entries(reading(), acting_member(), state="held", door=door)
    collisions = tell_collisions(reading(), acting_member(), found)
    ways = tell_ways(reading(), acting_member(), found)
    rows = [(row, tell_fault(row), collisions.get(row.id), ways[row.id]) for row in found]
    return render_template(
        "inbox/held.html",
        rows=rows,
        faults=BODY_FAULTS,
        is_one_door=door != EVERY_DOOR,
        done=request.args.get("done", ""),
    )


@blueprint.post("/<uuid:entry>/replay")
def replay(entry: UUID) -> ResponseReturnValue:
    """Let a held entry be tried again."""
    with acting() as session:
        replay_entry(session, acting_member(), entry)
    current_app.extensions["bell"].ring_entry(entry)
    return redirect(url_for("inbox.show_held", done="replayed"), 303)


@blueprint.post("/<uuid:entry>/discard")
def discard(entry: UUID) -> ResponseReturnValue:
    """Shred what will never be settled."""
    with acting() as session:
        discard_entry(session, acting_member(), entry)
    return redirect(url_for("inbox.show_held", done="discarded"), 303)
