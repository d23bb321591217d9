"""pimcollect forms lint: what may be wrong with a form of the bank, or with a workbook made elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from forms.lints import Lint, Severity
from forms.lints_all import lint_file
from forms.lints_current import lint_current
from forms.release import read_languages
from forms.safety import MAX_BYTES
from forms.selection import KINDS
from forms.wanted import settle_wish
from pimcollect.cli.desk import count, json_option, open_desk, print_rows
from pimcollect.cli.wishes import find_media
from pimcollect.errors import ErrorCode, PimError


def _lint_bank_form(form: str, languages: str) -> tuple[Lint, ...]:
    """A form of the bank, with the places, services and earlier versions that the database knows."""
    wanted = read_languages(languages)
    with open_desk() as desk, desk.transaction() as session:
        wish, media = settle_wish(session, form, None), find_media(session, form, None)
        return lint_current(session, form, wanted, wish=wish, media=media)


def _lint_workbook(file: Path) -> tuple[Lint, ...]:
    """A workbook with the files beside it, and in the folder `<name>-media` where there is one."""
    if not file.is_file():
        raise PimError(
            ErrorCode.NOT_FOUND,
            f"There is no form and no file {file}.",
            remedy=f"Name a workbook, or one of: {', '.join(KINDS)}.",
        )
    if file.stat().st_size > MAX_BYTES:
        raise PimError(ErrorCode.TOO_LARGE, "The workbook was not opened: it is too large.", remedy="Split it.")
    folders = (file.parent, file.parent / f"{file.stem}-media")
    files = {one.name for folder in folders if folder.is_dir() for one in folder.iterdir()}
    return lint_file(file.read_bytes(), name=file.stem, files=files)


@click.command("lint")
@click.argument("form")
@click.option("--languages", default="en", show_default=True, help="For a form of the bank: its languages.")
@json_option
def lint(form: str, languages: str, as_json: bool) -> None:
    """What may be wrong with a form of the bank (hh, hh_core, ki, fgd, obs) or with an XLSForm workbook.

    Each finding says where it is and how it is mended. Ends with status 1 when one of them is an error.
    """
    is_file = form not in KINDS and (Path(form).is_file() or "." in form)
    found = _lint_workbook(Path(form)) if is_file else _lint_bank_form(form, languages)
    print_rows(
        [
            {"code": one.code, "severity": one.severity.value, "where": one.where, "text": one.text, "mend": one.mend}
            | ({"sheet": one.sheet, "row": one.row or None, "name": one.name} if as_json else {})
            for one in found
        ],
        as_json=as_json,
        columns={"code": "lint", "severity": "severity", "where": "where", "text": "what is wrong", "mend": "mend"},
        empty="Nothing to mend.",
    )
    errors = [one for one in found if one.severity is Severity.ERROR]
    if found:
        rest = [one for one in found if one.severity is not Severity.ERROR]
        click.echo(f"{count(errors, 'error')}, {count(rest, 'warning')}.", err=as_json)
    if errors:
        raise SystemExit(1)
