"""Fetch files of pulled submissions from their servers, for those whose treatment keeps them. Nobody else asks."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing

from pimcollect.db import transaction
from pimcollect.tables.connections import find_copy
from workers.fetch import open_holder
from workers.hands import Hands

_MOST_BYTES = 25 * 1024 * 1024


def fetch_media(
    own: Hands, *, form: str, root_id: str, names: Collection[str], most_bytes: int = _MOST_BYTES
) -> dict[str, bytes]:
    """Name -> content of those files that the connected servers have now; the others may come later: ask again.

    `root_id` may be that of the first edition, or of the newest one that was pulled. Call it outside of a transaction.
    Raises ServerError when a server does not answer, refuses, or a file is larger than `most_bytes`.
    """
    with transaction(own.sessions) as session:
        places = find_copy(session, form, root_id)
    found: dict[str, bytes] = {}
    for connection, there in places:
        wanted = [name for name in names if name not in found]
        if not wanted:
            break
        with closing(open_holder(own, connection)) as holder:
            for name in wanted:
                content = holder.read_file(there, name, most_bytes=most_bytes)
                if content is not None:
                    found[name] = content
    return found
