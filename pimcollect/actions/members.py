"""Accounts: the first member, new members, passwords, and switching an account off."""

from __future__ import annotations

import base64
import hmac
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import text
from sqlalchemy.orm import Session

from pimcollect.domain.roles import COMMAND_LINE, Actor, Role, allow, read_roles
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.catalogue import ServiceRow
from pimcollect.tables.journal import write_journal
from pimcollect.tables.members import (
    MemberRoleRow,
    MemberRow,
    find_member,
    find_members,
    has_members,
    take_member,
)

FIRST_MAIL = "admin@localhost"
SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 128
_FEWEST_LETTERS = 5
_LONGEST_MAIL, _LONGEST_NAME = 254, 100
_ONE_FIRST_MEMBER = 7_206_102
"""Number of the database lock under which the first member is made: two starts at once make one."""


@dataclass(frozen=True)
class NewPassword:
    """A one-time password, shown once: the member must choose another at the next log-in."""

    mail: str
    password: str = field(repr=False)


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()  # argon2id, 64 MiB, 3 rounds: about 0.1 s


def _pepper(password: str, *, salt: str) -> str:
    # keyed by a secret of the web process, so that a stolen database alone cannot be guessed against
    plain = unicodedata.normalize("NFKD", password).encode("utf-8", "surrogatepass")
    return base64.b64encode(hmac.digest(salt.encode(), plain, "sha512")).decode()


def hash_password(password: str, *, salt: str) -> str:
    """argon2id of the keyed digest of the password; `salt` is `DoorKeys.password_salt`."""
    return _hasher().hash(_pepper(password, salt=salt))


def is_password(password: str, password_hash: str, *, salt: str) -> bool:
    """Whether the password is the one that was hashed."""
    try:
        return _hasher().verify(password_hash, _pepper(password, salt=salt))
    except (VerificationError, InvalidHashError):
        return False


def _create_password() -> str:
    # 4 x 5 letters and digits that cannot be mistaken for each other: 98 bits, easy to read out on the phone
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))


def _repeats_mail(password: str, mail: str) -> bool:
    local = mail.partition("@")[0]
    return len(local) >= _FEWEST_LETTERS and local in password.lower()


def _check_new_password(password: str, mail: str) -> None:
    mistake = ""
    if len(password) < SHORTEST_PASSWORD:
        mistake = f"A password has at least {SHORTEST_PASSWORD} characters."
    elif len(password) > LONGEST_PASSWORD:
        mistake = f"A password has at most {LONGEST_PASSWORD} characters."
    elif len(set(password)) < _FEWEST_LETTERS or _repeats_mail(password, mail):
        mistake = "This password is too easy to guess."
    if mistake:
        raise PimError(ErrorCode.NOT_POSSIBLE_NOW, mistake, remedy="Choose a sentence that only you would say.")


def _check_identity(mail: str, name: str) -> tuple[str, str]:
    mail, name = mail.strip().lower(), name.strip()
    local, at, domain = mail.partition("@")
    is_printable = all(part.isprintable() and not part.isspace() for part in (mail, name))
    if not (local and at and domain) or " " in mail or "@" in domain or len(mail) > _LONGEST_MAIL or not is_printable:
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW, "This is not a mail address.", remedy="Write it as name@example.org."
        )
    if not name or len(name) > _LONGEST_NAME:
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            f"A name has 1 to {_LONGEST_NAME} characters.",
            remedy="A first name or a job title is enough.",
        )
    return mail, name


def _check_service(session: Session, roles: frozenset[Role], service: str | None) -> None:
    if Role.MONITOR in roles and service is None:
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            "A monitor belongs to a service.",
            remedy="Name it with --service; `pimcollect services list` shows them.",
        )
    if service is not None and session.get(ServiceRow, service) is None:
        raise PimError(
            ErrorCode.NOT_FOUND,
            f"There is no service {service!r}.",
            remedy="`pimcollect services list` shows them; `pimcollect services import` adds them.",
        )


