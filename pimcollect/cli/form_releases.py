"""pimcollect forms release: bring a version to a connected server or to our own phones, and watch it getting there."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import click

from pimcollect.actions.releases import check_for_phones, ends_encryption, release_to_phones
from pimcollect.actions.server_releases import Wish, check_releases, release_version
from pimcollect.cli.desk import Desk, open_desk, print_json, print_rows
from pimcollect.cli.servers import find_connection_id
from pimcollect.domain.release_words import MOST_HOURS, STEPS, UNKNOWN_NAME, say_finding, say_reason
from pimcollect.domain.releases import State, Step
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.domain.version import TEST
from pimcollect.doorbell import RELEASES, Bell
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.forms import FormVersionRow
from pimcollect.tables.journal import find_beats
from pimcollect.tables.releases import find_releases
from pimcollect.vault import read_door_keys

PHONES = "phones"
_LOOK_SECONDS = 0.5
_ALIVE = timedelta(seconds=90)
"""A worker that gave no sign for so long is not there."""


@click.command("release")
@click.argument("form")
@click.option("--to", "place", default="", help=f"Id of a connection (`servers list`), or {PHONES}: our own.")
@click.option("--field-test", "is_field_test", is_flag=True, help="The form's field test: a form of its own.")
@click.option("--no-hook", is_flag=True, help="Do not let the server post here; submissions are fetched only.")
@click.option("--accept-warnings", is_flag=True, help="Central: release although its converter warns.")
@click.option(
    "--check", "is_check", is_flag=True, help="Release nothing: say what is missing, and whether it is still there."
)
@click.option("--no-wait", is_flag=True, help="Ask for it and leave; `forms list` shows how far it is.")
@click.option("--json", "as_json", is_flag=True, help="For programs: a JSON list of objects, at the end.")
def release_command(
    form: str,
    place: str,
    is_field_test: bool,
    no_hook: bool,
    accept_warnings: bool,
    is_check: bool,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Release the newest version of a form. Answers to the versions before it are taken all the same.

    The workers do it: Ctrl-C leaves it running, and the same command shows it again. Ends with status 1 when it
    stopped, or when a server does not hold what was released.
    """
    form = f"{form}{TEST}" if is_field_test and not form.endswith(TEST) else form
    with open_desk() as desk:
        if place == PHONES:
            tell = _check_for_phones if is_check else _release_to_phones
            tell(desk, form, as_json=as_json)
            return
        connection = _find_connection(desk, place) if place or not is_check else None
        if is_check:
            asked = _ask_check(desk, form, connection)
        else:
            wish = Wish(form, connection or UUID(int=0), not no_hook, accept_warnings)
            release, is_readable = _ask_release(desk, wish)
            asked = [release]
        rows = _find_rows(desk, form, asked) if no_wait else _watch(desk, form, asked, is_check=is_check, quiet=as_json)
        if not is_check:
            rows = [{**row, "ends_encryption": is_readable} for row in rows]
    _tell_end(rows, as_json=as_json, is_check=is_check)


def _find_connection(desk: Desk, place: str) -> UUID:
    if not place:
        raise PimError(
            ErrorCode.NOT_FOUND,
            "Say where to: --to with the id of a connection, or phones.",
            remedy="`pimcollect servers list` shows connections; `pimcollect servers connect` makes one.",
        )
    with desk.transaction() as session:
        return find_connection_id(session, place)


def _release_to_phones(desk: Desk, form: str, *, as_json: bool) -> None:
    with desk.transaction() as session:
        is_readable = ends_encryption(session, form)
        shown = release_to_phones(session, COMMAND_LINE, form)
        version = session.get_one(FormVersionRow, shown.version).version
        told = {"form": form, "version": version, "place": PHONES, "state": State.DONE.value, "md5": shown.md5}
        told["stated"] = shown.stated
    _warn_of_readable(form, is_readable=is_readable)
    if as_json:
        print_json([{**told, "ends_encryption": is_readable}])
        return
    click.echo(f"{form} {told['version']} is on the list of {PHONES}. Its MD5 is {told['md5']}.")
    if not told["stated"]:
        click.echo("Its workbook states no version: phones know it by this MD5, and its answers name no version.")


def _warn_of_readable(form: str, *, is_readable: bool) -> None:
    if is_readable:
        click.echo(
            "Warning: this readable version takes the place of one that phones encrypt: phones, and every server on "
            f"the way, carry its answers readable. `pimcollect forms build {form}` and a release encrypt again.",
            err=True,
        )


def _check_for_phones(desk: Desk, form: str, *, as_json: bool) -> None:
    with desk.transaction() as session:
        version, is_shown = check_for_phones(session, COMMAND_LINE, form)
    if as_json:
        print_json([{"form": form, "version": version, "place": PHONES, "is_shown": is_shown}])
    elif is_shown:
        click.echo(f"{form} {version} is on the list of {PHONES}.")
    else:
        click.echo(f"{form} {version} can be released: nothing is missing. It is not on the list of {PHONES} yet.")


