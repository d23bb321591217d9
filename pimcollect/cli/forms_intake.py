"""pimcollect forms intake, forms kept: an XLSForm read into proposals for the bank, and written again out of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from forms.acceptance import accept_proposals
from forms.bank import hash_document, make_catalogue
from forms.current import read_current
from forms.grids import write_workbook
from forms.intake import check_id
from forms.new_items import LEAVE, NEW, SAME
from forms.proposal_files import list_proposals, read_proposals, write_proposals
from forms.proposals import Proposals, propose_form, read_form
from forms.questionnaires import write_form
from forms.release import write_whole
from forms.safety import MAX_BYTES
from forms.xlsforms import lay_xlsform
from pimcollect.actions.banks import Bank, Comparison
from pimcollect.actions.growth import propose_growth, take_bank_to_grow
from pimcollect.cli.desk import json_option, open_desk, print_json, print_rows
from pimcollect.domain.roles import Actor
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.catalogue import find_bank

_SHOWN = 60
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("intake")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--output", type=_FILE, help="Where to write the proposals: a .xlsx to work in, or a .json.")
@click.option("--tool", type=click.Choice(list("HKFO")), default="H", show_default=True, help="Which tool asks them.")
@click.option("--use", default="", help="What the answers are for; in every draft but direct identifiers.")
@click.option("--form", "form", help="Another id for the form. [default: the form_id of its settings]")
@json_option
def intake_command(file: Path, output: Path | None, tool: str, use: str, form: str | None, as_json: bool) -> None:
    """Read any XLSForm into proposals for the bank: what it asks already, and drafts of what is new. Changes nothing.

    docs/imo/intake.md tells how to go on from there.
    """
    if file.stat().st_size > MAX_BYTES:
        raise PimError(ErrorCode.TOO_LARGE, f"The workbook is larger than {MAX_BYTES // 1024 // 1024} MB.")
    sheets, outline = read_form(file.read_bytes(), name=file.stem)
    with open_desk() as desk, desk.transaction() as session:
        current = read_current(session)
    if current.is_starter_bank:
        click.echo("No bank was imported yet: compared with the starter bank.", err=True)
    proposals = propose_form(
        sheets,
        outline,
        current.catalogue,
        form=check_id(form or outline.form),
        tool=tool,
        use=use,
        places=current.places,
    )
    if output:
        write_whole(output, write_proposals(proposals, output))
    _say_proposals(proposals, as_json=as_json)
    if output:
        click.echo(f"Wrote {output}. Read and change it, then: pimcollect bank propose --from {output}", err=as_json)


def _say_proposals(proposals: Proposals, *, as_json: bool) -> None:
    rows = list_proposals(proposals)
    if as_json:
        print_rows(rows, as_json=True, columns={}, empty="")
        return
    columns = {"row": "row", "decision": "decision", "item": "item", "alike": "alike", "asks": "asks", "type": "type"}
    columns |= {"care": "sens, class, treatment", "key": "key", "why": "why"}
    shown = [_show(row) for row in rows if row["decision"] != LEAVE or row["remark"]]
    print_rows(shown[:_SHOWN], as_json=False, columns=columns, empty="The form asks nothing.")
    if len(shown) > _SHOWN:
        click.echo(f"And {len(shown) - _SHOWN} more: write them into a file with -o, or --json shows all.")
    count = Counter(row["decision"] for row in rows)
    click.echo(
        f"{len(rows)} questions: {count[SAME]} are in the bank, {count[NEW]} are new, {count[LEAVE]} stay with the "
        f"form. {len(proposals.lists)} new choice lists."
    )


def _show(row: dict[str, Any]) -> dict[str, Any]:
    draft = row["draft"]
    care = ", ".join(str(draft[one]) for one in ("sens", "cls", "treat")) if draft else ""
    asks = row["asks"] if len(row["asks"]) <= 60 else f"{row['asks'][:59]}…"
    return {
        **row,
        "asks": " ".join("".join(sign if sign.isprintable() else " " for sign in asks).split()),
        "alike": f"{row['alike']:.2f}" if row["item"] else "",
        "care": care,
        "key": draft.get("key", ""),
        "why": "; ".join(part for part in (row["why"], row["remark"]) if part),
    }


def propose_from(
    session: Session, actor: Actor, path: Path, *, version: str | None = None
) -> tuple[Bank, Comparison, str]:
    """Take what an officer accepted into the bank and propose it: the bank, what it changes, and a sentence of sums."""
    accepted = read_proposals(path)
    check_id(accepted.proposals.form)
    grown = accept_proposals(take_bank_to_grow(session, actor), accepted, version=version)
    catalogue = make_catalogue(grown.document)
    bank = Bank(catalogue.version, hash_document(grown.document), grown.document)
    comparison = propose_growth(session, actor, bank, new=grown.new)
    said = (
        f"Bank {bank.version} keeps the form {accepted.proposals.form}: {grown.same} of its questions were items "
        f"already, {len(grown.new)} new items are proposed, {grown.left} stay with the form."
    )
    return bank, comparison, said


@click.command("kept")
@click.argument("form", required=False)
@click.option("-o", "--output", type=_FILE, help="Where to write it. [default: FORM.xlsx]")
@json_option
def kept_command(form: str | None, output: Path | None, as_json: bool) -> None:
    """The forms that the bank keeps; with FORM, one as a workbook: its items as they are now, the rest as it was."""
    with open_desk() as desk, desk.transaction() as session:
        row = find_bank(session)
        document = row.document if row else {}
    if form is None and output is not None:
        raise PimError(
            ErrorCode.NOT_FOUND, "Say which form to write.", remedy="`pimcollect forms kept` lists what the bank keeps."
        )
    kept = {one["id"]: one["title"] for one in document.get("questionnaires", ())}
    if form is None:
        links = Counter(
            (one["questionnaire"], bool(one["link"]))
            for one in document.get("questionnaire_rows", ())
            if one["sheet"] == "survey"
        )
        rows = [
            {"id": id_, "title": title, "rows": links[id_, True] + links[id_, False], "items": links[id_, True]}
            for id_, title in kept.items()
        ]
        columns = {"id": "form", "title": "title", "rows": "rows", "items": "of them items"}
        print_rows(
            rows, as_json=as_json, columns=columns, empty="The bank keeps none yet: pimcollect forms intake FILE.xlsx"
        )
        return
    sheets = write_form({**document, "questionnaires": document.get("questionnaires", [])}, form)
    target = output or Path(f"{form}.xlsx")
    if output is None and target.exists():
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW, f"There is a file {target} already.", remedy="Name another one with -o."
        )
    write_whole(target, write_workbook(lay_xlsform(sheets), title=kept[form]))
    if as_json:
        print_json([{"id": form, "file": str(target)}])
        return
    click.echo(f"Wrote {target}: its items as they are now, the rest as it came in.")
