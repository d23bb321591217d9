"""Keys and sealed values: seal with a public key, open with a ring of private keys, digests that say nothing.

HPKE (RFC 9180) with X25519, HKDF-SHA256 and AES-256-GCM. A sealed value starts with the eight bytes of its key
id, so that keys rotate without a column. `context` binds a value to its row: moved to another row it fails to open.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from pimcollect.errors import ErrorCode, PimError
from pimcollect.key_files import read_key_file, replace_key_file

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_KEY_ID_BYTES = 8
_FORMAT = b"pimcollect/1|"
_VECTOR_BYTES = 12


@dataclass(frozen=True)
class SealKey:
    """A public key to seal to. `raw` is the 32 bytes of an X25519 public key."""

    raw: bytes
    key_id: bytes = field(init=False)
    public: X25519PublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key_id", hashlib.sha256(b"key id|" + self.raw).digest()[:_KEY_ID_BYTES])
        object.__setattr__(self, "public", X25519PublicKey.from_public_bytes(self.raw))


@dataclass(frozen=True)
class OpenKey:
    """A private key; repr shows its id only."""

    raw: bytes = field(repr=False)
    seal_key: SealKey = field(init=False)
    private: X25519PrivateKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        private = X25519PrivateKey.from_private_bytes(self.raw)
        object.__setattr__(self, "private", private)
        public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        object.__setattr__(self, "seal_key", SealKey(public))


def create_open_key() -> OpenKey:
    """A new private key."""
    raw = X25519PrivateKey.generate().private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    return OpenKey(raw)


def seal_value(plain: bytes, *, to: SealKey, context: str) -> bytes:
    """Seal `plain` so that only the holder of the private half of `to` can open it, and only under `context`."""
    return to.key_id + _SUITE.encrypt(plain, to.public, info=_FORMAT + context.encode())


def open_value(sealed: bytes, *, ring: tuple[OpenKey, ...], context: str) -> bytes:
    """Open what `seal_value` sealed. Raises PimError(SEAL_BROKEN): unknown key, changed bytes, other context."""
    key_id = sealed[:_KEY_ID_BYTES]
    for key in ring:
        if hmac.compare_digest(key.seal_key.key_id, key_id):
            try:
                return _SUITE.decrypt(sealed[_KEY_ID_BYTES:], key.private, info=_FORMAT + context.encode())
            except (InvalidTag, ValueError) as error:
                raise PimError(
                    ErrorCode.SEAL_BROKEN,
                    "A sealed value was changed or moved.",
                    remedy="Restore it from a backup.",
                ) from error
    raise PimError(
        ErrorCode.SEAL_BROKEN,
        "A sealed value needs a private key that is not here.",
        remedy="Put the old key back into the keys file of the workers.",
    )


def wrap_secret(plain: bytes, *, key: bytes, context: str) -> bytes:
    """Encrypt with a key of one's own, for what the same process must read again; bound to `context`."""
    vector = secrets.token_bytes(_VECTOR_BYTES)
    return vector + AESGCM(_wrapping_key(key)).encrypt(vector, plain, context.encode())


def unwrap_secret(wrapped: bytes, *, key: bytes, context: str) -> bytes:
    """Read what `wrap_secret` wrapped. Raises PimError(SEAL_BROKEN): another key, changed bytes, other context."""
    vector, sealed = wrapped[:_VECTOR_BYTES], wrapped[_VECTOR_BYTES:]
    try:
        return AESGCM(_wrapping_key(key)).decrypt(vector, sealed, context.encode())
    except (InvalidTag, ValueError) as error:
        raise PimError(
            ErrorCode.SEAL_BROKEN, "A wrapped secret was changed or moved.", remedy="Make a new secret."
        ) from error


def _wrapping_key(key: bytes) -> bytes:
    return hmac.digest(key, _FORMAT + b"wrapping", "sha256")


def keyed_digest(key: bytes, *parts: str) -> str:
    """32 hex characters of HMAC-SHA256 over the parts, each with its length, so that no two lists collide."""
    text = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
    return hmac.digest(key, text, "sha256").hex()[:32]


def hash_secret(secret: str) -> str:
    """SHA-256 of a random 256-bit secret, in hex: enough for random secrets, never for passwords."""
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(frozen=True)
class DoorKeys:
    """What the web process may hold: it can seal and recognise, it cannot open."""

    intake: SealKey
    cases: SealKey
    digest: bytes = field(repr=False)
    session: str = field(repr=False)
    password_salt: str = field(repr=False)
    carry: tuple[str, bytes] | None = field(default=None, repr=False)
    """Label and key with which files of carried deliveries are sealed, where another machine's intake key is used."""


