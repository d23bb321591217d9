"""Write what was decided: submissions, tallies, cases, referrals and notices, and the shredding, in one transaction."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from pimcollect.domain import editions
from pimcollect.domain.outcomes import Course, HeldReason, Item, Kept, Refused
from pimcollect.tables.entries import hold_entry, settle_entries
from pimcollect.tables.journal import JournalRow
from pimcollect.tables.referrals import CaseRow, MoveRow, NoticeRow, ReferralRow
from pimcollect.tables.submissions import (
    KEPT,
    NOWHERE,
    TOMBSTONE,
    SubmissionRow,
    add_tallies,
    find_root,
    find_roots,
)
from pimcollect.vault import seal_value
from workers.hands import Hands
from workers.reroute import reroute

_CASE_DAYS = 90
"""A case is shredded this long after its deadline at the latest, closed or not."""
_REFERENCE_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Without 0, 1, I and O: references are read out on bad lines."""


@dataclass(frozen=True)
class Decided:
    """An entry with its decision, on its way into the tables."""

    entry: UUID
    form: str
    form_version: UUID
    root_id: str
    """Empty when only the edition before it is known."""
    edition_id: str
    deprecated_id: str | None
    received_at: datetime
    decision: Kept | Refused


class Writing:
    """Rows that a batch will insert, gathered so that each table is written by one statement."""

    def __init__(self) -> None:
        self.submissions: list[dict[str, Any]] = []
        self.cases: list[dict[str, Any]] = []
        self.referrals: list[dict[str, Any]] = []
        self.moves: list[dict[str, Any]] = []
        self.notices: list[dict[str, Any]] = []
        self.tallies: Counter[tuple[str, str, date, str, str]] = Counter()
        self.settled: list[tuple[UUID, str]] = []
        self.journal: list[dict[str, Any]] = []

    def flush(self, session: Session) -> None:
        """Insert everything; the order follows the foreign keys."""
        for table, rows in (
            (SubmissionRow, self.submissions),
            (CaseRow, self.cases),
            (ReferralRow, self.referrals),
            (MoveRow, self.moves),
            (NoticeRow, self.notices),
            (JournalRow, self.journal),
        ):
            if rows:
                session.execute(insert(table), rows)
        add_tallies(session, dict(self.tallies))
        settle_entries(session, self.settled)


def store_outcomes(own: Hands, session: Session, decided: list[Decided]) -> list[UUID]:
    """Write a batch in the caller's transaction. Returns the ids of the notices to ring for after the commit."""
    decided = [one if one.root_id else _find_root(session, one) for one in decided]
    stored = find_roots(session, [(one.form, one.root_id) for one in decided])
    writing = Writing()
    for one in decided:
        row = stored.get((one.form, one.root_id))
        if row is None:
            _write_new(own, writing, one)
        else:
            _write_edition(own, session, writing, one, row=row)
    writing.flush(session)
    return [notice["id"] for notice in writing.notices]


def _find_root(session: Session, one: Decided) -> Decided:
    """An XML edit names only the edition before it: its root is the submission that holds that edition."""
    before = one.deprecated_id or one.edition_id
    return replace(one, root_id=find_root(session, one.form, before) or before)


def _content(one: Decided) -> dict[str, Any]:
    """The columns that a decision fills."""
    decision = one.decision
    if isinstance(decision, Refused):
        return {
            "state": TOMBSTONE,
            "month": decision.month,
            "place": decision.place,
            "may_share": False,
            "screening": None,
            "shared": None,
            "restricted": None,
            "findings": None,
        }
    return {
        "state": KEPT,
        "month": decision.month,
        "place": decision.place,
        "may_share": decision.may_share,
        "screening": decision.screening,
        "shared": dict(decision.treated.shared),
        "restricted": dict(decision.treated.restricted),
        "findings": dict(decision.treated.findings),
    }


def _journal(writing: Writing, one: Decided, action: str) -> None:
    writing.journal.append(
        {"id": uuid4(), "actor": "workers", "action": action, "noun": "entries", "noun_id": str(one.entry)}
    )


def _write_new(own: Hands, writing: Writing, one: Decided) -> None:
    content = _content(one)
    writing.submissions.append(
        {
            "id": uuid4(),
            "form": one.form,
            "form_version": one.form_version,
            "root_id": one.root_id,
            "edition_id": one.edition_id,
            "superseded": [] if one.deprecated_id is None else [one.deprecated_id],
            "digest": own.digest(content),
            **content,
        }
    )
    if isinstance(one.decision, Refused):
        writing.tallies["refused", one.form, one.decision.month, one.decision.place or NOWHERE, ""] += 1
        outcome = "refused"
    else:
        for item in one.decision.items:
            _write_item(own, writing, one, item)
        outcome = "kept"
    writing.settled.append((one.entry, outcome))
    _journal(writing, one, outcome)


