"""pimcollect services: import and list the services that take referrals."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from forms import starter
from forms.current import read_current
from forms.services import read_services
from pimcollect.actions.catalogue import import_services
from pimcollect.cli.desk import json_option, open_desk, print_rows
from pimcollect.domain.pathways import SUPERVISOR
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.tables.catalogue import find_services
from pimcollect.vault import read_door_keys


@click.group()
def services() -> None:
    """Who takes referrals, and whom they serve where."""


@services.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
def import_command(file: Path | None) -> None:
    """Add or change services and replace all rules from a JSON file. Without FILE: the practice services.

    Addresses of focal points are sealed before the database sees them; only workers can open them.
    """
    source = file.read_bytes() if file else starter.read_bytes("services.json")
    with open_desk(is_first_step=True) as desk:
        door = read_door_keys(desk.settings.door_keys)
        with desk.transaction() as session:
            directory = read_services(source, read_current(session).codes)
            import_services(
                session, COMMAND_LINE, services=directory.services, rules=directory.rules, cases_key=door.cases
            )
            total = len(find_services(session))
    click.echo(
        f"{len(directory.services)} services imported, {total} are here now; "
        f"{len(directory.rules)} rules took the place of those before."
    )
    today = datetime.now(UTC).date().isoformat()
    for one in directory.services:
        if one.valid_until is not None and one.valid_until < today:
            click.echo(f"Attention: {one.code} was valid until {one.valid_until} and gets no referrals.", err=True)
    if not any(rule.pathway == SUPERVISOR for rule in directory.rules):
        click.echo(f"Attention: no rule for {SUPERVISOR}: urgent alerts without a name reach nobody.", err=True)


@services.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """All services; contacts are sealed and never listed."""
    with open_desk() as desk, desk.transaction() as session:
        rows = [
            {
                "code": row.code,
                "title": row.title,
                "organisation": row.organisation,
                "verified_on": row.verified_on,
                "valid_until": row.valid_until,
                "is_suspended": row.is_suspended,
            }
            for row in find_services(session)
        ]
    columns = {"code": "code", "title": "title", "organisation": "organisation", "valid_until": "valid until"}
    print_rows(rows, as_json=as_json, columns=columns, empty="No services yet: pimcollect services import FILE.json")
