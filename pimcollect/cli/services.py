"""pimcollect services: import and list the services that take referrals."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from forms import starter
from forms.current import read_current
from forms.services import read_services
from pimcollect.actions.catalogue import import_services, remove_practice_services
from pimcollect.cli.desk import count, json_option, open_desk, print_rows
from pimcollect.domain.pathways import SUPERVISOR
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.tables.catalogue import PRACTICE, find_services
from pimcollect.vault import read_door_keys


@click.group()
def services() -> None:
    """Who takes referrals, and whom they serve where."""


@services.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
def import_command(file: Path | None) -> None:
    """Add or change services and replace all rules from a JSON file. Without FILE: the practice services.

    The practice services are invented, for learning: nobody helps anybody there. `services remove --practice` takes
    them out again.

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
        f"{count(directory.services, 'service')} imported, {total} here now; "
        f"{count(directory.rules, 'rule')} in the place of those before."
    )
    if any(one.organisation.endswith(PRACTICE) for one in directory.services):
        click.echo(
            "Attention: these are invented, for practice: nobody reads their addresses, nobody helps there. Before "
            "anybody real is interviewed: `pimcollect services remove --practice`, then import your own.",
            err=True,
        )
    today = datetime.now(UTC).date().isoformat()
    for one in directory.services:
        if one.valid_until is not None and one.valid_until < today:
            click.echo(f"Attention: {one.code} was valid until {one.valid_until} and gets no referrals.", err=True)
    if not any(rule.pathway == SUPERVISOR for rule in directory.rules):
        click.echo(f"Attention: no rule for {SUPERVISOR}: urgent alerts without a name reach nobody.", err=True)


@services.command("remove")
@click.option("--practice", is_flag=True, required=True, help="The invented services that come with pimcollect.")
def remove_command(practice: bool) -> None:
    """Take the practice services and their rules out. Those that referrals or members still name are suspended."""
    with open_desk() as desk, desk.transaction() as session:
        gone, left = remove_practice_services(session, COMMAND_LINE)
    click.echo(f"{len(gone)} practice services and all their rules were removed.")
    if left:
        click.echo(f"Suspended, since referrals, notices or members name them: {', '.join(left)}.")


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
                "is_practice": row.is_practice,
            }
            for row in find_services(session)
        ]
    columns = {"code": "code", "title": "title", "organisation": "organisation", "valid_until": "valid until"}
    columns |= {"is_suspended": "suspended", "is_practice": "practice"}
    print_rows(rows, as_json=as_json, columns=columns, empty="No services yet: pimcollect services import FILE.json")
