"""pimcollect inbox files: what came with a submission that does not name it, sealed and apart for some days."""

from __future__ import annotations

from datetime import timedelta

import click

from pimcollect.actions.quarantine import discard_strays, list_strays
from pimcollect.cli.beginnings import find_id
from pimcollect.cli.desk import json_option, open_desk, print_rows
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.tables.entries import EntryRow


@click.group()
def files() -> None:
    """Files that no submission names: nobody reads them, and they are deleted on a day."""


@files.command("list")
@click.option("--limit", default=200, show_default=True, type=click.IntRange(1, 10_000))
@json_option
def list_command(limit: int, as_json: bool) -> None:
    """By entry, first to be deleted first. Names and contents stay sealed."""
    with open_desk() as desk, desk.transaction() as session:
        days = timedelta(days=desk.settings.quarantine_days)
        rows = [
            {
                "entry": one.entry,
                "form": one.form,
                "files": one.files,
                "bytes": one.size,
                "received_at": one.received_at,
                "deleted_on": (one.received_at + days).date(),
            }
            for one in list_strays(session, COMMAND_LINE, limit=limit)
        ]
    columns = {
        "entry": "id",
        "form": "form",
        "files": "files",
        "bytes": "bytes",
        "received_at": "first received",
        "deleted_on": "deleted from",
    }
    print_rows(rows, as_json=as_json, columns=columns, empty="No file is in quarantine.")


@files.command("discard")
@click.argument("entry")
@click.confirmation_option(prompt="Its files that no answer names are shredded for good. Go on?")
def discard_command(entry: str) -> None:
    """Shred now what an entry brought and does not name."""
    with open_desk() as desk, desk.transaction() as session:
        found = find_id(session, EntryRow.id, entry, what="entry", remedy="Run `pimcollect inbox files list`.")
        gone = discard_strays(session, COMMAND_LINE, found)
    click.echo(f"{gone} shredded.")
