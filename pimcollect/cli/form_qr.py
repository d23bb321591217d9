"""pimcollect forms qr: the QR code that sets KoboCollect or ODK Collect up for a connected server."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import click

from pimcollect.actions.app_users import ask_app_user, take_app_token
from pimcollect.cli.beginnings import is_beginning
from pimcollect.cli.desk import Desk, json_option, open_desk, print_json
from pimcollect.cli.form_releases import is_somebody_there
from pimcollect.cli.qr import draw_qr, write_qr
from pimcollect.cli.servers import find_connection_id
from pimcollect.domain.collect_settings import CollectProject, pack_settings, write_settings
from pimcollect.domain.release_words import say_reason
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.doorbell import Bell
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.connections import find_connections
from pimcollect.vault import create_open_key, open_value

_WAIT_SECONDS, _LOOK_SECONDS = 60.0, 0.3
_COLLECT = {
    "kf.kobotoolbox.org": "https://kc.kobotoolbox.org",
    "eu.kobotoolbox.org": "https://kc-eu.kobotoolbox.org",
    "api.ona.io": "https://odk.ona.io",
    "ona.io": "https://odk.ona.io",
}
"""Where phones fetch and send, for servers whose pages have another name."""


@dataclass(frozen=True)
class _Place:
    """What is needed of a connection."""

    id: UUID
    server: str
    base: str
    there: str


@click.command("qr")
@click.argument("form")
@click.option("--to", "connection", required=True, help="Id of a connection (`servers list`).")
@click.option("--phone", default="", help="Central: the app user's name; made when there is none. No person's name.")
@click.option("--username", default="", help="Kobo, Ona: the account that the phone sends as. Its password is typed.")
@click.option("--collect-url", default="", help="Where phones fetch and send, if it is not the usual one.")
@click.option("-o", "--output", "picture", type=click.Path(dir_okay=False, path_type=Path), help="A .png or .svg.")
@json_option
def qr_command(
    form: str, connection: str, phone: str, username: str, collect_url: str, picture: Path | None, as_json: bool
) -> None:
    """A QR code that sets a phone up: server, token, forms kept equal, sent by itself, deleted once sent.

    For phones that send to us without another server: `pimcollect phones add`.
    """
    with open_desk() as desk:
        place = _find_place(desk, form, connection)
        if place.server == "central":
            address = _make_address(desk, place, phone)
        else:
            address = (collect_url or find_collect_address(place.base)).rstrip("/")
    project = CollectProject(address, f"pimcollect {form}", username if place.server != "central" else "")
    code = pack_settings(write_settings(project))
    if picture is not None:
        write_qr(code, picture)
    if as_json:
        print_json([{"form": form, "server_url": address, "username": username or None, "settings": code}])
        return
    click.echo(draw_qr(code) if picture is None else f"Wrote {picture}.")
    click.echo("In KoboCollect or ODK Collect: Configure with QR code.")
    if place.server == "central":
        click.echo("It holds the app user's token: show it to this phone only, then delete the picture.")
    else:
        click.echo("The code holds no password: it is typed on the phone, or the form is opened to all there.")


def _find_place(desk: Desk, form: str, connection: str) -> _Place:
    if not is_beginning(connection):
        raise PimError(
            ErrorCode.NOT_FOUND,
            "--to takes the id of a connection with a server, or its beginning.",
            remedy="`pimcollect servers list` shows them. A phone that sends to us needs none: `pimcollect phones add "
            "NAME` prints its QR code; it fetches every form that was released to phones.",
        )
    with desk.transaction() as session:
        wanted = find_connection_id(session, connection)
        for row in find_connections(session, form=form):
            if row.id == wanted and row.closed_at is None:
                return _Place(row.id, row.server, row.base, row.there or "")
    raise PimError(
        ErrorCode.NOT_FOUND,
        f"No open connection of the form {form!r} has this id.",
        remedy="Run `pimcollect servers list`.",
    )


def find_collect_address(base: str) -> str:
    """Where phones fetch and send for this server: known ones by name, `kf.` becomes `kc.`, others as they are."""
    parts = urlsplit(base)
    host = parts.hostname or ""
    if host in _COLLECT:
        return _COLLECT[host]
    return base.replace("://kf.", "://kc.", 1) if host.startswith("kf.") else base


def _make_address(desk: Desk, place: _Place, phone: str) -> str:
    """Central's address with the app user's token in it. The token comes sealed to a key that lives here only."""
    if not phone:
        raise PimError(
            ErrorCode.NOT_FOUND, "Central needs a name for the phone.", remedy="Give --phone, like --phone team-3."
        )
    key = create_open_key()
    with desk.transaction() as session:
        asked = ask_app_user(session, COMMAND_LINE, place.id, name=phone, public_key=key.seal_key.raw)
    bell, until = Bell(desk.settings.redis_url), time.monotonic() + _WAIT_SECONDS
    bell.ring_release(asked)
    while time.monotonic() < until:
        with desk.transaction() as session:
            answer = take_app_token(session, COMMAND_LINE, asked)
        if answer.refused is not None:
            what, mend = say_reason(answer.refused)
            raise PimError(ErrorCode.NOT_POSSIBLE_NOW, what, remedy=mend)
        if answer.sealed is not None:
            token = open_value(answer.sealed, ring=(key,), context=f"app user|{asked}").decode()
            return f"{place.base}/v1/key/{token}/projects/{place.there.partition('/')[0]}"
        if not is_somebody_there(desk):
            break
        time.sleep(_LOOK_SECONDS)
    raise PimError(ErrorCode.AWAY, "No worker has answered.", remedy="Is `pimcollect up` running? Then ask again.")
