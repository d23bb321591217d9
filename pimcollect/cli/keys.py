"""`pimcollect keys`: make the key files, and say which keys are in them without showing any."""

from __future__ import annotations

import json
import os
from pathlib import Path
from uuid import UUID

import click

from pimcollect.actions.key_marks import LOST, refuse_new_keys, start_anew
from pimcollect.actions.keys import (
    KeyFiles,
    find_old_key,
    forget_intake_key,
    list_old_keys,
    retire_intake_key,
    rotate_intake_key,
    say_needed,
    seal_anew,
)
from pimcollect.cli.desk import Desk, open_desk
from pimcollect.config import Settings, read_settings
from pimcollect.db import check_server, open_engine, open_sessions, transaction
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.embedded import servers
from pimcollect.errors import ErrorCode, PimError
from pimcollect.home import find_running, was_started
from pimcollect.key_rings import create_keys
from pimcollect.tables.sealed import FIRST, PLACES
from pimcollect.vault import (
    import_intake_key,
    is_label,
    make_metrics_token,
    read_door_keys,
    read_hands_keys,
    write_intake_key,
)


@click.group()
def keys() -> None:
    """The keys that seal deliveries and cases."""


@keys.command()
@click.option(LOST, "are_lost", is_flag=True, help="Go on with data whose keys are lost for good, with new keys.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def create(*, are_lost: bool, yes: bool) -> None:
    """Make both key files, new and random, for a new installation; never overwrites one."""
    settings = read_settings()
    door, hands = settings.door_keys, settings.hands_keys
    if are_lost:
        _create_anew(settings, yes=yes)
    else:
        if not door.exists() and not hands.exists():
            _refuse_where_data_is(settings)
        create_keys(door, hands)
    click.echo(f"The web process may read {door}; only workers may read {hands}.")
    click.echo("Back up both, apart from the database: without them nothing sealed can ever be opened again.")


def _refuse_where_data_is(settings: Settings) -> None:
    """A database that has been used needs the keys of then. A home that was never started has none."""
    if settings.database_url or was_started(settings.home):
        with servers(settings) as found:
            engine = open_engine(found.database_url, pool_size=1)
            try:
                check_server(found.database_url)
                with transaction(open_sessions(engine)) as session:
                    refuse_new_keys(session)
            finally:
                engine.dispose()


def _create_anew(settings: Settings, *, yes: bool) -> None:
    running = find_running(settings.home)
    if running is not None:
        raise PimError(ErrorCode.NOT_POSSIBLE_NOW, "The service is running.", remedy="Stop it first, then do it again.")
    if not yes:
        click.echo("What was sealed with the lost keys stays closed for ever.", err=True)
        click.confirm("Is there no copy of them anywhere?", abort=True)
    with open_desk() as desk, desk.transaction() as session:
        made = start_anew(session, COMMAND_LINE, door=settings.door_keys, hands=settings.hands_keys)
    click.echo(f"Made: {' and '.join(made)}." if made else "Both files are there: they are used from now on.")
    click.echo("What to do next stands in docs/operators/keys.md, under `When keys are lost`.")


@keys.command("metrics")
def show_metrics_token() -> None:
    """The Bearer token with which Prometheus may read /metrics through a proxy."""
    click.echo(make_metrics_token(read_door_keys(read_settings().door_keys)))


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="A JSON list, for programs.")
def list_keys(*, as_json: bool) -> None:
    """Ids of the keys in use, newest first. Reads both files: run it where the workers run."""
    settings = read_settings()
    door, hands = read_door_keys(settings.door_keys), read_hands_keys(settings.hands_keys)
    rows = [
        {
            "purpose": purpose,
            "key": key.seal_key.key_id.hex(),
            "is_sealing": key.seal_key.raw == public.raw,
            "opens_here": True,
            "made_on": str(hands.made_on.get(key.seal_key.key_id.hex(), "")),
        }
        for purpose, ring, public in (("intake", hands.intake, door.intake), ("cases", hands.cases, door.cases))
        for key in ring
    ]
    if door.intake.key_id.hex() not in {row["key"] for row in rows}:
        row = {"purpose": "intake", "key": door.intake.key_id.hex(), "is_sealing": True, "opens_here": False}
        rows.insert(0, {**row, "made_on": ""})
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        use = "seals now" if row["is_sealing"] else "opens what is sealed to it"
        if not row["opens_here"]:
            use += ", another machine opens it"
        click.echo(
            f"{row['purpose']:<8} {row['key']}  {use:<26} {row['made_on'] and 'made ' + str(row['made_on'])}".rstrip()
        )


