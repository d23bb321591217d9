"""HTTP Digest (RFC 7616, MD5 and qop=auth, the only kind that phones speak): challenges, and judging the answers.

A nonce is its time and random bytes under a key of the door: every process knows every nonce, and none is stored.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes, urlsplit

from pimcollect.domain.phones import REALM

NONCE_SECONDS = 1800
MOST_USES = 100_000
"""Of one nonce; then the phone is given another."""
_CLOCK_SLACK = 5
_RANDOM_BYTES, _MARK_BYTES = 8, 16
_PAIR = re.compile(r'\s*,?\s*([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_NEEDED = ("username", "realm", "nonce", "uri", "response", "qop", "nc", "cnonce")
_LONGEST_HEADER = 4096


@dataclass(frozen=True)
class Claim:
    """What a phone says in its Authorization header."""

    username: str
    nonce: str
    uri: str
    response: str
    count: int
    nc: str
    cnonce: str


def make_nonce(key: bytes, *, now: float | None = None) -> str:
    """A new nonce."""
    plain = int(time.time() if now is None else now).to_bytes(8, "big") + secrets.token_bytes(_RANDOM_BYTES)
    return base64.urlsafe_b64encode(plain + _mark(key, plain)).decode()


def is_ours(nonce: str, key: bytes) -> bool:
    """Whether this service made the nonce, however long ago."""
    return _made_at(nonce, key) is not None


def is_fresh(nonce: str, key: bytes, *, now: float | None = None) -> bool:
    """Whether this service made the nonce not too long ago."""
    made_at = _made_at(nonce, key)
    age = (time.time() if now is None else now) - (made_at or 0)
    return made_at is not None and -_CLOCK_SLACK <= age <= NONCE_SECONDS


def _mark(key: bytes, plain: bytes) -> bytes:
    return hmac.digest(key, b"digest nonce|" + plain, "sha256")[:_MARK_BYTES]


def _made_at(nonce: str, key: bytes) -> int | None:
    try:
        raw = base64.b64decode(nonce.encode(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    plain, mark = raw[: 8 + _RANDOM_BYTES], raw[8 + _RANDOM_BYTES :]
    if len(plain) < 8 + _RANDOM_BYTES or not hmac.compare_digest(mark, _mark(key, plain)):
        return None
    return int.from_bytes(plain[:8], "big")


def make_challenge(key: bytes, *, is_stale: bool) -> str:
    """The value of WWW-Authenticate."""
    stale = ", stale=true" if is_stale else ""
    return f'Digest realm="{REALM}", qop="auth", algorithm=MD5, nonce="{make_nonce(key)}"{stale}'


def read_claim(header: str) -> Claim | None:
    """An Authorization header of kind Digest; None when it is none, or not of the kind that was asked for."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != "digest" or len(header) > _LONGEST_HEADER:
        return None
    found: dict[str, str] = {}
    at = 0
    while pair := _PAIR.match(rest, at):
        name, quoted, plain = pair.groups()
        if name.lower() in found:
            return None
        found[name.lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
        at = pair.end()
    if rest[at:].strip() or any(name not in found for name in _NEEDED):
        return None
    kind = (found["realm"], found["qop"], found.get("algorithm", "MD5").upper())
    if kind != (REALM, "auth", "MD5") or not re.fullmatch(r"[0-9a-fA-F]{8}", found["nc"]):
        return None
    return Claim(
        username=found["username"],
        nonce=found["nonce"],
        uri=found["uri"],
        response=found["response"].lower(),
        count=int(found["nc"], 16),
        nc=found["nc"],
        cnonce=found["cnonce"],
    )


def is_right(claim: Claim, *, method: str, secret: str) -> bool:
    """Whether the response was made with the account's secret (HA1), for this method and the uri it names."""
    asked = _md5(f"{method}:{claim.uri}")
    expected = _md5(f"{secret}:{claim.nonce}:{claim.nc}:{claim.cnonce}:auth:{asked}")
    return hmac.compare_digest(expected.encode(), claim.response.encode("utf-8", "replace"))


def names_request(uri: str, *, path: str, query: bytes) -> bool:
    """Whether the uri that was signed is the one that was asked for, its query included; spellings may differ."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    return unquote_to_bytes(parts.path) == path.encode() and unquote_to_bytes(parts.query) == unquote_to_bytes(query)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
