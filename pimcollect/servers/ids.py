"""Instance ids as they are kept: a UUID as it is, anything else veiled, since a sender may have put a name in it.

A veiled id is a keyed digest in the form of a UUID (version 8), so an edit, a copy or a deletion finds what came before
it, and veiling twice changes nothing. Only what `veil_id` returned may stand in a table, a list or a message.
"""

from __future__ import annotations

import re
from uuid import UUID

from pimcollect.vault import keyed_digest

_UUID = r"(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32})"
_TIME = r"[0-9T:.+Z-]{1,40}"
_PLAIN = re.compile(rf"{_UUID}(?:@{_TIME})?")
"""With the time of an edit that kept its id (Ona)."""
_PLAIN_MARK = re.compile(rf"(?:[0-9]{{1,4}}|{_UUID})?(?: ?{_TIME})?")
_VEILED = 8


def is_plain(edition_id: str) -> bool:
    """Whether an id is one that a machine made, and says nothing of anybody."""
    return _PLAIN.fullmatch(edition_id) is not None


def veil_id(edition_id: str, *, key: bytes) -> str:
    """The id as it may be kept. `key` is `DoorKeys.digest`."""
    if is_plain(edition_id):
        return edition_id
    digits = keyed_digest(key, "instance id", edition_id)
    # version and variant of a UUID whose other bits are its maker's own (RFC 9562, 5.8)
    return str(UUID(f"{digits[:12]}{_VEILED}{digits[13:16]}a{digits[17:]}"))


def is_veiled(edition_id: str) -> bool:
    """Whether it stands for another id, which is known to its sender only."""
    return is_plain(edition_id) and len(edition_id) == 36 and UUID(edition_id).version == _VEILED


def veil_mark(mark: str, *, key: bytes) -> str:
    """The same for what a server's copy is compared by: a count of edits, an id, or an id and a time."""
    return mark if _PLAIN_MARK.fullmatch(mark) else veil_id(mark, key=key)


def veil_name(there: str, root_id: str | None, *, key: bytes) -> str:
    """The same for a server's own name of a submission: its number (Kobo, Ona), or the first instance id (Central)."""
    instance_id = there.removeprefix("uuid:")
    is_number = there.isdecimal() and there != root_id
    return there if is_number or is_plain(instance_id) else veil_id(instance_id, key=key)
