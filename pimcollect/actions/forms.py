"""Keep a frozen version of a form, built from the bank or adopted."""

from __future__ import annotations

import json

from sqlalchemy.orm import Session

from pimcollect.domain.roles import Actor, allow
from pimcollect.domain.version import Version, hash_version, write_version
from pimcollect.tables.forms import FormVersionRow, store_version
from pimcollect.tables.journal import write_journal


def keep_version(session: Session, actor: Actor, *, version: Version, xlsx: bytes, xform: str) -> FormVersionRow:
    """Store a frozen version as the newest of its form; the same one again is the same row."""
    verb = "adopt" if version.origin == "adopted" else "build"
    allow(actor, f"forms.{verb}")
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
    write_journal(session, actor=actor.id, action=verb, noun="forms", noun_id=f"{version.form} {version.version}")
    return row
