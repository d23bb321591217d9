"""pimcollect servers: connected Kobo, ODK Central and Ona servers, from which submissions are pulled."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import click
from sqlalchemy.orm import Session

from pimcollect.actions.connections import (
    HISTORIES,
    MENDS,
    SERVERS,
    PullState,
    allow_erasing,
    ask_pull,
    close_connection,
    connect_server,
    count_here,
    list_connections,
    tell_pulls,
)
from pimcollect.cli.beginnings import find_id
from pimcollect.cli.desk import Desk, json_option, open_desk, print_json, print_mends, print_rows
from pimcollect.domain.release_words import UNKNOWN_NAME
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.doorbell import Bell
from pimcollect.errors import ErrorCode, PimError
from pimcollect.servers.addresses import has_address
from pimcollect.tables.connections import ConnectionRow
from pimcollect.vault import read_door_keys

_TOKEN_VARIABLE = "SERVER_TOKEN"  # noqa: S105 - a variable's name; none that `up` would hand on to its children
_LONGEST_FILE = 4096
_LOOK_SECONDS = 0.5


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
    if not named and not sys.stdin.isatty():
        raise PimError(
            ErrorCode.WRONG_SECRET,
            "No token was given, and there is no terminal to ask for it.",
            remedy=f"Give it in a file (--token-file FILE), by the input (--token-file -), or in {_TOKEN_VARIABLE}.",
        )
    what = "Password of the web user" if server == "central" else "API token"
    return named or str(click.prompt(what, hide_input=True))


def find_connection_id(session: Session, text: str) -> UUID:
    """The connection whose id this is, or begins so."""
    return find_id(session, ConnectionRow.id, text, what="connection", remedy="Run `pimcollect servers list`.")


@servers.command("connect")
@click.option("--server", type=click.Choice(SERVERS), default="kobo", show_default=True, help="What it is.")
@click.option("--url", required=True, help="Its address, like https://kf.kobotoolbox.org.")
@click.option("--form", required=True, help="Id of our form.")
@click.option(
    "--there", default="", help="The form there: Kobo's asset uid, Ona's number; Central always: PROJECT/FORM."
)
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
        Bell(desk.settings.redis_url).ring_fetch(row.id)
    is_found = has_address(row.base)
    if as_json:
        told = {"id": row.id, "server": row.server, "form": row.form, "base": row.base, "there": row.there}
        print_json({**told, "is_host_found": is_found})
    else:
        click.echo(f"Connected: {row.id}. The token is sealed; only the workers can open it.")
    if not is_found:
        click.echo(f"Warning: {MENDS[UNKNOWN_NAME].format(host=urlsplit(row.base).hostname)}", err=True)
    elif row.there is not None and not as_json:
        click.echo("The workers begin to fetch what is there: `pimcollect servers status` shows how far they are.")


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


_COLUMNS = {
    "short": "id",
    "form": "form",
    "server": "server",
    "state": "state",
    "count_there": "there",
    "known": "fetched",
    "here": "here",
    "waiting": "not settled",
    "pulled_at": "last whole pull",
}


_SHORT = 8
"""Characters of an id in a table that is wide already; commands take them."""


def _print_pulls(desk: Desk, rows: list[PullState], *, as_json: bool) -> None:
    with desk.transaction() as session:
        here = count_here(session, COMMAND_LINE, {one.form for one in rows})
    told = [{**asdict(one), **asdict(here[one.form])} for one in rows]
    if not as_json:
        told = [{**one, "short": str(one["id"])[:_SHORT]} for one in told]
    print_rows(told, as_json=as_json, columns=_COLUMNS, empty="No servers connected.")
    if not as_json:
        print_mends((f"{one['short']} {one['form']}", one["remedy"]) for one in told)
        print_mends((f"{one['short']} {one['form']}", _say_under_way(one["under_way_since"])) for one in told)
        print_mends((f"{one['short']} {one['form']}", _say_left_alone(one["left_alone_until"])) for one in told)
        histories = ((one["form"], HISTORIES.get(one["history"])) for one in told)
        print_mends((f"Project history of {form}", says) for form, says in histories)


def _say_under_way(since: datetime | None) -> str:
    if since is None:
        return ""
    return (
        f"A pull is under way since {since:%H:%M:%S} UTC. Where its numbers stand still, the server is slow or asked "
        "to be left alone for a while; it goes on by itself."
    )


def _say_left_alone(until: datetime | None) -> str:
    return "" if until is None else f"The server asked not to be called before {until:%H:%M:%S} UTC; then it goes on."


@servers.command("status")
@json_option
def status_command(as_json: bool) -> None:
    """How far each open connection was pulled, its counts against the server's own, and what is wrong."""
    with open_desk() as desk:
        with desk.transaction() as session:
            rows = tell_pulls(session, COMMAND_LINE)
        _print_pulls(desk, rows, as_json=as_json)