@dataclass(frozen=True)
class HandsKeys:
    """What only workers hold. The first key of each ring is the newest."""

    intake: tuple[OpenKey, ...]
    cases: tuple[OpenKey, ...]
    pseudonyms: tuple[tuple[str, bytes], ...] = field(repr=False)
    """(epoch name, 32-byte key), newest first."""
    origin: bytes = field(repr=False)
    """Key of the digests that tell a case's referrals apart without pointing at a submission."""
    made_on: Mapping[str, date] = field(default_factory=dict)
    """Ids of intake keys -> the day on which each was made, as far as it was noted."""


def carry_key(keys: DoorKeys, label: str) -> bytes:
    """The key that seals what the machine of this label carries to us."""
    return hmac.digest(keys.digest, b"carried|" + label.encode(), "sha256")


def is_label(text: str) -> bool:
    """Whether a text may name a machine that collects for us."""
    return 0 < len(text) <= 40 and text.isascii() and text.isprintable()


def write_intake_key(keys: DoorKeys, label: str) -> dict[str, str]:
    """What another machine needs to collect for this one: a public key, and a secret that says who carries."""
    return {
        "pimcollect intake key": "1",
        "label": label,
        "intake": encode_key(keys.intake.raw),
        "carry": encode_key(carry_key(keys, label)),
    }


def _read_intake_key(document: Any) -> tuple[SealKey, str, bytes]:
    key, carry, label = SealKey(_bytes_of(document["intake"])), _bytes_of(document["carry"]), str(document["label"])
    if document["pimcollect intake key"] != "1" or len(carry) != 32 or not is_label(label):
        raise ValueError("no intake key")
    return key, label, carry


def import_intake_key(document: object, door_path: Path, *, told_id: str) -> SealKey:
    """From now on seal to another machine's intake key: only its workers can open what arrives here.

    `told_id` is the key's id as its owners told it another way: a key that somebody slipped in would send everything
    to a stranger. Raises PimError(BAD_FILE) for a document that `write_intake_key` did not write, (BAD_KEYS) for an id
    that is another's.
    """
    try:
        key, label, carry = _read_intake_key(document)
    except (KeyError, TypeError, ValueError) as error:
        raise PimError(
            ErrorCode.BAD_FILE,
            "This is no file of an intake key.",
            remedy="Write it on the other machine: `pimcollect keys export-intake`.",
        ) from error
    if not hmac.compare_digest(key.key_id.hex().encode(), told_id.strip().lower().encode("utf-8", "replace")):
        raise PimError(
            ErrorCode.BAD_KEYS,
            "The file holds another key than the one that you were told.",
            remedy="Have the file written again, and do not use this one.",
        )
    content = read_key_file(door_path)
    content |= {"intake": encode_key(key.raw), "carry": {"label": label, "key": encode_key(carry)}}
    replace_key_file(door_path, content)
    return key


def make_metrics_token(keys: DoorKeys) -> str:
    """What Prometheus sends as a Bearer token to read the counts through a proxy."""
    return keyed_digest(keys.digest, "metrics")


def encode_key(raw: bytes) -> str:
    """As it stands in a key file."""
    return base64.b64encode(raw).decode()


def _read_days(noted: object) -> dict[str, date]:
    found = noted if isinstance(noted, dict) else {}
    return {str(key): date.fromisoformat(str(day)) for key, day in found.items()}


def _bytes_of(value: object) -> bytes:
    return base64.b64decode(str(value), validate=True)


def read_door_keys(path: Path) -> DoorKeys:
    """Read the web process's keys. Raises PimError(BAD_KEYS)."""
    content = read_key_file(path)
    try:
        carry = content.get("carry")
        return DoorKeys(
            intake=SealKey(_bytes_of(content["intake"])),
            cases=SealKey(_bytes_of(content["cases"])),
            digest=_bytes_of(content["digest"]),
            session=str(content["session"]),
            password_salt=str(content["password_salt"]),
            carry=(str(carry["label"]), _bytes_of(carry["key"])) if isinstance(carry, dict) else None,
        )
    except (KeyError, ValueError) as error:
        raise PimError(ErrorCode.BAD_KEYS, f"The keys file {path.name} is incomplete.") from error


def read_hands_keys(path: Path) -> HandsKeys:
    """Read the workers' keys. Raises PimError(BAD_KEYS)."""
    content = read_key_file(path)
    try:
        intake, cases, pseudonyms = content["intake"], content["cases"], content["pseudonyms"]
        if not (isinstance(intake, list) and isinstance(cases, list) and isinstance(pseudonyms, list)):
            raise PimError(ErrorCode.BAD_KEYS, f"The keys file {path.name} is not as expected.")
        return HandsKeys(
            intake=tuple(OpenKey(_bytes_of(raw)) for raw in intake),
            cases=tuple(OpenKey(_bytes_of(raw)) for raw in cases),
            pseudonyms=tuple((str(one["epoch"]), _bytes_of(one["key"])) for one in pseudonyms),
            origin=_bytes_of(content["origin"]),
            made_on=_read_days(content.get("intake_made")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise PimError(ErrorCode.BAD_KEYS, f"The keys file {path.name} is incomplete.") from error
