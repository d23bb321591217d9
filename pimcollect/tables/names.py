"""What servers call our forms."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

_FORMS_NAMED = text("""
    SELECT id FROM forms WHERE id = :name
     UNION SELECT form FROM connections WHERE there = :name AND closed_at IS NULL
     UNION SELECT form FROM phone_forms WHERE form_id = :name
""")


def find_forms_named(session: Session, name: str) -> set[str]:
    """Our forms that go by this name: by our own, by that of the project at a connected server, or by their XForm's.

    Asked once for each name in a session: the deliveries of a batch mostly have the same.
    """
    known: dict[str, set[str]] = session.info.setdefault("forms_named", {})
    if name not in known:
        known[name] = set(session.scalars(_FORMS_NAMED, {"name": name}))
    return known[name]
