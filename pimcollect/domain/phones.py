"""Phones that fetch forms from us and send to us: their kinds, names, and the digest that HTTP Digest asks for."""

from __future__ import annotations

import hashlib
import re
import secrets
from enum import StrEnum
from uuid import UUID

from pimcollect.errors import ErrorCode, PimError

REALM = "pimcollect"
"""Part of every stored digest: another realm would end every account."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,38}[a-z0-9]")
_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
"""Without what is mistaken for something else when it is read from paper and typed."""
_GROUPS, _GROUP = 4, 4


class PhoneKind(StrEnum):
    """How a phone says who it is."""

    ACCOUNT = "account"
    """A name and a password of one enumerator, typed or scanned."""
    DEVICE = "device"
    """A token in the address, for a shared device."""


def read_phone_name(text: str) -> str:
    """A name that can be typed on any phone. Raises PimError(BAD_SETTING)."""
    name = text.strip().lower()
    if not is_phone_name(name):
        raise PimError(
            ErrorCode.BAD_SETTING,
            "The name of a phone has 3 to 40 of these: a to z, digits, dot, hyphen, underscore.",
            remedy="Take one like enum-07. It need not be a person's name.",
        )
    return name


def is_phone_name(text: str) -> bool:
    """Whether a phone can have this name: what cannot be need not be looked for, and some of it no database keeps."""
    return _NAME.fullmatch(text) is not None


def make_password() -> str:
    """A new password: 79 bits, sixteen letters and digits in groups of four."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


def make_token() -> str:
    """A new token: 256 bits, fit for an address."""
    return secrets.token_urlsafe(32)


def secret_context(phone: UUID) -> str:
    """What an account's wrapped digest is bound to."""
    return f"phone|{phone}"


def hash_account(name: str, password: str) -> str:
    """HA1 of RFC 7616 with MD5, the only kind that phones speak: worth as much as the password, on this server only."""
    return hashlib.md5(f"{name}:{REALM}:{password}".encode(), usedforsecurity=False).hexdigest()
