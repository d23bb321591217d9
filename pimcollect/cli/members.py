"""pimcollect members: who has an account, new ones, new passwords, switching off."""

from __future__ import annotations

from typing import Any

import click

from pimcollect.actions.members import (
    NewPassword,
    change_roles,
    create_member,
    disable_member,
    list_members,
    renew_password,
)
from pimcollect.cli.desk import json_option, open_desk, print_json, print_rows
from pimcollect.domain.roles import COMMAND_LINE, MEMBER_ROLES
from pimcollect.vault import read_door_keys

_role_option = click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=click.Choice([role.value for role in MEMBER_ROLES]),
    help="May be given more than once.",
)
_service_option = click.option("--service", help="Code of the service that a monitor belongs to.")


@click.group()
def members() -> None:
    """Accounts: who may log in, and as what."""


def _print_password(made: NewPassword, *, as_json: bool) -> None:
    if as_json:
        print_json([{"mail": made.mail, "password": made.password}])
        return
    click.echo(f"log in as  {made.mail}")
    click.echo(f"password   {made.password}")
    click.echo("It is shown this once; at the first log-in another one must be chosen.")


@members.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """All accounts."""
    with open_desk() as desk, desk.transaction() as session:
        found = list_members(session, COMMAND_LINE)
    rows: list[dict[str, Any]] = [
        {
            "id": row.id,
            "mail": row.mail,
            "name": row.name,
            "roles": [one.role for one in row.role_rows],
            "service": row.service,
            "is_active": row.is_active,
        }
        for row in found
    ]
    if not as_json:
        for row in rows:
            row["roles"] = ", ".join(row["roles"])
    columns = {"mail": "mail", "name": "name", "roles": "roles", "service": "service", "is_active": "active"}
    print_rows(rows, as_json=as_json, columns=columns, empty="Nobody yet; `pimcollect up` makes the first.")


@members.command("add")
@click.argument("mail")
@click.option("--name", required=True, help="How colleagues call this person; a job title will do.")
@_role_option
@_service_option
@json_option
def add_command(mail: str, name: str, roles: tuple[str, ...], service: str | None, as_json: bool) -> None:
    """A new account; prints its one-time password."""
    with open_desk(is_first_step=True) as desk:
        salt = read_door_keys(desk.settings.door_keys).password_salt
        with desk.transaction() as session:
            made = create_member(session, COMMAND_LINE, mail=mail, name=name, roles=roles, service=service, salt=salt)
    _print_password(made, as_json=as_json)


@members.command("roles")
@click.argument("mail")
@_role_option
@_service_option
def roles_command(mail: str, roles: tuple[str, ...], service: str | None) -> None:
    """Give an account exactly these roles and this service."""
    with open_desk() as desk, desk.transaction() as session:
        change_roles(session, COMMAND_LINE, mail=mail, roles=roles, service=service)
    click.echo("Changed, from the next page on.")


@members.command("disable")
@click.argument("mail")
def disable_command(mail: str) -> None:
    """Switch an account off; its open log-ins end at once."""
    with open_desk() as desk, desk.transaction() as session:
        disable_member(session, COMMAND_LINE, mail=mail)
    click.echo("Switched off. `pimcollect members password` switches it on again.")


@members.command("password")
@click.argument("mail")
@json_option
def password_command(mail: str, as_json: bool) -> None:
    """A new one-time password; switches the account on again."""
    with open_desk() as desk:
        salt = read_door_keys(desk.settings.door_keys).password_salt
        with desk.transaction() as session:
            made = renew_password(session, COMMAND_LINE, mail=mail, salt=salt)
    _print_password(made, as_json=as_json)
