"""What `pimcollect doctor` knows from the running service itself: with which settings it works, and with which keys.

Not from the settings of whoever runs the command: another shell may have others.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pimcollect.actions.key_marks import check_marks
from pimcollect.cli.findings import ATTENTION, OK, Finding
from pimcollect.config import Settings
from pimcollect.doorbell import NOTICES
from pimcollect.errors import PimError
from pimcollect.tables.journal import find_beats, find_told
from pimcollect.vault import read_door_keys, read_hands_keys

_BEAT_SECONDS = 60


def tell_nothing_told() -> Finding:
    """Where no worker runs nobody knows what the service will be started with."""
    what = "mail, duty officer and public address: not known while no service runs"
    return Finding("settings", ATTENTION, what, "Start it, then look again.")


def check_told(session: Session, settings: Settings) -> Iterator[Finding]:
    """What can be left out at the start, and should not be in the field: as the workers told that run now."""
    beat, now = find_beats(session).get(NOTICES), session.scalars(select(func.clock_timestamp())).one()
    told = find_told(session)
    if not told or beat is None or (now - beat).total_seconds() > _BEAT_SECONDS:
        yield tell_nothing_told()
        return
    where = "for the service, and start it again"
    if told.get("has_mail"):
        yield Finding("mail", OK, "a mail server is set")
    else:
        yield Finding("mail", ATTENTION, "no mail server: notices wait", f"Set PIMCOLLECT_SMTP_URL {where}.")
    if told.get("has_duty_officer"):
        yield Finding("duty officer", OK, "is set")
    else:
        remedy = f"Set PIMCOLLECT_DUTY_EMAIL {where}: who is told when no service serves a case."
        yield Finding("duty officer", ATTENTION, "nobody is told of cases without a service", remedy)
    address = str(told.get("address") or "")
    if not address.startswith("https://"):
        remedy = f"Set PIMCOLLECT_URL to the public https address {where}: it stands in hooks and notices."
        yield Finding("address", ATTENTION, "no public https address", remedy)
    elif settings.public_url not in ("", address):
        detail = f"the service says {address}, and commands of this shell another one"
        yield Finding(
            "address", ATTENTION, detail, "Set the same PIMCOLLECT_URL here: hooks and codes are printed with it."
        )
    else:
        yield Finding("address", OK, address)


def check_key_marks(session: Session, settings: Settings) -> Iterator[Finding]:
    """Whether the keys files are those that the database has been used with."""
    try:
        door, hands = read_door_keys(settings.door_keys), read_hands_keys(settings.hands_keys)
    except PimError:
        return  # said by check_keys
    try:
        check_marks(session, door, hands)
    except PimError as error:
        yield Finding("keys", ATTENTION, error.message, error.remedy, stops=True)
