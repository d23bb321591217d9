"""pimcollect forms: build a form from the bank, adopt one that exists, list them."""

from __future__ import annotations

from pathlib import Path

import click

from forms.current import Current, read_current
from forms.release import Frozen, build_form, read_languages, write_files
from forms.selection import KINDS
from forms.xform import validate_with_odk
from pimcollect.actions.forms import keep_version
from pimcollect.cli.desk import json_option, open_desk, print_rows
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.forms import find_forms

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group()
def forms() -> None:
    """Forms: built from the bank or adopted, each version frozen with what happens to every answer."""


def _judge(xform: str) -> None:
    """Let ODK Validate judge, and say so; an invalid form goes nowhere."""
    verdict = validate_with_odk(xform)
    if verdict.is_valid is False:
        raise PimError(ErrorCode.BAD_FORM, verdict.message, remedy="Nothing was written or stored.")
    click.echo(verdict.message, err=verdict.is_valid is None)


def _say_source(current: Current) -> None:
    bank = "the starter bank, since none was imported" if current.is_starter_bank else "the imported bank"
    click.echo(f"Built from {bank}, version {current.catalogue.version}.")
    if current.are_starter_places:
        click.echo("Places: the invented practice country, since none were imported. Not for real use.")


def _say_frozen(frozen: Frozen) -> None:
    version = frozen.version
    items = len({question.item for question in version.questions if question.item})
    click.echo(f"{version.form} {version.version}: {items} items, {len(version.questions)} fields, {version.title}.")
    if version.left_out:
        click.echo("Left out:")
        for line in version.left_out:
            click.echo(f"  {line}")


@forms.command("build")
@click.argument("form", type=click.Choice(list(KINDS)))
@click.option("--languages", default="en", show_default=True, help="Language codes, the first is the default.")
@click.option("-o", "--output", "folder", type=_FOLDER, help="Folder for the workbook, the XForm and the version.")
def build_command(form: str, languages: str, folder: Path | None) -> None:
    """Build a form from the bank and freeze it: hh, hh_core, ki, fgd or obs.

    The same bank, places and languages give the same bytes. The frozen version becomes the newest of its form.
    """
    wanted = read_languages(languages)
    with open_desk() as desk, desk.transaction() as session:
        current = read_current(session)
        frozen = build_form(current.catalogue, form, places=current.places, languages=wanted)
        _say_source(current)
        _say_frozen(frozen)
        _judge(frozen.xform)
        for path in write_files(frozen, folder) if folder else ():
            click.echo(f"Wrote {path}")
        keep_version(session, COMMAND_LINE, version=frozen.version, xlsx=frozen.xlsx, xform=frozen.xform)
    click.echo("Stored: it is the newest version of this form.")


@forms.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """All forms with their newest version."""
    with open_desk() as desk, desk.transaction() as session:
        rows = find_forms(session)
    columns = {"id": "form", "title": "title", "version": "newest version", "origin": "origin"}
    columns |= {"versions": "versions", "hooks": "open hooks", "frozen_at": "frozen"}
    print_rows(rows, as_json=as_json, columns=columns, empty="No forms yet: pimcollect forms build hh_core")
