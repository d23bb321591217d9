"""pimcollect rehearse: invented answers through the same decision as real ones, before a form is released."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from forms.bank import read_starter
from forms.places import read_starter_places
from forms.release import build_form
from pimcollect.cli.desk import open_desk, print_json
from pimcollect.domain.decide import Prepared, prepare
from pimcollect.domain.outcomes import Directory
from pimcollect.domain.rehearsal import Rehearsed
from pimcollect.domain.rehearsal import rehearse as rehearse_one
from pimcollect.domain.version import read_version
from pimcollect.errors import ErrorCode, PimError
from pimcollect.schemas.scenarios import read_scenarios
from pimcollect.tables.catalogue import read_directory
from pimcollect.tables.forms import find_newest_version

_HOUSEHOLD = "hh"
_WITH_SERVICES = "routed to the services of this operation\n"
_WITHOUT_SERVICES = "no services loaded: routing stops at the pathway\n"


@click.command()
@click.argument("scenarios", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--form", help="Id of a frozen form, with the services of this operation. Without it: the starter bank's "
              "whole household form, and no services.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="For programs: a JSON list of objects.")
def rehearse(scenarios: Path, form: str | None, as_json: bool) -> None:
    """Run SCENARIOS through the same decision as real submissions. Stores nothing; exit 1 where results differ."""
    document = read_scenarios(scenarios.read_bytes())
    prepared, directory = _prepare_starter() if form is None else _prepare_form(form)
    now = datetime.now(UTC)
    results = [
        rehearse_one(one, document["base_answers"], prepared, directory, received_at=now)
        for one in document["scenarios"]
    ]
    if as_json:
        print_json([_tell(one) for one in results])
    else:
        _print(results, prepared, directory)
    if any(one.differences for one in results):
        raise SystemExit(1)


def _prepare_starter() -> tuple[Prepared, Directory]:
    return prepare(build_form(read_starter(), _HOUSEHOLD, places=read_starter_places()).version), Directory()


def _prepare_form(form: str) -> tuple[Prepared, Directory]:
    with open_desk() as desk, desk.transaction() as session:
        row = find_newest_version(session, form)
        if row is None:
            raise PimError(
                ErrorCode.NOT_FOUND, f"There is no form {form!r}.", remedy="Run `pimcollect forms list` to see them."
            )
        return prepare(read_version(row.document)), read_directory(session)


def _tell(one: Rehearsed) -> dict[str, Any]:
    return {
        "id": one.id,
        "case": one.case,
        "store": one.store,
        "result": [list(result) for result in one.results],
        "services": dict(one.services),
        "differences": list(one.differences),
        "notes": list(one.notes),
        "ok": not one.differences,
    }


def _say_service(one: Rehearsed, pathway: str, directory: Directory) -> str:
    if pathway not in one.services or not directory.services:
        return ""
    return f" -> {one.services[pathway] or 'nobody serves this person in this area'}"


def _print(results: list[Rehearsed], prepared: Prepared, directory: Directory) -> None:
    version = prepared.version
    click.echo(f"{version.title} ({version.form} {version.version}), nothing is stored")
    click.echo(_WITH_SERVICES if directory.services else _WITHOUT_SERVICES)
    for one in results:
        click.echo(f"{'ok     ' if not one.differences else 'DIFFERS'}  {one.id}  {one.case}")
        click.echo(f"         kept as: {one.store}")
        for pathway, urgency, course in one.results:
            click.echo(f"         {pathway}  urgency {urgency}  {course}{_say_service(one, pathway, directory)}")
        for line in (*one.differences, *(f"note: {note}" for note in one.notes)):
            click.echo(f"         {line}")
    differing = sum(bool(one.differences) for one in results)
    click.echo(f"\n{len(results)} scenarios, {len(results) - differing} as expected, {differing} different")
