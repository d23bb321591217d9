"""`pimcollect migrate`: bring the tables to the newest shape."""

from __future__ import annotations

import click

from pimcollect import db
from pimcollect.config import read_settings
from pimcollect.embedded import servers


@click.command()
@click.option("--to", "revision", default="head", show_default=True, help="A revision; `base` takes all tables down.")
def migrate(revision: str) -> None:
    """Bring the tables to the newest shape (release phase, after every upgrade)."""
    with servers(read_settings()) as settings:
        db.migrate(settings.database_url, revision)
    click.echo("The tables are up to date." if revision == "head" else f"The tables are at {revision}.")
