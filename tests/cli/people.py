"""Members of every role, for commands that act --by somebody."""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy.orm import Session, sessionmaker

from pimcollect.tables.catalogue import ServiceRow
from pimcollect.tables.members import MemberRoleRow, MemberRow

PEOPLE = {
    "amina": ("imo",),
    "bilal": ("imo",),
    "chen": ("monitor",),
    "dana": ("dpo",),
    "eva": ("enumerator",),
    "both": ("imo", "monitor"),
}


def mail(name: str) -> str:
    """The address of one of them."""
    return f"{name}@example.org"


def settle_people(sessions: sessionmaker[Session]) -> None:
    """Give all of them an account."""
    with sessions.begin() as session:
        session.add(ServiceRow(code="PRACTICE", title="Practice", organisation="Practice", contact_sealed=b"-"))
        session.flush()
        for name, roles in PEOPLE.items():
            session.add(
                MemberRow(
                    id=uuid4(),
                    mail=mail(name),
                    name=name.title(),
                    password_hash="-",
                    login_id=uuid4().hex,
                    service="PRACTICE" if "monitor" in roles else None,
                    role_rows=[MemberRoleRow(role=role) for role in roles],
                )
            )
