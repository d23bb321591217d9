"""The home folder: who may use it, where the sockets and passwords of its servers are, and what runs in it now.

A home belongs to one process at a time: an exclusive lock on `HOME/lock`, which the kernel frees even after kill -9.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode

from pimcollect.binaries import PostgresPrograms, Quarters, choose_quarters, find_postgres
from pimcollect.errors import ErrorCode, PimError
from pimcollect.launch import SAME_USER

_LONGEST_SOCKET_PATH = 100
"""The kernel takes 107 bytes; PostgreSQL's name for its socket is part of them."""
NAME_HOME = "Say where it is: --home DIR, or PIMCOLLECT_HOME=DIR (after `make run`: .pimcollect)."
_LOOKS, _LOOK_SECONDS = 10, 0.05
ADMIN, OWNER, DATABASE = "pim_admin", "pimcollect", "pimcollect"
"""The role that may make databases, the role and the database that the service works with."""


@dataclass(frozen=True)
class Place:
    """Where the two servers of one home live."""

    home: Path
    quarters: Quarters
    sockets: Path
    passwords: dict[str, str] = field(repr=False)
    is_durable: bool = True
    """False only in tests: faster, and forgets everything in a power cut."""

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.quarters.state / "postgres"

    @property
    def queue_socket(self) -> Path:
        """Valkey's socket."""
        return self.sockets / "valkey.sock"

    @property
    def redis_url(self) -> str:
        """How to reach Valkey."""
        return f"unix://{quote(str(self.queue_socket))}"

    def database_url(self, *, role: str = OWNER, database: str = DATABASE) -> str:
        """How to reach PostgreSQL as `role`."""
        password = quote(self.passwords[role], safe="")
        return f"postgresql://{role}:{password}@/{database}?{urlencode({'host': str(self.sockets)})}"

    @property
    def admin_url(self) -> str:
        """The role that may make databases; only for setting up, backups and tests."""
        return self.database_url(role=ADMIN, database="postgres")


def open_home(home: Path) -> None:
    """Make the home folder, for us alone. Raises PimError(NOT_POSSIBLE_NOW) when it is not ours or cannot be made."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if home.stat().st_uid != os.geteuid():
            raise PimError(
                ErrorCode.NOT_POSSIBLE_NOW,
                f"{home} belongs to another user.",
                remedy="Start as that user, or choose another folder with --home.",
            )
        home.chmod(0o700)
        for folder in ("logs", "valkey"):
            (home / folder).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            f"{home} cannot be used: {error.strerror}.",
            remedy="Choose another folder with --home.",
        ) from error


def _lock(descriptor: int) -> None:
    """Take the lock; a command that only looks (`find_running`) may hold it for an instant."""
    for _ in range(_LOOKS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOOK_SECONDS)
        else:
            return
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def already_running(home: Path, pid: str) -> PimError:
    """Why nothing else may use this home."""
    return PimError(
        ErrorCode.ALREADY_RUNNING,
        f"pimcollect is already running in {home} (pid {pid}).",
        remedy="Use that one, stop it, or choose another folder with --home.",
    )


@contextmanager
def lock_home(home: Path) -> Iterator[None]:
    """Hold the home for as long as the block runs. Raises PimError(ALREADY_RUNNING) that names the pid."""
    descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            _lock(descriptor)
        except BlockingIOError as error:
            pid = os.pread(descriptor, 20, 0).decode().strip() or "unknown"
            raise already_running(home, pid) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def make_private_folder(path: Path, quarters: Quarters) -> Path:
    """A 0700 folder of the account that runs PostgreSQL; refuses one that somebody else made."""
    owner = os.geteuid()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if ":" in quarters.user:
        owner, group = map(int, quarters.user.split(":"))
        if path.lstat().st_uid == os.geteuid():
            os.chown(path, owner, group)
    found = path.lstat()
    if path.is_symlink() or found.st_uid != owner:
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            f"The folder for sockets, {path}, belongs to somebody else.",
            remedy="Choose a shorter folder with --home, so that the sockets fit inside it.",
        )
    path.chmod(0o700)
    return path


def _choose_sockets(home: Path, quarters: Quarters) -> Path:
    """HOME/run, or a private folder elsewhere when the path would be too long for a socket."""
    inside = quarters.state / "run"
    if len(os.fsencode(inside / ".s.PGSQL.5432")) <= _LONGEST_SOCKET_PATH:
        return make_private_folder(inside, quarters)
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    return make_private_folder(base / f"pimcollect-{os.geteuid()}-{name}", quarters)


def _read_passwords(home: Path) -> dict[str, str]:
    """Random passwords of the two roles, made once, in a file for us alone."""
    path = home / "postgres.secret"
    if not path.exists():
        made = {ADMIN: secrets.token_urlsafe(24), OWNER: secrets.token_urlsafe(24)}
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(made, file)
            file.flush()
            os.fsync(file.fileno())
    passwords: dict[str, str] = json.loads(path.read_text())
    return passwords


def was_started(home: Path) -> bool:
    """Whether this home has ever been used: its servers' passwords are made first of all."""
    return (home / "postgres.secret").exists()


def settle_in(
    home: Path, *, needs_postgres: bool = True, is_durable: bool = True, namespaces: bool | None = None
) -> Place:
    """Everything the servers of `home` need before they start. Call with the lock held.

    Raises PimError(NO_SERVER_BINARIES) when a PostgreSQL is needed and there is none for this machine.
    """
    open_home(home)
    if needs_postgres:
        quarters = choose_quarters(home, find_postgres(), namespaces=namespaces)
    else:
        quarters = Quarters(SAME_USER, PostgresPrograms(Path(), ""), home)
    return Place(home, quarters, _choose_sockets(home, quarters), _read_passwords(home), is_durable)


@dataclass(frozen=True)
class Running:
    """What a running `pimcollect up` tells other commands of the same home."""

    pid: int
    address: str
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)


def write_running(home: Path, running: Running) -> None:
    """Write HOME/runtime.json (0600) at once: readers see the old one or the new one, never a half."""
    unfinished = home / f"runtime.{os.getpid()}"
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(asdict(running), file)
    unfinished.replace(home / "runtime.json")


def forget_running(home: Path) -> None:
    """Remove HOME/runtime.json."""
    (home / "runtime.json").unlink(missing_ok=True)


def find_running(home: Path) -> Running | None:
    """What runs in this home now. After kill -9 the file is stale: the lock is believed, not the file."""
    try:
        with (home / "lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return Running(**json.loads((home / "runtime.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return None
