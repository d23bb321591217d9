"""Rows on their way into the tables, gathered so that a batch writes each table with one statement."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from pimcollect.domain.entities import EntityChange
from pimcollect.domain.outcomes import Course, Item, Kept, Refused
from pimcollect.tables.base import Base, put_rows
from pimcollect.tables.entries import settle_entries
from pimcollect.tables.journal import JournalRow
from pimcollect.tables.media import shred_media
from pimcollect.tables.pictures import MOST_PICTURES, PictureRow, picture_name_context
from pimcollect.tables.referrals import CaseRow, MoveRow, NoticeRow, ReferralRow
from pimcollect.tables.submissions import SubmissionRow, add_tallies
from pimcollect.vault import seal_value
from workers.entities import keep_entities
from workers.envelopes import Inside
from workers.hands import Hands

_CASE_DAYS = 90
"""A case is shredded this long after its deadline at the latest, closed or not."""
_REFERENCE_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Without 0, 1, I and O: references are read out on bad lines."""


@dataclass(frozen=True)
class Twin:
    """A submission whose answers are the same."""

    id: UUID
    root_id: str


@dataclass(frozen=True)
class Decided:
    """An entry with its decision."""

    entry: UUID
    form: str
    form_version: UUID
    root_id: str
    """Empty when the body names only the edition before it."""
    edition_id: str
    deprecated_id: str | None
    received_at: datetime
    decision: Kept | Refused
    fullness: int = 0
    """How many answers the delivery carried."""
    follows: str | None = None
    """The edition that its server had before, as a pull saw it."""
    has_waited: bool = False
    """True when it was held for an edition before it, and that one did not come."""
    alike: str = ""
    """Keyed digest of all its answers."""
    id: UUID = field(default_factory=uuid4)
    """Of the submission, if it turns out to be a new one."""
    twin: Twin | None = None
    """The submission with the same answers that came first."""
    is_beside: bool = False
    """True when other content of this edition came by the same hook before."""
    is_released: bool = False
    """True when it contradicted another, and a person let it take the place."""
    identity: str = ""
    """That of the entry, which its files have too."""
    inside: Inside | None = field(default=None, repr=False)
    """What its envelope held, where it came in one."""

    @property
    def items(self) -> dict[str, Item]:
        """What somebody must follow up, by pathway; what is only counted is not among it."""
        if isinstance(self.decision, Refused):
            return {}
        return {item.pathway: item for item in self.decision.items if item.course is not Course.COUNT}


@dataclass
class Writing:
    """Everything that a batch will insert."""

    submissions: list[dict[str, Any]] = field(default_factory=list)
    cases: list[dict[str, Any]] = field(default_factory=list)
    pictures: list[dict[str, Any]] = field(default_factory=list)
    wanted: list[tuple[Decided, str]] = field(default_factory=list)
    """Names of the files that pictures await."""
    referrals: list[dict[str, Any]] = field(default_factory=list)
    moves: list[dict[str, Any]] = field(default_factory=list)
    notices: list[dict[str, Any]] = field(default_factory=list)
    tallies: Counter[tuple[str, str, date, str, str]] = field(default_factory=Counter)
    settled: list[tuple[UUID, str]] = field(default_factory=list)
    unwanted: list[UUID] = field(default_factory=list)
    """Entries whose files in quarantine go with them: nobody agreed, or what they belong to is gone."""
    journal: list[dict[str, Any]] = field(default_factory=list)
    entities: dict[UUID, tuple[EntityChange, ...]] = field(default_factory=dict)
    """Submission -> what it says of entities now; nothing of them for one that says nothing any more."""
    known: dict[str, UUID] = field(default_factory=dict)
    """Origin -> referral: those of this batch, and of submissions that are possible duplicates of one in it."""

    def settle(self, one: Decided, outcome: str, *, is_kept: bool = True) -> None:
        """Mark the entry settled and journal it. `is_kept` = whether its submission is, as it stands now."""
        if isinstance(one.decision, Refused) or not is_kept:
            self.unwanted.append(one.entry)
        self.settled.append((one.entry, outcome))
        self.journal.append(
            {"id": uuid4(), "actor": "workers", "action": outcome, "noun": "entries", "noun_id": str(one.entry)}
        )

    def move(self, referral: UUID, *, was: str | None, became: str) -> None:
        """One change of a referral's state, made by the workers."""
        self.moves.append({"id": uuid4(), "referral": referral, "was": was, "became": became, "by": "workers"})

    def notify(self, referral: UUID, kind: str, *, edition: int = 1, service: str | None = None) -> None:
        """A notice to be sent by its own job; `service` when it is for another than the referral's own."""
        self.notices.append({"id": uuid4(), "referral": referral, "kind": kind, "edition": edition, "service": service})

    def flush(self, session: Session) -> None:
        """Insert everything; the order follows the foreign keys."""
        everything: tuple[tuple[type[Base], list[dict[str, Any]]], ...] = (
            (SubmissionRow, self.submissions),
            (CaseRow, self.cases),
            (PictureRow, self.pictures),
            (ReferralRow, self.referrals),
            (MoveRow, self.moves),
            (NoticeRow, self.notices),
            (JournalRow, self.journal),
        )
        for table, rows in everything:
            put_rows(session, table, rows)
        keep_entities(session, self.entities)
        add_tallies(session, dict(self.tallies))
        settle_entries(session, self.settled)
        shred_media(session, [entry for entry, _ in self.settled], unwanted=self.unwanted)


