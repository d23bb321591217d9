"""Settings: frozen, read from the environment once, checked at start, with one clear sentence per mistake."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pimcollect.errors import ErrorCode, PimError

_MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Settings:
    """Everything that may differ between two machines. Secrets never show in repr."""

    home: Path
    """Where keys, embedded servers and logs live (mode 0700)."""
    database_url: str = field(default="", repr=False)
    """postgresql://... ; empty = the embedded PostgreSQL of `home`."""
    redis_url: str = field(default="", repr=False)
    """redis://, rediss:// or unix:// ; empty = the embedded Valkey of `home`."""
    public_url: str = ""
    """The address that phones, Kobo and mails use, without a trailing slash; empty = where `up` listens."""
    smtp_url: str = field(default="", repr=False)
    """smtp[s]://user:password@host:port ; empty = notices wait."""
    mail_from: str = "pimcollect@localhost"
    duty_email: str = field(default="", repr=False)
    """Who is told when no service serves a case, or a pathway has no receiver."""
    door_keys: Path = Path()
    """File with what the web process may hold: the intake public key, digest and session keys."""
    hands_keys: Path = Path()
    """File with what only workers hold: private keys, pseudonym and origin keys."""
    port: int = 8000
    bind: str = "127.0.0.1"
    web_processes: int = 2
    web_threads: int = 8
    max_body_bytes: int = 10 * _MEGABYTE
    """Largest accepted delivery in bytes; Kobo and Collect send up to 10 MB."""
    worker_bytes: int = 1024 * _MEGABYTE
    """Address space of one working process; one that wants more is refused it, and the machine stays well."""
    entry_days: int = 90
    """A settled entry, emptied, is deleted so many days later; its submission still knows its copies."""
    quarantine_days: int = 14
    """A file that no submission names is deleted so many days after it came."""
    trusted_proxies: int = 0
    """How many proxies in front may set X-Forwarded-* headers."""
    private_hosts: tuple[str, ...] = ()
    """Servers of one's own network that may be connected: `host` or `host:port`, in lower case."""
    ca_file: str = ""
    """File with the certificates of one's own authority; empty = the usual ones."""
    languages: tuple[str, ...] = ("en", "fr", "ar")
    timezone: str = "UTC"
    """Pages show times in this zone, for example Africa/Tripoli; everything else is in UTC."""

    @property
    def is_embedded(self) -> bool:
        """True when this installation runs its own PostgreSQL or Valkey."""
        return not self.database_url or not self.redis_url


def _is_timezone(name: str) -> bool:
    if name == "UTC":  # a bare machine knows no zones at all
        return True
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def default_home(environ: Mapping[str, str]) -> Path:
    """PIMCOLLECT_HOME, else the user's data folder."""
    named = environ.get("PIMCOLLECT_HOME", "")
    if named:
        return Path(named).expanduser().absolute()
    data = environ.get("XDG_DATA_HOME") or str(Path("~/.local/share").expanduser())
    return Path(data).absolute() / "pimcollect"


def _find_mistakes(settings: Settings) -> Iterator[str]:
    if not _is_timezone(settings.timezone):
        yield "PIMCOLLECT_TIMEZONE must be a time zone of this machine, like Africa/Tripoli."
    if settings.ca_file and not Path(settings.ca_file).is_file():
        yield "PIMCOLLECT_CA_FILE must be a file."
    for name, value in (
        ("PIMCOLLECT_MAIL_FROM", settings.mail_from),
        ("PIMCOLLECT_DUTY_EMAIL", settings.duty_email),
    ):
        if value and "@" not in value:
            yield f"{name} must be a mail address."


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read and check all settings. Raises PimError(BAD_SETTING) that lists every mistake, not only the first."""
    env = os.environ if environ is None else environ
    mistakes: list[str] = []

    def whole(name: str, default: int, *, low: int, high: int) -> int:
        text = env.get(name, "").strip()
        if not text:
            return default
        if not text.isdecimal() or not low <= int(text) <= high:
            mistakes.append(f"{name} must be a whole number from {low} to {high}.")
            return default
        return int(text)

    def address(name: str, schemes: tuple[str, ...], *, example: str) -> str:
        text = env.get(name, "").strip()
        if text and urlsplit(text).scheme not in schemes:
            mistakes.append(f"{name} must look like {example}.")
            return ""
        return text

    home = default_home(env)
    settings = Settings(
        home=home,
        database_url=address(
            "DATABASE_URL",
            ("postgresql", "postgres", "postgresql+psycopg"),
            example="postgresql://user:password@host/name",
        ),
        redis_url=address("REDIS_URL", ("redis", "rediss", "unix"), example="redis://host:6379/0"),
        public_url=address("PIMCOLLECT_URL", ("http", "https"), example="https://pim.example.org").rstrip("/"),
        smtp_url=address("PIMCOLLECT_SMTP_URL", ("smtp", "smtps"), example="smtp://user:password@host:587"),
        mail_from=env.get("PIMCOLLECT_MAIL_FROM", "").strip() or "pimcollect@localhost",
        duty_email=env.get("PIMCOLLECT_DUTY_EMAIL", "").strip(),
        door_keys=Path(env.get("PIMCOLLECT_DOOR_KEYS") or home / "keys" / "door.json"),
        hands_keys=Path(env.get("PIMCOLLECT_HANDS_KEYS") or home / "keys" / "hands.json"),
        port=whole("PIMCOLLECT_PORT", 8000, low=0, high=65535),
        bind=env.get("PIMCOLLECT_BIND", "").strip() or "127.0.0.1",
        web_processes=whole("PIMCOLLECT_WEB_PROCESSES", 2, low=1, high=64),
        web_threads=whole("PIMCOLLECT_WEB_THREADS", 8, low=1, high=128),
        max_body_bytes=whole("PIMCOLLECT_MAX_BODY_MB", 10, low=1, high=100) * _MEGABYTE,
        # below this the reader of pictures, which sets a limit of its own, could not start
        worker_bytes=whole("PIMCOLLECT_WORKER_MB", 1024, low=1024, high=65536) * _MEGABYTE,
        entry_days=whole("PIMCOLLECT_ENTRY_DAYS", 90, low=1, high=3650),
        quarantine_days=whole("PIMCOLLECT_QUARANTINE_DAYS", 14, low=1, high=90),
        trusted_proxies=whole("PIMCOLLECT_TRUSTED_PROXIES", 0, low=0, high=5),
        private_hosts=tuple(env.get("PIMCOLLECT_PRIVATE_HOSTS", "").lower().replace(",", " ").split()),
        ca_file=env.get("PIMCOLLECT_CA_FILE", "").strip(),
        timezone=env.get("PIMCOLLECT_TIMEZONE", "").strip() or "UTC",
    )
    mistakes += _find_mistakes(settings)
    if mistakes:
        raise PimError(
            ErrorCode.BAD_SETTING,
            " ".join(mistakes),
            remedy="Change the environment and start again; docs/operators/settings.md lists every setting.",
        )
    return settings
