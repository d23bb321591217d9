"""A member's own password."""

from __future__ import annotations

from flask import Blueprint, current_app, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_security import current_user
from flask_wtf import FlaskForm
from wtforms import PasswordField
from wtforms.validators import DataRequired, EqualTo, Length

from pimcollect.actions.members import LONGEST_PASSWORD, SHORTEST_PASSWORD, change_own_password
from pimcollect.errors import ErrorCode, PimError
from pimcollect.web.access import acting_member
from pimcollect.web.store import acting

blueprint = Blueprint("account", __name__, url_prefix="/account")


class PasswordForm(FlaskForm):  # type: ignore[misc]
    """The present password and the new one, twice."""

    old = PasswordField(_("Present password"), [DataRequired(), Length(max=LONGEST_PASSWORD)])
    new = PasswordField(
        _("New password"),
        [
            DataRequired(),
            Length(SHORTEST_PASSWORD, LONGEST_PASSWORD, _("A password has 12 to 128 characters.")),
        ],
    )
    again = PasswordField(_("New password, again"), [EqualTo("new", _("The two are not the same."))])


@blueprint.route("/password", methods=["GET", "POST"])
def change_password() -> ResponseReturnValue:
    """Choose another password. Every other log-in of this member ends; this one goes on."""
    form = PasswordForm()
    mistake = ""
    if form.validate_on_submit():
        try:
            with acting() as open_session:
                login_id = change_own_password(
                    open_session,
                    acting_member(),
                    mail=current_user.email,
                    old=form.old.data,
                    new=form.new.data,
                    salt=current_app.config["SECURITY_PASSWORD_SALT"],
                )
        except PimError as error:
            mistake = _say_mistake(error)
        else:
            session["_user_id"] = login_id
            return redirect(url_for("home.show"), 303)
    status = 200 if not form.is_submitted() else 422
    return render_template("account/password.html", form=form, mistake=mistake), status


def _say_mistake(error: PimError) -> str:
    if error.code is ErrorCode.NOT_ALLOWED:
        return gettext("The present password is not right.")
    return gettext("This password is too easy to guess, or it is the present one. Choose a sentence of your own.")