def item_digest(own: Hands, item: Item, place: str | None) -> str:
    """What makes an item the same item: an edition that leaves it equal re-notifies nobody."""
    package = None if item.package is None else dict(item.package)
    pictures = (dict(item.pictures),) if item.pictures else ()
    return own.digest(item.pathway, item.urgency, item.course, item.service, place, package, *pictures)


def case_values(own: Hands, item: Item, *, case_id: UUID, due_at: datetime) -> dict[str, Any]:
    """The columns of a case: the minimum as canonical JSON, sealed to the newest case key and bound to its row."""
    package: Mapping[str, Any] = item.package or {}
    plain = json.dumps(package, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str).encode()
    return {
        "id": case_id,
        "sealed": seal_value(plain, to=own.keys.cases[0].seal_key, context=f"case|{case_id}"),
        "shred_after": due_at + timedelta(days=_CASE_DAYS),
    }


def referral_values(own: Hands, item: Item, *, place: str | None, due_at: datetime) -> dict[str, Any]:
    """The columns of a referral that a decision fills and an edition may change."""
    return {
        "course": item.course.value,
        "urgency": item.urgency,
        "service": item.service,
        "place": place,
        "due_at": due_at,
        "digest": item_digest(own, item, place),
    }


def want_pictures(own: Hands, writing: Writing, one: Decided, item: Item, *, case_id: UUID) -> None:
    """Rows for the pictures of a new case."""
    for question, name in list(item.pictures.items())[:MOST_PICTURES]:
        picture = uuid4()
        writing.pictures.append(
            {
                "id": picture,
                "case_id": case_id,
                "question": question,
                "form": one.form,
                "identity": one.identity,
                "name": own.seal(json.dumps([name, one.edition_id]).encode(), context=picture_name_context(picture)),
            }
        )
        writing.wanted.append((one, name))


def add_referral(own: Hands, writing: Writing, one: Decided, item: Item, *, place: str | None) -> None:
    """A referral, ticket or alert with its first move and its notice; a case only where a person agreed.

    That of a possible duplicate names the other one: whoever gets both can see that.
    """
    referral, case_id = uuid4(), None
    origin = own.origin(one.form, one.root_id, item.pathway)
    writing.known[origin] = referral
    due_at = item.due_at or one.received_at
    if item.course is Course.REFERRAL:
        case_id = uuid4()
        writing.cases.append(case_values(own, item, case_id=case_id, due_at=due_at))
        want_pictures(own, writing, one, item, case_id=case_id)
    state = "no_service" if item.service is None else "waiting"
    writing.referrals.append(
        {
            "id": referral,
            "reference": "R-" + "".join(secrets.choice(_REFERENCE_LETTERS) for _ in range(8)),
            "origin": origin,
            "form": one.form,
            "pathway": item.pathway,
            "state": state,
            "case_id": case_id,
            "twin": writing.known.get(own.origin(one.form, one.twin.root_id, item.pathway)) if one.twin else None,
            **referral_values(own, item, place=place, due_at=due_at),
        }
    )
    writing.move(referral, was=None, became=state)
    writing.notify(referral, "new")
