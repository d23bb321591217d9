"""Add, renew and revoke phones: an enumerator's account, or a device with a token in its address."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pimcollect.domain.collect_settings import CollectProject, pack_settings, write_settings
from pimcollect.domain.phones import (
    PhoneKind,
    hash_account,
    make_password,
    make_token,
    read_phone_name,
    secret_context,
)
from pimcollect.domain.roles import Actor, allow
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.journal import find_doers, write_journal
from pimcollect.tables.marks import find_phone_refusals, forget_phone_refusals
from pimcollect.tables.phones import PhoneRow, find_ended_phone, find_phone, find_phones, take_phone
from pimcollect.vault import DoorKeys, hash_secret, wrap_secret


@dataclass(frozen=True)
class PhoneSecret:
    """What a phone is set up with, shown once: neither the password nor the token is kept."""

    id: UUID
    kind: PhoneKind
    name: str
    secret: str = field(repr=False)
    """The password of an account, the token of a device."""


@dataclass(frozen=True)
class PhoneSettings:
    """What is shown beside the QR code, for phones without a camera, and the text of the code itself."""

    address: str = field(repr=False)
    """A device's holds its token."""
    username: str
    password: str = field(repr=False)
    """Both empty for a device."""
    code: str = field(repr=False)


def write_phone_settings(made: PhoneSecret, *, base: str, project: str) -> PhoneSettings:
    """The settings of a phone; `base` is our address as phones reach it. Raises PimError(TOO_LARGE)."""
    is_account = made.kind is PhoneKind.ACCOUNT
    address = f"{base}/phones" if is_account else f"{base}/phones/key/{made.secret}"
    username, password = (made.name, made.secret) if is_account else ("", "")
    code = pack_settings(write_settings(CollectProject(address, project, username, password)))
    return PhoneSettings(address, username, password, code)


def add_phone(
    session: Session, actor: Actor, *, name: str, kind: PhoneKind, keys: DoorKeys, may_edit_all: bool = False
) -> PhoneSecret:
    """A new account or device. Raises PimError: a name that cannot be typed, or is in use."""
    allow(actor, "phones.add")
    plain = read_phone_name(name)
    known = PimError(
        ErrorCode.NOT_POSSIBLE_NOW,
        f"There is a phone {plain} already.",
        remedy="`pimcollect phones qr` gives it a new secret; `phones revoke` ends it.",
    )
    if find_phone(session, plain) is not None:
        raise known
    row = PhoneRow(id=uuid4(), kind=kind.value, name=plain, may_edit_all=may_edit_all, revision=1)
    made = _give_secret(row, keys)
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:  # somebody else let it in at the same moment
        raise known from error
    write_journal(session, actor=actor.id, action="add", noun="phones", noun_id=str(row.id))
    return made


def renew_phone(
    session: Session, actor: Actor, *, name: str, keys: DoorKeys, revision: int | None = None
) -> PhoneSecret:
    """A new secret for a phone; the one before ends at once.

    `revision` is the one that whoever asks has seen: asking twice makes one secret. Raises PimError(NOT_POSSIBLE_NOW)
    when it is another by now.
    """
    allow(actor, "phones.renew")
    row = _take(session, name)
    if revision not in (None, row.revision):
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            "This was done already, or the phone was changed meanwhile. A code is shown once, where it was made.",
            remedy="Run `pimcollect phones list`.",
        )
    row.ended_hash = row.token_hash
    made = _give_secret(row, keys)
    row.revision += 1
    forget_phone_refusals(session, row.id)
    write_journal(session, actor=actor.id, action="renew", noun="phones", noun_id=str(row.id))
    return made


def revoke_phone(session: Session, actor: Actor, *, name: str) -> None:
    """End a phone at once: its next request is refused, and its secret is gone."""
    allow(actor, "phones.revoke")
    row = _take(session, name)
    row.revoked_at = func.clock_timestamp()
    row.ended_hash, row.secret, row.token_hash = row.token_hash, None, None
    row.revision += 1
    write_journal(session, actor=actor.id, action="revoke", noun="phones", noun_id=str(row.id))


def list_phones(session: Session, actor: Actor) -> list[dict[str, Any]]:
    """All phones, those in use first, as `find_phones`; with revoked_by (a member's name, `command line`) and refusals
    (as `find_phone_refusals`)."""
    allow(actor, "phones.list")
    rows = find_phones(session)
    moments = {str(row["id"]): row["revoked_at"] for row in rows if row["revoked_at"] is not None}
    doers = find_doers(session, noun="phones", action="revoke", moments=moments)
    refusals = find_phone_refusals(session)
    return [
        {**row, "revoked_by": doers.get(str(row["id"]), ""), "refusals": refusals.get(row["id"], [])} for row in rows
    ]


def _take(session: Session, name: str) -> PhoneRow:
    plain = name.strip().lower()
    row = take_phone(session, plain)
    if row is not None:
        return row
    ended = find_ended_phone(session, plain)
    if ended is None or ended.revoked_at is None:
        raise PimError(ErrorCode.NOT_FOUND, "There is no phone of this name.", remedy="Run `pimcollect phones list`.")
    option = " --device" if ended.kind == PhoneKind.DEVICE else ""
    raise PimError(
        ErrorCode.NOT_FOUND,
        f"The phone {plain} was ended on {ended.revoked_at.astimezone(UTC):%Y-%m-%d} and is let in no more.",
        remedy=f"To let it in anew: `pimcollect phones add {plain}{option}`.",
    )


def _give_secret(row: PhoneRow, keys: DoorKeys) -> PhoneSecret:
    kind = PhoneKind(row.kind)
    if kind is PhoneKind.DEVICE:
        secret = make_token()
        row.token_hash = hash_secret(secret)
    else:
        secret = make_password()
        digest = hash_account(row.name, secret)
        row.secret = wrap_secret(digest.encode(), key=keys.digest, context=secret_context(row.id))
    return PhoneSecret(row.id, kind, row.name, secret)
