"""pimcollect phones: who may fetch forms from here and send to us, and the QR code that sets a phone up."""

from __future__ import annotations

from pathlib import Path

import click
from sqlalchemy.orm import Session

from pimcollect.actions.phones import (
    PhoneSecret,
    PhoneSettings,
    add_phone,
    list_phones,
    renew_phone,
    revoke_phone,
    write_phone_settings,
)
from pimcollect.cli.beginnings import find_id, is_beginning
from pimcollect.cli.desk import Desk, json_option, open_desk, print_json, print_rows, warn_of_address
from pimcollect.cli.phone_refusals import tell_phones, tell_strangers
from pimcollect.cli.qr import draw_qr, write_qr
from pimcollect.domain.phones import PhoneKind
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.phones import PhoneRow, find_ended_phone, find_phone
from pimcollect.vault import read_door_keys

_LIST = "Run `pimcollect phones list`."
_qr_option = click.option(
    "-o", "--qr", "picture", type=click.Path(dir_okay=False, path_type=Path), help="Write the QR code: a .png or .svg."
)
_project_option = click.option(
    "--project", default="pimcollect", show_default=True, help="How the project is called on the phone."
)

_yes_option = click.option("--yes", is_flag=True, expose_value=False, help="For scripts: it never asks anyway.")


@click.group()
def phones() -> None:
    """Phones that fetch forms from here and send to us, without any other server."""


def _write_code(desk: Desk, made: PhoneSecret, *, project: str, picture: Path | None) -> PhoneSettings:
    """The settings, written as a picture too. Inside the transaction: without its picture no phone is added whose
    secret nobody has seen."""
    settings = write_phone_settings(made, base=desk.address, project=project)
    if picture is not None:
        write_qr(settings.code, picture)
    return settings


def _show(desk: Desk, made: PhoneSecret, *, settings: PhoneSettings, picture: Path | None, as_json: bool) -> None:
    if as_json:
        told = {"id": made.id, "kind": made.kind.value, "name": made.name, "server_url": settings.address}
        secret = {"username": settings.username or None, "password": settings.password or None}
        print_json([{**told, **secret, "settings": settings.code}])
        return
    if picture is None:
        click.echo(draw_qr(settings.code))
    else:
        click.echo(f"Wrote {picture}. It holds the secret: show it to this phone, then delete it.")
    click.echo("In KoboCollect or ODK Collect: Configure with QR code. Or type it: Configure manually.")
    click.echo(f"  URL       {settings.address}")
    warn_of_address(desk)
    if made.kind is PhoneKind.ACCOUNT:
        click.echo(f"  Username  {settings.username}")
        click.echo(f"  Password  {settings.password}")
    click.echo("This is shown once. The phone fetches all released forms, sends by itself and deletes what was sent.")


def _find_name(session: Session, text: str) -> str:
    """The phone of this name, else the one whose id begins so. The beginning of a name is not enough: of enum-1 and
    enum-10 the wrong one would be shut out."""
    plain = text.strip().lower()
    if not is_beginning(text) or find_phone(session, plain) is not None or find_ended_phone(session, plain) is not None:
        return text
    found = find_id(session, PhoneRow.id, text, what="phone", remedy=_LIST)
    row = session.get(PhoneRow, found)
    if row is None or row.revoked_at is not None:  # its name may be another phone's by now
        raise PimError(ErrorCode.NOT_FOUND, "No phone that is let in has this id.", remedy=_LIST)
    return row.name


@phones.command("add")
@click.argument("name")
@click.option("--device", "is_device", is_flag=True, help="A device with a token in its address, no name and password.")
@click.option("--may-edit-all", is_flag=True, help="It may also replace what other phones have sent.")
@_project_option
@_qr_option
@json_option
def add_command(
    name: str, is_device: bool, may_edit_all: bool, project: str, picture: Path | None, as_json: bool
) -> None:
    """Let a phone in: NAME is the enumerator's user name, or what a device is called here. Prints the QR code, once.

    --json gives a list of one.
    """
    kind = PhoneKind.DEVICE if is_device else PhoneKind.ACCOUNT
    with open_desk() as desk:
        keys = read_door_keys(desk.settings.door_keys)
        with desk.transaction() as session:
            made = add_phone(session, COMMAND_LINE, name=name, kind=kind, keys=keys, may_edit_all=may_edit_all)
            settings = _write_code(desk, made, project=project, picture=picture)
        _show(desk, made, settings=settings, picture=picture, as_json=as_json)


@phones.command("qr")
@click.argument("name")
@_project_option
@_qr_option
@_yes_option
@json_option
def qr_command(name: str, project: str, picture: Path | None, as_json: bool) -> None:
    """A new QR code with a new secret, for a phone that was set up anew; the secret before it ends at once."""
    with open_desk() as desk:
        keys = read_door_keys(desk.settings.door_keys)
        with desk.transaction() as session:
            made = renew_phone(session, COMMAND_LINE, name=_find_name(session, name), keys=keys)
            settings = _write_code(desk, made, project=project, picture=picture)
        _show(desk, made, settings=settings, picture=picture, as_json=as_json)


@phones.command("revoke")
@click.argument("name")
@_yes_option
@json_option
def revoke_command(name: str, as_json: bool) -> None:
    """Shut a phone out at once: by its whole NAME, or by the beginning of its id. What it sent stays."""
    with open_desk() as desk, desk.transaction() as session:
        found = _find_name(session, name)
        revoke_phone(session, COMMAND_LINE, name=found)
    if as_json:
        print_json([{"name": found, "state": "revoked"}])
        return
    click.echo("Revoked: its next request is refused. Forms and unsent answers on the phone itself are still there.")


@phones.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """All phones, those in use first, when each last sent something, and what was refused lately and why."""
    with open_desk() as desk, desk.transaction() as session:
        found = list_phones(session, COMMAND_LINE)
        strangers = tell_strangers(session)
    rows = [
        {
            "id": row["id"],
            "name": row["name"],
            "kind": row["kind"],
            "state": "open" if row["revoked_at"] is None else "revoked",
            "may_edit_all": row["may_edit_all"],
            "sent": row["sent"] or 0,
            "last_at": row["last_at"],
            "refused": sum(one["n"] for one in row["refusals"]),
            "refusals": row["refusals"],
            "added_at": row["added_at"],
            "revoked_at": row["revoked_at"],
            "revoked_by": row["revoked_by"],
        }
        for row in found
    ]
    columns = {
        "name": "name",
        "id": "id",
        "kind": "kind",
        "state": "state",
        "sent": "sent",
        "last_at": "last",
        "refused": "refused",
        "added_at": "added",
    }
    print_rows(rows, as_json=as_json, columns=columns, empty="No phones yet: pimcollect phones add NAME")
    for told in (*tell_phones(found), *([strangers] if strangers else [])):
        click.echo(f"{told.detail}. {told.mend}", err=True)
