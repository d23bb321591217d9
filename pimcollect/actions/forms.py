"""Keep a frozen version of a form, built from the bank or adopted."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy.orm import Session

from pimcollect.domain.entities import is_property_name
from pimcollect.domain.roles import Actor, allow
from pimcollect.domain.version import Version, hash_version, write_version
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.entities import put_list
from pimcollect.tables.form_files import find_form_files, store_form_files
from pimcollect.tables.forms import FormVersionRow, find_newest_version, store_version
from pimcollect.tables.journal import write_journal

_ORIGINS = {"bank": "built from the bank", "adopted": "made elsewhere and adopted"}


def keep_version(
    session: Session,
    actor: Actor,
    *,
    version: Version,
    xlsx: bytes,
    xform: str,
    files: Mapping[str, bytes] | None = None,
) -> FormVersionRow:
    """Store a frozen version as the newest of its form, with its files; the same one again is the same row."""
    verb = "adopt" if version.origin == "adopted" else "build"
    allow(actor, f"forms.{verb}")
    known = find_newest_version(session, version.form)
    if known is not None and known.document["origin"] != version.origin:
        raise PimError(
            ErrorCode.BAD_FORM,
            f"There is a form {version.form} already, and it was {_ORIGINS[known.document['origin']]}.",
            remedy="Give this one another id with --form ID.",
        )
    row = store_version(
        session,
        form=version.form,
        title=version.title,
        version=version.version,
        sha256=hash_version(version),
        document=json.loads(write_version(version)),
        xlsx=xlsx,
        xform=xform,
    )
    if version.files and not find_form_files(session, row.id):
        store_form_files(session, row.id, version.files, files or {})
    _put_lists(session, version, files or {})
    write_journal(session, actor=actor.id, action=verb, noun="forms", noun_id=f"{version.form} {version.version}")
    return row


def _put_lists(session: Session, version: Version, files: Mapping[str, bytes]) -> None:
    """The entity lists that it fills or reads, so that phones find their columns before the first row."""
    columns = {one.list: set(one.properties) for one in version.entities}
    for file in version.files:
        if file.is_entity_list:
            head = files.get(file.name, b"").decode("utf-8", "replace").partition("\n")[0].split(",")
            columns.setdefault(file.name.removesuffix(".csv"), set()).update(filter(is_property_name, head))
    for name in sorted(columns):
        put_list(session, name, columns[name])
