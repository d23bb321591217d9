"""What every collecting server's reader gives, whatever the vendor."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from pimcollect.domain.entities import ToldEntity
from pimcollect.plugins import find_plugin

MAPPED = "mapped"
"""The plugin of senders that a mapping describes."""
RawAnswers = Mapping[str, Any]
"""Kobo's flat shape: full slash path -> text; a repeat's path -> list of such mappings."""


@dataclass(frozen=True)
class Delivery:
    """One arrival in memory: what idempotency needs, taken before the body is sealed. Never stored, never logged."""

    kind: str
    """json or xml."""
    edition_id: str | None
    """The instance id without `uuid:`; None when the body tells none or cannot be read."""
    fullness: int
    """How many answered fields the body carries, metadata aside; 0 when it cannot be read."""
    form: str | None = None
    """The form that the body itself names, where it does (OpenRosa XML)."""
    version: str | None = None
    deprecated_id: str | None = None
    """Of an edit: the edition that it replaces."""
    is_encrypted: bool = False
    files: tuple[str, ...] = ()
    """The files that an encrypted envelope names, in its order."""
    mentioned: Mapping[str, str] = field(default_factory=dict)
    """Of the files that came with it: name -> path of the field that names it."""
    answers: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What is compared with another copy that the same hook brings; empty = nothing is."""
    is_hint: bool = False
    """It says only that something happened there: what it is about has to be fetched."""


@dataclass(frozen=True)
class Opened:
    """What a worker reads out of an opened body."""

    named_form: str | None
    """The `pim_form_id` that our own forms carry; None in other people's forms (Kobo replaces the form's own id)."""
    named_version: str | None
    """The `pim_catalogue_version` that our own forms carry; None in other people's forms."""
    root_id: str | None
    edition_id: str | None
    deprecated_id: str | None
    is_encrypted: bool
    """True for an ODK encrypted envelope, which carries no answers."""
    raw: RawAnswers
    stated_version: str | None = None
    """The version that the XML's root states. Servers rewrite it, so it is a hint where our own field is missing."""
    stated_form: str | None = None
    """What the XML's root, or Kobo's JSON, calls the form: the server's name for it, seldom ours."""
    entities: tuple[ToldEntity, ...] = ()
    """The entities that an XML names beside its answers."""


class Reader(Protocol):
    """How bodies of one sender are read: a vendor's file, or a mapping."""

    def read_delivery(self, body: bytes) -> Delivery:
        """What the door must know. Never raises for bad content."""

    def read_opened(self, body: bytes, *, repeats: Collection[str]) -> Opened:
        """What a worker must know. Raises PimError(BAD_BODY), or (NOT_A_SUBMISSION) for what only says something."""


def find_reader(server: str, mapping: Mapping[str, Any] | None = None, *, hook: UUID | None = None) -> Reader:
    """The reader of a server plugin; with `mapping`, of a sender that a mapping describes and that posts to `hook`."""
    plugin = find_plugin("servers", server)
    reader: Reader = plugin if mapping is None else plugin.bind(mapping, hook=hook)
    return reader