def _write_item(own: Hands, writing: Writing, one: Decided, item: Item) -> None:
    assert isinstance(one.decision, Kept)  # noqa: S101 - told to the type checker
    where = (one.form, one.decision.month, one.decision.place or NOWHERE, item.pathway)
    if item.course is Course.COUNT:
        writing.tallies["unreferred", *where] += 1
        return
    add_referral(own, writing, one, item)
    if item.service is None:
        writing.tallies["no_service", *where] += 1


def item_digest(own: Hands, item: Item, place: str | None) -> str:
    """What makes an item the same item: an edition that leaves it equal re-notifies nobody."""
    package = None if item.package is None else dict(item.package)
    return own.digest(item.pathway, item.urgency, item.course, item.service, place, package)


def seal_case(own: Hands, package: dict[str, Any], case_id: UUID) -> bytes:
    """The sealed minimum of a case: canonical JSON under the newest case key, bound to its row."""
    plain = json.dumps(package, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str).encode()
    return seal_value(plain, to=own.keys.cases[0].seal_key, context=f"case|{case_id}")


def add_referral(own: Hands, writing: Writing, one: Decided, item: Item) -> None:
    """A referral, ticket or alert with its first move and its notice; a case only where a person agreed."""
    assert isinstance(one.decision, Kept)  # noqa: S101 - told to the type checker
    referral, case_id = uuid4(), None
    due_at = item.due_at or one.received_at
    if item.course is Course.REFERRAL:
        case_id = uuid4()
        writing.cases.append(
            {
                "id": case_id,
                "sealed": seal_case(own, dict(item.package or {}), case_id),
                "shred_after": due_at + timedelta(days=_CASE_DAYS),
            }
        )
    state = "no_service" if item.service is None else "waiting"
    writing.referrals.append(
        {
            "id": referral,
            "reference": "R-" + "".join(secrets.choice(_REFERENCE_LETTERS) for _ in range(8)),
            "origin": own.origin(one.form, one.root_id, item.pathway),
            "form": one.form,
            "course": item.course.value,
            "pathway": item.pathway,
            "urgency": item.urgency,
            "state": state,
            "service": item.service,
            "case_id": case_id,
            "place": one.decision.place,
            "due_at": due_at,
            "digest": item_digest(own, item, one.decision.place),
        }
    )
    writing.moves.append({"id": uuid4(), "referral": referral, "was": None, "became": state, "by": "workers"})
    writing.notices.append({"id": uuid4(), "referral": referral, "kind": "new"})


def _write_edition(own: Hands, session: Session, writing: Writing, one: Decided, *, row: SubmissionRow) -> None:
    """Another edition of a root that is known: the newest by the deprecation chain wins, never the clock."""
    order = editions.compare(
        stored=row.edition_id, superseded=row.superseded, arriving=one.edition_id, deprecated=one.deprecated_id
    )
    if order == editions.OLDER:
        writing.settled.append((one.entry, "superseded"))
        return
    if order == editions.UNCLEAR:
        hold_entry(session, one.entry, HeldReason.EDITION_UNCLEAR)
        return
    content = _content(one)
    digest = own.digest(content)
    outcome = "unchanged" if digest == row.digest else "changed"
    if order == editions.NEWER:
        row.superseded = [*row.superseded, row.edition_id]
        row.edition_id = one.edition_id
    row.form_version = one.form_version
    row.digest = digest
    for name, value in content.items():
        setattr(row, name, value)
    session.flush()
    reroute(own, session, writing, one)
    writing.settled.append((one.entry, outcome))
    _journal(writing, one, outcome)


def find_items(one: Decided) -> dict[str, Item]:
    """The items of a decision that somebody must follow up, by pathway."""
    if isinstance(one.decision, Refused):
        return {}
    return {item.pathway: item for item in one.decision.items if item.course is not Course.COUNT}


def find_known(own: Hands, session: Session, one: Decided, pathways: set[str]) -> dict[str, ReferralRow]:
    """Lock the referrals that earlier editions of this root led to, by pathway."""
    origins = {own.origin(one.form, one.root_id, pathway): pathway for pathway in pathways}
    rows = session.scalars(select(ReferralRow).where(ReferralRow.origin.in_(origins)).with_for_update())
    return {origins[row.origin]: row for row in rows}
