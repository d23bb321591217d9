"""Write what was decided: one transaction for submissions, tallies, cases, referrals, notices and the shredding."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from pimcollect.domain.editions import Order, differ, extend_chain, order_editions
from pimcollect.domain.outcomes import Course, HeldReason, Kept, Refused
from pimcollect.errors import PimError
from pimcollect.tables.base import as_stored
from pimcollect.tables.connections import ask_fetch
from pimcollect.tables.entries import free_waiting, hold_entry
from pimcollect.tables.phones import find_forms_on_phones
from pimcollect.tables.quarantine import has_strays, shred_strays_of_editions
from pimcollect.tables.referrals import find_origins
from pimcollect.tables.replays import is_first_waiting
from pimcollect.tables.retention import erase_beside
from pimcollect.tables.submissions import (
    KEPT,
    NOWHERE,
    REFUSED,
    TOMBSTONE,
    SubmissionRow,
    find_first_alike,
    find_root,
    find_roots,
)
from pimcollect.vault import read_door_keys
from webhooks.inbox import identify_edition
from workers.hands import Hands
from workers.pictures import keep_files
from workers.reroute import reroute
from workers.writing import Decided, Twin, Writing, add_referral

TWIN = "possible_duplicate"
"""The finding of a submission whose answers another one has too."""


def store_outcomes(own: Hands, session: Session, decided: list[Decided]) -> list[UUID]:
    """Write a batch in the caller's transaction. Returns the ids of the notices to ring for after the commit.

    Of two editions of one root the second is left as it is, for the next batch.
    """
    placed = _pair(session, _place(own, session, decided))
    edits = [(one.form, one.edition_id) for one in placed if one.edition_id != one.root_id]
    stored = find_roots(session, [*((one.form, one.root_id) for one in placed), *edits])
    writing = Writing(known=_find_twins_referrals(own, session, placed))
    placed = _drop_strange_entities(session, placed)
    for one in placed:
        row = stored.get((one.form, one.root_id))
        if one.edition_id != one.root_id and (one.form, one.edition_id) in stored:
            # a later edition waited for this one in vain and stands for itself: which are one, a person says
            hold_entry(session, one.entry, HeldReason.EDITION_UNCLEAR, contradicts=one.edition_id)
        elif row is None and one.is_beside and is_first_waiting(session, one.entry):
            awaited = own.edition(one.form, one.edition_id)
            hold_entry(session, one.entry, HeldReason.EDITION_EARLY, waits_for=awaited)
        elif _is_contradiction(one, row=row):
            against = None if one.is_beside else one.edition_id  # what came beside names its entry too
            hold_entry(session, one.entry, HeldReason.CONFLICT, contradicts=against)
        elif row is None:
            _write_new(own, writing, one)
        else:
            _write_edition(own, session, writing, one, row=row)
    keep_files(own, session, writing)
    writing.flush(session)
    settled = {entry for entry, _ in writing.settled}
    news = {(one.form, name) for one in placed if one.entry in settled for name in (one.root_id, one.edition_id)}
    free_waiting(session, [own.edition(form, name) for form, name in sorted(news)])
    return [notice["id"] for notice in writing.notices]


def _place(own: Hands, session: Session, decided: list[Decided]) -> list[Decided]:
    """Each with its root, one edition of a root only. An edit whose forerunner is not here yet is held."""
    placed: dict[tuple[str, str], Decided] = {}
    for one in decided:
        root = one.root_id or _find_root(session, one)
        if root is None:
            _hold(own, session, one, HeldReason.EDITION_EARLY, awaited=one.deprecated_id or one.follows or "")
        else:
            placed.setdefault((one.form, root), replace(one, root_id=root))
    return list(placed.values())


def _find_root(session: Session, one: Decided) -> str | None:
    """An XML edit names only the edition before it: its root is that of the submission that holds that edition.

    None when that one is not here and may still come; once it was waited for in vain, the edit stands for itself.
    """
    before = [edition for edition in (one.deprecated_id, one.follows) if edition]
    known = (root for edition in before if (root := find_root(session, one.form, edition)))
    return next(known, None) or ((before or [one.edition_id])[0] if one.has_waited or not before else None)


def _hold(own: Hands, session: Session, one: Decided, reason: HeldReason, *, awaited: str) -> None:
    """Until an edition that is, or belongs to, the awaited one has settled. Whoever is connected is asked for it."""
    against = awaited if reason is HeldReason.EDITION_UNCLEAR else None
    hold_entry(session, one.entry, reason, waits_for=own.edition(one.form, awaited), contradicts=against)
    ask_fetch(session, one.form)


def _pair(session: Session, placed: list[Decided]) -> list[Decided]:
    """Each with the submission that has the same answers and came before it, here or in the batch, if there is one."""
    kept: dict[str, set[str]] = defaultdict(set)
    for one in placed:
        if isinstance(one.decision, Kept):
            kept[one.form].add(one.alike)
    first = {
        form: {alike: Twin(*found) for alike, found in find_first_alike(session, form, digests).items()}
        for form, digests in kept.items()
    }
    paired = []
    for one in placed:
        twin = None
        if isinstance(one.decision, Kept):
            twin = first[one.form].setdefault(one.alike, Twin(one.id, one.root_id))
        paired.append(replace(one, twin=twin if twin and twin.root_id != one.root_id else None))
    return paired


def _find_twins_referrals(own: Hands, session: Session, placed: list[Decided]) -> dict[str, UUID]:
    """The referrals that the submissions with the same answers led to, by origin: one query for a batch."""
    origins = {
        own.origin(one.form, one.twin.root_id, pathway)
        for one in placed
        if one.twin is not None
        for pathway in one.items
    }
    return find_origins(session, origins) if origins else {}


def _drop_strange_entities(session: Session, placed: list[Decided]) -> list[Decided]:
    """Entities go back onto phones of ours: of forms that only other servers have, nothing is kept."""
    forms = {one.form for one in placed if isinstance(one.decision, Kept) and one.decision.entities}
    strange = forms - find_forms_on_phones(session, forms) if forms else set()
    return [
        replace(one, decision=replace(one.decision, entities=()))
        if one.form in strange and isinstance(one.decision, Kept)
        else one
        for one in placed
    ]


def _is_contradiction(one: Decided, *, row: SubmissionRow | None) -> bool:
    """Whether it is another copy of an edition that is here, and says something else: a yes where somebody said no, a
    no where there was a yes, or another answer. A person decides which is right, and lets that in again."""
    if one.is_released:
        return False
    if row is None:
        return one.is_beside  # what came first is held: not overtaken
    if row.edition_id != one.edition_id or row.erased_at is not None:
        return False
    decision = one.decision
    if isinstance(decision, Refused):
        return row.state == KEPT and decision.said_no
    if row.state == TOMBSTONE:
        return row.said_no
    return one.is_beside and any(
        differ(was, as_stored(now))
        for was, now in ((row.shared, decision.treated.shared), (row.restricted, decision.treated.restricted))
    )


def _content(one: Decided) -> dict[str, Any]:
    """The columns that a decision fills."""
    decision = one.decision
    content: dict[str, Any] = {"month": decision.month, "place": decision.place}
    if isinstance(decision, Refused):
        nothing = dict.fromkeys(("screening", "shared", "restricted", "findings"))
        return {**content, **nothing, "state": TOMBSTONE, "may_share": False, "said_no": decision.said_no}
    return {
        **content,
        "state": KEPT,
        "said_no": False,
        "may_share": decision.may_share,
        "screening": decision.screening,
        "shared": dict(decision.treated.shared),
        "restricted": dict(decision.treated.restricted),
        "findings": dict(decision.treated.findings),
    }


def _likeness(one: Decided, content: dict[str, Any]) -> dict[str, Any]:
    """The columns that tell a possible duplicate. No part of the digest: they say nothing of this submission itself."""
    if content["state"] == TOMBSTONE:
        return {"alike": None, "twin": None}
    findings = {**content["findings"], **({TWIN: 1} if one.twin else {})}
    return {"alike": one.alike or None, "twin": one.twin.id if one.twin else None, "findings": findings}


def _write_new(own: Hands, writing: Writing, one: Decided) -> None:
    content = _content(one)
    writing.submissions.append(
        {
            "id": one.id,
            "form": one.form,
            "form_version": one.form_version,
            "root_id": one.root_id,
            "edition_id": one.edition_id,
            "fullness": one.fullness,
            "superseded": [edition for edition in (one.deprecated_id, one.follows) if edition],
            "digest": own.digest(content),
            **content,
            **_likeness(one, content),
        }
    )
    _count(writing, one)
    if isinstance(one.decision, Refused):
        writing.settle(one, "refused")
        return
    if one.decision.entities:
        writing.entities[one.id] = one.decision.entities
    for item in one.decision.items:
        if item.course is not Course.COUNT:
            add_referral(own, writing, one, item, place=one.decision.place)
    writing.settle(one, "kept")


def _count(writing: Writing, one: Decided) -> None:
    """A refusal, or needs that nobody can be told of, which are at least counted: linked to nothing."""
    decision = one.decision
    where = one.form, decision.month, decision.place or NOWHERE
    if isinstance(decision, Refused):
        writing.tallies[REFUSED, *where, ""] += 1
        return
    for item in decision.items:
        kind = "unreferred" if item.course is Course.COUNT else "no_service" if item.service is None else None
        if kind is not None:
            writing.tallies[kind, *where, item.pathway] += 1


def _recount(writing: Writing, one: Decided, *, row: SubmissionRow) -> None:
    """An edit to or from a refusal: that is counted where it stands now, or no more. What was kept and stays so keeps
    the counts of its first edition, since nothing says which they were."""
    was_refused = row.state == TOMBSTONE
    if was_refused:
        writing.tallies[REFUSED, row.form, row.month, row.place or NOWHERE, ""] -= 1
    if was_refused or isinstance(one.decision, Refused):
        _count(writing, one)


def _write_edition(own: Hands, session: Session, writing: Writing, one: Decided, *, row: SubmissionRow) -> None:
    """Another edition of a root that is known: the newest by the deprecation chain wins, never the clock."""
    before = {"deprecated": one.deprecated_id, "follows": one.follows}
    order = order_editions(row.edition_id, row.superseded, arriving=one.edition_id, root=row.root_id, **before)
    if order is Order.UNCLEAR and row.erased_at is None:
        _hold(own, session, one, HeldReason.EDITION_UNCLEAR, awaited=row.root_id)  # any other may make it clear
        return
    chain = extend_chain(row.superseded, stored=row.edition_id, arriving=one.edition_id, order=order, **before)
    if order is not Order.OLDER and row.erased_at is None and one.inside is None and _is_encrypted(own, session, row):
        # phones cannot read back what they encrypted, so no copy and no correction of it is readable
        hold_entry(session, one.entry, HeldReason.PLAIN_IN_ENCRYPTED, contradicts=row.edition_id)
        return
    if row.erased_at is not None:  # deleted at its server: nothing brings it back
        row.superseded = sorted({*chain, one.edition_id} - {row.edition_id})
        writing.settle(one, "erased", is_kept=False)
        return
    row.superseded = list(chain)
    if order is Order.OLDER or (order is Order.SAME and _adds_nothing(one, row=row)):
        writing.settle(one, "superseded", is_kept=row.state == KEPT)
        return
    if isinstance(one.decision, Refused):
        if not _shred_strays(own, session, one.form, chain):
            hold_entry(session, one.entry, HeldReason.KEY_MISSING)
            return
        # a competing correction stays for a person: it may be the newer one, and say yes
        erase_beside(session, one.form, chain, reasons=(HeldReason.CONFLICT, HeldReason.PLAIN_IN_ENCRYPTED))
    _recount(writing, one, row=row)
    content = _content(one)
    digest = own.digest(content)
    outcome = "unchanged" if digest == row.digest else "changed"
    row.edition_id, row.form_version, row.digest = one.edition_id, one.form_version, digest
    row.fullness = one.fullness
    for name, value in {**content, **_likeness(one, content)}.items():
        setattr(row, name, value)
    writing.entities[row.id] = one.decision.entities if isinstance(one.decision, Kept) else ()
    reroute(own, session, writing, one)
    writing.settle(one, outcome)


def _adds_nothing(one: Decided, *, row: SubmissionRow) -> bool:
    """Whether another copy of the edition that is kept is to be forgotten: it agrees, and is not fuller. What a person
    let in counts, however short it is: a no is shorter than a yes."""
    return not one.is_released and row.state == KEPT and one.fullness < row.fullness + one.is_beside


def _is_encrypted(own: Hands, session: Session, row: SubmissionRow) -> bool:
    """Whether the version that asked it has phones encrypt."""
    return own.find_version(session, row.form_version).prepared.version.is_encrypted


def _shred_strays(own: Hands, session: Session, form: str, editions: Collection[str]) -> bool:
    """Consent is withdrawn: destroy what the editions before brought and did not name. False when the door's keys,
    which tell their files, are not here."""
    if not has_strays(session, form):
        return True
    try:
        key = read_door_keys(own.settings.door_keys).digest
    except PimError:
        return False
    identities = [identify_edition(edition, form=form, key=key) for edition in sorted(editions)]
    shred_strays_of_editions(session, form, identities)
    return True
