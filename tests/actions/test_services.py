"""Services are imported whole or not at all."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session, sessionmaker

from forms import starter
from forms.current import read_current
from forms.services import read_services
from pimcollect.actions.catalogue import import_services
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.catalogue import find_services
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
