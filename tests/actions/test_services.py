"""Services are imported whole or not at all; those for practice go when it is serious."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from forms import starter
from forms.current import read_current
from forms.places import read_starter_places
from forms.services import read_services
from pimcollect.actions.catalogue import (
    import_places,
    import_services,
    remove_practice_places,
    remove_practice_services,
)
from pimcollect.actions.members import create_member
from pimcollect.domain.roles import COMMAND_LINE, Role
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.catalogue import PathwayRuleRow, ServiceRow, find_services
from pimcollect.vault import DoorKeys


def test_services_for_areas_that_are_not_here_yet_are_refused_with_what_to_do(
    sessions: sessionmaker[Session], door_keys: DoorKeys
) -> None:
    with sessions() as session:
        directory = read_services(starter.read_bytes("services.json"), read_current(session).codes)
        with pytest.raises(PimError, match="no places") as refused:
            import_services(
                session,
                COMMAND_LINE,
                services=directory.services,
                rules=directory.rules,
                cases_key=door_keys.cases,
            )
        assert refused.value.code is ErrorCode.NOT_POSSIBLE_NOW
        assert "places import" in (refused.value.remedy or "")
        assert find_services(session) == []


def test_practice_services_go_and_what_a_member_still_belongs_to_is_suspended(
    sessions: sessionmaker[Session], door_keys: DoorKeys
) -> None:
    with sessions.begin() as session:
        import_places(session, COMMAND_LINE, read_starter_places())
        directory = read_services(starter.read_bytes("services.json"), read_current(session).codes)
        import_services(
            session, COMMAND_LINE, services=directory.services, rules=directory.rules, cases_key=door_keys.cases
        )
        session.add(ServiceRow(code="ours", title="Ours", organisation="Ours", contact_sealed=b"-"))
        session.flush()
        session.add(PathwayRuleRow(pathway="RP-SAFE", service="ours", sex="female"))
        create_member(
            session,
            COMMAND_LINE,
            mail="amal@relief.org",
            name="Amal",
            roles=[Role.MONITOR],
            service="safe-house",
            salt=door_keys.password_salt,
        )
    with sessions.begin() as session:
        assert remove_practice_places(session, COMMAND_LINE, frozenset({"XX010101"}))[1] <= 1
        gone, left = remove_practice_services(session, COMMAND_LINE)
    assert (len(gone), left) == (27, ["safe-house"])
    with sessions() as session:
        assert {one.code: one.is_suspended for one in find_services(session)} == {"ours": False, "safe-house": True}
        assert [one.service for one in session.scalars(select(PathwayRuleRow))] == ["ours"]
