"""What came in: counts by form, state and month, and the tallies that point at nobody. No answers."""

from __future__ import annotations

from flask import Blueprint, render_template

from pimcollect.domain.roles import allow
from pimcollect.tables.submissions import count_findings, count_submissions, find_tallies
from pimcollect.web.access import acting_member
from pimcollect.web.store import reading

blueprint = Blueprint("submissions", __name__, url_prefix="/submissions")
_MOST = 200


@blueprint.get("")
def show_counts() -> str:
    """Three tables of counts."""
    allow(acting_member(), "submissions.count")
    session = reading()
    months: dict[tuple[str, object], dict[str, int]] = {}
    for row in count_submissions(session):
        months.setdefault((row["form"], row["month"]), {})[row["state"]] = row["n"]
    findings = count_findings(session, limit=_MOST)
    return render_template("submissions/counts.html", months=months, tallies=find_tallies(session), findings=findings)
