"""pimcollect hooks: the addresses that Kobo and its kin post to."""

from __future__ import annotations

from uuid import UUID

import click

from pimcollect.actions.hooks import OpenedHook, close_hook, open_hook, rotate_hook
from pimcollect.cli.desk import Desk, json_option, open_desk, print_json, print_rows
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.tables.forms import find_hooks
from webhooks.hooks import SECRET_HEADER


@click.group()
def hooks() -> None:
    """Addresses that servers post submissions to."""


def _show(desk: Desk, opened: OpenedHook, *, as_json: bool) -> None:
    url = f"{desk.settings.public_url or f'http://127.0.0.1:{desk.settings.port}'}/webhooks/{opened.key}"
    if as_json:
        print_json(
            {
                "id": opened.id,
                "form": opened.form,
                "server": opened.server,
                "url": url,
                "headers": {SECRET_HEADER: opened.secret},
            }
        )
        return
    click.echo(f"Hook {opened.id} of form {opened.form}. In Kobo: Settings > REST services > Register a new service.")
    click.echo(f"  Endpoint URL    {url}")
    click.echo(f"  Custom header   {SECRET_HEADER}: {opened.secret}")
    click.echo("  Type            JSON (XML works too), security: no authorization, fields: leave empty (all)")
    click.echo("The secret is shown this once and kept as a hash only.")
    if not desk.settings.public_url.startswith("https://"):
        click.echo("Kobo must reach this address: set PIMCOLLECT_URL to your public https address.", err=True)


@hooks.command("open")
@click.option("--server", default="kobo", show_default=True, help="Who posts: kobo.")
@click.option("--form", required=True, help="Id of the form it receives for.")
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object with url and headers.")
def open_command(server: str, form: str, as_json: bool) -> None:
    """Open an address for a form; prints what to paste into the server."""
    with open_desk() as desk:
        with desk.transaction() as session:
            opened = open_hook(session, COMMAND_LINE, server=server, form=form)
        _show(desk, opened, as_json=as_json)


@hooks.command("rotate")
@click.argument("hook", type=click.UUID)
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object with url and headers.")
def rotate_command(hook: UUID, as_json: bool) -> None:
    """Make a new secret; the one before it works until the next rotation."""
    with open_desk() as desk:
        with desk.transaction() as session:
            opened = rotate_hook(session, COMMAND_LINE, hook)
        _show(desk, opened, as_json=as_json)


@hooks.command("close")
@click.argument("hook", type=click.UUID)
def close_command(hook: UUID) -> None:
    """Close an address at once."""
    with open_desk() as desk, desk.transaction() as session:
        close_hook(session, COMMAND_LINE, hook)
    click.echo("Closed: it answers 401 from now on.")


@hooks.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """All hooks, newest first."""
    with open_desk() as desk, desk.transaction() as session:
        rows = [
            {
                "id": row.id,
                "server": row.server,
                "form": row.form,
                "state": "open" if row.closed_at is None else "closed",
                "secrets": len(row.secrets),
                "opened_at": row.opened_at,
            }
            for row in find_hooks(session)
        ]
    columns = {"id": "id", "server": "server", "form": "form", "state": "state", "opened_at": "opened"}
    print_rows(rows, as_json=as_json, columns=columns, empty="No hooks yet: pimcollect hooks open --form ID")
