"""pimcollect hooks: the addresses that Kobo and its kin post to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import click
from sqlalchemy.orm import Session

from pimcollect.actions.hooks import (
    Lack,
    OpenedHook,
    change_mapping,
    change_networks,
    close_hook,
    list_hooks,
    open_hook,
    rotate_hook,
)
from pimcollect.cli.beginnings import find_id
from pimcollect.cli.desk import (
    Desk,
    count,
    json_option,
    open_desk,
    print_json,
    print_mends,
    print_rows,
    warn_of_address,
)
from pimcollect.domain.documents import read_json
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.forms import HookRow
from pimcollect.tables.held import count_held_at_doors
from webhooks.hooks import SECRET_HEADER

_WHERE = {
    "kobo": "In Kobo: Settings > REST services > Register a new service.",
    "ona": "In Ona: the form's Settings > Apps > Webhook, type JSON.",
    "central": "In the installer of ODK Central's webhook: the address of each event, and the API key.",
}
_LACKS = {
    Lack.HINT: "Not enough alone: what it posts is only a hint. The form must be connected too, so that it is fetched.",
    Lack.ENVELOPE: "Not enough alone: phones encrypt this form, and a hook brings the envelope without its files.",
    Lack.PICTURES: "Not enough alone: this form keeps pictures for a case, and a hook brings no files.",
}
_READABLE = (
    "A form that was built with --no-encrypt comes whole by a hook alone; then phones, and every server on the way, "
    "carry what it asks readable, severe things too."
)
_ELSEWHERE = "To be entered at the sender."
_LARGEST_MAPPING = 1024 * 1024


@click.group()
def hooks() -> None:
    """Addresses that servers post submissions to."""


def _show(desk: Desk, opened: OpenedHook, *, as_json: bool) -> None:
    url = f"{desk.address}{opened.path}"
    header = "X-API-Key" if opened.server == "central" else SECRET_HEADER
    headers = {} if opened.is_secret_in_address else {header: opened.secret}
    if as_json:
        told = {"id": opened.id, "form": opened.form, "server": opened.server, "url": url, "headers": headers}
        print_json({**told, "lack": opened.lack, "next": opened.mend or None})
        return
    click.echo(f"Hook {opened.id} of form {opened.form}. {_WHERE.get(opened.server, _ELSEWHERE)}")
    click.echo(f"  Endpoint URL    {url}")
    warn_of_address(desk)
    for name, value in headers.items():
        click.echo(f"  Custom header   {name}: {value}")
    if opened.server == "kobo":
        click.echo("  Type            JSON (XML works too), security: no authorization, fields: leave empty (all)")
    if opened.is_secret_in_address:
        click.echo("Whoever knows this address can post to it: treat it as a password.")
    click.echo("The secret is shown this once and kept as a hash only.")
    if opened.lack is not None:
        click.echo(f"{_LACKS[opened.lack]} Next:\n  {opened.mend}")
    if opened.lack is Lack.ENVELOPE and opened.server not in _WHERE:
        click.echo(_READABLE)


def _find(session: Session, text: str) -> UUID:
    return find_id(session, HookRow.id, text, what="hook", remedy="Run `pimcollect hooks list`.")


def _read_mapping_file(path: Path | None) -> Any:
    if path is None:
        return None
    try:
        text = path.read_bytes()
        if len(text) > _LARGEST_MAPPING:
            raise PimError(ErrorCode.BAD_FILE, "The mapping file is larger than 1 MB.")
        return read_json(text)
    except (OSError, ValueError) as error:
        raise PimError(ErrorCode.BAD_FILE, "The mapping file is not JSON, or cannot be read.") from error


mapping_option = click.option(
    "--mapping",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="For --server mapped: a JSON file that says where a sender has its answers and ids.",
)
allow_option = click.option(
    "--allow", "networks", multiple=True, help="Only from this address or network; may be given several times."
)


@hooks.command("open")
@click.option(
    "--server",
    default="kobo",
    show_default=True,
    help="Who posts: kobo, ona, central, odk (plain OpenRosa XML) or mapped.",
)
@click.option("--form", required=True, help="Id of the form it receives for.")
@mapping_option
@allow_option
@click.option("--note", default="", help="Which sender it is, in a few words for the list.")
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object with url and headers.")
def open_command(
    server: str, form: str, mapping: Path | None, networks: tuple[str, ...], note: str, as_json: bool
) -> None:
    """Open an address for a form; prints what to paste into the server."""
    document = _read_mapping_file(mapping)
    with open_desk() as desk:
        with desk.transaction() as session:
            opened = open_hook(
                session, COMMAND_LINE, server=server, form=form, networks=networks, mapping=document, note=note
            )
        _show(desk, opened, as_json=as_json)


@hooks.command("change")
@click.argument("hook")
@mapping_option
@allow_option
@click.option("--allow-all", is_flag=True, help="From anywhere.")
@json_option
def change_command(hook: str, mapping: Path | None, networks: tuple[str, ...], allow_all: bool, as_json: bool) -> None:
    """Change where it may be called from, or its mapping (what is held is then read with the new one: replay it)."""
    document = _read_mapping_file(mapping)
    if networks and allow_all:
        raise click.UsageError("--allow and --allow-all exclude each other: only from there, or from anywhere.")
    if not (networks or allow_all or document is not None):
        raise click.UsageError("Say what to change: --allow NETWORK, --allow-all or --mapping FILE.")
    with open_desk() as desk, desk.transaction() as session:
        found = _find(session, hook)
        if networks or allow_all:
            change_networks(session, COMMAND_LINE, found, networks=networks)
        if document is not None:
            change_mapping(session, COMMAND_LINE, found, mapping=document)
    if as_json:
        print_json([{"id": found}])
        return
    click.echo("Changed, from the next call on.")


@hooks.command("rotate")
@click.argument("hook")
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object with url and headers.")
def rotate_command(hook: str, as_json: bool) -> None:
    """Make a new secret; the one before it works until the next rotation."""
    with open_desk() as desk:
        with desk.transaction() as session:
            opened = rotate_hook(session, COMMAND_LINE, _find(session, hook))
        _show(desk, opened, as_json=as_json)
    if not as_json:
        click.echo("The secret before it works until the next rotation: rotate twice if it may have been seen.")


@hooks.command("close")
@click.argument("hook")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def close_command(hook: str, yes: bool, as_json: bool) -> None:
    """Close an address at once; it is never opened again."""
    with open_desk() as desk:
        with desk.transaction() as session:
            found = _find(session, hook)
        if not yes:
            asked = "Whoever posts to it is refused from now on, and nothing opens it again. Go on?"
            click.confirm(asked, abort=True, err=as_json)
        with desk.transaction() as session:
            close_hook(session, COMMAND_LINE, found)
    if as_json:
        print_json([{"id": found, "state": "closed"}])
        return
    click.echo("Closed: it answers 401 from now on.")


@hooks.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """All hooks, open ones first."""
    with open_desk() as desk, desk.transaction() as session:
        held = count_held_at_doors(session).hooks
        rows = [
            {
                "id": row.id,
                "address": f"/webhooks/{row.beginning}…",
                "server": row.server,
                "form": row.form,
                "note": row.note,
                "state": "open" if row.closed_at is None else "closed",
                "secrets": len(row.secrets),
                "opened_at": row.opened_at,
                "networks": row.networks,
                "arrived": row.arrived,
                "arrived_at": row.arrived_at,
                "held": held.get(row.id, 0),
                "unasked": row.unasked,
                "refused": sum(one["n"] for one in hook.refusals),
                "refused_at": hook.refusals[0]["last_at"] if hook.refusals else None,
                "because": ", ".join(f"{one['reason']} {one['n']}" for one in hook.refusals) or None,
                "refusals": hook.refusals,
                "closed_at": row.closed_at,
                "closed_by": hook.closed_by,
            }
            for hook in list_hooks(session, COMMAND_LINE)
            for row in (hook.row,)
        ]
    told = rows if as_json else [{**row, "short": str(row["id"])[:_SHORT]} for row in rows]
    print_rows(told, as_json=as_json, columns=_COLUMNS, empty="No hooks yet: pimcollect hooks open --form ID")
    if not as_json:
        print_mends((f"{row['short']} {row['form']}", _say_more(row)) for row in told)


_SHORT = 8
"""Characters of an id in a table that is wide already; commands take them."""
_COLUMNS = {
    "short": "id",
    "address": "address",
    "server": "server",
    "form": "form",
    "state": "state",
    "arrived": "arrived",
    "arrived_at": "last",
    "held": "held",
    "refused": "refused",
}


def _say_more(row: Mapping[str, Any]) -> str:
    """What is told of a few hooks only, and may be long: below the table, so that nothing in it wraps."""
    told = []
    if row["note"]:
        told.append(row["note"])
    if row["networks"]:
        told.append(f"only from {', '.join(row['networks'])}")
    if row["unasked"]:
        told.append(f"no consent question in its last {count(row['unasked'], 'delivery', 'deliveries')}")
    if row["refused"]:
        told.append(f"refused: {row['because']}, last {row['refused_at']:%Y-%m-%d %H:%M} UTC")
    if row["closed_at"] is not None:
        told.append(f"closed {row['closed_at']:%Y-%m-%d %H:%M} UTC by {row['closed_by']}")
    return "; ".join(told)
