"""Write what was decided: one transaction for submissions, tallies, cases, referrals, notices and the shredding."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from pimcollect.domain.editions import Order, extend_chain, order_editions
from pimcollect.domain.outcomes import Course, HeldReason, Item, Refused
from pimcollect.tables.entries import hold_entry
from pimcollect.tables.submissions import KEPT, NOWHERE, TOMBSTONE, SubmissionRow, find_root, find_roots
from workers.hands import Hands
from workers.reroute import reroute
from workers.writing import Decided, Writing, add_referral


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
    """An XML edit names only the edition before it: its root is that of the submission that holds that edition."""
    before = one.deprecated_id or one.edition_id
    return replace(one, root_id=find_root(session, one.form, before) or before)


def _content(one: Decided) -> dict[str, Any]:
    """The columns that a decision fills."""
    decision = one.decision
    content: dict[str, Any] = {"month": decision.month, "place": decision.place}
    if isinstance(decision, Refused):
        nothing = dict.fromkeys(("screening", "shared", "restricted", "findings"))
        return {**content, **nothing, "state": TOMBSTONE, "may_share": False}
    return {
        **content,
        "state": KEPT,
        "may_share": decision.may_share,
        "screening": decision.screening,
        "shared": dict(decision.treated.shared),
        "restricted": dict(decision.treated.restricted),
        "findings": dict(decision.treated.findings),
    }


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
    place = one.decision.place
    if isinstance(one.decision, Refused):
        writing.tallies["refused", one.form, one.decision.month, place or NOWHERE, ""] += 1
        writing.settle(one, "refused")
        return
    for item in one.decision.items:
        _count(writing, one, item)
        if item.course is not Course.COUNT:
            add_referral(own, writing, one, item, place=place)
    writing.settle(one, "kept")


def _count(writing: Writing, one: Decided, item: Item) -> None:
    """What nobody can be told of is at least counted, linked to nothing."""
    kind = "unreferred" if item.course is Course.COUNT else "no_service" if item.service is None else None
    if kind is not None:
        writing.tallies[kind, one.form, one.decision.month, one.decision.place or NOWHERE, item.pathway] += 1


def _write_edition(own: Hands, session: Session, writing: Writing, one: Decided, *, row: SubmissionRow) -> None:
    """Another edition of a root that is known: the newest by the deprecation chain wins, never the clock."""
    order = order_editions(
        row.edition_id, row.superseded, arriving=one.edition_id, deprecated=one.deprecated_id, root=row.root_id
    )
    if order is Order.UNCLEAR:
        hold_entry(session, one.entry, HeldReason.EDITION_UNCLEAR)
        return
    chain = extend_chain(
        row.superseded, stored=row.edition_id, arriving=one.edition_id, deprecated=one.deprecated_id, order=order
    )
    row.superseded = list(chain)
    if order is Order.OLDER:
        writing.settle(one, "superseded")
        return
    content = _content(one)
    digest = own.digest(content)
    outcome = "unchanged" if digest == row.digest else "changed"
    row.edition_id, row.form_version, row.digest = one.edition_id, one.form_version, digest
    for name, value in content.items():
        setattr(row, name, value)
    reroute(own, session, writing, one)
    writing.settle(one, outcome)
