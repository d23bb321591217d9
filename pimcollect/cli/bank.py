"""pimcollect bank: import the indicator bank, list its items, show one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from forms import starter
from forms.bank import read_catalogue, read_document
from forms.current import read_current
from forms.places import read_starter_places
from pimcollect.actions.catalogue import has_places, import_bank, import_places
from pimcollect.cli.desk import json_option, open_desk, print_json, print_rows
from pimcollect.domain.catalogue import Catalogue, Item
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.errors import ErrorCode, PimError


@click.group()
def bank() -> None:
    """The indicator bank: shared questions with their treatments, flag rules and pathways."""


@bank.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
def import_command(file: Path | None) -> None:
    """Check a bank file whole and make it the current one. Without FILE: the starter bank that ships with pimcollect.

    Where no places were imported yet, the invented practice country comes along.
    """
    document = read_document(file.read_bytes() if file else starter.read_bytes("bank.json"))
    catalogue = read_catalogue(document)
    with open_desk() as desk, desk.transaction() as session:
        is_new = import_bank(
            session, COMMAND_LINE, version=catalogue.version, sha256=catalogue.sha256, document=document
        )
        places = 0 if has_places(session) else import_places(session, COMMAND_LINE, read_starter_places())
    click.echo(
        f"Bank {catalogue.version} {'imported' if is_new else 'was here already and is the current one'}: "
        f"{len(catalogue.items)} items in {len(catalogue.modules)} modules, {len(catalogue.lists)} choice lists, "
        f"{len(catalogue.flags)} flag rules, {len(catalogue.pathways)} pathways."
    )
    if places:
        click.echo(f"No places were here: {places} places of the invented practice country were imported too.")
    locked = [one.name for one in catalogue.washington if not one.label]
    if locked:
        click.echo(f"Official wording is not loaded for {', '.join(locked)}: forms leave it out and say so.")


def _read() -> tuple[Catalogue, bool]:
    with open_desk() as desk, desk.transaction() as session:
        current = read_current(session)
    return current.catalogue, current.is_starter_bank


def _item_row(item: Item) -> dict[str, object]:
    return {
        "id": item.id,
        "name": item.name,
        "module": item.module,
        "tools": item.tools,
        "type": item.type,
        "sensitivity": item.sensitivity,
        "treatment": item.treatment,
        "is_gated": item.is_gated,
        "label": item.label.get("en", ""),
    }


@bank.command("list")
@click.option("--module", help="Only this module, for example M05.")
@json_option
def list_command(module: str | None, as_json: bool) -> None:
    """All items of the current bank."""
    catalogue, is_starter = _read()
    if is_starter and not as_json:
        click.echo("No bank was imported yet: this is the starter bank.", err=True)
    columns = {"id": "id", "name": "name", "tools": "tools", "type": "type", "sensitivity": "sens"}
    columns |= {"treatment": "treatment", "label": "label"}
    print_rows(
        [_item_row(item) for item in catalogue.items if module in (None, item.module)],
        as_json=as_json,
        columns=columns,
        empty="No items in this module.",
    )


@bank.command("show")
@click.argument("item")
@json_option
def show_command(item: str, as_json: bool) -> None:
    """One item by its id or name: what it asks, why, and what happens to the answer."""
    catalogue, _ = _read()
    found = next((one for one in catalogue.items if item in (one.id, one.name)), None)
    if found is None:
        raise PimError(ErrorCode.NOT_FOUND, f"The bank has no item {item!r}.", remedy="Run pimcollect bank list.")
    choices = [
        {"code": one.code, "label": one.label.get("en"), "shared_as": one.broader}
        for one in catalogue.lists.get(found.choices, ())
    ]
    if as_json:
        print_json([{**asdict(found), "is_gated": found.is_gated, "choice_list": choices}])
        return
    for name, value in (
        ("item", f"{found.id} {found.name} ({found.module}; asked by {found.tools})"),
        ("asks", found.label.get("en", "")),
        ("hint", found.hint.get("en", "")),
        ("type", f"{found.type} {found.choices}".strip()),
        ("why", found.use),
        ("sensitivity", f"{found.sensitivity}, {found.disclosure}"),
        ("treatment", found.treatment),
        ("asked when", found.relevant),
        ("raises", found.remark),
    ):
        if value:
            click.echo(f"{name:<12} {value}")
    for choice in choices:
        shared = f" (shared as {choice['shared_as']})" if choice["shared_as"] else ""
        click.echo(f"{'':<12} {choice['code']}: {choice['label'] or 'locked wording, not loaded'}{shared}")
