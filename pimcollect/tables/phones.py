"""Phones that may fetch forms and send, and the form versions that they are shown."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, func, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from pimcollect.tables.base import Base
from pimcollect.tables.forms import FormRow, FormVersionRow

MOST_SHOWN = 500
"""Forms in one list."""


class PhoneRow(Base):
    """An enumerator's account or a device. Revoked is for good: the row stays, its secret does not."""

    __tablename__ = "phones"
    __table_args__ = (
        CheckConstraint("kind IN ('account', 'device')", name="phone_kind_is_known"),
        CheckConstraint("name ~ '^[a-z0-9][a-z0-9._-]{1,38}[a-z0-9]$'", name="phone_name_is_plain"),
        CheckConstraint(
            "revoked_at IS NOT NULL OR (kind = 'account') = (secret IS NOT NULL)", name="account_has_a_secret"
        ),
        CheckConstraint(
            "revoked_at IS NOT NULL OR (kind = 'device') = (token_hash IS NOT NULL)", name="device_has_a_token"
        ),
        CheckConstraint(
            "revoked_at IS NULL OR (secret IS NULL AND token_hash IS NULL)", name="revoked_phone_has_no_secret"
        ),
        Index("one_phone_of_a_name", "name", unique=True, postgresql_where=text("revoked_at IS NULL")),
        Index("phones_by_name", "name"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    kind: Mapped[str]
    """account or device."""
    name: Mapped[str]
    secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    """An account's: what Digest compares with, wrapped with a key of the door's key file."""
    token_hash: Mapped[str | None] = mapped_column(unique=True)
    """A device's: SHA-256 of its random token."""
    ended_hash: Mapped[str | None] = mapped_column(unique=True)
    """The same of the token before, or of the last one: lets nobody in, and tells whose phone still calls with it."""
    may_edit_all: Mapped[bool] = mapped_column(default=False)
    """Whether it may replace what another phone has sent."""
    revision: Mapped[int] = mapped_column(default=1)
    """Raised by every change, so that a cached copy is known to be stale."""
    added_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    revoked_at: Mapped[datetime | None]
    arrived: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """Deliveries accepted, copies included; told by the web processes every few seconds: a sign of life, no proof."""
    arrived_at: Mapped[datetime | None]


class PhoneFormRow(Base):
    """A version that was released to phones. They are shown the newest of each form; answers to all are taken."""

    __tablename__ = "phone_forms"
    __table_args__ = (
        CheckConstraint("length(md5) = 32", name="phone_form_has_its_digest_in_hex"),
        Index("phone_forms_by_form", "form", "released_at"),
    )
    version: Mapped[UUID] = mapped_column(ForeignKey(FormVersionRow.id), primary_key=True)
    form: Mapped[str] = mapped_column(ForeignKey(FormRow.id))
    form_id: Mapped[str] = mapped_column(index=True)
    """As the XForm states it; its submissions repeat it."""
    stated: Mapped[str]
    """The version as the XForm states it."""
    md5: Mapped[str]
    """Of the exact bytes that are served."""
    released_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    closed_at: Mapped[datetime | None]
    """From then on the form is not shown and its submissions are refused; equal for all versions of a form."""


@dataclass(frozen=True)
class ShownForm:
    """A line of the form list."""

    version: UUID
    form: str
    form_id: str
    stated: str
    title: str
    md5: str
    has_files: bool

    def name_version(self, newest: UUID, version: str) -> str:
        """The version as it is called here. What was adopted states one of its own, or none."""
        return version if self.version == newest else self.stated or "-"


def find_phone(session: Session, name: str) -> PhoneRow | None:
    """The phone of this name that is not revoked."""
    return session.scalar(select(PhoneRow).where(PhoneRow.name == name, PhoneRow.revoked_at.is_(None)))


def find_ended_phone(session: Session, name: str) -> PhoneRow | None:
    """The phone that had this name last and is let in no more."""
    query = select(PhoneRow).where(PhoneRow.name == name, PhoneRow.revoked_at.is_not(None))
    return session.scalar(query.order_by(PhoneRow.revoked_at.desc()).limit(1))


def find_device(session: Session, token_hash: str) -> PhoneRow | None:
    """The device with this token."""
    return session.scalar(select(PhoneRow).where(PhoneRow.token_hash == token_hash, PhoneRow.revoked_at.is_(None)))


def find_refused_account(session: Session, name: str) -> PhoneRow | None:
    """The account of this name, let in or not: the one that is, else the one that was last."""
    query = select(PhoneRow).where(PhoneRow.name == name, PhoneRow.kind == "account")
    return session.scalar(query.order_by(PhoneRow.revoked_at.desc().nulls_first()).limit(1))


def find_refused_device(session: Session, token_hash: str) -> PhoneRow | None:
    """The device whose token this was until it was given another, or was let in no more."""
    return session.scalar(select(PhoneRow).where(PhoneRow.ended_hash == token_hash))


def take_phone(session: Session, name: str) -> PhoneRow | None:
    """The phone of this name, locked until the commit."""
    return session.scalar(
        select(PhoneRow).where(PhoneRow.name == name, PhoneRow.revoked_at.is_(None)).with_for_update()
    )


_PHONES = text("""
    SELECT id, kind, name, may_edit_all, revision, added_at, revoked_at, arrived AS sent, arrived_at AS last_at
      FROM phones
     ORDER BY revoked_at IS NOT NULL, name, added_at LIMIT :limit
""")


def find_phones(session: Session, *, limit: int = 1000) -> list[dict[str, Any]]:
    """All phones, those in use first: id, kind, name, may_edit_all, added_at, revoked_at, sent (how many came from it,
    copies included), last_at (when the last came)."""
    return [dict(row._mapping) for row in session.execute(_PHONES, {"limit": limit})]


_SHOWN = """
    SELECT {first} phone_forms.version, phone_forms.form, phone_forms.form_id, phone_forms.stated, phone_forms.md5,
           forms.title, EXISTS (SELECT FROM form_files WHERE form_files.version = phone_forms.version) AS has_files
      FROM phone_forms JOIN forms ON forms.id = phone_forms.form
     WHERE closed_at IS NULL AND (CAST(:form_id AS text) IS NULL OR form_id = :form_id)
     ORDER BY phone_forms.form, released_at DESC LIMIT :limit
"""
_NEWEST_SHOWN = text(_SHOWN.format(first="DISTINCT ON (phone_forms.form)"))
_ALL_SHOWN = text(_SHOWN.format(first=""))


def find_shown(session: Session, *, form_id: str | None = None, all_versions: bool = False) -> list[ShownForm]:
    """What phones are shown: the newest released version of each open form, or all of them."""
    query = _ALL_SHOWN if all_versions else _NEWEST_SHOWN
    rows = session.execute(query, {"form_id": form_id, "limit": MOST_SHOWN})
    return [ShownForm(**row._mapping) for row in rows]


def find_shown_version(session: Session, form: str) -> PhoneFormRow | None:
    """The version of a form that phones are shown; None when they do not have it."""
    return session.scalar(
        select(PhoneFormRow)
        .where(PhoneFormRow.form == form, PhoneFormRow.closed_at.is_(None))
        .order_by(PhoneFormRow.released_at.desc())
        .limit(1)
    )


def find_phone_form(session: Session, version: UUID) -> PhoneFormRow | None:
    """A released version whose form is not closed."""
    return session.scalar(select(PhoneFormRow).where(PhoneFormRow.version == version, PhoneFormRow.closed_at.is_(None)))


def find_form_of(session: Session, form_id: str) -> tuple[str, bool] | None:
    """Our form that an XForm's own id belongs to, and whether it is open; None when phones never had it."""
    row = session.execute(
        select(PhoneFormRow.form, PhoneFormRow.closed_at).where(PhoneFormRow.form_id == form_id).limit(1)
    ).first()
    return None if row is None else (row.form, row.closed_at is None)


def find_forms_on_phones(session: Session, forms: Collection[str]) -> set[str]:
    """Those of the forms that phones have or had."""
    return set(session.scalars(select(PhoneFormRow.form).where(PhoneFormRow.form.in_(forms)).distinct()))


def show_version(session: Session, *, version: UUID, form: str, form_id: str, stated: str, md5: str) -> PhoneFormRow:
    """Show a version to phones as the newest of its form; a form that was closed is open again."""
    row = session.get(PhoneFormRow, version)
    if row is None:
        row = PhoneFormRow(version=version, form=form, form_id=form_id, stated=stated, md5=md5)
        session.add(row)
    else:
        row.released_at = func.clock_timestamp()
    session.flush()
    session.execute(
        update(PhoneFormRow)
        .where(PhoneFormRow.form == form)
        .values(closed_at=None)
        .execution_options(synchronize_session=False)
    )
    return row


def close_phone_form(session: Session, form: str) -> bool:
    """Show a form no longer and take nothing more for it; False when phones do not have it."""
    found = session.execute(
        update(PhoneFormRow)
        .where(PhoneFormRow.form == form, PhoneFormRow.closed_at.is_(None))
        .values(closed_at=func.clock_timestamp())
        .returning(PhoneFormRow.version)
        .execution_options(synchronize_session=False)
    )
    return bool(found.all())
