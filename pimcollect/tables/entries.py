"""The sealed inbox: one row for each accepted delivery, untouched, settled or held."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import (
    CheckConstraint,
    Index,
    LargeBinary,
    UniqueConstraint,
    false,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, Session, defer, mapped_column

from pimcollect.tables.base import Base

UNTOUCHED, SETTLED, HELD = "untouched", "settled", "held"
FILES_MISSING = "files_missing"
INCOMPLETE = "incomplete"
"""The reason of an untouched entry whose announced parts have not all come."""
HOOK, PHONE, PULL, CARRIED = "hook", "phone", "pull", "carried"
"""The ways in."""
MOST_ATTEMPTS = 8
"""An entry that was taken this often and never finished is held: it would take its neighbours down for ever."""


class EntryRow(Base):
    """One accepted delivery. The body is sealed to the intake key, bound to form and identity."""

    __tablename__ = "entries"
    __table_args__ = (
        UniqueConstraint("form", "identity", name="one_entry_for_one_edition"),
        CheckConstraint("state IN ('untouched', 'settled', 'held')", name="entry_state_is_known"),
        CheckConstraint("state <> 'settled' OR body IS NULL", name="settled_entry_has_no_body"),
        CheckConstraint("state = 'settled' OR body IS NOT NULL", name="waiting_entry_has_a_body"),
        CheckConstraint("state <> 'held' OR reason IS NOT NULL", name="held_entry_says_why"),
        CheckConstraint(
            "state <> 'held' OR reason <> 'files_missing' OR (files_here >= 0 AND files_here < files_named)",
            name="entry_that_waits_for_files_says_for_how_many",
        ),
        CheckConstraint("via IN ('hook', 'phone', 'pull', 'carried')", name="entry_came_by_a_known_way"),
        CheckConstraint("(via = 'hook') = (hook IS NOT NULL)", name="only_a_hook_s_entry_names_a_hook"),
        CheckConstraint(
            "fault IN ('empty', 'neither', 'no_object', 'broken', 'several', 'encoding', 'signs', 'twice', 'number',"
            " 'too_deep', 'too_many', 'doctype', 'envelope')",
            name="unreadable_entry_says_in_which_way",
        ),
        CheckConstraint("phone IS NULL OR via = 'phone'", name="only_a_phone_s_entry_names_a_phone"),
        Index("entries_untouched", "attempts", "received_at", postgresql_where=text("state = 'untouched'")),
        Index(
            "entries_waiting_for",
            "form",
            "waits_for",
            postgresql_where=text("state = 'held' AND waits_for IS NOT NULL"),
        ),
        Index("entries_settled", "settled_at", postgresql_where=text("state = 'settled'")),
        Index("entries_held", "received_at", postgresql_where=text("state = 'held'")),
        Index(
            "one_edit_of_one_edition_by_phone",
            "form",
            "replaces",
            unique=True,
            postgresql_where=text("replaces IS NOT NULL"),
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    """Also the receipt that the sender gets; random, derives from nothing in the body."""
    hook: Mapped[UUID | None]
    """The hook that brought it; None when it came another way. Hook, form and phone have no foreign keys, which would
    lock their rows for each delivery: every put looks for them, and they are never deleted."""
    server: Mapped[str]
    """The server plugin that reads the body."""
    via: Mapped[str]
    """hook, phone, pull or carried."""
    form: Mapped[str]
    identity: Mapped[str]
    """Keyed digest of form, root and edition (of the bytes when they tell no id); points at nobody."""
    kind: Mapped[str]
    """json or xml."""
    fullness: Mapped[int]
    """How many fields the body carries: a fuller copy of an edition replaces a poorer one (hooks with subsets)."""
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    is_encrypted: Mapped[bool] = mapped_column(server_default=false())
    """The body is an envelope; a readable copy of the same edition never takes its place."""
    files_here: Mapped[int | None]
    """Of an envelope that waits for files: how many were here when a worker looked."""
    files_named: Mapped[int | None]
    """And how many it names."""
    content: Mapped[str | None]
    """Keyed digest of a phone's body, or of the answers that a hook brought: the same again is a resend, another under
    the same id a conflict."""
    replaces: Mapped[str | None]
    """The identity of the edition that a phone's edit replaces: a second edit of it comes too late."""
    phone: Mapped[UUID | None]
    """The phone that sent it: only this one may edit it, unless another may edit all."""
    dropped_files: Mapped[int] = mapped_column(server_default="0")
    """How many files came with it that it does not name."""
    waits_until: Mapped[datetime | None]
    """Not settled before: more parts or files of it are on their way. Still set when it settles = they never came."""
    root_id: Mapped[str | None]
    """Of what was pulled: the first edition's id, where its server tells it. Empty once settled."""
    follows: Mapped[str | None]
    """Of what was pulled: the edition that the server had before, as far as we saw. Empty once settled."""
    waits_for: Mapped[str | None]
    """Of a held edition: keyed digest of the one that must come first, or of its root: when that one, or any of that
    root, settles, it is tried again."""
    contradicts: Mapped[str | None]
    """Of a held edition: the id, veiled if need be, of what stands against it. Empty once settled."""
    contradicts_entry: Mapped[UUID | None]
    """And the entry that brought that, if it was here: it may be purged sooner. Empty once settled."""
    state: Mapped[str] = mapped_column(default=UNTOUCHED)
    reason: Mapped[str | None]
    """Why it is held, or how it was settled (kept, refused, unchanged, superseded)."""
    fault: Mapped[str | None]
    """Of a held body that is unreadable: in which way. Tells nothing while the reason is another."""
    attempts: Mapped[int] = mapped_column(default=0)
    received_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    rung_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]


