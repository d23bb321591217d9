"""pimcollect servers: connected Kobo, ODK Central and Ona servers, from which submissions are pulled."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from uuid import UUID

import click

from pimcollect.actions.connections import SERVERS, close_connection, connect_server, list_connections
from pimcollect.cli.desk import json_option, open_desk, print_json, print_rows
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.errors import ErrorCode, PimError
from pimcollect.vault import read_door_keys

_TOKEN_VARIABLE = "PIMCOLLECT_SERVER_TOKEN"  # noqa: S105 - a variable's name
_LONGEST_FILE = 4096


@click.group()
def servers() -> None:
    """Connected servers: submissions, edits and deletions are pulled from them."""


def _read_secret(server: str, file: Path | None) -> str:
    """From a file, `-` for the input, the environment, or a prompt; never from the command line, where all see it."""
    if file is not None and str(file) == "-":
        return sys.stdin.readline().strip()
    if file is not None:
        try:
            with file.open("rb") as opened:
                return opened.read(_LONGEST_FILE).decode().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise PimError(ErrorCode.BAD_FILE, "The token file cannot be read.") from error
    named = os.environ.get(_TOKEN_VARIABLE, "").strip()
    what = "Password of the web user" if server == "central" else "API token"
    return named or str(click.prompt(what, hide_input=True))


@servers.command("connect")
@click.option("--server", type=click.Choice(SERVERS), default="kobo", show_default=True, help="What it is.")
@click.option("--url", required=True, help="Its address, like https://kf.kobotoolbox.org.")
@click.option("--form", required=True, help="Id of our form.")
@click.option("--there", default="", help="The form there: Kobo's asset uid, Central's PROJECT/FORM, Ona's number.")
@click.option("--user", default="", help="Central only: mail address of the web user.")
@click.option("--token-file", type=click.Path(path_type=Path), help=f"File with the token, - for input; else {_TOKEN_VARIABLE} or a prompt.")  # fmt: skip  # noqa: E501
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
def connect_command(
    server: str, url: str, form: str, there: str, user: str, token_file: Path | None, as_json: bool
) -> None:
    """Connect a form to the server where it is collected."""
    with open_desk() as desk:
        secret = _read_secret(server, token_file)
        with desk.transaction() as session:
            row = connect_server(
                session,
                COMMAND_LINE,
                server=server,
                form=form,
                base=url,
                there=there,
                user=user,
                secret=secret,
                keys=read_door_keys(desk.settings.door_keys),
                private_hosts=desk.settings.private_hosts,
            )
    if as_json:
        print_json({"id": row.id, "server": row.server, "form": row.form, "base": row.base, "there": row.there})
        return
    click.echo(f"Connected: {row.id}. The token is sealed; only the workers can open it.")


@servers.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """All connections, open ones first."""
    with open_desk() as desk, desk.transaction() as session:
        rows = [
            {
                "id": row.id,
                "server": row.server,
                "form": row.form,
                "base": row.base,
                "there": row.there,
                "state": "open" if row.closed_at is None else "closed",
                "opened_at": row.opened_at,
            }
            for row, _ in list_connections(session, COMMAND_LINE)
        ]
    columns = {"id": "id", "server": "server", "form": "form", "base": "address", "there": "there", "state": "state"}
    empty = "No servers connected yet: pimcollect servers connect --url ADDRESS --form ID --there UID"
    print_rows(rows, as_json=as_json, columns=columns, empty=empty)


@servers.command("close")
@click.argument("connection", type=click.UUID)
def close_command(connection: UUID) -> None:
    """Call a server no more; its token is shredded, what was pulled stays."""
    with open_desk() as desk, desk.transaction() as session:
        close_connection(session, COMMAND_LINE, connection)
    click.echo("Closed. End the token at the server too.")
