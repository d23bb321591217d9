"""A member's own password."""

from __future__ import annotations

from flask import Blueprint, abort, current_app, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from pimcollect.actions.members import LONGEST_PASSWORD, SHORTEST_PASSWORD, change_own_password
from pimcollect.errors import ErrorCode, PimError
from pimcollect.web.accounts import Member, present_member
from pimcollect.web.seats import LOGINS, seat
from pimcollect.web.store import acting

blueprint = Blueprint("account", __name__, url_prefix="/account")


@blueprint.route("/password", methods=["GET", "POST"])
def change_password() -> ResponseReturnValue:
    """Choose another password. Every other log-in of this member ends; this one goes on."""
    member = present_member()
    if member is None:
        abort(401)
    if request.method == "GET":
        return render_template("account/password.html")
    old, new, again = (request.form.get(name, "") for name in ("old", "new", "again"))
    mistake = _find_mistake(old, new, again) or _change(member, old, new)
    if mistake:
        return render_template("account/password.html", mistake=mistake), 422
    return redirect(url_for("home.show"), 303)


def _find_mistake(old: str, new: str, again: str) -> str:
    if not SHORTEST_PASSWORD <= len(new) <= LONGEST_PASSWORD or len(old) > LONGEST_PASSWORD:
        return gettext("A password has 12 to 128 characters.")
    if new != again:
        return gettext("The two are not the same.")
    return gettext("This is the present password. Choose another one.") if new == old else ""


def _change(member: Member, old: str, new: str) -> str:
    """Change it; returns what was wrong, in the page's language, or nothing."""
    salt = current_app.config["SECURITY_PASSWORD_SALT"]
    try:
        with seat(LOGINS), acting() as open_session:
            login_id = change_own_password(open_session, member.actor, mail=member.email, old=old, new=new, salt=salt)
    except PimError as error:
        if error.code is ErrorCode.AWAY:
            raise
        if error.code is ErrorCode.NOT_ALLOWED:
            return gettext("The present password is not right.")
        return gettext(
            "This password is too easy to guess: it has your mail address in it, or too few different letters. Choose a"
            " sentence of your own."
        )
    session["_user_id"] = login_id
    return ""
