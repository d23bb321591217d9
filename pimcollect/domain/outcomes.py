"""What can become of a delivery: refused, kept (with or without items to follow up), or held for a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from pimcollect.domain.documents import BodyFault
from pimcollect.domain.entities import EntityChange


class Course(StrEnum):
    """What happens on a pathway. The words are those of the bank's scenarios."""

    REFERRAL = "referral"
    TICKET = "ticket_no_identity"
    ALERT = "supervisor_alert_no_identity"
    COUNT = "count_only"


class HeldReason(StrEnum):
    """Why a delivery waits for a person, sealed."""

    UNREADABLE = "unreadable"
    """Not JSON or XML that we can read, or dangerous (doctype, too deep, duplicate keys)."""
    ENCRYPTED = "encrypted"
    """An ODK encrypted envelope of a form that has no key here."""
    FILES_MISSING = "files_missing"
    """An encrypted envelope whose files have not all arrived; tried again by itself when one comes."""
    TAMPERED = "tampered"
    """An encrypted envelope that was changed on its way, or holds another submission than it says."""
    MAPPING_UNFIT = "mapping_unfit"
    """Readable, but not as the mapping of its sender says: no answers there, or two for one question."""
    NO_INSTANCE_ID = "no_instance_id"
    """No id where the mapping of its sender says: nobody could tell a copy from another person."""
    CONSENT_UNCLEAR = "consent_unclear"
    """A sender with a mapping says neither yes nor no in the codes of the form."""
    OTHER_FORM = "other_form"
    """None of its answers belong to this form, or it names another form."""
    PLAIN_IN_ENCRYPTED = "plain_in_encrypted"
    """Readable, although the version that asked has phones encrypt."""
    NOT_A_SUBMISSION = "not_a_submission"
    """It only says that something happened on a server, and no connection of its form could fetch what."""
    UNKNOWN_VERSION = "unknown_version"
    EDITION_UNCLEAR = "edition_unclear"
    """An edition of a known submission whose place in the chain is not known."""
    EDITION_EARLY = "edition_early"
    """An edit that came before the one it replaces; tried again when that one comes, or after a quarter of an hour."""
    CONFLICT = "conflict"
    """A phone, or one and the same hook, brought other content under the id of a submission that is here; or a yes
    came where a no was said, or a no where there was a yes."""
    FAILING = "failing"
    """Tried several times and never finished; an error of ours."""
    OUT_OF_MEMORY = "out_of_memory"
    """Alone in a worker it wanted more memory than one may have, several times."""
    KEY_MISSING = "key_missing"
    """Sealed with a key that is not here."""


SECOND, RELEASED = "second", "released"
"""Of an untouched entry: it came beside another of the same edition, and the worker sees whether it contradicts that;
or it did, and a person lets it take the place."""


@dataclass(frozen=True)
class Service:
    """A service of the directory, as routing sees it. Empty sets mean: everybody, everywhere, always."""

    code: str
    valid_until: date | None = None
    is_suspended: bool = False


@dataclass(frozen=True)
class PathwayRule:
    """Sends a pathway's people to a service; None in a dimension means any."""

    pathway: str
    service: str
    place: str | None = None
    group: str | None = None
    sex: str | None = None
    age: str | None = None


@dataclass(frozen=True)
class Place:
    """A p-coded area. The parent is stored, never parsed out of the code."""

    code: str
    level: int
    parent: str | None
    replaced_by: tuple[str, ...] = ()
    """Crosswalk: the codes that it became; several when it was divided."""


@dataclass(frozen=True)
class Directory:
    """What an operation knows: its places, its services and who serves whom."""

    places: Mapping[str, Place] = field(default_factory=dict)
    services: Mapping[str, Service] = field(default_factory=dict)
    rules: tuple[PathwayRule, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Other spellings and codes of places, folded (`casefold`) -> the place's code."""

    @cached_property
    def rules_by_pathway(self) -> Mapping[str, tuple[PathwayRule, ...]]:
        """The rules of each pathway: routing looks here for every item. A rule for a place that was replaced by one
        other is for that one."""
        grouped: dict[str, list[PathwayRule]] = {}
        for rule in self.rules:
            grouped.setdefault(rule.pathway, []).append(replace(rule, place=self._read_across(rule.place)))
        return {pathway: tuple(rules) for pathway, rules in grouped.items()}

    def _read_across(self, code: str | None) -> str | None:
        """What a place became by the crosswalk, one for one; a place that was divided stays itself."""
        seen: set[str] = set()
        while code is not None and code not in seen and code in self.places:
            seen.add(code)
            became = self.places[code].replaced_by
            if len(became) == 1 and became[0] in self.places:
                code = became[0]
        return code

    @cached_property
    def lineages(self) -> dict[str, tuple[Place, ...]]:
        """Lineages that were asked for already; `places.find_lineage` fills it."""
        return {}


@dataclass(frozen=True)
class Pseudonyms:
    """Makes keyed pseudonyms: `make(domain, text)` gives `epoch:32 hex`. The key never enters the domain."""

    make: Any
    """A callable (domain: str, normalised text: str) -> str; None = pseudonyms become null and are counted."""


@dataclass(frozen=True)
class Item:
    """One thing to follow up: at most one for each pathway of a submission."""

    pathway: str
    urgency: str
    """U, H or R: the highest of the rules that raised it."""
    course: Course
    flags: tuple[str, ...]
    """Ids of the rules (or `request:CODE`) that raised it."""
    service: str | None = None
    """Code of the chosen service (of an alert: the supervisor's); None = nobody serves this (no_service), or it is
    only counted."""
    due_at: datetime | None = None
    package: Mapping[str, Any] | None = None
    """The minimum that may be told; only for a referral. Sealed before it is stored."""
    pictures: Mapping[str, str] = field(default_factory=dict)
    """Question -> file name as the phone gave it, of the pictures that belong to the package. Not stored in clear."""


@dataclass(frozen=True)
class Treated:
    """What may be stored of a submission. `shared` may go into exports; `restricted` is for protection analysts."""

    shared: Mapping[str, Any]
    restricted: Mapping[str, Any]
    findings: Mapping[str, int]
    """`question reason` -> how often; and `unknown_fields` -> how many. Never a value."""


@dataclass(frozen=True)
class Refused:
    """No consent: only month, first-level area and a count remain."""

    month: date
    """First day of the month of receipt."""
    place: str | None
    """adm1 p-code, when the answers tell it and the directory knows it."""
    was_asked: bool = True
    """False when no question of the consent came with it: nobody answered one, or a subset left them out."""
    said_no: bool = True
    """False when no question of the consent was answered with anything but a yes: some were left out."""


@dataclass(frozen=True)
class Kept:
    """Consent to keep: treated answers, and what to follow up."""

    month: date
    place: str | None
    """adm2 p-code (adm1 if only that is known), or None."""
    may_share: bool
    screening: str | None
    """all, apart, general or stop, decided again here."""
    treated: Treated
    items: tuple[Item, ...]
    closed: tuple[str, ...] = ()
    """Keys of answers that came from parts that were not open; dropped before any rule ran."""
    entities: tuple[EntityChange, ...] = ()
    """What it makes of things that are visited again."""


@dataclass(frozen=True)
class Held:
    """Waits for a person."""

    reason: HeldReason
    fault: BodyFault | None = None
    """Of what is unreadable: in which way."""


Decision = Refused | Kept | Held