@keys.command("export-intake")
@click.option("--for", "label", required=True, help="A name for the other machine, such as laptop-3.")
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The new file.")
def export_intake(label: str, output: Path) -> None:
    """Write what a machine in the field needs to collect for this one: it seals to our key and cannot open it."""
    if not is_label(label):
        raise click.UsageError("--for takes up to 40 plain letters, digits and signs.")
    own = read_door_keys(read_settings().door_keys)
    if own.carry is not None:
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            "This machine collects for another one itself.",
            remedy="Export the intake key on that one.",
        )
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise PimError(
            ErrorCode.BAD_FILE, "The file is there already, or cannot be made.", remedy="Name a new file."
        ) from error
    with os.fdopen(descriptor, "w") as file:
        json.dump(write_intake_key(own, label), file, indent=1)
    click.echo(
        f"Intake key {own.intake.key_id.hex()} for {label}. Keep the file to yourself until it is on that machine."
    )
    click.echo("There: pimcollect keys import-intake FILE. Read the key's id out to each other.")


@keys.command("import-intake")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", "key_id", default="", help="Id of the key, as the other machine told it; else you are asked.")
def import_intake(file: Path, key_id: str) -> None:
    """From now on seal what arrives here to another machine's key, so that only that one can open it."""
    try:
        document = json.loads(file.read_bytes()[:10_000])
    except (OSError, ValueError, RecursionError) as error:
        raise PimError(ErrorCode.BAD_FILE, "This is no file of an intake key.") from error
    told = key_id or click.prompt("Id of the key, as the other machine shows it")
    key = import_intake_key(document, read_settings().door_keys, told_id=told)
    click.echo(f"What arrives from now on is sealed to {key.key_id.hex()}: only its machine can open it.")
    click.echo("A running service uses it from now on. Carry with: pimcollect inbox carry -o FILE")


@keys.command()
@click.option(
    "--only-hands",
    is_flag=True,
    help="Make the key and stop: bring hands.json to workers of other machines, then again.",
)
def rotate(*, only_hands: bool) -> None:
    """A new intake key; what is sealed to older ones is sealed anew. Nobody needs to stop or start anything.

    The old key stays until `pimcollect keys forget`.
    """
    with open_desk() as desk:
        files = KeyFiles(desk.settings.door_keys, desk.settings.hands_keys)
        with desk.transaction() as session:
            rotated = rotate_intake_key(session, COMMAND_LINE, files, only_hands=only_hands)
        click.echo(f"The workers here hold the intake key {rotated.key.key_id.hex()}. Back up {files.hands} now.")
        if not rotated.is_sealing:
            click.echo("Bring that file to the workers of other machines, then: pimcollect keys rotate")
            return
        click.echo(f"The door here seals to it. Bring {files.door} to doors of other machines; no restart is needed.")
        click.echo("Machines that collect for this one: pimcollect keys export-intake, and import it there.")
        _seal_all_anew(desk, files)
        _tell_old_keys(desk, files)


@keys.command()
@click.argument("key_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(key_id: str, *, yes: bool) -> None:
    """Remove an old private intake key for good, once nothing is sealed to it any more.

    What only it opens is lost then: dumps of the database from before, and files that are still being carried here.
    """
    with open_desk() as desk:
        files = KeyFiles(desk.settings.door_keys, desk.settings.hands_keys)
        find_old_key(key_id, files)
        if not yes:
            click.echo("What is still being carried here, sealed to this key, is lost for good.", err=True)
            click.confirm("Every machine that collects for this one has carried all and has the new key?", abort=True)
        _seal_all_anew(desk, files)
        with desk.transaction() as session:
            retired = retire_intake_key(session, COMMAND_LINE, key_id, files)
        _seal_all_anew(desk, files)
        with desk.transaction() as session:
            forget_intake_key(session, COMMAND_LINE, retired, files)
    click.echo(f"The key {retired.hex()} is removed here. Destroy its copies: backups, and workers of other machines.")


def _seal_all_anew(desk: Desk, files: KeyFiles) -> None:
    """One transaction for a few values, so that workers and doors go on meanwhile."""
    door, hands = files.read()
    for place in PLACES:
        after: UUID | None = FIRST
        while after is not None:
            with desk.transaction() as session:
                after = seal_anew(session, COMMAND_LINE, place, hands, to=door.intake, after=after)


def _tell_old_keys(desk: Desk, files: KeyFiles) -> None:
    door, hands = files.read()
    with desk.transaction() as session:
        for old in list_old_keys(session, COMMAND_LINE, hands, sealing=door.intake):
            needed = f"still needed: {say_needed(old.needed)}" if old.needed else "needed by nothing any more"
            click.echo(f"Old key {old.key_id}: {needed}. To remove it: pimcollect keys forget {old.key_id}")
