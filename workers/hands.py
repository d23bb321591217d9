"""What a working process holds: settings, database, the private keys, the bell, and prepared form versions."""

from __future__ import annotations

import hashlib
import json
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from pimcollect.config import Settings, read_settings
from pimcollect.db import open_engine, open_sessions
from pimcollect.domain.decide import Prepared, prepare
from pimcollect.domain.likeness import find_moments
from pimcollect.domain.outcomes import Directory, Pseudonyms
from pimcollect.domain.version import read_version
from pimcollect.doorbell import Bell
from pimcollect.errors import PimError
from pimcollect.key_files import follow_key_file
from pimcollect.servers.base import Opened
from pimcollect.servers.ids import is_plain, veil_id
from pimcollect.servers.odk import read_stated
from pimcollect.tables.catalogue import read_directory
from pimcollect.tables.form_keys import find_sealed_keys, key_context
from pimcollect.tables.forms import FormVersionRow
from pimcollect.vault import HandsKeys, keyed_digest, open_value, read_door_keys, read_hands_keys, seal_value

_DIRECTORY_SECONDS = 5.0
"""How long a directory is believed before it is read again."""


@dataclass(frozen=True)
class KnownVersion:
    """A frozen version, prepared for deciding."""

    id: UUID
    form: str
    version: str
    prepared: Prepared
    plan_sha256: str
    stated_form: str
    """The form's id as the XForm itself states it; empty where it states none."""
    stated: str
    """The version as the XForm itself states it; empty where it states none."""
    moments: frozenset[str]
    """The paths that hold when it was opened and closed."""


@dataclass
class Hands:
    """One per process. Versions never change once frozen, so they are prepared once; the directory ages."""

    settings: Settings
    engine: Engine
    sessions: sessionmaker[Session]
    read_keys: Callable[[], HandsKeys]
    """The private keys; others as soon as the file was replaced."""
    bell: Bell
    _versions: dict[UUID, KnownVersion] = field(default_factory=dict)
    _form_keys: dict[UUID, RSAPrivateKey] = field(default_factory=dict, repr=False)
    _directory: Directory | None = None
    _directory_at: float = 0.0

    @property
    def keys(self) -> HandsKeys:
        """The private keys as they are now."""
        return self.read_keys()

    def read_directory(self, session: Session) -> Directory:
        """The directory, at most a few seconds old."""
        if self._directory is None or time.monotonic() - self._directory_at > _DIRECTORY_SECONDS:
            self._directory = read_directory(session)
            self._directory_at = time.monotonic()
        return self._directory

    def find_versions(self, session: Session, form: str) -> list[KnownVersion]:
        """The versions of a form, newest first; each is read and prepared once in a process."""
        ids = session.scalars(
            select(FormVersionRow.id).where(FormVersionRow.form == form).order_by(FormVersionRow.frozen_at.desc())
        ).all()
        return [self.find_version(session, one) for one in ids]

    def find_version(self, session: Session, version: UUID) -> KnownVersion:
        """One version by its id, without a question once it was read in this process."""
        return self._versions.get(version) or self._prepare(session, version)

    def find_pathways(self, session: Session, form: str) -> set[str]:
        """Codes of every pathway that any version of the form can raise."""
        return {code for one in self.find_versions(session, form) for code in one.prepared.version.pathways}

    def _prepare(self, session: Session, version: UUID) -> KnownVersion:
        row = session.get_one(FormVersionRow, version)
        prepared = prepare(read_version(row.document))
        stated, moments = read_stated(row.xform), find_moments(prepared.version)
        known = KnownVersion(row.id, row.form, row.version, prepared, row.sha256, *stated, moments)
        self._versions[version] = known
        return known

    def find_form_keys(self, session: Session, form: str) -> list[RSAPrivateKey] | None:
        """The private keys of an encrypted form, newest first, as far as our own keys open them; None when it has none.

        Each is opened once in a process; none is ever forgotten, since a retired key still opens what comes late.
        """
        sealed = find_sealed_keys(session, form)
        for key, content in sealed:
            if key not in self._form_keys:
                try:
                    plain = open_value(content, ring=self.keys.intake, context=key_context(key))
                except PimError:  # sealed to a key that is not here: said as key_missing when nothing else opens
                    continue
                private = load_der_private_key(plain, None)
                if isinstance(private, RSAPrivateKey):  # nothing else is ever put there
                    self._form_keys[key] = private
        return [self._form_keys[key] for key, _ in sealed if key in self._form_keys] if sealed else None

    def pseudonyms(self) -> Pseudonyms:
        """Keyed pseudonyms under the newest epoch: `epoch:32 hex`, another token in every domain."""
        epoch, key = self.keys.pseudonyms[0]

        def make(domain: str, text: str) -> str:
            return f"{epoch}:{keyed_digest(key, 'pseudonym', domain, text)}"

        return Pseudonyms(make)

    def seal(self, plain: bytes, *, context: str) -> bytes:
        """Seal something that only workers will open again, to their newest intake key."""
        return seal_value(plain, to=self.keys.intake[0].seal_key, context=context)

    def digest(self, *parts: Any) -> str:
        """A keyed digest of plain values, equal for equal content; says nothing without the workers' key."""
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
        return keyed_digest(self.keys.origin, "content", hashlib.sha256(text.encode()).hexdigest())

    def veil_ids(self, opened: Opened) -> Opened:
        """The same with ids that may be kept. Raises PimError(BAD_KEYS) when one has to be veiled and the door's keys
        are not here."""
        found = opened.root_id, opened.edition_id, opened.deprecated_id
        if all(one is None or is_plain(one) for one in found):
            return opened
        key = read_door_keys(self.settings.door_keys).digest
        root, edition, deprecated = (one and veil_id(one, key=key) for one in found)
        return replace(opened, root_id=root, edition_id=edition, deprecated_id=deprecated)

    def edition(self, form: str, edition_id: str) -> str:
        """What a held edition waits for, another edition or its root, without naming it."""
        return keyed_digest(self.keys.origin, "edition", form, edition_id)

    def origin(self, form: str, root_id: str, pathway: str) -> str:
        """What makes one referral of a root on a pathway one, without pointing at the submission."""
        return keyed_digest(self.keys.origin, "origin", form, unicodedata.normalize("NFC", root_id), pathway)


def open_hands(settings: Settings) -> Hands:
    """Open everything. Raises PimError(BAD_KEYS) when the private keys are not here: without them nothing starts."""
    engine = open_engine(settings.database_url, pool_size=2)
    return Hands(
        settings=settings,
        engine=engine,
        sessions=open_sessions(engine),
        read_keys=follow_key_file(settings.hands_keys, read_hands_keys),
        bell=Bell(settings.redis_url),
    )


@cache
def hands() -> Hands:
    """The hands of this process, opened at the first job."""
    return open_hands(read_settings())
