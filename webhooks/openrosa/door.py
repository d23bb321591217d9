"""What the phones' door holds, and the forms that phones send for as it knows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from pimcollect.config import Settings
from pimcollect.doorbell import Bell
from pimcollect.tables.phones import find_form_of
from pimcollect.vault import DoorKeys
from webhooks.marks import Marks
from webhooks.openrosa.callers import Callers
from webhooks.openrosa.tries import Tries

_MOST_REMEMBERED = 1000


class Forms:
    """XForm ids -> our forms, for the forms that are open. A put checks again that the form still is."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._open: dict[str, str] = {}

    def find(self, form_id: str) -> str | None:
        """The open form with this id, from memory, else from the database."""
        if known := self._open.get(form_id):
            return known
        found = self.look_up(form_id)
        return found[0] if found is not None and found[1] else None

    def look_up(self, form_id: str) -> tuple[str, bool] | None:
        """The form with this id and whether it is open, from the database; None when phones never had it."""
        with Session(self._engine) as session:
            found = find_form_of(session, form_id)
        if found is None or not found[1]:
            self._open.pop(form_id, None)
        else:
            if len(self._open) >= _MOST_REMEMBERED:
                self._open.clear()
            self._open[form_id] = found[0]
        return found


@dataclass(frozen=True)
class PhoneDoor:
    """What the door needs; put into app.extensions["phones"]."""

    engine: Engine
    """For whatever takes more than one statement, and for reading."""
    puts: Engine
    """Of autocommit: most submissions are one statement, durable when they are answered."""
    digest: bytes = field(repr=False)
    """The key of digests, which never turns over: what is known by them must be known again."""
    read_keys: Callable[[], DoorKeys]
    """The door's keys; others as soon as the file was replaced."""
    callers: Callers
    forms: Forms
    marks: Marks
    bell: Bell
    public_url: str
    largest: int
    """Bytes of one post."""

    @property
    def keys(self) -> DoorKeys:
        """The door's keys as they are now."""
        return self.read_keys()


def open_phone_door(
    settings: Settings, read_keys: Callable[[], DoorKeys], *, engine: Engine, puts: Engine, bell: Bell
) -> PhoneDoor:
    """The door of a web process. What callers are known by stays when the intake key is another one."""
    keys = read_keys()
    tries, marks = Tries(settings.redis_url, keys.digest), Marks(engine)
    return PhoneDoor(
        engine=engine,
        puts=puts,
        digest=keys.digest,
        read_keys=read_keys,
        callers=Callers(engine, keys, tries, marks, public_url=settings.public_url),
        forms=Forms(engine),
        marks=marks,
        bell=bell,
        public_url=settings.public_url,
        largest=settings.max_body_bytes,
    )
