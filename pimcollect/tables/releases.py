"""Releases: which version is to be, or was, brought to which connected server, how far it is, and what was found there.

All times are the database's.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, func, or_, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from pimcollect.domain.releases import State, Step
from pimcollect.tables.base import Base
from pimcollect.tables.connections import ConnectionRow
from pimcollect.tables.forms import FormVersionRow, HookRow

_STATES = ", ".join(f"'{state}'" for state in State)
_LIVE = (State.WAITING, State.DONE)
"""States in which somebody may be at work: on the release, or looking whether it is still there."""


class ReleaseRow(Base):
    """One version on one connection. Asked for again it is the same row."""

    __tablename__ = "releases"
    __table_args__ = (
        CheckConstraint(f"state IN ({_STATES})", name="release_state_is_known"),
        CheckConstraint("state <> 'stopped' OR reason IS NOT NULL", name="stopped_release_says_why"),
        CheckConstraint(
            "state <> 'done' OR (original IS NOT NULL AND done_at IS NOT NULL)", name="done_release_is_seen"
        ),
        CheckConstraint("(holder IS NULL) = (lease_until IS NULL)", name="held_release_has_a_lease"),
        CheckConstraint("length(words) <= 400", name="words_of_a_server_are_few"),
        Index("one_release_of_one_version_to_one_place", "version", "connection", unique=True),
        Index(
            "one_release_at_a_time_to_one_place", "connection", unique=True, postgresql_where=text("state = 'waiting'")
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    version: Mapped[UUID] = mapped_column(ForeignKey(FormVersionRow.id))
    connection: Mapped[UUID] = mapped_column(ForeignKey(ConnectionRow.id), index=True)
    state: Mapped[str] = mapped_column(default=State.WAITING.value)
    step: Mapped[str] = mapped_column(default=Step.LOOK_FORM.value)
    """The call that is being made, or was made last."""
    has_hook: Mapped[bool] = mapped_column(default=True)
    """Whether the server is told to post here; else its submissions are fetched only."""
    accepts_warnings: Mapped[bool] = mapped_column(default=False)
    upload: Mapped[str | None]
    """What the server calls an upload that it is working on."""
    upload_at: Mapped[datetime | None]
    put: Mapped[list[str]] = mapped_column(default=list)
    """Names of files that were put there."""
    is_touched: Mapped[bool] = mapped_column(default=False)
    trial: Mapped[str | None]
    """Path at the server where the draft can be tried; gone when it is published."""
    original: Mapped[dict[str, Any] | None]
    """{version, digest, id} of the server's copy as it was when the release was done."""
    reason: Mapped[str | None]
    words: Mapped[str | None]
    """The server's own words, cleaned and short."""
    attempts: Mapped[int] = mapped_column(default=0)
    """In a row that failed."""
    asked_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    next_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    """When it is tried again; for one that is done, when the server is looked at again."""
    holder: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    found: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """{"findings": [[code, about], ...]}: what the last look found that should not be."""
    checked_at: Mapped[datetime | None]


def hook_secret_context(hook: UUID) -> str:
    """What the sealed secret of a registered hook is bound to."""
    return f"hook secret|{hook}"


class RegisteredHookRow(Base):
    """The hook that a connected server posts to, with its secret sealed to the workers, who register it there."""

    __tablename__ = "registered_hooks"
    connection: Mapped[UUID] = mapped_column(ForeignKey(ConnectionRow.id), primary_key=True)
    hook: Mapped[UUID] = mapped_column(ForeignKey(HookRow.id), unique=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    """Sealed to the intake key under `hook_secret_context`."""
    sha256: Mapped[str]
    """Of the secret, as the hook has it."""


def _after(seconds: float) -> Any:
    return func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)


_IS_NEWEST = ~(
    select(text("1"))
    .select_from(text("releases AS later"))
    .where(
        text(
            "later.connection = releases.connection AND later.id <> releases.id AND"
            " (later.state = 'waiting' OR (later.state = 'done' AND later.done_at > releases.done_at))"
        )
    )
    .exists()
)
"""Of the releases to one place that are done: the last one, which the server should still hold."""
_IS_DUE = (
    (ReleaseRow.next_at <= func.clock_timestamp())
    & or_(ReleaseRow.lease_until.is_(None), ReleaseRow.lease_until <= func.clock_timestamp())
    & or_(ReleaseRow.state == State.WAITING, (ReleaseRow.state == State.DONE) & _IS_NEWEST)
    & select(ConnectionRow.id)
    .where(ConnectionRow.id == ReleaseRow.connection, ConnectionRow.closed_at.is_(None))
    .exists()
)


def find_due_releases(session: Session, *, limit: int = 100) -> list[UUID]:
    """Releases to go on with, and ones that are done whose server is to be looked at again."""
    return list(session.scalars(select(ReleaseRow.id).where(_IS_DUE).order_by(ReleaseRow.next_at).limit(limit)))


