"""What a carried file is: lines of JSON with a seal over all of them, written, read to the end and checked."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, BinaryIO

from pimcollect.errors import ErrorCode, PimError
from pimcollect.vault import DoorKeys, HandsKeys, carry_key

VERSION = 2
_READABLE = (1, VERSION)
"""What older versions wrote is read too: it says less of its deliveries."""
NAME = "pimcollect carried"
_LONGEST_LINE = 160 * 1024 * 1024
_OWN = "own"
"""Label of the seal's key where no intake key was imported: the machines share their key files."""


@dataclass(frozen=True)
class Checked:
    """A carried file that was found right."""

    seal: str
    label: str
    deliveries: int
    files: int


def bad_file(what: str, *, remedy: str = "Write the file again on the machine that it comes from.") -> PimError:
    """The error for a file that cannot be taken as it is: BAD_FILE."""
    return PimError(ErrorCode.BAD_FILE, f"Nothing was taken: {what}", remedy=remedy)


def to_bytes(text: object) -> bytes:
    """What stands where a code is expected, to be compared with that in constant time."""
    return str(text).encode("utf-8", "replace")


def find_seal_key(keys: DoorKeys, label: str | None = None) -> tuple[str, bytes]:
    """Label and key: what was imported with an intake key, else our own; with `label`, what we gave to that machine."""
    if label is None and keys.carry is not None:
        return keys.carry
    return label or _OWN, carry_key(keys, label or _OWN)


class Sealing:
    """Writes lines and sums them up for the seal."""

    def __init__(self, out: BinaryIO, key: bytes) -> None:
        self._out, self._sum = out, hmac.new(key, digestmod=sha256)

    def write(self, line: dict[str, Any]) -> None:
        text = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        self._sum.update(text)
        self._out.write(text)

    def end(self, **numbers: int) -> None:
        seal = self._sum.copy()
        seal.update(json.dumps(numbers, sort_keys=True).encode())
        self._out.write(json.dumps({**numbers, "seal": seal.hexdigest()}).encode() + b"\n")


def read_lines(file: BinaryIO) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Each line as it stands and what it says. Raises PimError(BAD_FILE) for one that no machine of ours writes."""
    file.seek(0)
    while line := file.readline(_LONGEST_LINE):
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise bad_file("the file is damaged, or none of ours.") from error
        if not line.endswith(b"\n") or not isinstance(found, dict):
            raise bad_file("the file is damaged, or none of ours.")
        yield line, found


def check_carried(file: BinaryIO, *, keys: DoorKeys, hands: HandsKeys) -> Checked:
    """Read a file to its end. Raises PimError(BAD_FILE) unless it is whole, unchanged and sealed to a key of ours."""
    lines = read_lines(file)
    first, header = _read_first(lines)
    label = _check_header(header, hands)
    return _check_rest(lines, hmac.new(find_seal_key(keys, label)[1], first, sha256), label)


def check_own(file: BinaryIO, *, keys: DoorKeys) -> Checked:
    """The same on the machine that wrote it, which cannot open what is in it."""
    lines = read_lines(file)
    first, _ = _read_first(lines)
    label, key = find_seal_key(keys)
    return _check_rest(lines, hmac.new(key, first, sha256), label)


_Lines = Iterator[tuple[bytes, dict[str, Any]]]


def _read_first(lines: _Lines) -> tuple[bytes, dict[str, Any]]:
    try:
        return next(lines)
    except StopIteration:
        raise bad_file("the file is empty.") from None


def _check_rest(lines: _Lines, total: hmac.HMAC, label: str) -> Checked:
    end = None
    count = {"deliveries": 0, "files": 0}
    for line, found in lines:
        if end is not None:
            raise bad_file("something stands behind its end.")
        if "seal" in found:
            end = found
        else:
            total.update(line)
            count["deliveries"] += "delivery" in found
            count["files"] += "file" in found
    if end is None:
        raise bad_file("the file is not whole; it ends in the middle.", remedy="Copy it again, or write it again.")
    numbers = {name: value for name, value in end.items() if name != "seal"}
    total.update(json.dumps(numbers, sort_keys=True).encode())
    if numbers != count or not hmac.compare_digest(total.hexdigest().encode(), to_bytes(end["seal"])):
        raise bad_file("the file was changed, or comes from a machine that did not import our intake key.")
    return Checked(total.hexdigest(), label, **count)


def _check_header(header: dict[str, Any], hands: HandsKeys) -> str:
    version, label, key = header.get(NAME), header.get("label"), header.get("key")
    if not isinstance(version, int) or not isinstance(label, str) or not (label.isascii() and label.isprintable()):
        raise bad_file("this is no file of carried deliveries.")
    if version not in _READABLE:
        raise bad_file(
            "another version of pimcollect wrote the file.", remedy="Bring both machines to the same version."
        )
    if key not in [one.seal_key.key_id.hex() for one in hands.intake]:
        raise bad_file(
            "the file is sealed to an intake key that is not on this machine.",
            remedy="Accept it on the machine whose key was imported; `pimcollect keys list` shows the keys of each. "
            "If it was this one, the key was forgotten: give the other machine the new one, and collect anew.",
        )
    return label


def group_lines(file: BinaryIO) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Each delivery with its files; those of one delivery fit into memory together."""
    delivery: dict[str, Any] | None = None
    media: list[dict[str, Any]] = []
    for _, found in read_lines(file):
        if "file" in found:
            media.append(found["file"])
            continue
        if delivery is not None:
            yield delivery, media
        delivery, media = found.get("delivery"), []
