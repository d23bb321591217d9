"""The two key files as they are made, and as the intake key in them turns over."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path

from pimcollect.errors import ErrorCode, PimError
from pimcollect.key_files import make_key_file, read_key_file, replace_key_file
from pimcollect.vault import OpenKey, SealKey, create_open_key, encode_key, open_value, read_hands_keys, seal_value


def _new_hands() -> dict[str, object]:
    intake = create_open_key()
    return {
        "intake": [encode_key(intake.raw)],
        "intake_made": {intake.seal_key.key_id.hex(): _today()},
        "cases": [encode_key(create_open_key().raw)],
        "pseudonyms": [{"epoch": "k1", "key": encode_key(secrets.token_bytes(32))}],
        "origin": encode_key(secrets.token_bytes(32)),
    }


def _new_door() -> dict[str, object]:
    return {
        "digest": encode_key(secrets.token_bytes(32)),
        "session": secrets.token_urlsafe(32),
        "password_salt": secrets.token_urlsafe(24),
    }


def create_keys(door_path: Path, hands_path: Path) -> None:
    """Write both key files, new and random; each is made 0600 in a 0700 folder.

    Raises PimError(BAD_KEYS) when one of them is there: a new half would not fit it.
    """
    there = [path.name for path in (door_path, hands_path) if path.exists()]
    if there:
        raise PimError(
            ErrorCode.BAD_KEYS,
            f"{' and '.join(there)} exist{'s' if len(there) == 1 else ''} already; nothing was made.",
            remedy="Keep what is there; if the other file is missing, restore it from the backup of your keys."
            if len(there) == 1
            else "Keep them: without them nothing opens.",
        )
    renew_keys(door_path, hands_path)


def renew_keys(door_path: Path, hands_path: Path) -> None:
    """Make the key files that are missing. A new door's file seals to the workers' keys that are here; new workers'
    keys are sealed to from now on, and all else that the door had stays."""
    has_door, has_hands = door_path.exists(), hands_path.exists()
    if not has_hands:
        make_key_file(hands_path, _new_hands())
    hands = read_hands_keys(hands_path)
    sealing = {"intake": encode_key(hands.intake[0].seal_key.raw), "cases": encode_key(hands.cases[0].seal_key.raw)}
    if not has_door:
        make_key_file(door_path, {**sealing, **_new_door()})
    elif not has_hands:
        found = read_key_file(door_path)
        replace_key_file(
            door_path, {**found, **sealing} if "carry" not in found else {**found, "cases": sealing["cases"]}
        )


def add_intake_key(hands_path: Path, fresh: OpenKey) -> None:
    """Put a new private intake key before those that the workers have. It is read again and tried: only then may
    anything be sealed to it."""
    content = read_key_file(hands_path)
    ring, made = content["intake"], content.get("intake_made")
    if not isinstance(ring, list):
        raise PimError(ErrorCode.BAD_KEYS, f"The keys file {hands_path.name} is not as expected.")
    noted = made if isinstance(made, dict) else {}
    content["intake"] = [encode_key(fresh.raw), *ring]
    content["intake_made"] = {**noted, fresh.seal_key.key_id.hex(): _today()}
    replace_key_file(hands_path, content)
    probe = seal_value(b"probe", to=fresh.seal_key, context="probe")
    open_value(probe, ring=read_hands_keys(hands_path).intake[:1], context="probe")


def seal_to(door_path: Path, key: SealKey) -> None:
    """From now on doors that read this file seal to this key."""
    replace_key_file(door_path, {**read_key_file(door_path), "intake": encode_key(key.raw)})


def remove_intake_key(hands_path: Path, key_id: bytes) -> None:
    """Take a private intake key out of the workers' ring: what is sealed to it never opens again."""
    content = read_key_file(hands_path)
    kept = [key for key in read_hands_keys(hands_path).intake if key.seal_key.key_id != key_id]
    made = content.get("intake_made")
    left = {key.seal_key.key_id.hex() for key in kept}
    content["intake"] = [encode_key(key.raw) for key in kept]
    content["intake_made"] = {one: on for one, on in made.items() if one in left} if isinstance(made, dict) else {}
    replace_key_file(hands_path, content)


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
