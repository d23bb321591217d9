"""Forms looked at: their lints with place and mend, how they read, and what differs between two frozen versions."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, make_response, render_template, request, url_for
from markupsafe import Markup
from sqlalchemy.orm import Session

from forms.current import read_current
from forms.differences import find_differences
from forms.lints import Lint, Severity
from forms.lints_all import lint_file
from forms.lints_current import find_media, find_wish, lint_current
from forms.print import list_languages, print_form
from forms.print_style import STYLE
from forms.release import read_languages
from forms.selection import KINDS
from forms.sheets import read_sheet
from forms.wording import LANGUAGE_NAMES
from pimcollect.domain.roles import allow
from pimcollect.errors import PimError
from pimcollect.tables.forms import FormVersionRow, find_versions
from pimcollect.web.access import acting_member
from pimcollect.web.catalogue import read_bank
from pimcollect.web.errors import find_status
from pimcollect.web.forms import find_spoken
from pimcollect.web.store import reading

blueprint = Blueprint("forms_pages", __name__, url_prefix="/forms")
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
        one=one,
        other=other,
        differences=found[:_SHOWN],
        total=len(found),
    )


def _lint(session: Session, form: str, languages: list[str]) -> tuple[Lint, ...]:
    wish = find_wish(session, form)
    if form in KINDS or wish:
        wanted = read_languages(",".join(languages) or "en")
        return lint_current(session, form, wanted, wish=wish, media=find_media(session, form))
    newest = _find(session, form)[0]
    files = {one["name"] for one in newest.document.get("files", ())}
    return lint_file(newest.xlsx, name=form, files=files or None)


@blueprint.get("/<form>/lints")
def show_lints(form: str) -> tuple[str, int]:
    """What may be wrong with a form of the bank as it would be built now, or with one that was adopted."""
    allow(acting_member(), "forms.build")
    session = reading()
    chosen = [one for one in request.args.getlist("languages") if one in LANGUAGE_NAMES]
    told: dict[str, Any] = {"lints": (), "mistake": None}
    status = 200
    try:
        told["lints"] = _lint(session, form, chosen)
    except PimError as error:
        told["mistake"], status = error, find_status(error)
    page = render_template(
        "forms/lints.html",
        form=form,
        is_ours=form in KINDS or find_wish(session, form) is not None,
        languages=find_spoken(read_bank(session)),
        chosen=chosen or ["en"],
        errors=sum(1 for one in told["lints"] if one.severity is Severity.ERROR),
        **told,
    )
    return page, status


@blueprint.get("/<form>/preview")
def show_preview(form: str) -> Response:
    """The newest version of a form as people will read it, in one of its languages or in all; fit for a printer."""
    allow(acting_member(), "forms.show")
    session = reading()
    row = _find(session, form)[0]
    sheet = read_sheet(session, row, read_current(session).catalogue)
    known = list_languages(sheet.book)
    wanted = [request.args["language"]] if request.args.get("language") in known else []
    sheet_address = url_for("forms_pages.show_style")
    top = render_template("forms/preview_top.html", languages=known, chosen=wanted, form=form)
    link = Markup('<link rel="stylesheet" href="{}">').format(sheet_address)
    return make_response(print_form(sheet, languages=wanted, style=str(link), top=top))


@blueprint.get("/questionnaire.css")
def show_style() -> Response:
    """The look of a questionnaire."""
    allow(acting_member(), "forms.show")
    return Response(STYLE, content_type="text/css; charset=utf-8")
