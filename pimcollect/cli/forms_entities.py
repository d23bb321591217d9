"""pimcollect forms entities: what is visited again, as phones have it; what waits for a person; erasing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import click

from pimcollect.actions.entities import erase_list, list_entities, list_entity_lists, take_visits
from pimcollect.cli.desk import json_option, open_desk, print_rows
from pimcollect.domain.roles import COMMAND_LINE

_LISTS = {"name": "list", "rows": "rows", "conflicts": "in conflict", "waiting": "visits that wait"}
_ROWS = {"id": "id", "label": "label", "says": "properties", "version": "version"}
_ROWS |= {"has_conflict": "in conflict", "open": "visits beside it"}


@click.command("entities")
@click.argument("name", metavar="[LIST]", required=False)
@click.option("--limit", default=200, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--take", type=click.UUID, metavar="ID", help="Take the visits that are in conflict, or wait, in order.")
@click.option("--erase", multiple=True, type=click.UUID, metavar="ID", help="Erase these for good; their answers stay.")
@click.option("--erase-all", is_flag=True, help="Erase all that is in the list.")
@click.option("--yes", is_flag=True, help="Do not ask before erasing.")
@json_option
def entities_command(
    name: str | None, limit: int, take: UUID | None, erase: tuple[UUID, ...], erase_all: bool, yes: bool, as_json: bool
) -> None:
    """Lists of what is visited again (sites, households), or the rows of one LIST, those in conflict first.

    Phones fetch a list with the forms that read it. docs/imo/follow-up.md explains it.
    """
    if name is None:
        if take or erase or erase_all:
            raise click.UsageError("Name the list.")
        with open_desk() as desk, desk.transaction() as session:
            lists = list_entity_lists(session, COMMAND_LINE)
        print_rows(lists, as_json=as_json, columns=_LISTS, empty="No form saves to a list yet.")
        return
    if (take is not None) + bool(erase) + erase_all > 1:
        raise click.UsageError("One of --take, --erase and --erase-all at a time.")
    if take is not None:
        with open_desk() as desk, desk.transaction() as session:
            count = take_visits(session, COMMAND_LINE, name, take)
        click.echo(f"{count} visits taken; phones fetch the row again.")
    elif erase or erase_all:
        if not yes:
            click.confirm("Phones lose these rows, and nothing brings them back. Go on?", abort=True)
        with open_desk() as desk, desk.transaction() as session:
            count = erase_list(session, COMMAND_LINE, name, ids=None if erase_all else erase)
        click.echo(f"{count} erased; phones drop them when they next fetch the list.")
    else:
        with open_desk() as desk, desk.transaction() as session:
            rows = list_entities(session, COMMAND_LINE, name, limit=limit)
        told = rows if as_json else [_describe(row) for row in rows]
        print_rows(told, as_json=as_json, columns=_ROWS, empty="Nothing is in this list yet.")


def _describe(row: Mapping[str, Any]) -> dict[str, Any]:
    beside = [f"{one['standing']}: {_say(one['properties'])}" for one in row["open"] or ()]
    return {**row, "says": _say(row["properties"]), "open": "\n".join(beside)}


def _say(properties: dict[str, str] | None) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted((properties or {}).items()))
