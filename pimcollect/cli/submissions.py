"""pimcollect submissions: what was kept, counted, and taken out for analysis."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from pimcollect.actions.submissions import (
    export_submissions,
    find_carded,
    list_submissions,
    order_withdrawal,
)
from pimcollect.cli.desk import json_option, open_desk, print_json, print_rows
from pimcollect.cli.up import environment_of_children
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.errors import ErrorCode, PimError
from pimcollect.launch import launch
from pimcollect.servers.ids import is_veiled
from pimcollect.tables.connections import find_holders
from pimcollect.tables.submissions import (
    count_findings,
    count_submissions,
    count_unshared,
    find_tallies,
    name_roots,
)

_FORMULA_STARTS = ("=", "+", "-", "@", "|", "%", "\t", "\r", "\x00", "\ufeff", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@click.group()
def submissions() -> None:
    """Treated submissions and the counts of what was refused."""


@submissions.command("list")
@click.option("--form", help="Only this form. [default: all but field tests]")
@click.option("--limit", default=200, show_default=True, type=click.IntRange(1, 100_000))
@json_option
def list_command(form: str | None, limit: int, as_json: bool) -> None:
    """Submissions, newest decision first. State tombstone: refused, or deleted at its server; nothing is kept.

    `same answers as` names the one that came first: perhaps the same person, sent twice. Nothing is merged. `findings`
    says how many answers could not be used; with --json also which and why, never what they were.
    """
    with open_desk() as desk, desk.transaction() as session:
        found = list_submissions(session, COMMAND_LINE, form=form, limit=limit)
        twins = name_roots(session, {row.twin for row in found if row.twin})
        rows = [
            {
                "id": row.id,
                "form": row.form,
                "root_id": row.root_id,
                "state": row.state,
                "month": f"{row.month:%Y-%m}",
                "place": row.place,
                "may_share": row.may_share,
                "editions": len(row.superseded) + 1,
                "erased_at": row.erased_at,
                "possible_duplicate_of": twins.get(row.twin) if row.twin else None,
                "findings": row.findings or {},
                "unused": sum((row.findings or {}).values()) or "",
            }
            for row in found
        ]
    columns = {"root_id": "root id", "form": "form", "state": "state", "month": "month", "place": "place"}
    columns |= {"may_share": "share", "unused": "findings", "possible_duplicate_of": "same answers as"}
    print_rows(rows, as_json=as_json, columns=columns, empty="Nothing has been settled yet.")


@submissions.command("count")
@json_option
def count_command(as_json: bool) -> None:
    """How many submissions there are by form and month, and then the tallies: what was counted and points at nobody.

    A tombstone stands for an interview of which nothing is kept. The tallies refused, erased and withdrawn count the
    same interviews once more, by reason and area, as they stand now: do not add the two. The other tallies count
    what was told when consent was first given. With --json, `counted` says which of the two a line is.
    """
    with open_desk() as desk, desk.transaction() as session:
        rows = [
            {"counted": "submissions", "what": row["state"], "form": row["form"], "month": f"{row['month']:%Y-%m}"}
            | {"place": "", "detail": "", "n": row["n"]}
            for row in count_submissions(session)
        ]
        tallies = [
            {"counted": "tallies", "what": row.kind, "form": row.form, "month": f"{row.month:%Y-%m}"}
            | {"place": row.place, "detail": row.detail, "n": row.n}
            for row in find_tallies(session)
        ]
    if as_json:
        print_json([*rows, *tallies])
        return
    columns = {"what": "what", "form": "form", "month": "month"}
    print_rows(rows, as_json=False, columns={**columns, "n": "n"}, empty="Nothing to count yet.")
    if tallies:
        click.echo("\nTallies. Refused, erased and withdrawn are the tombstones above once more, by area:")
        columns |= {"place": "place", "detail": "pathway", "n": "n"}
        print_rows(tallies, as_json=False, columns=columns, empty="")


@submissions.command("findings")
@click.option("--form", help="Only this form. [default: all]")
@json_option
def findings_command(form: str | None, as_json: bool) -> None:
    """What could not be used of the answers that came in, by form, question and reason. Never an answer itself.

    Such an answer is null in what is kept. Many of one question and reason mean a form to mend: a constraint that
    lacks, a choice that the version does not know, a place that is not in the gazetteer.
    """
    with open_desk() as desk, desk.transaction() as session:
        rows = count_findings(session, form=form)
    columns = {"form": "form", "question": "question", "reason": "reason", "n": "n", "submissions": "submissions"}
    print_rows(rows, as_json=as_json, columns=columns, empty="All answers could be used.")


@submissions.command("withdraw")
@click.option("--form", help="Only of this form, where two cards have one code.")
@click.option("--yes", is_flag=True, help="Do not ask again.")
def withdraw_command(form: str | None, yes: bool) -> None:
    """Erase an interview for the person who came back with the card. Asks for the code, which no list may show.

    Answers, open referrals, cases and files go; a tombstone stays, so that no late copy brings anything back. Run it
    where the workers run: taking back referrals needs their keys.
    """
    with open_desk() as desk:
        code = str(click.prompt("Code on the card", err=True))
        with desk.transaction() as session:
            row = find_carded(session, COMMAND_LINE, code, form=form)
            there = [one.base for one in find_holders(session, row.form, row.root_id)]
        if not yes:
            click.confirm(f"An interview of {row.form}, {row.month:%Y-%m}, is erased for good. Go on?", abort=True)
        with desk.transaction() as session:
            order_withdrawal(session, COMMAND_LINE, row.id)
        env = environment_of_children(desk.settings, are_hands=True)
        status = launch([sys.executable, "-m", "workers", "withdraw", str(row.id)], env=env).wait()
    if status != 0:
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            "It was not erased; the line above says why.",
            remedy="Mend that, then give the code again.",
        )
    click.echo("Erased.")
    for base in there:
        unnamed = " (there it has another id, which is no UUID)" if is_veiled(row.root_id) else ""
        click.echo(f"Delete it at {base} too: {row.root_id}{unnamed}")


def _safe_cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula (ASVS 5, 1.2.10)."""
    if isinstance(value, list):
        value = " ".join(str(one) for one in value)
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value