def create_member(
    session: Session,
    actor: Actor,
    *,
    mail: str,
    name: str,
    roles: Iterable[str],
    service: str | None = None,
    salt: str,
) -> NewPassword:
    """A new account with a one-time password. Raises PimError for a bad or known address, a bad role or service."""
    allow(actor, "members.create")
    mail, name = _check_identity(mail, name)
    wanted = read_roles(roles)
    _check_service(session, wanted, service)
    if find_member(session, mail) is not None:
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            "This address has an account already.",
            remedy="`pimcollect members password` gives it a new password.",
        )
    password = _create_password()
    row = MemberRow(
        mail=mail,
        name=name,
        password_hash=hash_password(password, salt=salt),
        login_id=secrets.token_urlsafe(24),
        service=service,
        role_rows=[MemberRoleRow(role=role.value) for role in sorted(wanted)],
    )
    session.add(row)
    session.flush()
    write_journal(session, actor=actor.id, action="create", noun="members", noun_id=str(row.id))
    return NewPassword(mail, password)


def create_first_member(session: Session, *, salt: str) -> NewPassword | None:
    """The account of whoever starts pimcollect first: may set up, look in and add members. None when one exists."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_FIRST_MEMBER})
    if has_members(session):
        return None
    roles = (Role.ADMIN, Role.IMO)
    return create_member(session, COMMAND_LINE, mail=FIRST_MAIL, name="First member", roles=roles, salt=salt)


def list_members(session: Session, actor: Actor, *, limit: int = 1000) -> list[MemberRow]:
    """All accounts by address."""
    allow(actor, "members.list")
    return find_members(session, limit=limit)


def _take(session: Session, mail: str) -> MemberRow:
    row = take_member(session, mail)
    if row is None:
        raise PimError(
            ErrorCode.NOT_FOUND, "No account has this address.", remedy="`pimcollect members list` shows them."
        )
    return row


def _end_logins(row: MemberRow) -> None:
    row.login_id = secrets.token_urlsafe(24)


def disable_member(session: Session, actor: Actor, *, mail: str) -> None:
    """Switch an account off; its open log-ins end at once. What the member did stays in the journal."""
    allow(actor, "members.change")
    row = _take(session, mail)
    row.is_active = False
    _end_logins(row)
    write_journal(session, actor=actor.id, action="disable", noun="members", noun_id=str(row.id))


def change_roles(
    session: Session, actor: Actor, *, mail: str, roles: Iterable[str], service: str | None = None
) -> None:
    """Give an account exactly these roles and this service, from the next request on."""
    allow(actor, "members.change")
    wanted = read_roles(roles)
    _check_service(session, wanted, service)
    row = _take(session, mail)
    row.role_rows = [MemberRoleRow(role=role.value) for role in sorted(wanted)]
    row.service = service
    write_journal(session, actor=actor.id, action="change_roles", noun="members", noun_id=str(row.id))


def renew_password(session: Session, actor: Actor, *, mail: str, salt: str) -> NewPassword:
    """A new one-time password; switches the account on again and ends its open log-ins."""
    allow(actor, "members.change")
    row = _take(session, mail)
    password = _create_password()
    row.password_hash = hash_password(password, salt=salt)
    row.must_change_password = True
    row.is_active = True
    _end_logins(row)
    write_journal(session, actor=actor.id, action="renew_password", noun="members", noun_id=str(row.id))
    return NewPassword(row.mail, password)


def change_own_password(session: Session, actor: Actor, *, mail: str, old: str, new: str, salt: str) -> str:
    """A member's own choice; ends every other log-in. Returns the new login id. Raises PimError(NOT_ALLOWED) when `old`
    is wrong, PimError(NOT_POSSIBLE_NOW) when `new` is too weak or the same."""
    allow(actor, "members.own_password")
    row = _take(session, mail)
    if str(row.id) != actor.id or not is_password(old, row.password_hash, salt=salt):
        raise PimError(ErrorCode.NOT_ALLOWED, "The present password is not right.", remedy="Try again.")
    _check_new_password(new, row.mail)
    if is_password(new, row.password_hash, salt=salt):
        raise PimError(ErrorCode.NOT_POSSIBLE_NOW, "This is the present password.", remedy="Choose another one.")
    row.password_hash = hash_password(new, salt=salt)
    row.must_change_password = False
    _end_logins(row)
    write_journal(session, actor=actor.id, action="change_password", noun="members", noun_id=str(row.id))
    return row.login_id


def end_own_logins(session: Session, actor: Actor, *, mail: str) -> None:
    """Log out: every cookie of this member, on every device, is worth nothing from now on."""
    row = _take(session, mail)
    if str(row.id) == actor.id:
        _end_logins(row)
