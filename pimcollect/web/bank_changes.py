"""Versions of the bank: compare two, see what a file would change before it is taken, and follow a proposed change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from forms import starter
from forms.bank import read_document
from forms.bank_files import read_bank_bytes, write_bank_bytes
from forms.drafts import find_untranslated
from forms.overlaps import find_doubles
from forms.places import read_starter_places
from pimcollect.actions.banks import Bank, Comparison, compare_bank
from pimcollect.actions.governance import read_life, take_subject
from pimcollect.actions.uploads import confirm_bank, preview_bank
from pimcollect.domain import governance
from pimcollect.domain.changes import Change, find_changes, weigh
from pimcollect.domain.governance import REASONS
from pimcollect.domain.roles import allow
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.catalogue import find_bank, find_bank_version, find_bank_versions
from pimcollect.tables.governance import BankChangeRow, find_verdicts
from pimcollect.web.access import acting_member
from pimcollect.web.bank import act_on, find_steps
from pimcollect.web.catalogue import read_bank
from pimcollect.web.downloads import download
from pimcollect.web.errors import find_status
from pimcollect.web.store import acting, reading

blueprint = Blueprint("bank_changes", __name__, url_prefix="/bank/versions")
_SHOWN = 300
_STARTER = "starter"


def _read(session: Session, version: str) -> Mapping[str, Any]:
    """A kept bank, or the starter. 404 for another name."""
    if version == _STARTER:
        return read_document(starter.read_bytes("bank.json"))
    row = find_bank_version(session, version)
    if row is None:
        abort(404)
    return row.document


def order_changes(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """The heaviest first, as many as a page shows."""
    return tuple(sorted(changes, key=lambda one: (-one.weight, one))[:_SHOWN])


@blueprint.get("")
def show_list() -> str:
    """All versions that were ever in use, and what differs between two of them."""
    allow(acting_member(), "bank.show")
    session = reading()
    rows = find_bank_versions(session)
    one, other = request.args.get("one", ""), request.args.get("other", "")
    changes = find_changes(_read(session, one), _read(session, other)) if one and other else None
    return render_template(
        "bank/versions.html",
        rows=rows,
        names=[row["version"] for row in rows] + [_STARTER],
        one=one,
        other=other,
        changes=None if changes is None else order_changes(changes),
        total=len(changes or ()),
        heaviest=weigh(changes).word if changes else "",
        doubles=find_doubles(read_bank(session)) if request.args.get("check") else None,
    )


@blueprint.get("/<version>/<kind>")
def export(version: str, kind: str) -> ResponseReturnValue:
    """A kept version as a workbook (xlsx) or for programs (json)."""
    allow(acting_member(), "bank.show")
    if kind not in ("xlsx", "json"):
        abort(404)
    document = _read(reading(), version)
    return download(write_bank_bytes(document, kind), kind=kind, name=f"bank-{version}")


def _render_import(mistake: PimError | None = None, comparison: Comparison | None = None, **more: Any) -> str:
    return render_template("bank/import.html", mistake=mistake, comparison=comparison, SHOWN=_SHOWN, **more)


def _read_upload() -> Bank:
    """The checked bank of the file that came along."""
    file = request.files.get("file")
    if file is None or not file.filename:
        raise PimError(ErrorCode.BAD_FILE, "No file came along.", remedy="Choose a .xlsx workbook or a .json file.")
    data = file.stream.read()
    document, catalogue = read_bank_bytes(
        data, is_workbook=data[:2] == b"PK" or file.filename.lower().endswith(".xlsx")
    )
    return Bank(catalogue.version, catalogue.sha256, document)


def _find_lacking(session: Session, bank: Bank) -> tuple[Mapping[str, Any], ...]:
    """New texts of a bank that some language lacks."""
    current = find_bank(session)
    return tuple(find_untranslated(current.document if current else _read(session, _STARTER), bank.document))


@blueprint.get("/import")
def show_import() -> str:
    """Where a bank is sent to."""
    allow(acting_member(), "bank.import")
    return _render_import()


@blueprint.post("/import")
def preview() -> ResponseReturnValue:
    """Check a file and show what it would change; nothing is taken yet."""
    actor = acting_member()
    allow(actor, "bank.import")
    try:
        bank = _read_upload()
        lacking = _find_lacking(reading(), bank)
        with acting() as session:
            comparison = preview_bank(session, actor, bank)
    except PimError as error:
        return _render_import(error), find_status(error)
    changes = comparison.changes
    return _render_import(
        comparison=comparison, bank=bank, changes=order_changes(changes), total=len(changes), lacking=lacking
    )


@blueprint.post("/confirm")
def confirm() -> ResponseReturnValue:
    """Take exactly what was previewed, or propose it."""
    actor = acting_member()
    is_proposal = request.form.get("verb") == "propose"
    practice = frozenset(one.code for one in read_starter_places())
    try:
        with acting() as session:
            version = confirm_bank(
                session, actor, request.form.get("sha256", ""), is_proposal=is_proposal, practice=practice
            )
    except PimError as error:
        return _render_import(error), find_status(error)
    if is_proposal:
        return redirect(url_for("bank_changes.show_change", version=version), 303)
    return redirect(url_for("bank_changes.show_list", taken=version), 303)


def _render_change(version: str, mistake: PimError | None = None) -> str:
    session, actor = reading(), acting_member()
    subject = take_subject(session, version)
    row = subject.row
    if not isinstance(row, BankChangeRow) or row.document is None:
        abort(404)
    comparison = compare_bank(session, actor, Bank(row.version, row.sha256, row.document))
    current = find_bank(session)
    due = tuple(sorted(governance.find_due(read_life(session, subject), is_severe=subject.is_severe)))
    return render_template(
        "bank/change.html",
        row=row,
        comparison=comparison,
        changes=order_changes(comparison.changes),
        total=len(comparison.changes),
        is_overtaken=current is None or current.sha256 != row.base_sha256,
        due=due,
        steps=find_steps(actor, due),
        reasons=REASONS,
        is_mine=row.proposer == actor.id,
        verdicts=find_verdicts(session, subject.name),
        mistake=mistake,
    )


@blueprint.get("/proposed/<version>")
def show_change(version: str) -> str:
    """One proposed change: what it changes, whom it touches, who has agreed."""
    allow(acting_member(), "bank.show")
    return _render_change(version)


@blueprint.post("/proposed/<version>/act")
def act(version: str) -> ResponseReturnValue:
    """Agree to a change, refuse it, take it back, or take it into use."""
    try:
        with acting() as session:
            act_on(session, acting_member(), version)
    except PimError as error:
        if error.code is ErrorCode.NOT_FOUND:
            raise
        return _render_change(version, mistake=error), find_status(error)
    if request.form.get("verb") == "activate":
        return redirect(url_for("bank_changes.show_list", taken=version), 303)
    return redirect(url_for("bank_changes.show_change", version=version), 303)
