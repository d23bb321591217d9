"""`pimcollect keys`: make the key files, and say which keys are in them without showing any."""

from __future__ import annotations

import json

import click

from pimcollect.config import read_settings
from pimcollect.vault import create_keys, make_metrics_token, read_door_keys, read_hands_keys


@click.group()
def keys() -> None:
    """The keys that seal deliveries and cases."""


@keys.command()
def create() -> None:
    """Make both key files, new and random; never overwrites one."""
    settings = read_settings()
    create_keys(settings.door_keys, settings.hands_keys)
    click.echo(f"The web process may read {settings.door_keys}; only workers may read {settings.hands_keys}.")
    click.echo("Back up both, apart from the database: without them nothing sealed can ever be opened again.")


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
        {"purpose": purpose, "key": key.seal_key.key_id.hex(), "is_sealing": key.seal_key.raw == public.raw}
        for purpose, ring, public in (("intake", hands.intake, door.intake), ("cases", hands.cases, door.cases))
        for key in ring
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        click.echo(f"{row['purpose']:<8} {row['key']}  {'seals now' if row['is_sealing'] else 'opens old values'}")