_COUNT_ATTEMPTS = """
    UPDATE entries SET attempts = attempts + 1
     WHERE id IN (SELECT id FROM entries WHERE state = 'untouched'
                     AND (waits_until IS NULL OR waits_until <= clock_timestamp())
                     AND {which} FOR UPDATE SKIP LOCKED)
    RETURNING id, attempts
"""
_FRESH = text(_COUNT_ATTEMPTS.format(which="attempts = 0 ORDER BY received_at LIMIT :limit"))
_SUSPECT = text(_COUNT_ATTEMPTS.format(which="attempts > 0 ORDER BY attempts, received_at LIMIT 1"))


def count_attempts(session: Session, *, limit: int) -> dict[UUID, int]:
    """Choose untouched entries that no other worker holds and count the attempt; returns how often each was tried.

    Up to `limit` that were never tried, oldest first; when there are none, a single one that was: whatever took its
    batch down before can then only take itself down.
    """
    rows = session.execute(_FRESH, {"limit": limit}).all() or session.execute(_SUSPECT).all()
    return {row.id: row.attempts for row in rows}


def uncount_attempts(session: Session, ids: Collection[UUID]) -> None:
    """Take one attempt back: it failed by no fault of the entries."""
    session.execute(
        update(EntryRow)
        .where(EntryRow.id.in_(ids), EntryRow.state == UNTOUCHED)
        .values(attempts=func.greatest(EntryRow.attempts - 1, 0))
    )


def lock_entries(session: Session, ids: list[UUID]) -> list[EntryRow]:
    """Lock those of the entries that are still untouched and free, oldest first; read fresh, with their bodies."""
    return list(
        session.scalars(
            select(EntryRow)
            .where(EntryRow.id.in_(ids), EntryRow.state == UNTOUCHED)
            .order_by(EntryRow.received_at)
            .with_for_update(skip_locked=True)
            .execution_options(populate_existing=True)
        )
    )


_SETTLE = text("""
    UPDATE entries SET state = 'settled', reason = done.why, body = NULL, settled_at = clock_timestamp(),
                       root_id = NULL, follows = NULL, waits_for = NULL, fault = NULL, contradicts = NULL,
                       contradicts_entry = NULL
      FROM unnest(CAST(:ids AS uuid[]), CAST(:whys AS text[])) AS done (id, why)
     WHERE entries.id = done.id
""")


def settle_entries(session: Session, outcomes: list[tuple[UUID, str]]) -> None:
    """Mark entries settled with their outcome and shred the bodies: one statement for the whole batch."""
    if outcomes:
        ids, whys = zip(*outcomes, strict=True)
        session.connection().execute(_SETTLE, {"ids": list(ids), "whys": list(whys)})


