"""pimcollect inbox: what arrived, what is held and why, and trying again."""

from __future__ import annotations

from uuid import UUID

import click

from pimcollect.actions.inbox import MENDS, discard_entry, list_entries, replay_entry, say_missing
from pimcollect.cli.desk import json_option, open_desk, print_rows
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.doorbell import Bell


@click.group()
def inbox() -> None:
    """The sealed inbox: untouched, settled and held entries."""


@inbox.command("list")
@click.option("--state", type=click.Choice(["untouched", "settled", "held"]), help="Only these.")
@click.option("--limit", default=200, show_default=True, type=click.IntRange(1, 10_000))
@json_option
def list_command(state: str | None, limit: int, as_json: bool) -> None:
    """Entries, newest first. No content: bodies are sealed, and shredded when settled."""
    with open_desk() as desk, desk.transaction() as session:
        rows = [
            {
                "id": row.id,
                "form": row.form,
                "state": row.state,
                "reason": row.reason,
                "attempts": row.attempts,
                "received_at": row.received_at,
                "settled_at": row.settled_at,
                "waits_for": say_missing(row),
                "mend": MENDS.get(row.reason or "") if row.state == "held" else None,
            }
            for row in list_entries(session, COMMAND_LINE, state=state, limit=limit)
        ]
    columns = {
        "id": "id",
        "form": "form",
        "state": "state",
        "reason": "reason",
        "waits_for": "waiting for",
        "received_at": "received",
        "mend": "mend",
    }
    print_rows(rows, as_json=as_json, columns=columns, empty="Nothing has arrived yet.")


@inbox.command("replay")
@click.argument("entry", type=click.UUID)
def replay_command(entry: UUID) -> None:
    """Let a held entry be tried again, from the start."""
    with open_desk() as desk:
        with desk.transaction() as session:
            replay_entry(session, COMMAND_LINE, entry)
        rung = Bell(desk.settings.redis_url).ring_entry(entry)
    click.echo("It will be tried again now." if rung else "It will be tried again at the next sweep, within a minute.")


@inbox.command("discard")
@click.argument("entry", type=click.UUID)
@click.confirmation_option(prompt="Its sealed body is shredded for good. Go on?")
def discard_command(entry: UUID) -> None:
    """Shred a held entry that will never be settled, such as a broken body."""
    with open_desk() as desk, desk.transaction() as session:
        discard_entry(session, COMMAND_LINE, entry)
    click.echo("Shredded. That it was here stays on record.")
