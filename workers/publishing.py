"""A release in the worker's hands: what it needs, taken together from the tables, and what it writes down."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pimcollect.db import transaction
from pimcollect.domain.releases import Copy, Seen, State, Step, Stop, Wanted
from pimcollect.domain.version import read_version
from pimcollect.errors import PimError
from pimcollect.servers.login import Token, read_token
from pimcollect.servers.publishing import File, Job
from pimcollect.tables.connections import ConnectionRow, take_connection, token_context
from pimcollect.tables.form_files import find_form_file, find_form_files
from pimcollect.tables.forms import FormVersionRow, HookRow, find_versions
from pimcollect.tables.releases import (
    RegisteredHookRow,
    ReleaseRow,
    hold_release,
    hook_secret_context,
    let_release,
    take_release,
)
from pimcollect.vault import open_value
from workers.hands import Hands

LEASE_SECONDS = 200.0
"""Longer than one call can take; what a killed worker held is free again after it."""
UPLOAD_SECONDS = 900.0
"""An upload that the server works on for longer is given up, and what became of it is looked for at the form."""
CENTRAL = "central"


@dataclass
class Run:
    """One release in hand. `seen` and `job` grow with what is learnt; nothing of it outlives the run but what is
    written down."""

    release: UUID
    holder: UUID
    is_check: bool
    version: UUID
    connection: UUID
    server: str
    base: str
    token: Token = field(repr=False)
    job: Job
    seen: Seen
    original: Copy | None
    attempts: int
    hours: float
    """Since it was asked for."""
    was_found: list[Any]


@dataclass(frozen=True)
class Unopened:
    """A release in hand that cannot begin."""

    release: UUID
    holder: UUID
    is_check: bool
    stop: Stop


def take_run(own: Hands) -> Run | Unopened | None:
    """Hold one release that is due, with all it needs."""
    holder = uuid4()
    with transaction(own.sessions) as session:
        row = take_release(session, holder=holder, seconds=LEASE_SECONDS)
        if row is None:
            return None
        try:
            return _open_run(own, session, row, holder)
        except Stop as stop:
            return Unopened(row.id, holder, row.state == State.DONE, stop)


def _open_run(own: Hands, session: Session, row: ReleaseRow, holder: UUID) -> Run:
    connection = session.get_one(ConnectionRow, row.connection)
    version = session.get_one(FormVersionRow, row.version)
    hook, secret = _open_hook(own, session, row)
    files = find_form_files(session, version.id)
    wanted = Wanted(
        form=version.form,
        version=version.version,
        files={file.name: file.md5 for file in files},
        lists=frozenset(file.name for file in files if file.is_entity_list),
        hook=hook,
    )
    project, _, form_there = (connection.there or "").partition("/")
    if connection.server == CENTRAL and (not project or form_there != version.form):
        raise Stop("project_missing" if not project else "other_form")
    original = Copy(**row.original) if row.original else None
    age = session.scalar(select(func.extract("epoch", func.clock_timestamp() - row.asked_at)))
    return Run(
        release=row.id,
        holder=holder,
        is_check=row.state == State.DONE,
        version=version.id,
        connection=connection.id,
        server=connection.server,
        base=connection.base,
        token=_open_token(own, connection),
        job=Job(
            wanted=wanted,
            title=read_version(version.document).title,
            mark=f"pim{connection.id.hex}",
            place="" if connection.server == CENTRAL else connection.there or "",
            project=project if connection.server == CENTRAL else "",
            secret=secret,
            xlsx=version.xlsx,
            known=frozenset(one.version for one in find_versions(session, version.form)),
            accepts_warnings=row.accepts_warnings,
        ),
        seen=Seen(
            upload="" if row.state == State.DONE else _find_upload(session, row),
            put=frozenset(row.put),
            is_touched=row.is_touched,
            original=original,
        ),
        original=original,
        attempts=row.attempts,
        hours=float(age or 0) / 3600,
        was_found=row.found.get("findings", []),
    )


def _find_upload(session: Session, row: ReleaseRow) -> str:
    age = session.scalar(select(func.extract("epoch", func.clock_timestamp() - row.upload_at)))
    return row.upload or "" if age is not None and float(age) < UPLOAD_SECONDS else ""


def _open_token(own: Hands, connection: ConnectionRow) -> Token:
    if connection.sealed is None:
        raise Stop("connection_closed")
    try:
        context = token_context(connection.id)
        return read_token(open_value(connection.sealed, ring=own.keys.intake, context=context))
    except PimError as error:
        raise Stop("token_unreadable") from error


def _open_hook(own: Hands, session: Session, row: ReleaseRow) -> tuple[str, str]:
    """Address and secret of the hook; empty when the server is not to post."""
    registered = session.get(RegisteredHookRow, row.connection) if row.has_hook else None
    if registered is None:
        return "", ""
    hook = session.get_one(HookRow, registered.hook)
    if hook.closed_at is not None or not own.settings.public_url:
        raise Stop("hook_closed" if hook.closed_at is not None else "address_missing")
    try:
        context = hook_secret_context(hook.id)
        secret = open_value(registered.sealed, ring=own.keys.intake, context=context).decode()
    except PimError as error:
        raise Stop("token_unreadable") from error
    return f"{own.settings.public_url}/webhooks/{hook.key}", secret


def read_file(own: Hands, run: Run, name: str) -> File:
    """One file of the version with its content."""
    with transaction(own.sessions) as session:
        row = find_form_file(session, run.version, name)
        if row is None:
            raise Stop("file_lacking", name)
        return File(row.name, row.content_type, row.content)


def write_down(own: Hands, run: Run, step: Step) -> bool:
    """What is known so far, and which call comes next. False: somebody else took over, and this run is over."""
    place = run.seen.form.place if run.seen.form else run.job.place
    facts: dict[str, Any] = (
        {}
        if run.is_check
        else {
            "step": step.value,
            "upload": run.seen.upload or None,
            "put": sorted(run.seen.put),
            "is_touched": run.seen.is_touched,
            "trial": run.seen.trial or None,
        }
    )
    with transaction(own.sessions) as session:
        if step is Step.UPLOAD and not run.is_check:
            facts["upload_at"] = func.clock_timestamp()
        if not hold_release(session, run.release, holder=run.holder, seconds=LEASE_SECONDS, **facts):
            return False
    if place and place != run.job.place and not run.is_check:
        _write_place(own, run, place)
    return True


def _write_place(own: Hands, run: Run, place: str) -> None:
    """The form there has a name now: submissions can be pulled, and the next release finds it."""
    run.job = replace(run.job, place=place)
    if run.server == CENTRAL:
        return
    try:
        with transaction(own.sessions) as session:
            connection = take_connection(session, run.connection)
            if connection is None:
                raise Stop("connection_closed")
            if connection.there not in (None, place):
                raise Stop("other_form")
            connection.there = place
    except IntegrityError as error:
        raise Stop("connected_twice") from error


def let_go(own: Hands, run: Run | Unopened, *, seconds: float | None = None, **facts: Any) -> bool:
    """Write down how the run ended."""
    with transaction(own.sessions) as session:
        return let_release(session, run.release, holder=run.holder, seconds=seconds, **facts)
