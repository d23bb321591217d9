"""pimcollect inbox: what arrived, what is held and why, and trying again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO
from uuid import UUID, uuid4

import click
from sqlalchemy.orm import Session

from pimcollect.actions.inbox import (
    count_more,
    discard_entry,
    find_mend,
    list_entries,
    replay_entry,
    say_missing,
    show_entry,
    tell_fault,
    tell_ways,
)
from pimcollect.cli.beginnings import find_id
from pimcollect.cli.desk import count, json_option, open_desk, print_json, print_mends, print_rows
from pimcollect.cli.inbox_files import files
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.doorbell import Bell
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.entries import PULL, EntryRow
from pimcollect.tables.held import Way
from pimcollect.vault import read_door_keys, read_hands_keys
from webhooks.carried import accept_carried, shred_accepted, write_carried

_MOST_LISTED = 10_000


def _find(session: Session, text: str) -> UUID:
    return find_id(session, EntryRow.id, text, what="entry", remedy="Run `pimcollect inbox list`.")


def _say_way(way: Way) -> str:
    """`kobo 1a2b3c4d, its note`, `phone enum-07`, `pull central` or `carried`."""
    if way.hook is not None:
        return ", ".join(filter(None, (f"{way.server} {str(way.hook)[:8]}", way.note)))
    return " ".join(filter(None, (way.via, way.server if way.via == PULL else way.phone)))


@click.group()
def inbox() -> None:
    """The sealed inbox: untouched, settled and held entries."""


inbox.add_command(files)


@inbox.command("list")
@click.option("--state", type=click.Choice(["untouched", "settled", "held"]), help="Only these.")
@click.option("--limit", default=200, show_default=True, type=click.IntRange(1, _MOST_LISTED))
@json_option
def list_command(state: str | None, limit: int, as_json: bool) -> None:
    """Entries, newest first. No content: bodies are sealed, and shredded when settled."""
    with open_desk() as desk, desk.transaction() as session:
        more = count_more(session, COMMAND_LINE, state=state, limit=limit)
        found = list_entries(session, COMMAND_LINE, state=state, limit=limit)
        ways = tell_ways(session, COMMAND_LINE, found)
        rows = [
            {
                "id": row.id,
                "form": row.form,
                "way": row.via,
                "hook": row.hook,
                "phone": ways[row.id].phone,
                "came_by": _say_way(ways[row.id]),
                "state": row.state,
                "reason": row.reason,
                "fault": tell_fault(row),
                "attempts": row.attempts,
                "received_at": row.received_at,
                "settled_at": row.settled_at,
                "waits_for": say_missing(row),
                "mend": find_mend(row),
            }
            for row in found
        ]
    columns = {
        "id": "id",
        "form": "form",
        "came_by": "came by",
        "state": "state",
        "reason": "reason",
        "fault": "unreadable because",
        "waits_for": "waiting for",
        "received_at": "received",
    }
    print_rows(
        rows, as_json=as_json, columns=columns, empty=f"Nothing is {state}." if state else "Nothing has arrived yet."
    )
    if not as_json:
        print_mends((str(row["fault"] or row["reason"]), str(row["mend"] or "")) for row in rows)
    if more:
        click.echo(f"{more} more, older ones: --limit {min(limit + more, _MOST_LISTED)} shows them.", err=True)


@inbox.command("show")
@click.argument("entry")
@json_option
def show_command(entry: str, as_json: bool) -> None:
    """One entry: what is held, why, and what to do. Its content stays sealed. --json gives a list of one."""
    with open_desk() as desk, desk.transaction() as session:
        told = show_entry(session, COMMAND_LINE, _find(session, entry))
    if as_json:
        print_json([told])
        return
    for name, value in told.items():
        if value is not None and name != "what_to_do":
            click.echo(f"{name.replace('_', ' '):<18} {value}")
    click.echo(f"What to do         {told['what_to_do']}")


@inbox.command("carry")
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The new file.")
@json_option
def carry_command(output: Path, as_json: bool) -> None:
    """Write what waits here into a file, sealed as it is, for another machine to accept. It stays here too.

    What a phone is still sending waits for its rest, a quarter of an hour at most."""
    with open_desk() as desk:
        keys = read_door_keys(desk.settings.door_keys)
        with _create(output) as file, desk.transaction() as session:
            written = write_carried(session, COMMAND_LINE, file, keys=keys)
        if not written.deliveries:
            output.unlink()
    if as_json:
        told = str(output) if written.deliveries else None
        print_json([{"file": told, "key": keys.intake.key_id.hex(), **vars(written)}])
        return
    if written.deliveries:
        key = keys.intake.key_id.hex()
        what = f"{count(written.deliveries, 'delivery', 'deliveries')} and {count(written.files, 'file')}"
        click.echo(f"{what}, sealed to key {key}.")
        click.echo("On the other machine: pimcollect inbox accept FILE")
    else:
        click.echo("Nothing waits here that could be carried: no file was written.")
    if written.other_key:
        click.echo(f"{written.other_key} stay here: they are sealed to another key than the one in use now.", err=True)
    if written.mapped:
        click.echo(f"{written.mapped} stay here: only this machine has the mapping of their sender.", err=True)
    if written.incomplete:
        waiting = f"{written.incomplete} stay here: a phone is still sending the rest."
        click.echo(f"{waiting} Carry again in a quarter of an hour.", err=True)


@inbox.command("accept")
@click.argument("carried", type=click.File("rb"))
@json_option
def accept_command(carried: BinaryIO, as_json: bool) -> None:
    """Take a file of carried deliveries. Run it where the workers run; the same file again changes nothing."""
    with open_desk() as desk:
        keys, hands = read_door_keys(desk.settings.door_keys), read_hands_keys(desk.settings.hands_keys)
        taken = accept_carried(desk.sessions, COMMAND_LINE, carried, keys=keys, hands=hands)
        Bell(desk.settings.redis_url).ring_entry(uuid4())  # any id: the job takes all that waits
    if as_json:
        print_json([vars(taken)])
        return
    new = count(taken.new, "new delivery", "new deliveries")
    click.echo(
        f"{new}, {count(taken.known, 'that was here already', 'that were here already')}, {count(taken.files, 'file')}."
    )
    click.echo(f"Receipt {taken.receipt}: with it the other machine may shred what it carried:")
    click.echo(f"  pimcollect inbox shred-carried FILE --receipt {taken.receipt}")


@inbox.command("shred-carried")
@click.argument("carried", type=click.File("rb"))
@click.option("--receipt", required=True, help="What `pimcollect inbox accept` printed on the other machine.")
@json_option
def shred_carried_command(carried: BinaryIO, receipt: str, as_json: bool) -> None:
    """Shred here what another machine has accepted, but nothing that came since; then delete the file too."""
    with open_desk() as desk, desk.transaction() as session:
        keys = read_door_keys(desk.settings.door_keys)
        done = shred_accepted(session, COMMAND_LINE, carried, receipt=receipt, keys=keys)
    if as_json:
        print_json([vars(done)])
        return
    click.echo(f"{done.shredded} shredded here. Now delete the file itself.")
    if done.left:
        left = f"{done.left} stay here whole: files of theirs came since."
        click.echo(f"{left} `pimcollect inbox carry` takes them once more.", err=True)


def _create(path: Path) -> BinaryIO:
    """A new file that only its owner may read; never over one that is there."""
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except FileExistsError as error:
        raise PimError(ErrorCode.BAD_FILE, f"{path} is there already.", remedy="Name a new file.") from error
    except OSError as error:
        raise PimError(
            ErrorCode.BAD_FILE,
            f"{path} cannot be made: {error.strerror}.",
            remedy="Name a file in a folder that is there and that you may write to.",
        ) from error


@inbox.command("replay")
@click.argument("entry")
@json_option
def replay_command(entry: str, as_json: bool) -> None:
    """Let a held entry be tried again, from the start."""
    with open_desk() as desk:
        with desk.transaction() as session:
            found = _find(session, entry)
            replay_entry(session, COMMAND_LINE, found)
        rung = Bell(desk.settings.redis_url).ring_entry(found)
    if as_json:
        print_json([{"id": found, "is_rung": rung}])
        return
    click.echo("It will be tried again now." if rung else "It will be tried again at the next sweep, within a minute.")


@inbox.command("discard")
@click.argument("entry")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def discard_command(entry: str, yes: bool, as_json: bool) -> None:
    """Shred a held entry that will never be settled, such as a broken body."""
    if not yes:
        click.confirm("Its sealed body is shredded for good. Go on?", abort=True, err=as_json)
    with open_desk() as desk, desk.transaction() as session:
        found = _find(session, entry)
        discard_entry(session, COMMAND_LINE, found)
    if as_json:
        print_json([{"id": found, "state": "settled", "reason": "discarded"}])
        return
    click.echo("Shredded. That it was here stays on record.")
