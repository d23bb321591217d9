"""pimcollect places: import and list the areas of an operation."""

from __future__ import annotations

from pathlib import Path

import click

from forms import starter
from forms.current import name_place
from forms.places import read_places, read_starter_places, write_places
from forms.release import write_whole
from pimcollect.actions.catalogue import import_places, remove_practice_places
from pimcollect.cli.desk import json_option, open_desk, print_rows
from pimcollect.domain.places import find_lineage
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.tables.catalogue import find_place_names, find_places, read_directory


@click.group()
def places() -> None:
    """The p-coded areas of the operation."""


@places.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
def import_command(file: Path | None) -> None:
    """Add or change places from a CSV (code,level,parent,name_en,name_fr,name_ar). Without FILE: the practice country.

    It may have valid_from, valid_to (days), replaced_by (codes) and aliases (divided by |). Nothing is removed, since
    old submissions point at their places: give a place a last day, and say what replaced it. Only the practice country
    leaves when yours comes.
    """
    read = read_places(file.read_bytes() if file else starter.read_bytes("places.csv"))
    with open_desk(is_first_step=True) as desk, desk.transaction() as session:
        practice = frozenset(place.code for place in read_starter_places())
        count = import_places(session, COMMAND_LINE, read, practice=practice)
        total = len(find_places(session))
    levels = sorted({place.level for place in read})
    click.echo(
        f"{count} places of the levels {', '.join(map(str, levels))} imported; {total} are here now. Build forms again."
    )


@places.command("remove")
@click.option("--practice", is_flag=True, required=True, help="The invented country that comes with pimcollect.")
def remove_command(practice: bool) -> None:
    """Take the practice country out. It leaves by itself when your own places are imported."""
    with open_desk() as desk, desk.transaction() as session:
        codes = frozenset(place.code for place in read_starter_places())
        gone, left = remove_practice_places(session, COMMAND_LINE, codes)
    click.echo(f"{gone} practice places were removed.")
    if left:
        click.echo(f"{left} stay: rules of services name them. `pimcollect services remove --practice` first.")


@places.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def export_command(file: Path) -> None:
    """Write all places as the CSV that `import` reads: to edit it, or to keep it."""
    with open_desk() as desk, desk.transaction() as session:
        found = [name_place(row) for row in find_places(session)] or list(read_starter_places())
    write_whole(file, write_places(found))
    click.echo(f"Wrote {file}: {len(found)} places.")


@places.command("show")
@click.argument("name")
@json_option
def show_command(name: str, as_json: bool) -> None:
    """What a code or another spelling of a place is read as now: the place, then the areas around it."""
    with open_desk() as desk, desk.transaction() as session:
        lineage = find_lineage(read_directory(session), name)
        names = find_place_names(session, {place.code for place in lineage})
    rows = [
        {"code": one.code, "level": one.level, "parent": one.parent, "name": names[one.code].get("en")}
        for one in lineage
    ]
    columns = {"code": "code", "level": "level", "parent": "parent", "name": "name"}
    print_rows(rows, as_json=as_json, columns=columns, empty=f"No place is called {name!r}.")


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
                "valid_from": row.valid_from,
                "valid_to": row.valid_to,
                "replaced_by": list(row.replaced_by) if as_json else " ".join(row.replaced_by),
                "aliases": list(row.aliases) if as_json else " | ".join(row.aliases),
            }
            for row in find_places(session)
        ]
    columns = {"code": "code", "level": "level", "parent": "parent", "name": "name", "valid_to": "last day"}
    columns |= {"replaced_by": "replaced by"}
    print_rows(rows, as_json=as_json, columns=columns, empty="No places yet: pimcollect places import FILE.csv")
