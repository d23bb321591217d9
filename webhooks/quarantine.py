"""Files that came with a submission which does not name them: sealed like all others and kept apart for some days.

A phone may know better than we what belongs to it, so nothing of it is thrown away unseen; and nobody has said yes to
such a file, so nobody looks at it either.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.orm import Session

from pimcollect.log import open_log
from pimcollect.servers.ids import veil_id
from pimcollect.tables.media import QUARANTINED
from pimcollect.tables.quarantine import may_stray, note_strays
from pimcollect.vault import DoorKeys
from webhooks.media import Stored, store_media

_log = open_log("quarantine")


def quarantine(
    session: Session,
    strays: Mapping[str, bytes],
    *,
    form: str,
    identity: str,
    edition_id: str | None,
    keys: DoorKeys,
) -> Stored:
    """Store them in the caller's transaction, which put their entry or found it. `strays`: name -> content.

    NEW when any of them was not here; OTHER when another file has one of the names: then the caller takes everything
    back. What is beyond the bounds of one edition, or came when its person has said no, is dropped.
    """
    edition = identity if edition_id is None else veil_id(edition_id, key=keys.digest)
    if not may_stray(session, form=form, identity=identity, edition=edition):
        _log.info("files_dropped", count=len(strays), form=form)
        return Stored.SAME
    came = [
        store_media(session, form=form, identity=identity, name=name, content=content, keys=keys, state=QUARANTINED)
        for name, content in strays.items()
    ]
    if Stored.OTHER in came:
        return Stored.OTHER
    if Stored.TOO_MUCH in came:
        _log.warning("files_dropped", count=came.count(Stored.TOO_MUCH), form=form)
    note_strays(session, form=form, identity=identity)
    return Stored.NEW if Stored.NEW in came else Stored.SAME
