"""A household form on a real database, with practice places and services, a door in front and hands behind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from forms.bank import read_starter
from forms.current import read_current
from forms.places import read_starter_places
from forms.release import Frozen, build_form
from forms.services import read_starter_services
from pimcollect.actions.catalogue import import_places, import_services
from pimcollect.actions.forms import keep_version
from pimcollect.config import Settings
from pimcollect.domain.answers import flatten
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.domain.version import TEST
from pimcollect.vault import read_door_keys
from tests.factories.door import OpenDoor, open_door
from tests.payloads import HERE
from workers.hands import Hands, open_hands
from workers.settle import settle_waiting

SCENARIOS = json.loads((HERE / "scenarios.json").read_text())


@cache
def freeze(form: str = "hh") -> Frozen:
    """A form of the starter bank, frozen; `hh_test` is the field test of `hh`."""
    kind, is_test = form.removesuffix(TEST), form.endswith(TEST)
    return build_form(read_starter(), kind, places=read_starter_places(), is_field_test=is_test)


def write_kobo(
    answers: Mapping[str, Any], *, frozen: Frozen, root: str | None = None, edition: str | None = None, **more: Any
) -> tuple[bytes, str]:
    """The JSON that Kobo would push for answers by question key; returns it with its root id."""
    root = root or str(uuid4())
    edition = edition or root
    body = {
        **flatten(answers, frozen.version),
        "pim_catalogue_version": frozen.version.version,
        "meta/instanceID": f"uuid:{edition}",
        "meta/rootUuid": f"uuid:{root}",
        "_uuid": edition,
        "_id": 7,
        "_xform_id_string": "aHouseholdAssetUid0000",
        "__version__": "vHousehold",
        "_submission_time": "2026-11-20T10:00:00",
        "_submitted_by": "enum1",
        "_attachments": [],
        "_geolocation": [None, None],
        "_status": "submitted_via_web",
        "_validation_status": {},
        **more,
    }
    return json.dumps(body).encode(), root


@dataclass(frozen=True)
class Household:
    """Post answers at the front, settle at the back."""

    frozen: Frozen
    door: OpenDoor
    hands: Hands

    def post(self, answers: Mapping[str, Any], **more: Any) -> str:
        """Post one submission; returns its root id."""
        body, root = write_kobo(answers, frozen=self.frozen, **more)
        answer = self.door.post(body)
        assert answer.status_code == 202
        return root

    def settle(self) -> int:
        """Settle all that waits."""
        return settle_waiting(self.hands)


def open_household(settings: Settings, engine: Engine, *, form: str = "hh") -> Household:
    """The form, its directory, a hook and the workers' hands."""
    frozen = freeze(form)
    with Session(engine) as session, session.begin():
        import_places(session, COMMAND_LINE, read_starter_places())
        keep_version(session, COMMAND_LINE, version=frozen.version, xlsx=frozen.xlsx, xform=frozen.xform)
        session.flush()
        listed = read_starter_services(read_current(session).codes)
        import_services(
            session,
            COMMAND_LINE,
            services=listed.services,
            rules=listed.rules,
            cases_key=read_door_keys(settings.door_keys).cases,
        )
    return Household(frozen, open_door(settings, engine, form=form), open_hands(settings))
