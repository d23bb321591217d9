"""Key files: read only when nobody else can, written as a whole, and read again when they were replaced."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from pimcollect.errors import ErrorCode, PimError

Keys = TypeVar("Keys")


def read_key_file(path: Path) -> dict[str, object]:
    """Its JSON object. Raises PimError(BAD_KEYS) when it is missing, open to others or none."""
    try:
        mode = path.stat().st_mode
        content = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise PimError(
            ErrorCode.BAD_KEYS,
            f"The keys file {path.name} is missing.",
            remedy="Restore it from the backup of your keys; a new one opens nothing old. "
            "Only a new installation makes keys, both files at once: `pimcollect keys create`.",
        ) from error
    except (OSError, ValueError) as error:
        raise PimError(ErrorCode.BAD_KEYS, f"The keys file {path.name} cannot be read.") from error
    if stat.S_IMODE(mode) & 0o077:
        raise PimError(
            ErrorCode.BAD_KEYS,
            f"Others can read the keys file {path.name}.",
            remedy=f"Run chmod 600 {path.name}.",
        )
    if not isinstance(content, dict):
        raise PimError(ErrorCode.BAD_KEYS, f"The keys file {path.name} is not a JSON object.")
    return content


def make_key_file(path: Path, content: Mapping[str, object]) -> None:
    """A new one, 0600 in a 0700 folder. Raises PimError(BAD_KEYS) rather than overwrite one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        _write(path, content, os.O_EXCL)
    except FileExistsError as error:
        raise PimError(
            ErrorCode.BAD_KEYS,
            f"{path.name} exists already.",
            remedy="Keep it: without it nothing opens.",
        ) from error


def replace_key_file(path: Path, content: Mapping[str, object]) -> None:
    """Another content: a reader, and whoever comes after a kill or a power cut, finds the old one or the new one."""
    fresh = path.with_suffix(".new")
    _write(fresh, content, os.O_TRUNC)
    found = path.stat()
    if os.geteuid() == 0:  # the account that reads it is not always the one that runs the command
        os.chown(fresh, found.st_uid, found.st_gid)
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write(path: Path, content: Mapping[str, object], how: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | how, 0o600), "w") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())


def follow_key_file(path: Path, read: Callable[[Path], Keys]) -> Callable[[], Keys]:
    """A function that gives the file's keys, and others as soon as the file was replaced by another one.

    While the file is away, or is not as it should be, the keys before it stay: `pimcollect doctor` says so.
    Raises PimError(BAD_KEYS) at once when it cannot be read at all.
    """
    seen, keys = _look(path), read(path)

    def follow() -> Keys:
        nonlocal seen, keys
        now = _look(path)
        if now is not None and now != seen:
            seen = now
            try:
                keys = read(path)
            except PimError:  # looked at again when it changes
                return keys
        return keys

    return follow


def _look(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
