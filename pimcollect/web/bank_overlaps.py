"""What two forms have in common: keys to count together, keys never to average, questions that should share one."""

from __future__ import annotations

from flask import Blueprint, abort, render_template, request

from forms.current import read_texts
from forms.overlaps import find_overlaps
from pimcollect.domain.roles import allow
from pimcollect.tables.forms import find_forms
from pimcollect.web.access import acting_member
from pimcollect.web.bank_words import OVERLAPS
from pimcollect.web.store import reading

blueprint = Blueprint("bank_overlaps", __name__, url_prefix="/bank/overlaps")
_SHOWN = 300


@blueprint.get("")
def show() -> str:
    """Two forms side by side, as their newest versions ask."""
    allow(acting_member(), "forms.show")
    session = reading()
    forms = {row["id"]: row["title"] for row in find_forms(session)}
    pair = request.args.get("one", ""), request.args.get("other", "")
    is_asked = any(pair)
    if is_asked and not set(pair) <= forms.keys():
        abort(404)
    rows = find_overlaps(*(read_texts(session, form) for form in pair)) if is_asked else []
    return render_template(
        "bank/overlaps.html",
        forms=forms,
        pair=pair,
        is_asked=is_asked,
        groups={kind: [row for row in rows[:_SHOWN] if row["kind"] == kind] for kind in OVERLAPS},
        counts={kind: sum(row["kind"] == kind for row in rows) for kind in OVERLAPS},
        more=max(0, len(rows) - _SHOWN),
        OVERLAPS=OVERLAPS,
    )
