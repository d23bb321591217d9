"""A machine in the field that collects for an office: its own database and keys, the office's intake key imported."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from pimcollect.config import Settings
from pimcollect.db import open_engine
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.key_rings import create_keys
from pimcollect.vault import DoorKeys, import_intake_key, read_door_keys, write_intake_key
from webhooks.carried import Shredded, Written, shred_accepted, write_carried


@dataclass(frozen=True)
class Machine:
    """What such a machine holds."""

    settings: Settings
    engine: Engine
    keys: DoorKeys

    def carry(self) -> tuple[bytes, Written]:
        """A new file, and what is told of it."""
        out = BytesIO()
        with Session(self.engine) as session, session.begin():
            written = write_carried(session, COMMAND_LINE, out, keys=self.keys)
        return out.getvalue(), written

    def shred(self, file: bytes, receipt: str) -> Shredded:
        """What the office has."""
        with Session(self.engine) as session, session.begin():
            return shred_accepted(session, COMMAND_LINE, BytesIO(file), receipt=receipt, keys=self.keys)


def set_up_machine(
    settings: Settings, office: DoorKeys, *, database_url: str, folder: Path, is_imported: bool = True
) -> Machine:
    """A machine whose keys lie in `folder`. Its engine is the caller's to dispose of."""
    door, hands = folder / "door.json", folder / "hands.json"
    create_keys(door, hands)
    if is_imported:
        given = json.loads(json.dumps(write_intake_key(office, "laptop-3")))
        import_intake_key(given, door, told_id=office.intake.key_id.hex())
    own = replace(settings, database_url=database_url, door_keys=door, hands_keys=hands)
    return Machine(own, open_engine(database_url), read_door_keys(door))
