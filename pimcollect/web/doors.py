"""Every door and how it does: hooks, phones, connected servers. A new secret is shown once, where it was made."""

from __future__ import annotations

from uuid import UUID, uuid4

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from pimcollect.actions.connections import ask_pull, count_here, tell_pulls
from pimcollect.actions.hooks import OpenedHook, close_hook, list_hooks, open_hook, rotate_hook
from pimcollect.actions.phones import list_phones
from pimcollect.domain.roles import may
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.forms import find_forms
from pimcollect.tables.held import count_held_at_doors
from pimcollect.tables.marks import PHONES, count_faults, count_held, find_refused_strangers
from pimcollect.web.access import acting_member
from pimcollect.web.fault_words import BODY_FAULTS
from pimcollect.web.store import acting, reading
from webhooks.hooks import SECRET_HEADER

blueprint = Blueprint("doors", __name__, url_prefix="/doors")
OFFERED = ("kobo", "ona", "central", "odk")
"""Servers whose hooks are opened here; a mapping is a file, so its hooks are opened by command."""


def find_base() -> str:
    """Our address as others reach it: the one that is set, else the one that this page was called by."""
    return str(current_app.config["PUBLIC_URL"] or request.host_url.rstrip("/"))


@blueprint.get("")
def show_list() -> str:
    """Hooks, phones and connected servers: what came last, what was refused, what is wrong and what to do."""
    return render_doors()


def render_doors(*, problem: str = "") -> str:
    """The page; `problem` says why no phone was added."""
    actor, session = acting_member(), reading()
    pulls = tell_pulls(session, actor)
    sees_phones = may(actor, "phones.list")
    return render_template(
        "doors/list.html",
        hooks=list_hooks(session, actor),
        phones=list_phones(session, actor) if sees_phones else [],
        strangers=find_refused_strangers(session, PHONES) if sees_phones else None,
        problem=problem,
        pulls=pulls,
        here=count_here(session, actor, {one.form for one in pulls}),
        held=count_held(session),
        held_at=count_held_at_doors(session),
        held_faults=count_faults(session),
        faults=BODY_FAULTS,
        forms=[row["id"] for row in find_forms(session)],
        offered=OFFERED,
        opening=uuid4(),
        done=request.args.get("done", ""),
    )


def _show_secret(opened: OpenedHook, *, is_new: bool) -> str:
    header = "X-API-Key" if opened.server == "central" else SECRET_HEADER
    return render_template(
        "doors/secret.html",
        opened=opened,
        url=f"{find_base()}{opened.path}",
        header=None if opened.is_secret_in_address else header,
        is_new=is_new,
        is_safe=find_base().startswith("https://"),
    )


def say_done(done: str) -> ResponseReturnValue:
    """Back to the page, which says what was done: a code of `door_words.DONE`."""
    return redirect(url_for("doors.show_list", done=done), 303)


def read_revision() -> int:
    """The revision that the form was made for; a form without one was made for none."""
    return request.form.get("revision", -1, type=int)


@blueprint.post("/hooks")
def open_one() -> ResponseReturnValue:
    """Open a hook; its secret is on this answer and nowhere else. The page that was sent twice opens one."""
    server, form = request.form.get("server", ""), request.form.get("form", "")
    if server not in OFFERED:
        raise PimError(ErrorCode.NOT_FOUND, "No such server is offered.")
    opening = request.form.get("opening", type=UUID)
    if opening is None:
        return say_done("once")
    try:
        with acting() as session:
            opened = open_hook(session, acting_member(), server=server, form=form, id=opening)
    except PimError as error:
        if error.code is ErrorCode.NOT_POSSIBLE_NOW:
            return say_done("once")
        raise
    return _show_secret(opened, is_new=True)


@blueprint.post("/hooks/<uuid:hook>/rotate")
def rotate(hook: UUID) -> ResponseReturnValue:
    """A new secret, shown once; the one before it works until the next. The same form sent twice makes one."""
    try:
        with acting() as session:
            opened = rotate_hook(session, acting_member(), hook, revision=read_revision())
    except PimError as error:
        if error.code is ErrorCode.NOT_POSSIBLE_NOW:
            return say_done("once")
        raise
    return _show_secret(opened, is_new=False)


@blueprint.post("/hooks/<uuid:hook>/close")
def close(hook: UUID) -> ResponseReturnValue:
    """End a hook at once."""
    with acting() as session:
        close_hook(session, acting_member(), hook)
    return say_done("closed")


@blueprint.post("/servers/fetch")
def fetch() -> ResponseReturnValue:
    """Pull the connections of a form now."""
    with acting() as session:
        connections = ask_pull(session, acting_member(), request.form.get("form", ""))
    for connection in connections:
        current_app.extensions["bell"].ring_fetch(connection)
    return say_done("fetch")
