"""What came to each door, told to its row every few seconds: a sign of life for pages, never on a delivery's way."""

from __future__ import annotations

import threading
import time
from collections import Counter
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from pimcollect.log import open_log
from pimcollect.tables.marks import (
    HOOKS,
    PHONES,
    PhoneRefusal,
    Refusal,
    mark_hook_refusals,
    mark_hooks,
    mark_phone_refusals,
    mark_phones,
    mark_refusals,
)

_EVERY_SECONDS = 2.0
_log = open_log("door")


class Marks:
    """Counts in memory, written by a thread of their own. A process that is killed loses the last two seconds.

    There is a count for each hook and phone that is known (and for each reason of theirs), and one for each door and
    reason: strangers make none.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._hooks: Counter[UUID] = Counter()
        self._phones: Counter[UUID] = Counter()
        self._refusals: Counter[tuple[str, str]] = Counter()
        self._refused_hooks: Counter[tuple[UUID, str]] = Counter()
        self._refused_phones: Counter[tuple[UUID, str]] = Counter()
        self._writer: threading.Thread | None = None

    def note(self, hook: UUID) -> None:
        """A delivery that this hook brought. Never waits for the database."""
        with self._lock:
            self._hooks[hook] += 1
            self._start()

    def note_phone(self, phone: UUID) -> None:
        """A delivery that this phone sent."""
        with self._lock:
            self._phones[phone] += 1
            self._start()

    def note_refusal(self, reason: Refusal, hook: UUID | None) -> None:
        """A call that was refused; `hook` = the one whose address it was, None when it is nobody's."""
        with self._lock:
            self._refusals[HOOKS, reason.value] += 1
            if hook is not None:
                self._refused_hooks[hook, reason.value] += 1
            self._start()

    def note_phone_refusal(self, reason: PhoneRefusal, phone: UUID | None) -> None:
        """A phone's call that was refused; `phone` = whose name or token it was, None when it is nobody's."""
        with self._lock:
            self._refusals[PHONES, reason.value] += 1
            if phone is not None:
                self._refused_phones[phone, reason.value] += 1
            self._start()

    def _start(self) -> None:
        if self._writer is None:
            self._writer = threading.Thread(target=self._keep_writing, name="marks", daemon=True)
            self._writer.start()

    def write(self) -> bool:
        """Write what was counted; False when nothing was. What the database does not take is forgotten."""
        with self._lock:
            hooks, self._hooks = self._hooks, Counter()
            phones, self._phones = self._phones, Counter()
            refusals, self._refusals = self._refusals, Counter()
            refused_hooks, self._refused_hooks = self._refused_hooks, Counter()
            refused_phones, self._refused_phones = self._refused_phones, Counter()
        if not (hooks or phones or refusals):
            return False
        try:
            with self._engine.connect() as connection:
                connection.detach()  # closed when it is done: between two writes none is held
                with Session(connection) as session, session.begin():
                    mark_hooks(session, hooks)
                    mark_phones(session, phones)
                    mark_refusals(session, refusals)
                    mark_hook_refusals(session, refused_hooks)
                    mark_phone_refusals(session, refused_phones)
        except SQLAlchemyError as error:
            _log.warning("marks_lost", error=type(error).__name__)
        return True

    def _keep_writing(self) -> None:
        while True:
            time.sleep(_EVERY_SECONDS)
            with self._lock:
                if not (self._hooks or self._phones or self._refusals):  # the next call starts another
                    self._writer = None
                    return
            self.write()
