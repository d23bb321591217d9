"""Sealed files that came with an entry: found by form, identity and a keyed digest of the name, never by the name."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    UniqueConstraint,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, defer, mapped_column

from pimcollect.tables.base import Base
from pimcollect.tables.forms import FormRow

WAITING, KEPT, SHREDDED = "waiting", "kept", "shredded"
QUARANTINED = "quarantined"
"""Its submission does not name it: no worker reads it, and it has a short last day."""
HERE = (WAITING, KEPT)
"""Files that workers may look at."""
MOST_FILES = 250
"""Files of one edition."""
MOST_BYTES = 100 * 1024 * 1024
"""Of one edition, all its files together."""


class MediaRow(Base):
    """One file of one edition. Content and name are sealed to the intake key, bound to this row."""

    __tablename__ = "media"
    __table_args__ = (
        UniqueConstraint("form", "identity", "name_digest", name="one_file_of_a_name_for_one_edition"),
        CheckConstraint("state IN ('waiting', 'kept', 'shredded', 'quarantined')", name="file_state_is_known"),
        CheckConstraint(
            "state <> 'shredded' OR (content IS NULL AND name IS NULL AND shredded_at IS NOT NULL)",
            name="shredded_file_has_no_content",
        ),
        CheckConstraint(
            "state = 'shredded' OR (content IS NOT NULL AND name IS NOT NULL)", name="waiting_file_has_content"
        ),
        CheckConstraint("size BETWEEN 0 AND 104857600", name="file_is_bounded"),
        Index("media_waiting", "received_at", postgresql_where=text("state = 'waiting'")),
        Index("media_quarantined", "received_at", postgresql_where=text("state = 'quarantined'")),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    form: Mapped[str] = mapped_column(ForeignKey(FormRow.id))
    identity: Mapped[str]
    """That of the entry; the entry may come later than its files."""
    name_digest: Mapped[str]
    digest: Mapped[str | None]
    """Keyed digest of the content: the same file again is a resend, another of the same name a conflict. Of a shredded
    file only while another machine, to which it was carried, has it."""
    name: Mapped[bytes | None] = mapped_column(LargeBinary)
    content: Mapped[bytes | None] = mapped_column(LargeBinary)
    size: Mapped[int]
    """Bytes before sealing."""
    state: Mapped[str] = mapped_column(default=WAITING)
    """waiting (shredded when the entry settles), kept (its treatment keeps it), quarantined, shredded."""
    received_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    shredded_at: Mapped[datetime | None]


def name_context(form: str, identity: str, name_digest: str) -> str:
    """What a sealed file name is bound to."""
    return f"file name|{form}|{identity}|{name_digest}"


def file_context(form: str, identity: str, name_digest: str) -> str:
    """What a sealed file is bound to."""
    return f"file|{form}|{identity}|{name_digest}"


def put_file(
    session: Session,
    *,
    form: str,
    identity: str,
    name_digest: str,
    digest: str,
    name: bytes,
    content: bytes,
    size: int,
    state: str = WAITING,
) -> bool:
    """Put one sealed file; False when one of that name is there already (or was, and is shredded)."""
    found = session.execute(
        insert(MediaRow)
        .values(
            id=uuid4(),
            form=form,
            identity=identity,
            name_digest=name_digest,
            digest=digest,
            name=name,
            content=content,
            size=size,
            state=state,
        )
        .on_conflict_do_nothing()
        .returning(MediaRow.id)
    )
    return found.first() is not None


_REPLACE = text("""
    WITH entry AS (
        UPDATE entries SET state = 'untouched', reason = NULL, attempts = 0, rung_at = NULL
          FROM media
         WHERE media.id = :file AND entries.form = media.form AND entries.identity = media.identity
           AND entries.state = 'held' AND entries.reason = 'tampered'
        RETURNING entries.id)
    UPDATE media SET digest = :digest, name = :name, content = :content, size = :size, received_at = clock_timestamp()
     WHERE id = :file AND EXISTS (SELECT FROM entry)
    RETURNING id
""")


def replace_tampered(session: Session, file: UUID, *, digest: str, name: bytes, content: bytes, size: int) -> bool:
    """Put another file in the place of one whose envelope was found to be changed, which is then tried again; False
    when its envelope is not held for that."""
    values = {"file": file, "digest": digest, "name": name, "content": content, "size": size}
    return session.execute(_REPLACE, values).first() is not None


_REPLACE_CARRIED = text("""
    UPDATE media SET digest = :digest, name = :name, content = :content, size = :size, state = :state,
                     received_at = clock_timestamp(), shredded_at = NULL
     WHERE id = :file AND state = 'shredded' AND digest IS NOT NULL
    RETURNING id
