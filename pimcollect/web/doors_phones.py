"""Phones on the page of doors: let one in, renew, end it. A code is on the answer that made it and nowhere else."""

from __future__ import annotations

import segno
from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from pimcollect.actions.phones import PhoneSecret, add_phone, renew_phone, revoke_phone, write_phone_settings
from pimcollect.domain.phones import PhoneKind
from pimcollect.errors import ErrorCode, PimError
from pimcollect.vault import DoorKeys
from pimcollect.web.access import acting_member
from pimcollect.web.doors import find_base, read_revision, render_doors, say_done
from pimcollect.web.errors import find_status
from pimcollect.web.store import acting

blueprint = Blueprint("doors_phones", __name__, url_prefix="/doors/phones")
_PROJECT = "pimcollect"
"""How the project is called on the phone."""
_KINDS = {kind.value: kind for kind in PhoneKind}


def _door_keys() -> DoorKeys:
    keys: DoorKeys = current_app.extensions["phones"].keys
    return keys


@blueprint.post("")
def add() -> ResponseReturnValue:
    """Let a phone in and show its code; a name that cannot be is told beside the field."""
    kind = _KINDS.get(request.form.get("kind", ""))
    if kind is None:
        raise PimError(ErrorCode.NOT_FOUND, "There is no such kind of phone.")
    name, may_edit_all = request.form.get("name", ""), request.form.get("may_edit_all") == "yes"
    try:
        with acting() as session:
            made = add_phone(
                session, acting_member(), name=name, kind=kind, keys=_door_keys(), may_edit_all=may_edit_all
            )
            return _show_code(made, is_new=True)
    except PimError as error:
        said = _say_problems().get(error.code)
        if said is None:
            raise
        return render_doors(problem=said), find_status(error)


def _say_problems() -> dict[ErrorCode, str]:
    return {
        ErrorCode.BAD_SETTING: gettext(
            "The name of a phone has 3 to 40 of these: a to z, digits, dot, hyphen, underscore. "
            "Take one like enum-07; it need not be a person's name."
        ),
        ErrorCode.NOT_POSSIBLE_NOW: gettext(
            "A phone of this name is let in already. Make a new code for it, or take another name."
        ),
    }


def _show_code(made: PhoneSecret, *, is_new: bool) -> str:
    """The page with the code. Rendered before the commit: without it no phone has a secret that nobody has seen."""
    base = find_base()
    settings = write_phone_settings(made, base=base, project=_PROJECT)
    picture = segno.make(settings.code, micro=False, error="l").png_data_uri(scale=6, border=4)
    return render_template(
        "doors/phone.html",
        made=made,
        settings=settings,
        picture=picture,
        is_new=is_new,
        is_safe=base.startswith("https://"),
    )


@blueprint.post("/renew")
def renew() -> ResponseReturnValue:
    """A new code, shown once; the one before it ends at once. The same form sent twice makes one."""
    name, revision = request.form.get("name", ""), read_revision()
    try:
        with acting() as session:
            made = renew_phone(session, acting_member(), name=name, keys=_door_keys(), revision=revision)
            return _show_code(made, is_new=False)
    except PimError as error:
        if error.code is ErrorCode.NOT_POSSIBLE_NOW:
            return say_done("once_code")
        raise


@blueprint.post("/revoke")
def revoke() -> ResponseReturnValue:
    """End a phone at once."""
    with acting() as session:
        revoke_phone(session, acting_member(), name=request.form.get("name", ""))
    return say_done("ended")