def hold_entry(
    session: Session,
    entry: UUID,
    reason: str,
    *,
    waits_for: str | None = None,
    fault: str | None = None,
    contradicts: str | None = None,
) -> None:
    """Keep the sealed body for a person to look at, with a coded reason, or until another edition has settled."""
    session.execute(
        update(EntryRow)
        .where(EntryRow.id == entry, EntryRow.state != SETTLED)
        .values(
            state=HELD,
            reason=reason,
            waits_for=waits_for,
            fault=fault,
            contradicts=func.coalesce(contradicts, EntryRow.contradicts),
            contradicts_entry=None if contradicts else EntryRow.contradicts_entry,
        )
        .execution_options(synchronize_session=False)
    )


_FREE = text("""
    UPDATE entries SET state = 'untouched', attempts = 0, rung_at = NULL, waits_for = NULL
     WHERE state = 'held' AND waits_for = ANY(:digests)
""")
_FREE_EARLY = text("""
    UPDATE entries SET state = 'untouched', attempts = 0, rung_at = NULL, waits_for = NULL
     WHERE id IN (SELECT id FROM entries
                   WHERE state = 'held' AND reason = 'edition_early'
                     AND received_at < clock_timestamp() - make_interval(secs => :seconds)
                   ORDER BY received_at LIMIT :limit FOR UPDATE SKIP LOCKED)
""")


def free_waiting(session: Session, digests: list[str]) -> None:
    """Let those be tried again that wait for one of these editions or roots. The reason stays, so that it is known."""
    if digests:
        session.connection().execute(_FREE, {"digests": digests})


def free_early(session: Session, *, seconds: float, limit: int = 500) -> None:
    """Let edits be tried again whose forerunner did not come in so long."""
    session.execute(_FREE_EARLY, {"seconds": seconds, "limit": limit})


def find_forgotten(session: Session, *, seconds: float, limit: int = 500) -> list[UUID]:
    """Untouched entries that were received, and last rung for, more than `seconds` ago, oldest first."""
    age = func.make_interval(0, 0, 0, 0, 0, 0, seconds)
    now = func.clock_timestamp()
    return list(
        session.scalars(
            select(EntryRow.id)
            .where(
                EntryRow.state == UNTOUCHED,
                EntryRow.received_at < now - age,
                or_(EntryRow.waits_until.is_(None), EntryRow.waits_until <= now),
                func.coalesce(EntryRow.rung_at, EntryRow.received_at) < now - age,
            )
            .order_by(EntryRow.received_at)
            .limit(limit)
        )
    )


def mark_rung(session: Session, entries: list[UUID]) -> None:
    """Remember that the bell was rung for these."""
    session.execute(
        update(EntryRow)
        .where(EntryRow.id.in_(entries))
        .values(rung_at=func.clock_timestamp())
        .execution_options(synchronize_session=False)
    )


def find_entry(session: Session, entry: UUID) -> tuple[EntryRow, int] | None:
    """One entry without its body, and how many bytes that has."""
    row = session.execute(
        select(EntryRow, func.coalesce(func.octet_length(EntryRow.body), 0))
        .where(EntryRow.id == entry)
        .options(defer(EntryRow.body, raiseload=True))
    ).first()
    return None if row is None else (row[0], row[1])


@dataclass(frozen=True)
class Door:
    """The door whose entries are wanted; None in a part means any."""

    via: str | None = None
    hook: UUID | None = None
    form: str | None = None


EVERY_DOOR = Door()


def find_entries(
    session: Session, *, state: str | None = None, door: Door = EVERY_DOOR, limit: int = 200
) -> list[EntryRow]:
    """Entries without their bodies, newest first."""
    query = select(EntryRow).order_by(EntryRow.received_at.desc()).limit(limit)
    for name, wanted in {"state": state, **vars(door)}.items():
        if wanted is not None:
            query = query.where(getattr(EntryRow, name) == wanted)
    return list(session.scalars(query.options(defer(EntryRow.body, raiseload=True))))
