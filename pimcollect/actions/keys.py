"""Turn the intake key over: a new pair, everything sealed anew, and at the end the old private key is removed.

Each step may be the last one before a kill: what is sealed is always sealed to a key that the workers have, and the
same command again goes on where it stopped.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from pimcollect.actions.key_marks import note_keys
from pimcollect.domain.roles import Actor, allow
from pimcollect.errors import ErrorCode, PimError
from pimcollect.key_rings import add_intake_key, remove_intake_key, seal_to
from pimcollect.tables.journal import write_journal
from pimcollect.tables.sealed import (
    SealedPlace,
    count_sealed,
    is_retired,
    replace_sealed,
    retire_key,
    take_sealed,
    wait_for_writers,
)
from pimcollect.vault import (
    DoorKeys,
    HandsKeys,
    SealKey,
    create_open_key,
    open_value,
    read_door_keys,
    read_hands_keys,
    seal_value,
)

_ONE_AT_A_TIME = 7_206_105
_WRITERS_SECONDS = 2
_LOCK_NOT_AVAILABLE = "55P03"


@dataclass(frozen=True)
class KeyFiles:
    """Where the two key files are."""

    door: Path
    hands: Path

    def read(self) -> tuple[DoorKeys, HandsKeys]:
        """Both, when they belong together and deliveries are opened here. Raises PimError."""
        door, hands = read_door_keys(self.door), read_hands_keys(self.hands)
        if door.carry is not None:
            raise PimError(
                ErrorCode.NOT_POSSIBLE_NOW,
                "This machine seals to the key of another one.",
                remedy="Rotate there, export the new key for this machine, and import it here.",
            )
        if door.intake.raw not in {key.seal_key.raw for key in hands.intake}:
            raise PimError(
                ErrorCode.BAD_KEYS,
                "What the door seals the workers cannot open.",
                remedy="Put back the two files that were made together, then rotate.",
            )
        return door, hands


@dataclass(frozen=True)
class Rotated:
    """What a rotation left: the workers' newest key, and whether the door here seals to it already."""

    key: SealKey
    is_sealing: bool


@dataclass(frozen=True)
class OldKey:
    """A key that opens what was sealed to it, and nothing is sealed to any more. `needed`: how many of what."""

    key_id: str
    made_on: date | None
    needed: dict[str, int] = field(default_factory=dict)


def rotate_intake_key(session: Session, actor: Actor, files: KeyFiles, *, only_hands: bool = False) -> Rotated:
    """A new key that the workers know first and doors seal to then. One that was begun is finished instead.

    With `only_hands` the door waits: where workers of other machines must have the file before.
    """
    allow(actor, "keys.rotate")
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
    door, hands = files.read()
    newest = hands.intake[0].seal_key
    if newest.raw == door.intake.raw:
        fresh = create_open_key()
        newest = fresh.seal_key
        write_journal(session, actor=actor.id, action="rotate", noun="keys", noun_id=newest.key_id.hex())
        session.flush()
        add_intake_key(files.hands, fresh)
    if not only_hands:
        seal_to(files.door, newest)
        note_keys(session, *files.read())
    return Rotated(newest, is_sealing=not only_hands)


def list_old_keys(session: Session, actor: Actor, keys: HandsKeys, *, sealing: SealKey) -> list[OldKey]:
    """The keys that were turned over, with what still needs them. Not: the one in use, and newer ones made ready."""
    allow(actor, "service.watch")
    ids = [key.seal_key.key_id for key in keys.intake]
    old = ids[ids.index(sealing.key_id) + 1 :] if sealing.key_id in ids else []
    counts = count_sealed(session, old)
    return [OldKey(one.hex(), keys.made_on.get(one.hex()), counts[one]) for one in old]


def seal_anew(
    session: Session, actor: Actor, place: SealedPlace, keys: HandsKeys, *, to: SealKey, after: UUID
) -> UUID | None:
    """Seal the next values of one place anew that older keys seal. Returns the last one's id; None at the end.

    What does not open (it was changed) stays as it is, and is counted as needing its key.
    """
    allow(actor, "keys.rotate")
    old = [key.seal_key.key_id for key in keys.intake if key.seal_key.key_id != to.key_id]
    rows = take_sealed(session, place, old, after=after) if old else []
    for row in rows:
        context = place.context(*(getattr(row, f"part_{number}") for number in range(len(place.parts))))
        try:
            plain = open_value(row.sealed, ring=keys.intake, context=context)
        except PimError:
            continue
        replace_sealed(session, place, row.key, seal_value(plain, to=to, context=context))
    return rows[-1].key if rows else None


def find_old_key(key_id: str, files: KeyFiles) -> bytes:
    """The id of an intake key that was turned over.

    Raises PimError(NOT_FOUND) for a key that is not here, (NOT_POSSIBLE_NOW) for one that is sealed to.
    """
    door, hands = files.read()
    found = [key.seal_key for key in hands.intake if key.seal_key.key_id.hex() == key_id.strip().lower()]
    if not found:
        raise PimError(ErrorCode.NOT_FOUND, "No key has this id here.", remedy="`pimcollect keys list` shows them.")
    if found[0].raw in (door.intake.raw, hands.intake[0].seal_key.raw):
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            "This is the key that deliveries are sealed to.",
            remedy="`pimcollect keys rotate` makes a new one first.",
        )
    return found[0].key_id


def retire_intake_key(session: Session, actor: Actor, key_id: str, files: KeyFiles) -> bytes:
    """Have the database refuse whatever is still sealed to an old key, by a door that was not told. Returns its id.

    Raises what `find_old_key` raises.
    """
    allow(actor, "keys.forget")
    found = find_old_key(key_id, files)
    if not is_retired(session, found):
        retire_key(session, found)
        write_journal(session, actor=actor.id, action="retire", noun="keys", noun_id=key_id)
    return found


def forget_intake_key(session: Session, actor: Actor, key_id: bytes, files: KeyFiles) -> None:
    """Remove an old private key for good. Raises PimError(NOT_POSSIBLE_NOW) while anything is sealed to it."""
    allow(actor, "keys.forget")
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
    if not is_retired(session, key_id):
        raise PimError(ErrorCode.NOT_POSSIBLE_NOW, "The key is not retired.", remedy="Forget it by the command.")
    try:
        wait_for_writers(session, seconds=_WRITERS_SECONDS)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            "Too much is being written just now; nothing was removed.",
            remedy="Do it again in a moment.",
        ) from error
    needed = count_sealed(session, [key_id])[key_id]
    if needed:
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            f"{say_needed(needed)} still need this key; nothing was removed.",
            remedy="Do it again in a moment. What stays was changed and opens with no key: discard it from the inbox.",
        )
    note_keys(session, *files.read())
    write_journal(session, actor=actor.id, action="forget", noun="keys", noun_id=key_id.hex())
    session.flush()
    remove_intake_key(files.hands, key_id)


def say_needed(needed: dict[str, int]) -> str:
    """`deliveries (3), files (1)`."""
    return ", ".join(f"{noun} ({count})" for noun, count in sorted(needed.items()))
