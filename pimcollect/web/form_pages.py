"""Forms looked at: their lints with place and mend, and what differs between two frozen versions."""

from __future__ import annotations

from flask import Blueprint, abort, render_template, request
from sqlalchemy.orm import Session

from forms.differences import find_differences
from pimcollect.domain.roles import allow
from pimcollect.tables.forms import FormVersionRow, find_versions
from pimcollect.web.access import acting_member
from pimcollect.web.store import reading

blueprint = Blueprint("form_pages", __name__, url_prefix="/forms/of")
_SHOWN = 300


def _find(session: Session, form: str) -> list[FormVersionRow]:
    """The versions of a form, newest first. 404 when there is none."""
    rows = find_versions(session, form)
    if not rows:
        abort(404)
    return rows


@blueprint.get("/<form>/versions")
def show_versions(form: str) -> str:
    """All frozen versions of a form, and what differs between two of them."""
    allow(acting_member(), "forms.show")
    rows = _find(reading(), form)
    by_version = {row.version: row for row in rows}
    names = list(by_version)
    one = request.args.get("one", names[min(1, len(names) - 1)])
    other = request.args.get("other", names[0])
    if one not in by_version or other not in by_version:
        abort(404)
    pair = [(by_version[name].document, by_version[name].xform) for name in (one, other)]
    found = find_differences(pair[0], pair[1]) if one != other else ()
    return render_template(
        "forms/versions.html",
        form=form,
        rows=rows,
        names=names,
        one=one,
        other=other,
        differences=found[:_SHOWN],
        total=len(found),
    )
