"""Fetch the files that encrypted submissions and pictures of cases wait for, from the server that has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from uuid import uuid4

from sqlalchemy.orm import Session

from pimcollect.db import transaction
from pimcollect.errors import PimError
from pimcollect.log import open_log
from pimcollect.servers.answers import ServerError
from pimcollect.servers.envelope import read_envelope
from pimcollect.servers.ids import veil_id
from pimcollect.tables.connections import find_names_there
from pimcollect.tables.entries import EntryRow
from pimcollect.tables.parked import find_parked
from pimcollect.tables.pictures import find_awaited_of
from pimcollect.tables.sealed import entry_context
from pimcollect.vault import open_value
from webhooks.media import store_media
from workers.darkroom import LARGEST_FILE
from workers.hands import Hands
from workers.pictures import list_names, open_awaited
from workers.pull import Pull

MOST = 200
"""Submissions whose files are looked for after one pull; by chance: what never comes must keep nobody waiting."""
_LARGEST_ENCRYPTED = 100 * 1024 * 1024
_log = open_log("gather")


@dataclass(frozen=True)
class _Missing:
    """A file that is not here. In memory only."""

    edition_id: str = field(repr=False)
    identity: str
    name: str = field(repr=False)
    most_bytes: int


def gather(pull: Pull) -> int:
    """After a pull: fetch what its form's envelopes and cases wait for. Returns how many files came.

    A file that the server does not have yet is asked for again after the next pull. A server in trouble is left alone
    until then: the pull itself was whole, and what waits is seen in the inbox.
    """
    with transaction(pull.own.sessions) as session:
        missing = [*_list_of_envelopes(pull, session), *_list_of_cases(pull.own, session, pull.form)]
        there = find_names_there(session, pull.connection, {one.edition_id for one in missing})
    try:
        found = sum(_fetch(pull, one, there[one.edition_id]) for one in missing if one.edition_id in there)
    except ServerError as error:
        _log.warning("files_not_fetched", code=error.code, count=len(missing))
        return 0
    if found:
        _log.info("files_fetched", count=found)
        pull.own.bell.ring_entry(uuid4())  # any id: it says that something waits
    return found


def _list_of_envelopes(pull: Pull, session: Session) -> Iterator[_Missing]:
    for row in find_parked(session, pull.form, limit=MOST):
        try:
            envelope = read_envelope(_open_body(pull.own, row))
            names = list_names(pull.own, session, form=pull.form, identity=row.identity)
        except PimError:  # it was read when it was parked: its key is gone since, and settling will say so
            continue
        edition = veil_id(envelope.instance_id.removeprefix("uuid:"), key=pull.keys.digest)
        yield from (_Missing(edition, row.identity, name, _LARGEST_ENCRYPTED) for name in envelope.find_missing(names))


def _open_body(own: Hands, row: EntryRow) -> bytes:
    return open_value(row.body or b"", ring=own.keys.intake, context=entry_context(row.form, row.identity))


def _list_of_cases(own: Hands, session: Session, form: str) -> Iterable[_Missing]:
    for row in find_awaited_of(session, form, limit=MOST):
        awaited = open_awaited(own, row)
        if awaited is not None and awaited.name not in list_names(own, session, form=form, identity=row.identity):
            yield _Missing(awaited.edition_id, row.identity, awaited.name, LARGEST_FILE)


def _fetch(pull: Pull, one: _Missing, there: str) -> bool:
    """One file; outside of every transaction until it is here."""
    if pull.is_over():
        return False
    content = pull.holder.read_file(there, one.name, most_bytes=one.most_bytes)
    if content is None:
        return False
    with transaction(pull.own.sessions) as session:
        store_media(session, form=pull.form, identity=one.identity, name=one.name, content=content, keys=pull.keys)
    return True
