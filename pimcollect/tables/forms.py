"""Forms, their frozen versions and the hooks that receive for them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    UniqueConstraint,
    false,
    func,
    select,
    text,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from pimcollect.tables.base import Base

_PICTURE_PATHS = text("""
    SELECT DISTINCT question ->> 'path'
      FROM form_versions, jsonb_array_elements(document -> 'questions') AS question
     WHERE form = :form AND question ->> 'type' = 'image' AND question -> 'treatment' ->> 'kind' = 'vault'
""")

_PATHS = text("""
    SELECT DISTINCT path FROM form_versions, LATERAL (
        SELECT question ->> 'path' FROM jsonb_array_elements(document -> 'questions') AS question
         UNION ALL SELECT jsonb_array_elements_text(document -> 'repeats')) AS asked (path)
     WHERE form = :form
""")


class FormRow(Base):
    """A form by its id; its versions hang below."""

    __tablename__ = "forms"
    id: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class FormVersionRow(Base):
    """A frozen version: never changed. A submission is read by the version that asked it."""

    __tablename__ = "form_versions"
    __table_args__ = (UniqueConstraint("form", "sha256"),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    form: Mapped[str] = mapped_column(ForeignKey(FormRow.id))
    version: Mapped[str]
    sha256: Mapped[str]
    """Of the canonical document."""
    document: Mapped[dict[str, Any]]
    """What `domain.version.write_version` writes."""
    xlsx: Mapped[bytes]
    xform: Mapped[str]
    frozen_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class HookRow(Base):
    """An address that a server posts to. Secrets are hashes of 256-bit random values; two may be valid at a time."""

    __tablename__ = "hooks"
    __table_args__ = (
        CheckConstraint(
            "jsonb_typeof(secrets) = 'array' AND jsonb_array_length(secrets) <= 2", name="hook_secrets_are_a_list"
        ),
        CheckConstraint("(server = 'mapped') = (mapping IS NOT NULL)", name="a_mapped_hook_has_its_mapping"),
        CheckConstraint("char_length(note) BETWEEN 1 AND 100", name="hook_note_is_short"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    key: Mapped[str] = mapped_column(unique=True)
    """Random part of the address."""
    server: Mapped[str]
    """kobo, ona, central, mapped ..."""
    form: Mapped[str] = mapped_column(ForeignKey(FormRow.id), index=True)
    secrets: Mapped[list[str]]
    """Newest first, at most two."""
    is_secret_in_address: Mapped[bool] = mapped_column(default=False, server_default=false())
    """For senders that can carry no header: the secret stands behind the key in the address; a hash here too."""
    networks: Mapped[list[str]] = mapped_column(default=list, server_default=text("'[]'::jsonb"))
    """Where a sender may call from (10.0.0.0/8 ...); empty = from anywhere."""
    mapping: Mapped[dict[str, Any] | None]
    """How bodies of a sender of its own kind are read."""
    note: Mapped[str | None]
    """Which sender it is, in a few words of whoever opened it."""
    revision: Mapped[int] = mapped_column(default=1)
    """Raised by every change, so that a cached copy is known to be stale."""
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None]
    arrived: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """Deliveries accepted, copies included; told by the web processes every few seconds: a sign of life, no proof."""
    arrived_at: Mapped[datetime | None]
    unasked: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """How many of its newest deliveries in a row carried no question of consent at all."""

    @property
    def beginning(self) -> str:
        """How the random part of its address begins: enough to find it at the sender, and no part of a secret."""
        return self.key[:8]


def store_version(
    session: Session,
    *,
    form: str,
    title: str,
    version: str,
    sha256: str,
    document: dict[str, Any],
    xlsx: bytes,
    xform: str,
) -> FormVersionRow:
    """Freeze a version; the same one again is the same row, and becomes the newest."""
    row = session.scalar(select(FormVersionRow).where(FormVersionRow.form == form, FormVersionRow.sha256 == sha256))
    if row is not None:
        row.frozen_at = func.clock_timestamp()
        return row
    session.merge(FormRow(id=form, title=title))
    session.flush()
    row = FormVersionRow(form=form, version=version, sha256=sha256, document=document, xlsx=xlsx, xform=xform)
    session.add(row)
    session.flush()
    return row


def find_newest_version(session: Session, form: str) -> FormVersionRow | None:
    """The version frozen last."""
    return session.scalar(
        select(FormVersionRow).where(FormVersionRow.form == form).order_by(FormVersionRow.frozen_at.desc()).limit(1)
    )


def find_versions(session: Session, form: str) -> list[FormVersionRow]:
    """All versions of a form, newest first."""
    return list(
        session.scalars(
            select(FormVersionRow).where(FormVersionRow.form == form).order_by(FormVersionRow.frozen_at.desc())
        )
    )


def find_paths(session: Session, form: str) -> frozenset[str]:
    """Paths of the questions and repeats of all versions of a form."""
    return frozenset(session.scalars(_PATHS, {"form": form}))


def find_picture_paths(session: Session, form: str) -> frozenset[str]:
    """Paths of the questions whose pictures some version of a form keeps for a case: no other file is ever stored."""
    return frozenset(session.scalars(_PICTURE_PATHS, {"form": form}))


def find_forms(session: Session, *, limit: int = 500) -> list[dict[str, Any]]:
    """Each form with its newest version: id, title, version, version_id, left_out (what could not be asked), drafted,
    purpose, versions (how many), frozen_at, hooks (open ones)."""
    newest = (
        select(FormVersionRow.form, func.max(FormVersionRow.frozen_at).label("at"), func.count().label("n"))
        .group_by(FormVersionRow.form)
        .subquery()
    )
    hooks = (
        select(HookRow.form, func.count().label("n"))
        .where(HookRow.closed_at.is_(None))
        .group_by(HookRow.form)
        .subquery()
    )
    rows = session.execute(
        select(
            FormRow.id,
            FormRow.title,
            FormVersionRow.version,
            FormVersionRow.id.label("version_id"),
            FormVersionRow.document["left_out"].label("left_out"),
            FormVersionRow.document["origin"].astext.label("origin"),
            FormVersionRow.document["drafted"].label("drafted"),
            FormVersionRow.document["purpose"].astext.label("purpose"),
            newest.c.n.label("versions"),
            newest.c.at.label("frozen_at"),
            func.coalesce(hooks.c.n, 0).label("hooks"),
        )
        .join(newest, newest.c.form == FormRow.id)
        .join(FormVersionRow, (FormVersionRow.form == FormRow.id) & (FormVersionRow.frozen_at == newest.c.at))
        .outerjoin(hooks, hooks.c.form == FormRow.id)
        .order_by(FormRow.id)
        .limit(limit)
    )
    return [dict(row._mapping) for row in rows]


def find_hook(session: Session, key: str) -> HookRow | None:
    """The open hook of this key."""
    return session.scalar(select(HookRow).where(HookRow.key == key, HookRow.closed_at.is_(None)))


def find_any_hook(session: Session, key: str) -> HookRow | None:
    """The hook that has this key, or had it until it was closed."""
    return session.scalar(select(HookRow).where(HookRow.key == key))


def find_hooks(session: Session, *, limit: int = 500) -> list[HookRow]:
    """All hooks: open ones first, newest first."""
    order = (HookRow.closed_at.is_not(None), func.coalesce(HookRow.closed_at, HookRow.opened_at).desc())
    return list(session.scalars(select(HookRow).order_by(*order).limit(limit)))


def find_unasked_hooks(session: Session, *, least: int, limit: int = 50) -> list[HookRow]:
    """Open hooks whose newest deliveries, so many in a row, carried no question of consent at all."""
    query = select(HookRow).where(HookRow.unasked >= least, HookRow.closed_at.is_(None))
    return list(session.scalars(query.order_by(HookRow.unasked.desc()).limit(limit)))


def find_known_forms(session: Session, forms: Collection[str]) -> set[str]:
    """Those of the forms that are here."""
    return set(session.scalars(select(FormRow.id).where(FormRow.id.in_(forms))))


def find_mappings(session: Session, hooks: set[UUID]) -> dict[UUID, dict[str, Any]]:
    """Hook id -> mapping, of those that have one; closed hooks included."""
    rows = session.execute(
        select(HookRow.id, HookRow.mapping).where(HookRow.id.in_(hooks), HookRow.mapping.is_not(None))
    )
    return {row.id: row.mapping for row in rows}
