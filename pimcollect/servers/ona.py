"""Ona: what differs from Kobo. Numbers come as numbers, edits are pushed, and its sender can carry no secret header.

Its JSON has the same flat keys with full paths, and the same ids. An edit made there carries `_edited`; where it kept
its instance id, `_last_edited` tells it from the one before it. Its sender never tries again and reads no status:
what it failed to deliver has to be pulled. Keys the server could not use leave `_decryption_error`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from pimcollect.errors import PimError
from pimcollect.servers.base import Delivery, Opened
from pimcollect.servers.flat import DEPRECATED_KEYS, ID_KEYS, count_answers, first_id, list_answers, open_flat, read_id
from pimcollect.servers.kobo import is_json, read_flat

SECRET_IN_ADDRESS = True
"""Ona sends neither a password nor headers of ours."""


def _edition(raw: dict[str, Any]) -> str | None:
    """The id of this edition: the instance id, and for an edit that kept it also when it was made."""
    instance, edited_at = first_id(raw, *ID_KEYS), read_id(raw.get("_last_edited"))
    kept_its_id = raw.get("_edited") is True and not first_id(raw, *DEPRECATED_KEYS)
    return f"{instance}@{edited_at}" if instance and edited_at and kept_its_id else instance


def read_delivery(body: bytes) -> Delivery:
    """What the door must know. Never raises for bad content."""
    kind = "json" if is_json(body) else "xml"
    try:
        raw, is_encrypted = read_flat(body, repeats=(), numbers_as_text=True)
    except PimError:
        return Delivery(kind, None, 0)
    answers = list_answers(raw)
    return Delivery(kind, _edition(raw), count_answers(answers.values()), is_encrypted=is_encrypted, answers=answers)


def read_opened(body: bytes, *, repeats: Collection[str]) -> Opened:
    """Read an opened body. Raises PimError(BAD_BODY), without content in it."""
    raw, is_encrypted = read_flat(body, repeats=repeats, numbers_as_text=True)
    opened, edition = open_flat(raw, is_encrypted=is_encrypted or bool(raw.get("_decryption_error"))), _edition(raw)
    if edition == opened.edition_id:
        return opened
    return replace(opened, root_id=opened.edition_id, edition_id=edition, deprecated_id=opened.edition_id)
