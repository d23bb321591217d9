"""What came to each hook, told to its row every few seconds: a sign of life for pages, never on a delivery's way."""

from __future__ import annotations

import threading
import time
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from pimcollect.log import open_log
from pimcollect.tables.forms import mark_hooks

_EVERY_SECONDS = 2.0
_log = open_log("door")


class Marks:
    """Counts in memory, written by a thread of their own. A process that is killed loses the last two seconds."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._counts: dict[UUID, tuple[int, int]] = {}
        self._writer: threading.Thread | None = None

    def note(self, hook: UUID, *, is_accepted: bool) -> None:
        """One call of this hook's address. Never waits for the database."""
        with self._lock:
            accepted, refused = self._counts.get(hook, (0, 0))
            self._counts[hook] = (accepted + is_accepted, refused + (not is_accepted))
            if self._writer is None:
                self._writer = threading.Thread(target=self._keep_writing, name="marks", daemon=True)
                self._writer.start()

    def write(self) -> bool:
        """Write what was counted; False when nothing was. What the database does not take is forgotten."""
        with self._lock:
            counts, self._counts = self._counts, {}
        if not counts:
            return False
        try:
            with self._engine.connect() as connection:
                connection.detach()  # closed when it is done: between two writes none is held
                with Session(connection) as session, session.begin():
                    mark_hooks(session, counts)
        except SQLAlchemyError as error:
            _log.warning("marks_lost", error=type(error).__name__)
        return True

    def _keep_writing(self) -> None:
        while True:
            time.sleep(_EVERY_SECONDS)
            with self._lock:
                if not self._counts:  # the next call starts another
                    self._writer = None
                    return
            self.write()
