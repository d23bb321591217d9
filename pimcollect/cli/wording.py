"""pimcollect bank wording: load the locked official texts of the Short Set, and say which are here."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from forms.current import read_current
from forms.official import read_wording
from forms.wording import LANGUAGE_NAMES
from pimcollect.actions.wordings import load_wording
from pimcollect.cli.desk import by_option, find_actor, json_option, open_desk, print_rows
from pimcollect.tables.governance import find_wordings


@click.group()
def wording() -> None:
    """Official wording that is locked: loaded from a file, never edited."""


@wording.command("load")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--language", required=True, type=click.Choice(list(LANGUAGE_NAMES)), help="Language of the texts.")
@click.option("--source", required=True, help="Where the official text was taken from.")
@click.option("--edition", required=True, help="Version of the official text.")
@click.option("--dated", required=True, type=click.DateTime(["%Y-%m-%d"]), help="Date of that version.")
@click.option("--checked-by", required=True, help="Who compared it with the original: a job title or an account.")
@by_option
def load_command(
    file: Path, language: str, source: str, edition: str, dated: datetime, checked_by: str, mail: str
) -> None:
    """Load a .csv or .xlsx with the columns name and text: six questions and four answers, complete and in order."""
    with open_desk() as desk, desk.transaction() as session:
        texts = read_wording(file, read_current(session).catalogue)
        load_wording(
            session,
            find_actor(session, mail),
            language=language,
            texts=texts,
            source=source,
            version=edition,
            dated_on=dated.date(),
            checked_by=checked_by,
        )
    click.echo(f"{len(texts)} official texts in {LANGUAGE_NAMES[language]} are loaded. Build the forms again.")


@wording.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """Which languages are loaded, from where, and who checked them."""
    with open_desk() as desk, desk.transaction() as session:
        rows = [
            {
                "language": row.language,
                "source": row.source,
                "version": row.version,
                "dated_on": row.dated_on,
                "checked_by": row.checked_by,
                "loaded_at": row.loaded_at,
            }
            for row in find_wordings(session)
        ]
    columns = {"language": "language", "source": "source", "version": "version", "dated_on": "of"}
    print_rows(
        rows,
        as_json=as_json,
        columns={**columns, "checked_by": "checked by", "loaded_at": "loaded"},
        empty="No official wording is loaded: forms leave the questions out and say so.",
    )
