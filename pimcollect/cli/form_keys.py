"""pimcollect forms keys: the key pairs with which phones encrypt what they send."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pimcollect.actions.form_keys import create_form_key, list_form_keys, retire_form_key
from pimcollect.cli.desk import json_option, open_desk, print_rows
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.tables.form_keys import FormKeyRow
from pimcollect.vault import read_door_keys

_COLUMNS = {
    "fingerprint": "fingerprint",
    "form": "form",
    "state": "state",
    "created_at": "made",
    "retired_at": "retired",
}
_MOST_PEM = 64 * 1024


def _show(row: FormKeyRow) -> dict[str, Any]:
    return {
        "fingerprint": row.fingerprint,
        "form": row.form,
        "state": "in use" if row.retired_at is None else "retired",
        "created_at": row.created_at,
        "retired_at": row.retired_at,
    }


@click.group("keys")
def keys() -> None:
    """Key pairs of encrypted forms: phones get the public half, only workers can open with the private one."""


@keys.command("create")
@click.argument("form")
@click.option(
    "--from",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A PEM file with an RSA private key of 2048 bits that was made elsewhere. Delete the file afterwards.",
)
@json_option
def create_command(form: str, file: Path | None, as_json: bool) -> None:
    """Make a key pair for a form; the versions that are built from now on use it.

    The private half is sealed to the workers and shown to nobody: docs/operators/keys.md says what to back up.
    """
    pem = file.read_bytes()[:_MOST_PEM] if file else None
    with open_desk() as desk, desk.transaction() as session:
        intake = read_door_keys(desk.settings.door_keys).intake
        row = _show(create_form_key(session, COMMAND_LINE, form, intake=intake, pem=pem))
    print_rows([row], as_json=as_json, columns=_COLUMNS, empty="")
    click.echo(f"Build {form} again: only versions built from now on use this key.", err=as_json)


@keys.command("list")
@click.argument("form", required=False)
@json_option
def list_command(form: str | None, as_json: bool) -> None:
    """The keys of all forms or of one, newest first. No private half is ever shown."""
    with open_desk() as desk, desk.transaction() as session:
        rows = [_show(row) for row in list_form_keys(session, COMMAND_LINE, form)]
    print_rows(rows, as_json=as_json, columns=_COLUMNS, empty="No keys yet: pimcollect forms keys create FORM")


@keys.command("retire")
@click.argument("fingerprint")
@json_option
def retire_command(fingerprint: str, as_json: bool) -> None:
    """Build no more forms with a key. What phones encrypted with it is still opened."""
    with open_desk() as desk, desk.transaction() as session:
        row = _show(retire_form_key(session, COMMAND_LINE, fingerprint))
    print_rows([row], as_json=as_json, columns=_COLUMNS, empty="")