@servers.command("fetch")
@click.argument("form")
@click.option("--erase", is_flag=True, help="Let many deletions there erase here too, this once. Asks first.")
@click.option("--yes", is_flag=True, help="With --erase: do not ask.")
@click.option("--wait", "seconds", default=600, show_default=True, type=click.IntRange(0), help="Seconds to look on; 0 = none.")  # fmt: skip  # noqa: E501
@json_option
def fetch_command(form: str, erase: bool, yes: bool, seconds: int, as_json: bool) -> None:
    """Pull a form's connections now, and look on until it is done. Ends with 1 when a pull failed or did not end."""
    with open_desk() as desk:
        if erase and not yes:
            _ask_to_erase(desk, form, as_json=as_json)
        with desk.transaction() as session:
            if erase:
                allow_erasing(session, COMMAND_LINE, form)
            asked = ask_pull(session, COMMAND_LINE, form)
        Bell(desk.settings.redis_url).ring_fetch(asked[0])
        rows = _look_on(desk, asked, seconds=seconds, is_quiet=as_json)
        _print_pulls(desk, rows, as_json=as_json)
    if not seconds:
        return
    if not all(one.is_done for one in rows):
        click.echo("It has not ended yet, and goes on by itself: `pimcollect servers status`.", err=True)
        raise SystemExit(1)
    if any(one.failures for one in rows):
        raise SystemExit(1)


def _ask_to_erase(desk: Desk, form: str, *, as_json: bool) -> None:
    """With the numbers that whoever says yes should have seen; nothing is asked of a form that is not connected."""
    with desk.transaction() as session:
        rows = [one for one in tell_pulls(session, COMMAND_LINE) if one.form == form]
    if rows:
        counts = "; ".join(_say_progress(one) for one in rows)
        asked = f"{form}, as last counted: {counts}. What the server does not have any more is erased here for good, "
        asked += "with its referrals, cases and files, however many they are. Go on?"
        click.confirm(asked, abort=True, err=as_json)


def _look_on(desk: Desk, asked: list[UUID], *, seconds: int, is_quiet: bool) -> list[PullState]:
    """Show how the numbers grow until no pull of these is under way or waited for."""
    until, told = time.monotonic() + seconds, ""
    while True:
        with desk.transaction() as session:
            rows = [one for one in tell_pulls(session, COMMAND_LINE) if one.id in asked]
        progress = ", ".join(_say_progress(one) for one in rows)
        if progress != told and not is_quiet:
            click.echo(progress, err=True)
        told = progress
        if all(one.is_done for one in rows) or time.monotonic() > until:
            return rows
        time.sleep(_LOOK_SECONDS)


def _say_progress(one: PullState) -> str:
    said = f"{one.server}: {one.known} of {'?' if one.count_there is None else one.count_there} fetched"
    if one.waits_until is None:
        return said
    return f"{said}; the next pull waits for its turn until {one.waits_until:%H:%M:%S} UTC"


@servers.command("close")
@click.argument("connection")
@click.option("--yes", is_flag=True, help="Do not ask.")
def close_command(connection: str, yes: bool) -> None:
    """Call a server no more; its token is shredded, what was pulled stays."""
    with open_desk() as desk:
        with desk.transaction() as session:
            found = find_connection_id(session, connection)
        if not yes:
            click.confirm("Its token is shredded, and edits and deletions there are seen no more. Go on?", abort=True)
        with desk.transaction() as session:
            close_connection(session, COMMAND_LINE, found)
    click.echo("Closed. End the token at the server too.")
