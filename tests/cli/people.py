"""Members of every role, for commands that act --by somebody, and what a command refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session, sessionmaker

from pimcollect.errors import PimError
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


def refused(run: Callable[..., Any], *words: str) -> PimError:
    """The error with which a command is refused; it always says what to do."""
    with pytest.raises(PimError) as caught:
        run(*words)
    assert caught.value.remedy
    return caught.value
