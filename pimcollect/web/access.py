"""The one table of routes: what each asks for, and the guard that stands before all of them."""

from __future__ import annotations

from enum import StrEnum

from flask import Flask, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue

from pimcollect.domain.roles import Actor, may
from pimcollect.web.accounts import present_member


class Open(StrEnum):
    """Routes that ask for no permission."""

    TO_ALL = "to all"
    """Shows nothing of anybody."""
    TO_MEMBERS = "to members"
    """Any member who is logged in."""
    TO_NOBODY = "to nobody"
    """A library brings it; we do not use it: 404."""


ROUTES: dict[str, Open | str] = {
    "static": Open.TO_ALL,
    "health.tell_health": Open.TO_ALL,
    "health.tell_readiness": Open.TO_ALL,
    "health.tell_metrics": Open.TO_ALL,
    "languages.choose": Open.TO_ALL,
    "security.login": Open.TO_ALL,
    "security.logout": Open.TO_MEMBERS,
    "security.verify": Open.TO_NOBODY,
    "security.static": Open.TO_NOBODY,
    "account.change_password": "members.own_password",
    "home.show": Open.TO_MEMBERS,
    "referrals.show_list": "referrals.list",
    "referrals.show_one": "referrals.show",
    "referrals.accept": "referrals.accept",
    "referrals.decline": "referrals.decline",
    "referrals.reveal": "referrals.reveal",
    "referrals.reroute": "referrals.reroute",
    "referrals.reopen": "referrals.reroute",
    "referrals.close": "referrals.close",
    "bank.show_list": "bank.list",
    "bank.show_one": "bank.show",
    "bank.act": "bank.show",
    "bank.show_review": "bank.show",
    "bank_changes.show_list": "bank.show",
    "bank_changes.export": "bank.show",
    "bank_changes.show_import": "bank.import",
    "bank_changes.preview": "bank.import",
    "bank_changes.confirm": "bank.import",
    "bank_changes.show_change": "bank.show",
    "bank_changes.act": "bank.show",
    "bank_intake.show": "bank.import",
    "bank_intake.preview": "bank.import",
    "bank_intake.export": "bank.import",
    "bank_intake.propose": "bank.import",
    "bank_overlaps.show": "forms.show",
    "bank_translations.show_list": "bank.show",
    "bank_translations.approve": "bank.approve_translation",
    "forms_choice.show": "forms.build",
    "forms_choice.build": "forms.build",
    "forms_pages.show_versions": "forms.show",
    "forms_pages.show_lints": "forms.build",
    "forms_pages.show_preview": "forms.show",
    "forms_pages.show_style": "forms.show",
    "form_notes.show": "forms.show",
    "form_notes.write": "forms.note",
    "form_notes.answer": "forms.answer_note",
    "form_notes.print_paper": "forms.show",
    "forms.show_list": "forms.list",
    "forms.build": "forms.build",
    "forms.download": "forms.show",
    "releases.show": "forms.release",
    "releases.release": "forms.release",
    "releases.check": "forms.check",
    "submissions.show_counts": "submissions.count",
    "inbox.show_held": "inbox.list",
    "inbox.replay": "inbox.replay",
    "inbox.discard": "inbox.discard",
    "doors.show_list": "hooks.list",
    "doors.open_one": "hooks.open",
    "doors.rotate": "hooks.rotate",
    "doors.close": "hooks.close",
    "doors_phones.add": "phones.add",
    "doors_phones.renew": "phones.renew",
    "doors_phones.revoke": "phones.revoke",
    "doors.fetch": "connections.fetch",
}
"""The pages and what is shown to all; the door is an application of its own, whose only route asks for a secret.
Endpoint -> a permission of `domain.roles.GRANTS`, or why none is asked. What does not stand here answers 404."""

_WITHOUT_OWN_PASSWORD = ("account.change_password", "security.logout")
"""Where a member may go who still has a one-time password."""


def acting_member() -> Actor:
    """The member of this request. Only behind the guard."""
    member = present_member()
    if member is None:
        abort(401)
    return member.actor


def allows(permission: str) -> bool:
    """For templates: whether the member of this request has the permission."""
    member = present_member()
    return member is not None and may(member.actor, permission)


def guard_routes(app: Flask) -> None:
    """Stand before every route. A route outside the table answers as if it were not there."""

    @app.before_request
    def check() -> ResponseReturnValue | None:
        if request.endpoint is None:  # no such route: werkzeug answers 404 or 405
            return None
        asked = ROUTES.get(request.endpoint, Open.TO_NOBODY)
        if asked is Open.TO_ALL:
            return None
        if asked is Open.TO_NOBODY:
            abort(404)
        member = present_member()
        if member is None:
            return redirect(url_for("security.login", next=_here()), 303)
        if member.must_change_password and request.endpoint not in _WITHOUT_OWN_PASSWORD:
            return redirect(url_for("account.change_password"), 303)
        if asked is not Open.TO_MEMBERS and not may(member.actor, asked):
            abort(403)
        return None


def _here() -> str | None:
    """Where to come back to after the log-in: a page that was read, never the target of a form."""
    return request.path if request.method == "GET" and request.path != "/" else None
