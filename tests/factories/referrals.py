"""Referrals on a real database: services with sealed contacts, cases with canaries inside, notices to send."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from pimcollect.config import Settings
from pimcollect.domain.roles import Actor, Role
from pimcollect.tables.catalogue import ServiceRow
from pimcollect.tables.forms import FormRow
from pimcollect.tables.members import MemberRoleRow, MemberRow
from pimcollect.tables.pictures import PictureRow, picture_context
from pimcollect.tables.referrals import CaseRow, MoveRow, NoticeRow, ReferralRow
from pimcollect.vault import seal_value
from tests.factories.pictures import draw, write
from workers.hands import Hands, open_hands

CANARY = {"ref_name": "Canaria Qartaji", "ref_phone": "+21655512399", "narrative": "burnt-orange house by the well"}
"""What must never be anywhere but in an opened case."""
PUBLIC_URL = "https://pim.example.org"


class Desk:
    """Makes what following up needs."""

    def __init__(self, settings: Settings, **changes: Any) -> None:
        self.hands: Hands = open_hands(replace(settings, public_url=PUBLIC_URL, **changes))

    def change(self, **changes: Any) -> None:
        """Other settings for the same hands, as after a restart."""
        self.hands.settings = replace(self.hands.settings, **changes)

    def service(self, code: str = "SAFE-NORTH", *, mail: str | None = "focal@service.example.org") -> str:
        """A service, with the address of its focal point sealed."""
        contact = json.dumps({} if mail is None else {"mail": mail}).encode()
        sealed = seal_value(contact, to=self.hands.keys.cases[0].seal_key, context=f"service|{code}")
        with self.hands.sessions.begin() as session:
            session.merge(ServiceRow(code=code, title="Practice", organisation="Practice", contact_sealed=sealed))
        return code

    def member(self, service: str | None = "SAFE-NORTH", *, roles: tuple[Role, ...] = (Role.MONITOR,)) -> Actor:
        """A member with an account, as an actor."""
        row = MemberRow(
            id=uuid4(),
            mail=f"{uuid4().hex[:8]}@example.org",
            name="Practice",
            password_hash="-",
            login_id=uuid4().hex,
            service=service,
            role_rows=[MemberRoleRow(role=role.value) for role in roles],
        )
        with self.hands.sessions.begin() as session:
            session.add(row)
        return Actor(str(row.id), frozenset(roles), service)

    def pictures(self, referral: ReferralRow, *states: str) -> None:
        """Pictures of its case, one in each of these states."""
        jpeg = write(draw(1600, 900))
        with self.hands.sessions.begin() as session:
            for state in states:
                picture = uuid4()
                sealed = seal_value(jpeg, to=self.hands.keys.cases[0].seal_key, context=picture_context(picture))
                session.add(
                    PictureRow(
                        id=picture,
                        case_id=referral.case_id,
                        question="paper",
                        form="hh",
                        identity="-",
                        state=state,
                        name=b"sealed" if state == "awaited" else None,
                        reason="damaged" if state == "refused" else None,
                        sealed=sealed if state == "kept" else None,
                    )
                )

    def referral(
        self,
        service: str | None = "SAFE-NORTH",
        *,
        urgency: str = "U",
        state: str | None = None,
        course: str = "referral",
        pathway: str = "RP-SAFE",
        kinds: tuple[str, ...] = ("new",),
        accepted_by: str | None = None,
    ) -> ReferralRow:
        """A referral with its first move, its case (when it is one of a person) and its notices."""
        case_id = uuid4() if course == "referral" else None
        became = state or ("waiting" if service else "no_service")
        row = ReferralRow(
            id=uuid4(),
            reference=f"R-{uuid4().hex[:8].upper()}",
            origin=uuid4().hex,
            form="hh",
            course=course,
            pathway=pathway,
            urgency=urgency,
            state=became,
            service=service,
            case_id=case_id,
            place="XX0101",
            due_at=datetime.now(UTC).replace(microsecond=0) + timedelta(hours=24),
            accepted_by=None if accepted_by is None else UUID(accepted_by),
            digest="-",
        )
        with self.hands.sessions.begin() as session:
            session.merge(FormRow(id="hh", title="Household"))
            if case_id is not None:
                session.add(self._case(case_id))
                session.flush()
            session.add(row)
            session.flush()
            session.add(MoveRow(referral=row.id, was=None, became=became, by="workers"))
            session.add_all(NoticeRow(referral=row.id, kind=kind) for kind in kinds)
        return row

    def _case(self, case_id: UUID) -> CaseRow:
        plain = json.dumps(CANARY, sort_keys=True).encode()
        sealed = seal_value(plain, to=self.hands.keys.cases[0].seal_key, context=f"case|{case_id}")
        return CaseRow(id=case_id, sealed=sealed, shred_after=datetime.now(UTC) + timedelta(days=30))

    def read(self, table: type[Any], /, **where: Any) -> Any:
        """The one row of a table with these values, read fresh."""
        with self.hands.sessions() as session:
            return _query(session, table, where).one()

    def read_all(self, table: type[Any], /, **where: Any) -> list[Any]:
        """All rows of a table with these values, read fresh."""
        with self.hands.sessions() as session:
            return list(_query(session, table, where).all())

    def run(self, statement: Any) -> None:
        """One statement, committed."""
        with self.hands.sessions.begin() as session:
            session.execute(statement)

    def make_due(self) -> None:
        """Let all pauses and leases be over."""
        self.run(update(NoticeRow).values(next_at=func.clock_timestamp(), lease_until=None))


def _query(session: Session, table: type[Any], where: dict[str, Any]) -> Any:
    return session.scalars(select(table).filter_by(**where))
