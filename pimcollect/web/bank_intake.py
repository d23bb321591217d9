"""A form that exists, read into proposals for the bank: looked at, ticked, and proposed exactly as it was seen."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from forms.acceptance import accept_proposals, find_faults
from forms.bank import hash_document, make_catalogue
from forms.current import read_current
from forms.grids import Fault
from forms.intake import check_id
from forms.new_items import LEAVE
from forms.proposal_files import PROPOSED, Accepted, dump_proposals, load_proposals, read_proposed, write_proposals
from forms.proposals import Proposals, propose_form, read_form
from forms.wishes import TOOLS
from pimcollect.actions.banks import Bank
from pimcollect.actions.growth import propose_growth, take_bank_to_grow
from pimcollect.actions.uploads import keep_proposals, take_proposals
from pimcollect.domain.roles import allow
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.catalogue import find_bank
from pimcollect.web.access import acting_member
from pimcollect.web.bank_words import DECISIONS, DISCLOSURES
from pimcollect.web.downloads import download
from pimcollect.web.errors import find_status
from pimcollect.web.store import acting, reading

blueprint = Blueprint("bank_intake", __name__, url_prefix="/bank/intake")
_SURVEY = "survey"
_LONGEST_USE = 500


def _render(mistake: PimError | None = None, **more: Any) -> str:
    return render_template("bank/intake.html", mistake=mistake, has_bank=find_bank(reading()) is not None, **more)


def _render_proposals(
    document: Mapping[str, Any], sha256: str, ticked: Collection[int] | None = None, mistake: PimError | None = None
) -> str:
    """The proposals with what is wrong with each; what cannot be taken as it is has no tick."""
    accepted = _choose(document, ticked)
    bank = find_bank(reading())
    faults: dict[int, list[Fault]] = defaultdict(list)
    for fault in find_faults(bank.document, accepted) if bank else ():
        faults[fault.row if fault.sheet == _SURVEY else 0].append(fault)
    rows = [one for one in document[PROPOSED] if one["decision"] != LEAVE or one["remark"]]
    return _render(
        mistake,
        document=document,
        DECISIONS=DECISIONS,
        DISCLOSURES=DISCLOSURES,
        sha256=sha256,
        rows=rows,
        kept=len(document[PROPOSED]) - len(rows),
        ticked={one.row for one in accepted.proposals.rows if one.decision != LEAVE},
        faults=faults,
        strays=[fault for row in faults.keys() - {one["row"] for one in rows} for fault in faults[row]],
    )


def _choose(document: Mapping[str, Any], ticked: Collection[int] | None) -> Accepted:
    """The proposals of which those that were ticked are taken (None: as they were proposed); the rest stays with the
    form. Faults name the row of the form itself, which is what a person has before them."""
    found = load_proposals(document).proposals
    rows = tuple(
        one if ticked is None or one.row in ticked else replace(one, decision=LEAVE, draft={}) for one in found.rows
    )
    return Accepted(replace(found, rows=rows), {one.row: one.row for one in rows}, _SURVEY)


@blueprint.get("")
def show() -> str:
    """Where a form is sent to."""
    allow(acting_member(), "bank.import")
    return _render()


def _read_upload(session: Session) -> Proposals:
    """What the file that came along proposes: a form, or proposals that somebody changed in their workbook."""
    file = request.files.get("file")
    if file is None or not file.filename:
        raise PimError(ErrorCode.BAD_FILE, "No file came along.", remedy="Choose a .xlsx workbook.")
    data = file.stream.read()
    if request.form.get("kind") == PROPOSED:
        return read_proposed(data).proposals
    tool = request.form.get("tool", "")
    if tool not in TOOLS:
        raise PimError(ErrorCode.NOT_FOUND, "There is no such tool.", remedy=f"Use one of: {', '.join(TOOLS)}.")
    use = " ".join(request.form.get("use", "").split())[:_LONGEST_USE]
    sheets, outline = read_form(data, name=PurePath(file.filename).stem)
    form = check_id(request.form.get("form", "").strip() or outline.form)
    current = read_current(session)
    return propose_form(sheets, outline, current.catalogue, form=form, tool=tool, use=use, places=current.places)


@blueprint.post("")
def preview() -> ResponseReturnValue:
    """Read a form and show what it would bring; nothing is taken yet."""
    actor = acting_member()
    allow(actor, "bank.import")
    try:
        with acting() as session:
            document = dump_proposals(_read_upload(session))
            text = json.dumps(document)
            sha256 = hashlib.sha256(text.encode()).hexdigest()
            keep_proposals(session, actor, sha256=sha256, form=document["form"], text=text)
        return _render_proposals(document, sha256)
    except PimError as error:
        return _render(error), find_status(error)


@blueprint.get("/<sha256>/proposals.xlsx")
def export(sha256: str) -> ResponseReturnValue:
    """The proposals as a workbook, to change more than a tick can."""
    with acting() as session:
        document = json.loads(take_proposals(session, acting_member(), sha256, is_last=False))
    found = load_proposals(document).proposals
    return download(write_proposals(found, Path("proposals.xlsx")), kind="xlsx", name=f"proposals-{found.form}")


@blueprint.post("/propose")
def propose() -> ResponseReturnValue:
    """Take what was ticked of exactly these proposals: the bank grows, and what is new waits for others."""
    actor, sha256 = acting_member(), request.form.get("sha256", "")
    ticked = {int(one) for one in request.form.getlist("row") if one.isdecimal() and len(one) < len("1000000")}
    document = None
    try:
        with acting() as session:
            document = json.loads(take_proposals(session, actor, sha256, is_last=True))
            accepted = _choose(document, ticked)
            check_id(accepted.proposals.form)
            grown = accept_proposals(take_bank_to_grow(session, actor), accepted)
            catalogue = make_catalogue(grown.document)
            bank = Bank(catalogue.version, hash_document(grown.document), grown.document)
            propose_growth(session, actor, bank, new=grown.new)
    except PimError as error:
        page = _render(error) if document is None else _render_proposals(document, sha256, ticked, error)
        return page, find_status(error)
    return redirect(url_for("bank_intake.show", taken=1), 303)
