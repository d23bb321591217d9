"""The options by which somebody says what a form asks, for how long, where, and with which files."""

from __future__ import annotations

import functools
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from forms.files import LONGEST_FILE
from forms.selection import Selection
from forms.wishes import TOOLS, Wish
from pimcollect.tables.form_files import find_form_files
from pimcollect.tables.forms import find_newest_version

_WORDS = ("modules", "items", "without")


def wish_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options to a command; they arrive together, as its argument `wish` (None when none was given)."""

    @functools.wraps(command)
    def run(**given: Any) -> None:
        told = {name: given.pop(name) for name in ("tool", *_WORDS, "area", "minutes", "title")}
        words = {name: tuple(one.strip() for one in told[name].split(",") if one.strip()) for name in _WORDS}
        given["wish"] = Wish(**{**told, **words, "tool": told["tool"] or ""}) if any(told.values()) else None
        command(**given)

    tools = ", ".join(f"{letter} {name}" for letter, name in TOOLS.items())
    for option in (
        click.option("--title", default="", help="Title of a free form."),
        click.option("--minutes", type=click.FloatRange(1, 240), help="Time budget: what is least used is cut first."),
        click.option("--area", default="", help="P-code: only its places are offered, and only what is served there."),
        click.option("--without", default="", help="Items that are not asked."),
        click.option("--items", default="", help="Items by id, name or key, divided by commas."),
        click.option("--modules", default="", help="Modules, for example M03,M07. [default: all of the tool]"),
        click.option("--tool", type=click.Choice(list(TOOLS)), help=f"Tool of a free form: {tools}."),
    ):
        run = option(run)
    return run


def find_media(session: Session, form: str, folder: Path | None) -> Mapping[str, bytes]:
    """Files by name: of the folder, else those that the newest version of the form has."""
    newest = find_newest_version(session, form)
    stored = {row.name: row for row in find_form_files(session, newest.id)} if newest else {}
    known = {name: row.content for name, row in stored.items() if not row.is_entity_list}
    return ChainMap(dict(read_folder(folder)), known) if folder else known


def read_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The files of a folder by name, none where there is no folder; of a very large one more than is allowed."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_file() and not path.name.startswith("."):
            with path.open("rb") as file:
                yield path.name, file.read(LONGEST_FILE + 1)


def say_cuts(selection: Selection, minutes: float | None) -> None:
    """What was given up for time, and how long the interview is now."""
    if minutes is None:
        return
    if not selection.cuts:
        click.echo(f"Nothing had to be cut: {selection.minutes} of {minutes:g} minutes.")
        return
    number, saved = len(selection.cuts), selection.minutes_saved
    click.echo(f"Cut for time: {number} items, {saved} minutes saved; {selection.minutes} of {minutes:g} are left.")
