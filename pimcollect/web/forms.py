"""Forms: build one from the bank, and take the files that phones and servers need."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from forms.current import read_current
from forms.lints_current import find_media, read_served
from forms.release import Frozen, asks_severe, build_form, read_languages
from forms.selection import KINDS
from forms.wanted import settle_wish
from forms.wishes import Wish
from forms.wording import LANGUAGE_NAMES, LANGUAGES, say
from pimcollect.actions.form_keys import choose_public_key
from pimcollect.actions.forms import keep_version
from pimcollect.domain.catalogue import Catalogue
from pimcollect.domain.releases import State
from pimcollect.domain.roles import allow, may
from pimcollect.errors import PimError
from pimcollect.tables.catalogue import has_places
from pimcollect.tables.forms import FormVersionRow, find_forms
from pimcollect.tables.phones import find_shown
from pimcollect.tables.releases import find_releases
from pimcollect.web.access import acting_member
from pimcollect.web.catalogue import read_bank
from pimcollect.web.release_words import RELEASE_STATES, STEPS
from pimcollect.web.store import acting, reading
from pimcollect.web.words import FORM_LANGUAGES

blueprint = Blueprint("forms", __name__, url_prefix="/forms")
_MOST_ACTIONS = 3
"""Of a form, in sight; the others stand behind one word."""
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def find_spoken(catalogue: Catalogue) -> dict[str, str]:
    """The languages that a form may be built in: ours, and those in which the bank says something."""
    own = {language for _, _, language in catalogue.translations}
    return {code: name for code, name in LANGUAGE_NAMES.items() if code in LANGUAGES or code in own}


def _render_list(mistake: PimError | None = None, built: str = "") -> str:
    session = reading()
    catalogue = read_bank(session)
    rows = find_forms(session)
    return render_template(
        "forms/list.html",
        rows=rows,
        kinds={form: say(f"form_{form}") for form in KINDS},
        languages=find_spoken(catalogue),
        purposes=catalogue.purposes,
        are_starter_places=not has_places(session),
        releases=_find_present_releases(session),
        shown=_find_shown(session, rows),
        list_actions=_list_actions,
        MOST_ACTIONS=_MOST_ACTIONS,
        RELEASE_STATES=RELEASE_STATES,
        STEPS=STEPS,
        mistake=mistake,
        built=built,
    )


def _find_present_releases(session: Session) -> dict[str, list[dict[str, Any]]]:
    """Form -> what is released of it, on its way or stopped; nothing for who may not release."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in find_releases(session) if may(acting_member(), "forms.release") else ():
        if one["is_newest"] or one["state"] in (State.WAITING, State.STOPPED):
            found[one["form"]].append(one)
    return found


def _find_shown(session: Session, rows: list[dict[str, Any]]) -> dict[str, str]:
    """Form -> the version that our own phones are shown; nothing for who may not release."""
    newest = {row["id"]: (row["version_id"], row["version"]) for row in rows}
    shown = find_shown(session) if may(acting_member(), "forms.release") else []
    return {one.form: one.name_version(*newest[one.form]) for one in shown if one.form in newest}


def _list_actions(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Address and text of everything that this member can do with a form, the most wanted first."""
    form, actor = row["id"], acting_member()
    found = [(url_for("forms_pages.show_preview", form=form), _("How it reads"))]
    if may(actor, "forms.build"):
        found.append((url_for("forms_pages.show_lints", form=form), _("Lints")))
    if may(actor, "forms.release"):
        found.append((url_for("releases.show", form=form), _("Releases")))
    found.append((url_for("form_notes.show", form=form), _("Review notes")))
    found += [
        (url_for("forms.download", version=row["version_id"], kind=kind), text)
        for kind, text in (("xlsx", "XLSForm"), ("xml", "XForm"), ("json", _("Version")))
    ]
    if row["origin"] == "bank" and may(actor, "forms.build"):
        found.append((url_for("forms_choice.show", form=form), _("Build again")))
    if row["versions"] > 1:
        found.append((url_for("forms_pages.show_versions", form=form), _("Versions")))
    open_ = _("Open translations")
    found += [
        (url_for("bank_translations.show_list", language=code), f"{open_}: {FORM_LANGUAGES.get(code, code)}")
        for code in row["drafted"] or ()
    ]
    return found


@blueprint.get("")
def show_list() -> str:
    """All forms with their newest version, and a form to build another."""
    allow(acting_member(), "forms.list")
    return _render_list(built=request.args.get("built", ""))


def freeze_now(form: str, *, wish: Wish | None = None, purpose: str = "", encrypts: bool | None = None) -> Frozen:
    """Build a form in the languages of the request, with the files that it has, and keep it as its newest version.

    Without `encrypts`, phones encrypt what they send of a severe one. That needs a key, which only the command line
    makes: a private half never comes near this process. Raises PimError as `build_form` and `keep_version` do.
    """
    languages = read_languages(",".join(request.form.getlist("languages")))
    with acting() as session:
        current = read_current(session)
        wish = settle_wish(session, form, wish)
        if encrypts is None:
            encrypts = asks_severe(current.catalogue, form, languages=languages, wish=wish)
        frozen = build_form(
            current.catalogue,
            form,
            places=current.places,
            languages=languages,
            wish=wish,
            served=read_served(session, current),
            media=find_media(session, form),
            purpose=purpose or (wish.purpose if wish else ""),
            on=datetime.now(UTC).date().isoformat(),
            public_key=choose_public_key(session, form) if encrypts else "",
        )
        keep_version(
            session, acting_member(), version=frozen.version, xlsx=frozen.xlsx, xform=frozen.xform, files=frozen.files
        )
    return frozen


@blueprint.post("")
def build() -> ResponseReturnValue:
    """Build one of the forms that the bank brings along and freeze it as the newest version."""
    allow(acting_member(), "forms.build")
    encrypts = False if request.form.get("plain") == "yes" else None
    try:
        frozen = freeze_now(request.form.get("form", ""), purpose=request.form.get("purpose", ""), encrypts=encrypts)
    except PimError as error:
        return _render_list(mistake=error), 422
    return redirect(url_for("forms.show_list", built=frozen.version.form), 303)


@blueprint.get("/<uuid:version>/<kind>")
def download(version: UUID, kind: str) -> Response:
    """A frozen version as a workbook (xlsx), an XForm (xml) or the version itself (json)."""
    allow(acting_member(), "forms.show")
    row = reading().get(FormVersionRow, version)
    if row is None or kind not in ("xlsx", "xml", "json"):
        abort(404)
    content: dict[str, tuple[bytes, str]] = {
        "xlsx": (row.xlsx, _XLSX),
        "xml": (row.xform.encode(), "application/xml"),
        "json": (
            json.dumps(row.document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode(),
            "application/json",
        ),
    }
    body, content_type = content[kind]
    answer = Response(body, content_type=content_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{row.form}-{row.version}.{kind}"'
    return answer
