"""pimcollect places: import and list the areas of an operation."""

from __future__ import annotations

from pathlib import Path

import click

from forms import starter
from forms.places import read_places, read_starter_places
from pimcollect.actions.catalogue import import_places
from pimcollect.cli.desk import json_option, open_desk, print_rows
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.tables.catalogue import find_places


@click.group()
def places() -> None:
    """The p-coded areas of the operation."""


@places.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
def import_command(file: Path | None) -> None:
    """Add or change places from a CSV (code,level,parent,name_en,name_fr,name_ar). Without FILE: the practice country.

    Nothing is removed, since old submissions point at their places; only the practice country leaves when yours comes.
    """
    read = read_places(file.read_bytes() if file else starter.read_bytes("places.csv"))
    with open_desk() as desk, desk.transaction() as session:
        practice = frozenset(place.code for place in read_starter_places())
        count = import_places(session, COMMAND_LINE, read, practice=practice)
        total = len(find_places(session))
    levels = sorted({place.level for place in read})
    click.echo(
        f"{count} places of the levels {', '.join(map(str, levels))} imported; {total} are here now. Build forms again."
    )


@places.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """All places, coarsest first."""
    with open_desk() as desk, desk.transaction() as session:
        rows = [
            {
                "code": row.code,
                "level": row.level,
                "parent": row.parent,
                "name": row.names.get("en"),
                "names": row.names,
            }
            for row in find_places(session)
        ]
    columns = {"code": "code", "level": "level", "parent": "parent", "name": "name"}
    print_rows(rows, as_json=as_json, columns=columns, empty="No places yet: pimcollect places import FILE.csv")
