"""Pictures of cases: wanted when a referral is written, found among its entry's files, rebuilt, sealed with the case.

A picture never holds a case up: the referral goes out at once, and the picture joins it when its file is here.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.orm import Session

from pimcollect.db import transaction
from pimcollect.domain.outcomes import Item
from pimcollect.errors import PimError
from pimcollect.log import open_log
from pimcollect.servers.envelope import SUFFIX
from pimcollect.tables.media import (
    KEPT as FILE_KEPT,
)
from pimcollect.tables.media import (
    MediaRow,
    file_context,
    keep_media,
    list_files,
    name_context,
    read_content,
    shred_files,
)
from pimcollect.tables.pictures import (
    AWAITED,
    KEPT,
    REFUSED,
    SHREDDED,
    PictureRow,
    find_awaited,
    find_looked_for,
    find_pictures,
    picture_context,
    picture_name_context,
)
from pimcollect.vault import open_value, seal_value
from webhooks.media import open_content, open_name
from workers.darkroom import Picture, develop
from workers.hands import Hands
from workers.writing import Decided, Writing, want_pictures

_log = open_log("pictures")


def rewant_pictures(own: Hands, session: Session, writing: Writing, one: Decided, item: Item, *, case_id: UUID) -> None:
    """The same for a case that an edition changes: every picture of it is awaited anew, from the edition's own files.

    Phones send the files of an edit again, changed or not. A picture that the edition does not name is destroyed; one
    that is here already stays until the edition's own takes its place.
    """
    known = {row.question: row for row in find_pictures(session, case_id)}
    for question, row in known.items():
        if question not in item.pictures or row.state != KEPT:
            row.state, row.sealed, row.name, row.reason = SHREDDED, None, None, None
    session.flush()
    want_pictures(own, writing, one, item, case_id=case_id)


def keep_files(own: Hands, session: Session, writing: Writing) -> None:
    """Before the files of settled entries are destroyed: keep those that a picture awaits, and of an envelope their
    content in clear, sealed anew, since nothing else will open it once the envelope is gone."""
    wanted: dict[UUID, tuple[Decided, set[str]]] = {}
    for one, name in writing.wanted:
        wanted.setdefault(one.entry, (one, set()))[1].add(name)
    for one, names in wanted.values():
        if one.inside is None:
            files = _name_files(own, session, form=one.form, identity=one.identity)
            keep_media(session, [files[name].id for name in names if name in files])
            continue
        for name in names.intersection(one.inside.contents.media):
            _reseal(own, one.inside.files[f"{name}{SUFFIX}"], name, one.inside.contents.open_media(name))
    session.flush()


def _reseal(own: Hands, row: MediaRow, name: str, content: bytes) -> None:
    row.name = own.seal(name.encode(), context=name_context(row.form, row.identity, row.name_digest))
    row.content = own.seal(content, context=file_context(row.form, row.identity, row.name_digest))
    row.size, row.state = len(content), FILE_KEPT


@dataclass(frozen=True)
class Awaited:
    """What an awaited picture's sealed name says."""

    name: str = field(repr=False)
    edition_id: str = field(repr=False)


def open_awaited(own: Hands, row: PictureRow) -> Awaited | None:
    """The name of the file that a picture awaits; None when it awaits none, or its key is not here."""
    try:
        plain = open_value(row.name or b"", ring=own.keys.intake, context=picture_name_context(row.id))
    except PimError:
        _log.warning("picture_without_key", case=row.case_id)
        return None
    name, edition_id = json.loads(plain)
    return Awaited(name, edition_id)


def list_names(own: Hands, session: Session, *, form: str, identity: str) -> set[str]:
    """Names of the files of an entry that are here."""
    return set(_name_files(own, session, form=form, identity=identity))


def _name_files(own: Hands, session: Session, *, form: str, identity: str) -> dict[str, MediaRow]:
    """Name -> file of an entry; without those whose key is not here."""
    found = {}
    for row in list_files(session, form=form, identity=identity):
        try:
            found[open_name(row, ring=own.keys.intake)] = row
        except PimError:
            _log.warning("file_without_key", file=row.id)
    return found


@dataclass(frozen=True)
class _Found:
    """A picture whose file is here."""

    picture: UUID
    file: UUID
    name: str = field(repr=False)
    content: bytes = field(repr=False)


def develop_waiting(own: Hands, *, until: float) -> int:
    """Rebuild the pictures whose files are here, one after the other, until a moment of the monotonic clock."""
    done = 0
    while time.monotonic() < until:
        with transaction(own.sessions) as session:
            picture = find_looked_for(session)
            found = None if picture is None else _look(own, session, picture)
        if picture is None:
            break
        if found is not None:
            made = develop(found.content)  # outside of every transaction: it may take seconds
            with transaction(own.sessions) as session:
                _store(own, session, found, made.jpeg if isinstance(made, Picture) else made.value)
            done += 1
    return done


def _look(own: Hands, session: Session, picture: UUID) -> _Found | None:
    """The picture's file, if it is among those of its entry. If not, remembers how many there were: it is looked for
    again when there are others. A file that is here is looked for until its picture is stored, whoever is killed."""
    row = session.get(PictureRow, picture, with_for_update={"skip_locked": True})
    if row is None or row.name is None:
        return None
    files = _name_files(own, session, form=row.form, identity=row.identity)
    awaited = open_awaited(own, row)
    file = None if awaited is None else files.get(awaited.name)
    sealed = None if file is None else read_content(session, file.id)
    if awaited is not None and file is not None and sealed is not None:
        try:
            return _Found(row.id, file.id, awaited.name, open_content(file, sealed, ring=own.keys.intake))
        except PimError:
            _log.warning("file_without_key", file=file.id)
    row.files_seen = len(list_files(session, form=row.form, identity=row.identity))
    return None


def _store(own: Hands, session: Session, found: _Found, made: bytes | str) -> None:
    """Seal the picture or say why there is none, and destroy its file unless another case awaits it too."""
    row = session.get(PictureRow, found.picture, with_for_update=True)
    if row is not None and row.state == AWAITED:
        row.name = None
        if isinstance(made, bytes):
            row.sealed = seal_value(made, to=own.keys.cases[0].seal_key, context=picture_context(row.id))
            row.state = KEPT
            _replace_older(session, row)
        else:
            row.state, row.reason = REFUSED, made
            _log.warning("picture_refused", case=row.case_id, code=made)
        session.flush()
    others = [] if row is None else find_awaited(session, form=row.form, identity=row.identity)
    still = {one.name for one in (open_awaited(own, other) for other in others) if one is not None}
    if found.name not in still:
        shred_files(session, [found.file])


def _replace_older(session: Session, row: PictureRow) -> None:
    """An edition's picture takes the place of the one before it."""
    for other in find_pictures(session, row.case_id):
        if other.question == row.question and other.id != row.id and other.state == KEPT:
            other.state, other.sealed = SHREDDED, None
