"""Whether the two key files are those that this database has been used with: others open nothing in it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.orm import Session

from pimcollect.domain.roles import Actor, allow
from pimcollect.errors import ErrorCode, PimError
from pimcollect.key_rings import renew_keys
from pimcollect.tables.journal import write_journal
from pimcollect.tables.key_marks import find_marks, forget_marks, holds_data, put_marks
from pimcollect.vault import DoorKeys, HandsKeys, keyed_digest, read_door_keys, read_hands_keys

LOST = "--old-keys-are-lost"
RESTORE = (
    "Restore both files from the backup of your keys, then start again. "
    f"Only if there is no copy anywhere: `pimcollect keys create {LOST}`; "
    "docs/operators/keys.md says what is lost then."
)
_INTAKE, _CASES = "intake", "cases"


def read_fitting_keys(door_path: Path, hands_path: Path) -> tuple[DoorKeys, HandsKeys]:
    """Both key files. Raises PimError(BAD_KEYS) when one is missing, or when they were not made together."""
    door, hands = read_door_keys(door_path), read_hands_keys(hands_path)
    if not are_pairs(door, hands):
        raise PimError(ErrorCode.BAD_KEYS, "What the door seals the workers cannot open.", remedy=RESTORE)
    return door, hands


def are_pairs(door: DoorKeys, hands: HandsKeys) -> bool:
    """Whether what the door seals opens here; deliveries not, where they are sealed for another machine."""
    opens_cases = door.cases.raw in {key.seal_key.raw for key in hands.cases}
    return opens_cases and (door.carry is not None or door.intake.raw in {key.seal_key.raw for key in hands.intake})


def check_marks(session: Session, door: DoorKeys, hands: HandsKeys) -> None:
    """Raises PimError(BAD_KEYS) when the database has been used with other keys than these."""
    noted = find_marks(session)
    rings = {
        _INTAKE: {key.seal_key.key_id.hex() for key in hands.intake},
        _CASES: {key.seal_key.key_id.hex() for key in hands.cases},
    }
    known = {name: {mark} for name, mark in _mark_lasting(door, hands).items()} | rings
    other = sorted(name for name, mark in noted.items() if mark not in known.get(name, {mark}))
    if other:
        raise PimError(
            ErrorCode.BAD_KEYS,
            f"The keys files are not those that this database has been used with: other {', '.join(other)}.",
            remedy=RESTORE,
        )


def note_keys(session: Session, door: DoorKeys, hands: HandsKeys) -> None:
    """From now on the database is known to be used with these keys."""
    noted, marks = find_marks(session), _mark_lasting(door, hands) | {_CASES: door.cases.key_id.hex()}
    if door.carry is None:
        marks[_INTAKE] = door.intake.key_id.hex()
    put_marks(session, {name: mark for name, mark in marks.items() if noted.get(name) != mark})


def _mark_lasting(door: DoorKeys, hands: HandsKeys) -> dict[str, str]:
    """Marks of the keys that never turn over; of pseudonyms' keys the first one stays."""
    lasting = {
        "digests": door.digest,
        "passwords": door.password_salt.encode(),
        "origin": hands.origin,
        "pseudonyms": hands.pseudonyms[-1][1],
    }
    return {name: keyed_digest(key, "mark", name) for name, key in lasting.items()}


def refuse_new_keys(session: Session) -> None:
    """Raises PimError(BAD_KEYS) when there is data that the keys of before belong to: new ones would open nothing."""
    if holds_data(session):
        raise PimError(
            ErrorCode.BAD_KEYS, "The keys files are missing, and this installation holds data.", remedy=RESTORE
        )


def start_anew(session: Session, actor: Actor, *, door: Path, hands: Path) -> list[str]:
    """Go on without keys that are lost: make what is missing, keep what is there, forget what was noted.

    Returns the names of the files that were made. Raises PimError(BAD_KEYS) when both files are there and do not fit.
    """
    allow(actor, "keys.renew")
    made = [path.name for path in (door, hands) if not path.exists()]
    forget_marks(session)
    write_journal(session, actor=actor.id, action="renew", noun="keys", noun_id=" ".join(made))
    session.flush()
    renew_keys(door, hands)
    read_fitting_keys(door, hands)
    return made