""")


def replace_carried(
    session: Session, file: UUID, *, digest: str, name: bytes, content: bytes, size: int, state: str
) -> bool:
    """Put another file in the place of one that was carried and shredded here: it is carried too, and the other machine
    sees which is right. False when this one was not."""
    values = {"file": file, "digest": digest, "name": name, "content": content, "size": size, "state": state}
    return session.execute(_REPLACE_CARRIED, values).first() is not None


def replace_quarantined(session: Session, file: UUID, *, digest: str, name: bytes, content: bytes, size: int) -> bool:
    """Put a file that is named in the place of one of that name that was not; False when there is none (any more)."""
    found = session.execute(
        update(MediaRow)
        .where(MediaRow.id == file, MediaRow.state == QUARANTINED)
        .values(digest=digest, name=name, content=content, size=size, state=WAITING, received_at=func.clock_timestamp())
        .returning(MediaRow.id)
        .execution_options(synchronize_session=False)
    )
    return found.first() is not None


def find_file(session: Session, *, form: str, identity: str, name_digest: str) -> MediaRow | None:
    """One file, without its content."""
    return session.scalar(
        select(MediaRow)
        .where(MediaRow.form == form, MediaRow.identity == identity, MediaRow.name_digest == name_digest)
        .options(defer(MediaRow.content, raiseload=True))
        .execution_options(populate_existing=True)
    )


def list_files(session: Session, *, form: str, identity: str, states: Collection[str] = HERE) -> list[MediaRow]:
    """The files of an edition in these states, without their content; oldest first."""
    return list(
        session.scalars(
            select(MediaRow)
            .where(MediaRow.form == form, MediaRow.identity == identity, MediaRow.state.in_(states))
            .order_by(MediaRow.received_at)
            .limit(MOST_FILES)
            .options(defer(MediaRow.content, raiseload=True))
        )
    )


def read_content(session: Session, file: UUID) -> bytes | None:
    """The sealed content of one file."""
    return session.scalar(select(MediaRow.content).where(MediaRow.id == file))


def find_media(session: Session, *, form: str, identity: str) -> list[MediaRow]:
    """The files of an edition that are still there, with their sealed content; oldest first."""
    return list(
        session.scalars(
            select(MediaRow)
            .where(MediaRow.form == form, MediaRow.identity == identity, MediaRow.state != SHREDDED)
            .order_by(MediaRow.received_at)
            .limit(MOST_FILES)
        )
    )


def weigh_media(session: Session, *, form: str, identity: str, states: Collection[str] = HERE) -> tuple[int, int]:
    """How many files an edition has in these states, and how many bytes."""
    row = session.execute(
        select(func.count(), func.coalesce(func.sum(MediaRow.size), 0)).where(
            MediaRow.form == form, MediaRow.identity == identity, MediaRow.state.in_(states)
        )
    ).one()
    return int(row[0]), int(row[1])


def keep_media(session: Session, files: Collection[UUID]) -> None:
    """Their treatment keeps these: settling the entry leaves them."""
    session.execute(
        update(MediaRow)
        .where(MediaRow.id.in_(files), MediaRow.state == WAITING)
        .values(state=KEPT)
        .execution_options(synchronize_session=False)
    )


_SHRED_FILES = text("""
    UPDATE media SET state = 'shredded', content = NULL, name = NULL, digest = NULL, shredded_at = clock_timestamp()
     WHERE id = ANY(:files)
""")


def shred_files(session: Session, files: Collection[UUID]) -> None:
    """Destroy these files, whatever their entry does."""
    if files:
        session.execute(_SHRED_FILES, {"files": list(files)})


def count_shredded(session: Session, *, form: str, identity: str) -> int:
    """How many files of an edition were destroyed before it settled."""
    query = select(func.count()).where(MediaRow.form == form, MediaRow.identity == identity, MediaRow.state == SHREDDED)
    return session.scalar(query) or 0


_SHRED_OF = text("""
    UPDATE media SET state = 'shredded', content = NULL, name = NULL, digest = NULL, shredded_at = clock_timestamp()
      FROM entries
     WHERE entries.id = ANY(:entries) AND media.form = entries.form AND media.identity = entries.identity
       AND (media.state = 'waiting' OR (media.state = 'quarantined' AND entries.id = ANY(:unwanted)))
""")


def shred_media(session: Session, entries: Collection[UUID], *, unwanted: Collection[UUID]) -> None:
    """Destroy the files of these entries but those that are kept, and those in quarantine where the entry is among
    `unwanted`. The emptied rows stay: a late resend is known."""
    if entries:
        session.execute(_SHRED_OF, {"entries": list(entries), "unwanted": list(unwanted)})


_SHRED_EDITIONS = text("""
    UPDATE media SET state = 'shredded', content = NULL, name = NULL, digest = NULL, shredded_at = clock_timestamp()
     WHERE form = :form AND identity = ANY(:identities) AND state <> 'shredded'
""")


def shred_editions(session: Session, form: str, identities: Collection[str]) -> None:
    """Destroy every file of these editions, also those that were kept: what they belong to is erased."""
    session.execute(_SHRED_EDITIONS, {"form": form, "identities": list(identities)})


_SHRED_STRAYS = text("""
    UPDATE media SET state = 'shredded', content = NULL, name = NULL, digest = NULL, shredded_at = clock_timestamp()
     WHERE id IN (
        SELECT id FROM media
         WHERE state = 'waiting' AND received_at < clock_timestamp() - make_interval(days => :days)
           AND NOT EXISTS (SELECT FROM entries WHERE entries.form = media.form
                              AND entries.identity = media.identity AND entries.state <> 'settled')
         LIMIT :limit FOR UPDATE SKIP LOCKED)
    RETURNING id
""")


def shred_strays(session: Session, *, days: int, limit: int) -> int:
    """Destroy files whose entry never came or is settled already, after so many days; returns how many."""
    return len(session.execute(_SHRED_STRAYS, {"days": days, "limit": limit}).all())