def _write_csv(path: Path, rows: list[Mapping[str, Any]]) -> None:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    descriptor = os.open(
        path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600
    )  # answers, treated or not, are nobody else's
    with os.fdopen(descriptor, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([_safe_cell(row.get(column)) for column in columns] for row in rows)


def _is_repeat(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(one, dict) for one in value)


def _split_repeats(
    rows: Iterable[Mapping[str, Any]],
) -> tuple[list[Mapping[str, Any]], dict[str, list[Mapping[str, Any]]]]:
    """Repeats become tables of their own, joined by a row number that exists in this export only."""
    top: list[Mapping[str, Any]] = []
    repeats: dict[str, list[Mapping[str, Any]]] = {}
    for number, row in enumerate(rows, start=1):
        top.append({"row": number, **{key: value for key, value in row.items() if not _is_repeat(value)}})
        for key, value in row.items():
            if _is_repeat(value):
                repeats.setdefault(key, []).extend({"row": number, **member} for member in value)
    return top, repeats


@submissions.command("export")
@click.option("--form", required=True, help="Id of the form.")
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path), help="Folder for CSV files.")
@click.option("--internal", is_flag=True, help="Also of people who did not agree to sharing: for your own team only.")
@click.option("--restricted", is_flag=True, help="Also the detail for protection analysts. Journaled.")
@json_option
def export_command(form: str, output: Path | None, internal: bool, restricted: bool, as_json: bool) -> None:
    """Treated answers of a form: CSV files in a folder, or JSON on stdout."""
    if output is None and not as_json:
        raise click.UsageError("Say where to: -o FOLDER, or --json.")
    with open_desk() as desk, desk.transaction() as session:
        rows = list(
            export_submissions(session, COMMAND_LINE, form=form, is_internal=internal, with_restricted=restricted)
        )
        left_out = 0 if internal or restricted else count_unshared(session, form)
    unshared = f"{left_out} more were kept of people who did not agree to sharing: --internal, for your own team only."
    if as_json or output is None:
        print_json(rows)
        if left_out:
            click.echo(unshared, err=True)
        return
    tier = ".restricted" if restricted else ".internal" if internal else ""
    top, repeats = _split_repeats(rows)
    path = output / f"{form}{tier}.csv"
    try:
        output.mkdir(parents=True, exist_ok=True)
        _write_csv(path, top)
        for name, members in repeats.items():
            _write_csv(output / f"{form}{tier}.{name.rpartition('/')[2]}.csv", members)
    except OSError as error:
        raise PimError(ErrorCode.BAD_FILE, f"{output} cannot be written: {error.strerror}.") from error
    click.echo(f"{len(top)} submissions in {path}" + (f", {len(repeats)} repeat tables beside it" if repeats else ""))
    if left_out:
        click.echo(unshared)
