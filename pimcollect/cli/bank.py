"""pimcollect bank: import and export the indicator bank, list its items and versions, show one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from forms.bank import make_catalogue
from forms.bank_files import write_bank
from forms.bank_sheets import OPTIONAL
from forms.current import read_current
from forms.dimensions import list_dimensions
from forms.drafts import add_missing, find_untranslated
from forms.places import read_starter_places
from forms.release import make_folder, write_whole
from forms.wording import LANGUAGE_NAMES
from pimcollect.actions.banks import Comparison, compare_bank, import_bank
from pimcollect.actions.catalogue import has_places, import_places
from pimcollect.actions.governance import list_standings
from pimcollect.cli.bank_compare import (
    check_command,
    class_option,
    diff_command,
    overlaps_command,
    read_class,
    read_given,
    read_version,
    say_comparison,
    show_comparison,
    where_used_command,
)
from pimcollect.cli.bank_review import COMMANDS
from pimcollect.cli.bank_translations import translations
from pimcollect.cli.desk import by_option, count, find_actor, json_option, open_desk, print_json, print_rows
from pimcollect.cli.wording import wording
from pimcollect.domain.catalogue import Catalogue, Item
from pimcollect.domain.governance import State
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.catalogue import find_bank_versions

PARTS = ("modules", "flag_rules", "pathways", *OPTIONAL)
"""What `bank list --part` shows."""

_SHOWN = {"purposes": ("id", "tools", "title", "group", "area", "questions")}
"""Of parts with long rows what people read of them, in this order; --json has all."""


@click.group()
def bank() -> None:
    """The indicator bank: shared questions with their treatments, flag rules and pathways."""


@bank.command("import")
@click.argument("file", type=click.Path(exists=True, path_type=Path), required=False)
@click.option(
    "--dry-run",
    "is_dry",
    is_flag=True,
    help="Show what would change and which forms that touches; write nothing. Status 1 when it would be refused.",
)
@class_option
@click.option(
    "--endorsed-elsewhere", "is_endorsed", is_flag=True, help="Others have agreed already: all of it is active."
)
@by_option
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
def import_command(
    file: Path | None, is_dry: bool, wanted: str | None, is_endorsed: bool, mail: str, as_json: bool
) -> None:
    """Check a bank whole and make it the current one: a .xlsx, a folder of CSV files or a .json; all or nothing.

    Without FILE: the starter bank that ships with pimcollect. Where no places were imported yet, the invented practice
    country comes along. What breaks a series or protects people less is not taken: propose it.
    """
    given = read_given(file, as_json=as_json, is_dry=is_dry)
    catalogue = make_catalogue(given.document)
    with open_desk(is_first_step=True) as desk, desk.transaction() as session:
        actor = find_actor(session, mail)
        if is_dry:
            comparison = compare_bank(session, actor, given, wanted=read_class(wanted))
            lacking = find_untranslated(read_version(session, "current"), given.document)
            say_comparison(given, comparison, as_json=as_json, lacking=lacking)
            if comparison.obstacles or (comparison.approvals and not is_endorsed):
                raise SystemExit(1)
            return
        practice = frozenset(place.code for place in read_starter_places())
        comparison, is_new = import_bank(
            session, actor, given, wanted=read_class(wanted), is_endorsed_elsewhere=is_endorsed, practice=practice
        )
        places = 0 if has_places(session) else import_places(session, actor, read_starter_places())
    if as_json:
        print_json({**show_comparison(given, comparison), "is_new": is_new, "places": places})
        return
    _say_imported(catalogue, comparison, is_new=is_new, places=places)


def _say_imported(catalogue: Catalogue, comparison: Comparison, *, is_new: bool, places: int) -> None:
    click.echo(
        f"Bank {catalogue.version} {'imported' if is_new else 'was here already and is the current one'}: "
        f"{len(catalogue.items)} items in {len(catalogue.modules)} modules, {len(catalogue.lists)} choice lists, "
        f"{len(catalogue.flags)} flag rules, {len(catalogue.pathways)} pathways."
    )
    if comparison.changes:
        click.echo(f"{count(comparison.changes, 'difference')} from the one before: {comparison.chosen.word}.")
    if places:
        click.echo(f"No places were here: {places} places of the invented practice country were imported too.")
        click.echo("They leave when your own are imported, or with `pimcollect places remove --practice`.")
    locked = [one.name for one in catalogue.washington if not one.label]
    if locked:
        click.echo(
            f"Official wording is not loaded for {', '.join(locked)}: forms leave it out and say so, until it is "
            "loaded by `pimcollect bank wording load`."
        )


@bank.command("export")
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--version", help="A kept version; else the current one.")
@click.option(
    "--translate",
    "language",
    type=click.Choice([one for one in LANGUAGE_NAMES if one != "en"]),
    help="For a translator: with an empty row for every text that this language lacks.",
)
@click.option("--force", "is_forced", is_flag=True, help="Write over files that hold something else.")
def export_command(target: Path, version: str | None, language: str | None, is_forced: bool) -> None:
    """Write the bank as TARGET.xlsx, TARGET.json, or a folder TARGET of CSV files: the same bank, the same bytes.

    A file that is there and holds something else is somebody's work: it is only written over with --force.
    """
    with open_desk() as desk, desk.transaction() as session:
        document = read_version(session, version or "current")
    files = write_bank(add_missing(document, language) if language else document, target)
    others = [path.name for path, content in files.items() if path.is_file() and path.read_bytes() != content]
    if others and not is_forced:
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            f"Not written: this would write over {', '.join(others)}, and what is in there is not this bank.",
            remedy="Name another file or folder, or say --force to write over what was edited there.",
        )
    for path, content in files.items():
        make_folder(path.parent)
        write_whole(path, content)
        click.echo(f"Wrote {path}")


@bank.command("versions")
@json_option
def versions_command(as_json: bool) -> None:
    """Every version that was ever in use; `export --version` writes it, `diff` compares it."""
    with open_desk() as desk, desk.transaction() as session:
        rows = find_bank_versions(session)
    columns = {"version": "version", "items": "items", "imported_at": "in use since", "sha256": "sha256"}
    print_rows(rows, as_json=as_json, columns=columns, empty="No bank was imported yet.")


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
@click.option("--tool", type=click.Choice(list("HKFO")), help="Only what this tool asks.")
@click.option("--sensitivity", type=click.Choice(list("LMHS")), help="Only items of this sensitivity.")
@click.option("--state", type=click.Choice([one.value for one in State]), help="Only items that stand there.")
@click.option("--part", type=click.Choice(PARTS), help="Another part of the bank than its items.")
@json_option
def list_command(
    module: str | None, tool: str | None, sensitivity: str | None, state: str | None, part: str | None, as_json: bool
) -> None:
    """All items of the current bank, or the rows of another part: terms, purposes, places, flag_rules, ..."""
    if part:
        _list_part(part, as_json=as_json)
        return
    catalogue, is_starter = _read()
    states = _read_states() if state else {}
    if is_starter and not as_json:
        click.echo("No bank was imported yet: this is the starter bank.", err=True)
    columns = {"id": "id", "name": "name", "tools": "tools", "type": "type", "sensitivity": "sens"}
    columns |= {"treatment": "treatment", "label": "label"}
    print_rows(
        [
            _item_row(item)
            for item in catalogue.items
            if module in (None, item.module)
            and (tool is None or tool in item.tools)
            and sensitivity in (None, item.sensitivity)
            and (state is None or states.get(item.id) == state)
        ],
        as_json=as_json,
        columns=columns,
        empty="No such items.",
    )


def _read_states() -> dict[str, str]:
    with open_desk() as desk, desk.transaction() as session:
        return {one.item: one.state for one in list_standings(session, COMMAND_LINE)}


def _list_part(part: str, *, as_json: bool) -> None:
    """The rows of one part, with the columns of its sheet."""
    with open_desk() as desk, desk.transaction() as session:
        rows = list(read_version(session, "current").get(part, ()))
    columns = {name: name for name in _SHOWN.get(part) or (rows[0] if rows else ())}
    shown = [{name: _flat(value) for name, value in row.items()} for row in rows]
    print_rows(rows if as_json else shown, as_json=as_json, columns=columns, empty="The bank has none.")


def _flat(value: object) -> object:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {one}" for name, one in value.items())
    return "".join(value) if isinstance(value, list) else value


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
        print_json(
            [
                {
                    **asdict(found),
                    "is_gated": found.is_gated,
                    "held": catalogue.held.get(found.id),
                    "dimensions": [one.code for one in list_dimensions(catalogue, found)],
                    "choice_list": choices,
                }
            ]
        )
        return
    for name, value in (
        ("item", f"{found.id} {found.name} ({found.module}; asked by {found.tools})"),
        ("asks", found.label.get("en", "")),
        ("hint", found.hint.get("en", "")),
        ("type", f"{found.type} {found.choices}".strip()),
        ("why", found.use),
        ("broken down", _say_dimensions(catalogue, found)),
        ("sensitivity", f"{found.sensitivity}, {found.disclosure}"),
        ("treatment", found.treatment),
        ("asked when", found.relevant),
        ("raises", found.remark),
        ("not asked", catalogue.held.get(found.id, "")),
    ):
        if value:
            click.echo(f"{name:<12} {value}")
    for tool, one in found.variants.items():
        click.echo(f"{f'asked by {tool}':<12} {one.label.get('en', '')}")
    for choice in choices:
        shared = f" (shared as {choice['shared_as']})" if choice["shared_as"] else ""
        click.echo(f"{'':<12} {choice['code']}: {choice['label'] or 'locked wording, not loaded'}{shared}")


def _say_dimensions(catalogue: Catalogue, item: Item) -> str:
    """`sex (D01), age (D02)`: the last is given up first."""
    found = [f"{one.code} ({one.source})" for one in list_dimensions(catalogue, item)]
    return f"by {', '.join(found)}; where cells get small, given up from the end" if found else ""


for _command in (*COMMANDS, check_command, diff_command, overlaps_command, where_used_command, wording, translations):
    bank.add_command(_command)