def take_release(session: Session, *, holder: UUID, seconds: float) -> ReleaseRow | None:
    """Hold one that is due, what is to be released before what is to be looked at."""
    row = session.scalar(
        select(ReleaseRow)
        .where(_IS_DUE)
        .order_by(ReleaseRow.state != State.WAITING, ReleaseRow.next_at, ReleaseRow.id)
        .limit(1)
        .with_for_update(of=ReleaseRow, skip_locked=True)
    )
    if row is not None:
        row.holder, row.lease_until = holder, _after(seconds)
        session.flush()
    return row


def hold_release(session: Session, release: UUID, *, holder: UUID, seconds: float, **facts: Any) -> bool:
    """Write down what is known and go on holding it. False when somebody else took over: nothing is written then."""
    return _write(session, release, held_by=holder, lease_until=_after(seconds), **facts)


def let_release(session: Session, release: UUID, *, holder: UUID, seconds: float | None = None, **facts: Any) -> bool:
    """Write down how it ended and let go of it; `seconds`: it is due again after them. False as above."""
    if seconds is not None:
        facts["next_at"] = _after(seconds)
    return _write(session, release, held_by=holder, holder=None, lease_until=None, **facts)


def _write(session: Session, release: UUID, *, held_by: UUID, **facts: Any) -> bool:
    found = session.execute(
        update(ReleaseRow)
        .where(ReleaseRow.id == release, ReleaseRow.holder == held_by, ReleaseRow.state.in_(_LIVE))
        .values(**facts)
        .returning(ReleaseRow.id)
        .execution_options(synchronize_session=False)
    )
    return found.first() is not None


def find_release(session: Session, version: UUID, connection: UUID) -> ReleaseRow | None:
    """The release of a version to a place, locked."""
    return session.scalar(
        select(ReleaseRow)
        .where(ReleaseRow.version == version, ReleaseRow.connection == connection)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def find_released_version(session: Session, connection: ConnectionRow) -> FormVersionRow | None:
    """The version of the connection's form that was released last to its server, also by a connection before it."""
    return session.scalar(
        select(FormVersionRow)
        .join(ReleaseRow, ReleaseRow.version == FormVersionRow.id)
        .join(ConnectionRow, ConnectionRow.id == ReleaseRow.connection)
        .where(ReleaseRow.state == State.DONE, FormVersionRow.form == connection.form)
        .where(ConnectionRow.base == connection.base)
        .order_by(ReleaseRow.done_at.desc())
        .limit(1)
    )


def replace_waiting(session: Session, connection: UUID, *, but: UUID | None) -> float:
    """A newer release to the same place takes over. Returns seconds until nobody can be at work on an older one."""
    left = func.extract("epoch", ReleaseRow.lease_until - func.clock_timestamp())
    rows = session.execute(
        update(ReleaseRow)
        .where(ReleaseRow.connection == connection, ReleaseRow.state == State.WAITING, ReleaseRow.id != but)
        .values(state=State.REPLACED.value)
        .returning(left)
        .execution_options(synchronize_session=False)
    ).all()
    return max([0.0, *(float(row[0]) for row in rows if row[0] is not None)])


def ask_checks(session: Session, form: str, connection: UUID | None = None) -> list[UUID]:
    """Look now at the servers that should still hold a release of this form."""
    versions = select(FormVersionRow.id).where(FormVersionRow.form == form)
    query = update(ReleaseRow).where(ReleaseRow.version.in_(versions), ReleaseRow.state == State.DONE, _IS_NEWEST)
    if connection is not None:
        query = query.where(ReleaseRow.connection == connection)
    found = session.scalars(
        query.values(next_at=func.clock_timestamp(), checked_at=None)
        .returning(ReleaseRow.id)
        .execution_options(synchronize_session=False)
    )
    return list(found)


def find_releases(session: Session, *, form: str | None = None, limit: int = 500) -> list[dict[str, Any]]:
    """Releases, newest asked first: id, form, version, connection, server, base, there, state, step, reason, words,
    attempts, asked_at, next_at, done_at, checked_at, findings, trial, is_newest (the server should still hold it)."""
    query = (
        select(ReleaseRow, FormVersionRow.form, FormVersionRow.version.label("name"), ConnectionRow, _IS_NEWEST)
        .join(FormVersionRow, FormVersionRow.id == ReleaseRow.version)
        .join(ConnectionRow, ConnectionRow.id == ReleaseRow.connection)
        .order_by(ReleaseRow.asked_at.desc())
        .limit(limit)
    )
    if form is not None:
        query = query.where(FormVersionRow.form == form)
    return [_tell(*row) for row in session.execute(query)]


_TOLD = ("id", "state", "step", "reason", "words", "attempts", "asked_at", "next_at", "done_at", "checked_at", "trial")


def _tell(row: ReleaseRow, form: str, version: str, connection: ConnectionRow, is_newest: bool) -> dict[str, Any]:
    return {
        **{name: getattr(row, name) for name in _TOLD},
        "form": form,
        "version": version,
        "connection": connection.id,
        "server": connection.server,
        "base": connection.base,
        "there": connection.there,
        "is_held": row.holder is not None,
        "findings": [(str(code), str(about)) for code, about in row.found.get("findings", [])],
        "is_newest": row.state == State.DONE and bool(is_newest),
    }