def _ask_release(desk: Desk, wish: Wish) -> tuple[UUID, bool]:
    """The release, and whether it ends encryption there."""
    keys = read_door_keys(desk.settings.door_keys)
    with desk.transaction() as session:
        is_readable = ends_encryption(session, wish.form, connection=wish.connection)
        release = release_version(session, COMMAND_LINE, wish, keys=keys, public_url=desk.settings.public_url)
    Bell(desk.settings.redis_url).ring_release(release)
    _warn_of_readable(wish.form, is_readable=is_readable)
    return release, is_readable


def _ask_check(desk: Desk, form: str, connection: UUID | None) -> list[UUID]:
    with desk.transaction() as session:
        asked = check_releases(session, COMMAND_LINE, form, connection=connection)
    Bell(desk.settings.redis_url).ring_release(asked[0])
    return asked


def _find_rows(desk: Desk, form: str, asked: list[UUID]) -> list[dict[str, Any]]:
    with desk.transaction() as session:
        return [row for row in find_releases(session, form=form) if row["id"] in asked]


def _watch(desk: Desk, form: str, asked: list[UUID], *, is_check: bool, quiet: bool) -> list[dict[str, Any]]:
    """Say each step until all are at their end, or nobody is there to do it."""
    said: set[str] = set()
    try:
        while True:
            rows = _find_rows(desk, form, asked)
            for line in () if quiet else (say_progress(row) for row in rows if not is_check):
                if line and line not in said:
                    said.add(line)
                    click.echo(line)
            if all(_is_at_end(row, is_check=is_check) for row in rows):
                return rows
            if not is_somebody_there(desk):
                click.echo("No worker is there: it goes on as soon as `pimcollect up` runs.", err=True)
                return rows
            time.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:
        click.echo("Left; the workers go on. `pimcollect forms list` shows how far it is.", err=True)
        return _find_rows(desk, form, asked)


def say_progress(row: dict[str, Any]) -> str:
    """How far a release is, or why it waits and for how long; empty when there is nothing to say."""
    if row["state"] != State.WAITING:
        return ""
    if row["reason"] and not row["is_held"]:
        what, mend = say_reason(row["reason"])
        mend = f" {mend}" if row["reason"] == UNKNOWN_NAME else ""
        ends = row["asked_at"].astimezone(UTC) + timedelta(hours=MOST_HOURS)
        again = f"Tried again at {row['next_at'].astimezone(UTC):%H:%M:%S} UTC, given up after {ends:%d %b %H:%M} UTC."
        return f"  {what}{mend} {again}"
    return f"  {STEPS[Step(row['step'])]}" if row["is_held"] else ""


def _is_at_end(row: dict[str, Any], *, is_check: bool) -> bool:
    return row["checked_at"] is not None if is_check else row["state"] != State.WAITING


def is_somebody_there(desk: Desk) -> bool:
    """Whether a worker for releases gave a sign lately."""
    with desk.transaction() as session:
        at = find_beats(session).get(RELEASES)
    return at is not None and datetime.now(UTC) - at < _ALIVE


def _tell_end(rows: list[dict[str, Any]], *, as_json: bool, is_check: bool) -> None:
    if as_json:
        print_rows(rows, as_json=True, columns={}, empty="")
    else:
        for row in rows:
            for line in describe_release(row, is_check=is_check):
                click.echo(line)
    is_bad = any(row["findings"] if is_check else row["state"] == State.STOPPED for row in rows)
    if is_bad:
        raise SystemExit(1)


def describe_release(row: dict[str, Any], *, is_check: bool = False) -> list[str]:
    """A release in lines for people."""
    name = f"{row['form']} {row['version']} at {row['base']}"
    lines = [f"{name}: {_say_state(row)}"]
    if row["state"] == State.STOPPED:
        what, mend = say_reason(row["reason"])
        lines += [f"  {what}", *([f"  The server says: {row['words']}"] if row["words"] else []), f"  {mend}"]
    if row["trial"]:
        lines.append(f"  To be tried at {row['base']}/{row['trial']}")
    lines += [f"  Not as released: {say_finding(*one)}." for one in row["findings"]]
    if is_check and row["checked_at"] is not None and not row["findings"]:
        lines.append("  The server holds what was released, and nothing beside it.")
    return lines


def _say_state(row: dict[str, Any]) -> str:
    words = {
        State.DONE: "released",
        State.STOPPED: "stopped",
        State.REPLACED: "a later release took over",
        State.WAITING: f"on its way ({STEPS[Step(row['step'])]})",
    }
    return words[State(row["state"])]


def list_places(rows: list[dict[str, Any]]) -> dict[tuple[str, str], str]:
    """(form, version) -> where it is released, in short, with what differs there."""
    told: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row["state"] == State.REPLACED or (row["state"] == State.DONE and not row["is_newest"]):
            continue
        text = f"{row['server']} {str(row['connection'])[:8]}: {_say_state(row)}"
        if row["findings"]:
            text += f"; {'; '.join(say_finding(*one) for one in row['findings'])}"
        told.setdefault((row["form"], row["version"]), []).append(text)
    return {key: "\n".join(lines) for key, lines in told.items()}
