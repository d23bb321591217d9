"""pimcollect bank diff, check, where-used, overlaps: what differs, what is nearly the same, and which forms ask it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from forms import starter
from forms.askers import find_where_used
from forms.bank import BankError, read_catalogue, read_document
from forms.bank_files import read_bank_bytes, read_bank_file
from forms.current import read_texts
from forms.lints import Severity
from forms.lints_bank import lint_expressions, lint_item
from forms.lints_current import lint_rounds
from forms.lints_parts import lint_parts
from forms.overlaps import find_doubles, find_overlaps
from pimcollect.actions.banks import Bank, Comparison
from pimcollect.cli.desk import count, json_option, open_desk, print_json, print_rows
from pimcollect.domain.changes import Change, find_changes, weigh
from pimcollect.domain.weights import Weight
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.catalogue import find_bank, find_bank_version

class_option = click.option(
    "--class",
    "wanted",
    type=click.Choice(["patch", "minor", "major"]),
    help="Call the change more than what was computed; never less.",
)
_DIFF = {
    "part": "part",
    "id": "id",
    "field": "field",
    "before": "before",
    "after": "after",
    "class": "class",
    "why": "why",
}

_SHOWN = 200


def read_class(word: str | None) -> Weight | None:
    """The class that an editor named."""
    return None if word is None else Weight[word.upper()]


def read_version(session: Session, name: str) -> Mapping[str, Any]:
    """A bank by name: `current`, `starter`, a kept version, or a file. Raises PimError(NOT_FOUND)."""
    path = Path(name)
    if name == "current":
        row = find_bank(session)
        return row.document if row else read_document(starter.read_bytes("bank.json"))
    if name == "starter":
        return read_document(starter.read_bytes("bank.json"))
    row = find_bank_version(session, name)
    if row is not None:
        return row.document
    if path.exists():
        return read_bank_file(path)[0]
    raise PimError(
        ErrorCode.NOT_FOUND,
        f"There is no bank {name!r}.",
        remedy="Name a file, `current`, `starter`, or one that `pimcollect bank versions` lists.",
    )


def read_given(path: Path | None, *, as_json: bool, is_dry: bool = False) -> Bank:
    """The checked bank of a file, else the starter bank. For programs the faults of a file go to stdout as a list.

    A file that cannot be taken ends with status 2, as every mistake that the caller can mend; with 1 where it was asked
    whether it could be (`is_dry`).
    """
    try:
        document, catalogue = (
            read_bank_file(path) if path else read_bank_bytes(starter.read_bytes("bank.json"), is_workbook=False)
        )
    except PimError as error:
        if not (as_json or is_dry):
            raise
        _tell_refused(error, as_json=as_json)
        raise click.exceptions.Exit(1 if is_dry else 2) from error
    return Bank(catalogue.version, catalogue.sha256, document)


def _tell_refused(error: PimError, *, as_json: bool) -> None:
    """Why a bank is not taken: each fault for programs, one line each for people."""
    if not as_json:
        click.echo(f"error: {error}", err=True)
        return
    whole = {"sheet": None, "row": None, "column": None, "what": error.message, "mend": error.remedy}
    print_json([fault.told for fault in error.faults] if isinstance(error, BankError) else [whole])
    if isinstance(error, BankError) and error.is_early:
        click.echo(error.remedy, err=True)


def _change_row(one: Change) -> dict[str, Any]:
    return {
        "part": one.part,
        "id": one.id,
        "field": one.field,
        "before": one.before,
        "after": one.after,
        "class": one.weight.word,
        "why": one.why + (", protects less" if one.is_loosening else ""),
        "is_loosening": one.is_loosening,
    }


def show_comparison(bank: Bank, comparison: Comparison) -> dict[str, Any]:
    """A comparison for programs."""
    return {
        "version": bank.version,
        "sha256": bank.sha256,
        "computed": comparison.computed.word,
        "class": comparison.chosen.word,
        "changes": [_change_row(one) for one in comparison.changes],
        "forms": list(comparison.forms),
        "obstacles": list(comparison.obstacles),
        "approvals": list(comparison.approvals),
    }


def say_comparison(
    bank: Bank,
    comparison: Comparison,
    *,
    as_json: bool,
    is_taken: bool = False,
    lacking: Sequence[Mapping[str, Any]] = (),
) -> None:
    """What a bank would change, or changed when it `is_taken`, for people or programs; `lacking` are new texts that are
    not translated."""
    if as_json:
        print_json({**show_comparison(bank, comparison), "untranslated": list(lacking)})
        return
    rows = [_change_row(one) for one in comparison.changes]
    _print_changes(rows, "No difference from the current bank.")
    if rows:
        click.echo(f"{count(rows, 'difference')}. Class: {comparison.chosen.word}.")
    if comparison.forms:
        click.echo("Touches these forms:")
        _print_uses(comparison.forms, as_json=False)
    for sentence in comparison.obstacles:
        click.echo(f"In the way: {sentence}")
    for sentence in comparison.approvals:
        click.echo(f"Others must agree: {sentence}")
    if lacking:
        click.echo(f"New texts that lack a language: {len(lacking)}. Translate them before a form is built in it.")
    for one in lacking[:_SHOWN]:
        click.echo(f"  {one['part']} {one['key']} ({', '.join(one['languages'])})")
    if not is_taken:
        click.echo("Nothing was changed.")


def _print_changes(rows: list[dict[str, Any]], empty: str) -> None:
    """The heaviest first, as many as a person reads."""
    heaviest = sorted(rows, key=lambda row: -Weight[row["class"].upper()])
    print_rows(heaviest[:_SHOWN], as_json=False, columns=_DIFF, empty=empty)
    if len(rows) > _SHOWN:
        click.echo(f"And {len(rows) - _SHOWN} lighter ones: --json shows all.")


def _print_uses(uses: Any, *, as_json: bool) -> None:
    """For people each item with its key on a line of its own."""
    columns = {"form": "form", "version": "version", "is_newest": "newest", "frozen_at": "frozen", "items": "what"}
    rows = uses
    if not as_json:
        keys = [one.get("keys", {}) for one in uses]
        pairs = [[(item, named.get(item, "")) for item in one["items"]] for one, named in zip(uses, keys, strict=True)]
        rows = [
            {**one, "items": "\n".join(item for item, _ in pair), "keys": "\n".join(key for _, key in pair)}
            for one, pair in zip(uses, pairs, strict=True)
        ]
        columns |= {"keys": "under the key"} if any(keys) else {}
    print_rows(rows, as_json=as_json, columns=columns, empty="No frozen form asks it.")


@click.command("diff")
@click.argument("one")
@click.argument("other", default="current")
@json_option
def diff_command(one: str, other: str, as_json: bool) -> None:
    """What differs between two banks: ONE before, OTHER after. Each is `current`, `starter`, a version or a file."""
    with open_desk() as desk, desk.transaction() as session:
        changes = find_changes(read_version(session, one), read_version(session, other))
    rows = [_change_row(change) for change in changes]
    if as_json:
        print_json(rows)
        return
    _print_changes(rows, "No difference.")
    if changes:
        click.echo(f"{count(changes, 'difference')}. Class: {weigh(changes).word}.")


@click.command("where-used")
@click.argument("codes", nargs=-1, required=True)
@json_option
def where_used_command(codes: tuple[str, ...], as_json: bool) -> None:
    """Which frozen versions of which forms ask what these CODES are about: items by id or name, keys, choice lists,
    modules, terms, purposes, disaggregations, flag rules, pathways, places.

    An item is followed through all its keys; a KEY names only the versions that asked under it, old keys included.
    """
    with open_desk() as desk, desk.transaction() as session:
        uses = find_where_used(session, read_version(session, "current"), codes)
    _print_uses(uses, as_json=as_json)


@click.command("check")
@click.argument("bank", required=False)
@json_option
def check_command(bank: str | None, as_json: bool) -> None:
    """Check a bank (else the current one): refuse broken references, list keys and questions that should be one, and
    the lints of its items and other parts. Status 1 when it could not be taken, or a lint is an error."""
    with open_desk() as desk, desk.transaction() as session:
        try:
            document = read_version(session, bank or "current")
            catalogue = read_catalogue(document)
        except BankError as error:
            _tell_refused(error, as_json=as_json)
            raise click.exceptions.Exit(1) from error
        unused = list(lint_rounds(session, catalogue))
    rows = find_doubles(catalogue)
    for row in rows:
        row["where"] = f"{row['one']} {row['other']} {row['key']}"
    items = (lint for item in catalogue.items for lint in lint_item(item, catalogue))
    dated = lint_parts(document, on=datetime.now(UTC).date().isoformat())
    lints = (*lint_expressions(document), *items, *unused, *dated)
    for lint in lints:
        facts = {"kind": lint.code, "key": lint.sheet, "one": lint.name, "other": "", "score": None}
        rows.append({**facts, "where": lint.where, "remark": f"{lint.text}. {lint.mend}"})
    columns = {"kind": "what", "where": "where", "score": "alike", "remark": "remark"}
    empty = "Every reference holds, nothing is there twice, and no lint finds anything."
    print_rows(rows, as_json=as_json, columns=columns, empty=empty)
    if any(lint.severity is Severity.ERROR for lint in lints):
        raise SystemExit(1)


@click.command("overlaps")
@click.argument("one")
@click.argument("other")
@json_option
def overlaps_command(one: str, other: str, as_json: bool) -> None:
    """What two forms share: keys to count together, keys never to average, questions that should share one."""
    with open_desk() as desk, desk.transaction() as session:
        rows = find_overlaps(read_texts(session, one), read_texts(session, other))
    columns = {"kind": "what", "key": "key", "one": one, "other": other, "score": "alike", "remark": "remark"}
    print_rows(rows, as_json=as_json, columns=columns, empty="These forms share nothing.")
