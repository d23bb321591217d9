"""Treated submissions and tallies. No column here points at a person."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, or_, select, text, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from pimcollect.domain.version import TEST
from pimcollect.tables.base import Base
from pimcollect.tables.forms import FormRow, FormVersionRow

KEPT, TOMBSTONE = "kept", "tombstone"
REFUSED = "refused"
"""The tally of the tombstones that nobody erased, by area."""
ERASED, WITHDRAWN = "erased", "withdrawn"
"""Why a submission was taken out: gone at its server, or taken back by the person who came with the card."""
NOWHERE = ""
"""In a tally: no place known."""


class SubmissionRow(Base):
    """One submission by its root id: its newest edition, treated; or the tombstone of a refusal."""

    __tablename__ = "submissions"
    __table_args__ = (
        UniqueConstraint("form", "root_id", name="one_submission_for_one_root"),
        CheckConstraint("state IN ('kept', 'tombstone')", name="submission_state_is_known"),
        CheckConstraint(
            "state <> 'tombstone' OR (shared IS NULL AND restricted IS NULL AND findings IS NULL AND NOT may_share)",
            name="tombstone_has_no_answers",
        ),
        CheckConstraint("erased_at IS NULL OR state = 'tombstone'", name="erased_submission_is_a_tombstone"),
        CheckConstraint("state <> 'tombstone' OR alike IS NULL", name="tombstone_is_like_nothing"),
        CheckConstraint("state <> 'kept' OR shared IS NOT NULL", name="kept_submission_has_answers"),
        Index("submissions_of_form_by_month", "form", "month"),
        Index("submissions_present", "form", postgresql_where=text("erased_at IS NULL")),
        Index("submissions_by_edition", "edition_id"),
        Index("submissions_alike", "form", "alike", "decided_at", "id", postgresql_where=text("alike IS NOT NULL")),
        Index("submissions_by_superseded", "superseded", postgresql_using="gin"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    form: Mapped[str] = mapped_column(ForeignKey(FormRow.id))
    form_version: Mapped[UUID] = mapped_column(ForeignKey(FormVersionRow.id))
    root_id: Mapped[str]
    """The first edition's instance id, without `uuid:`; random, made by the phone."""
    edition_id: Mapped[str]
    fullness: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """How many answers the delivery of this edition carried: a poorer copy of it never takes its place."""
    superseded: Mapped[list[str]]
    """Earlier edition ids of the chain."""
    state: Mapped[str]
    said_no: Mapped[bool] = mapped_column(default=True, server_default=true())
    """Of a refusal: that somebody said no, so no other copy of this edition undoes it."""
    month: Mapped[date]
    """First day of the month of receipt."""
    place: Mapped[str | None]
    """adm2 p-code (adm1 for a tombstone)."""
    may_share: Mapped[bool] = mapped_column(default=False)
    screening: Mapped[str | None]
    shared: Mapped[dict[str, Any] | None]
    restricted: Mapped[dict[str, Any] | None]
    findings: Mapped[dict[str, Any] | None]
    """`question reason` -> how often; never a value."""
    digest: Mapped[str]
    """Keyed digest of the decided content: an edition that changes nothing is known by it."""
    alike: Mapped[str | None]
    """Keyed digest of all answers, ids and start and end aside: who sent the same again is found by it."""
    twin: Mapped[UUID | None] = mapped_column(ForeignKey("submissions.id"), index=True)
    """The submission that has the same answers and came first: a possible duplicate, for people to compare."""
    erased_at: Mapped[datetime | None]
    """Deleted at its server, so erased here: no later copy brings it back."""
    decided_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class TallyRow(Base):
    """Counts that point at nothing: refusals, unreferred needs, missing services."""

    __tablename__ = "tallies"
    kind: Mapped[str] = mapped_column(primary_key=True)
    """refused, unreferred, alerted, no_service, superseded ..."""
    form: Mapped[str] = mapped_column(ForeignKey(FormRow.id), primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    place: Mapped[str] = mapped_column(primary_key=True, default=NOWHERE)
    detail: Mapped[str] = mapped_column(primary_key=True, default="")
    """A pathway code, or empty."""
    n: Mapped[int]


def find_roots(session: Session, keys: list[tuple[str, str]]) -> dict[tuple[str, str], SubmissionRow]:
    """Lock and return the submissions of these (form, root id) pairs: one query for a batch."""
    if not keys:
        return {}
    forms, roots = {form for form, _ in keys}, [root for _, root in keys]
    rows = session.scalars(
        select(SubmissionRow)
        .where(SubmissionRow.form.in_(forms), SubmissionRow.root_id.in_(roots))  # the unique index begins with the form
        .order_by(SubmissionRow.id)
        .with_for_update()
    )
    return {(row.form, row.root_id): row for row in rows}


def name_roots(session: Session, submissions: Collection[UUID]) -> dict[UUID, str]:
    """Root ids of submissions: one query."""
    rows = session.execute(select(SubmissionRow.id, SubmissionRow.root_id).where(SubmissionRow.id.in_(submissions)))
    return {row.id: row.root_id for row in rows}


def find_root(session: Session, form: str, edition_id: str) -> str | None:
    """The root id of the submission that holds this edition, as its newest or as an earlier one."""
    return session.scalar(
        select(SubmissionRow.root_id).where(
            SubmissionRow.form == form,
            or_(SubmissionRow.edition_id == edition_id, SubmissionRow.superseded.contains([edition_id])),
        )
    )


_FORGET_TWIN = text("UPDATE submissions SET twin = NULL, findings = findings - :finding WHERE twin = :submission")


def forget_twin(session: Session, submission: UUID, *, finding: str) -> None:
    """What was a possible duplicate of this one is not any more: this one is erased."""
    session.execute(_FORGET_TWIN, {"submission": submission, "finding": finding})


_FIRST_ALIKE = text("""
    SELECT wanted.alike, first.id, first.root_id
      FROM unnest(CAST(:digests AS text[])) AS wanted (alike),
           LATERAL (SELECT id, root_id FROM submissions
                     WHERE form = :form AND submissions.alike = wanted.alike
                     ORDER BY decided_at, id LIMIT 1) AS first
""")


def find_first_alike(session: Session, form: str, digests: Collection[str]) -> dict[str, tuple[UUID, str]]:
    """Digest of answers -> (id, root id) of the first kept submission with the same: one step in the index for each,
    however many answered alike."""
    rows = session.execute(_FIRST_ALIKE, {"form": form, "digests": sorted(digests)})
    return {row.alike: (row.id, row.root_id) for row in rows}


def add_tallies(session: Session, counts: dict[tuple[str, str, date, str, str], int]) -> None:
    """Raise or lower counts by (kind, form, month, place, detail): one statement, in a fixed order (no deadlock)."""
    if not counts:
        return
    statement = insert(TallyRow).values(
        [
            {"kind": kind, "form": form, "month": month, "place": place, "detail": detail, "n": n}
            for (kind, form, month, place, detail), n in sorted(counts.items())
        ]
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[TallyRow.kind, TallyRow.form, TallyRow.month, TallyRow.place, TallyRow.detail],
            set_={"n": TallyRow.n + statement.excluded.n},
        )
    )


def find_submissions(session: Session, *, form: str | None = None, limit: int = 200) -> list[SubmissionRow]:
    """Submissions, newest decision first: of one form, or of all but field tests, whose answers are no findings."""
    query = select(SubmissionRow).order_by(SubmissionRow.decided_at.desc()).limit(limit)
    query = query.where(SubmissionRow.form == form if form else SubmissionRow.form.not_like(f"%\\{TEST}", escape="\\"))
    return list(session.scalars(query))


def find_by_card(session: Session, code: str, *, question: str, form: str | None) -> list[SubmissionRow]:
    """What is kept under the code of a respondent's card, two at most. Reads all that is kept: no index leads there."""
    is_this = SubmissionRow.restricted[question].astext == code
    query = select(SubmissionRow).where(SubmissionRow.state == KEPT, is_this).limit(2)
    return list(session.scalars(query if form is None else query.where(SubmissionRow.form == form)))


def count_submissions(session: Session) -> list[dict[str, Any]]:
    """How many by form, state and month."""
    rows = session.execute(
        select(SubmissionRow.form, SubmissionRow.state, SubmissionRow.month, func.count().label("n"))
        .group_by(SubmissionRow.form, SubmissionRow.state, SubmissionRow.month)
        .order_by(SubmissionRow.form, SubmissionRow.month.desc(), SubmissionRow.state)
    )
    return [dict(row._mapping) for row in rows]


_COUNT_FINDINGS = text("""
    SELECT form, CASE WHEN key LIKE '% %' THEN split_part(key, ' ', 1) ELSE '' END AS question,
           CASE WHEN key LIKE '% %' THEN split_part(key, ' ', 2) ELSE key END AS reason,
           count(*) AS submissions, sum(value::bigint)::bigint AS n
      FROM submissions, jsonb_each_text(findings)
     WHERE findings <> '{}' AND (CAST(:form AS text) IS NULL OR form = :form)
     GROUP BY 1, 2, 3 ORDER BY 1, 5 DESC, 2, 3 LIMIT :most
""")


def count_findings(session: Session, *, form: str | None = None, limit: int = 1000) -> list[dict[str, Any]]:
    """Why answers became null, or something else of a submission could not be used: form, question (may be empty),
    reason, n (how often) and submissions (in how many). Never a value."""
    return [dict(row._mapping) for row in session.execute(_COUNT_FINDINGS, {"form": form, "most": limit})]


def sum_findings(session: Session) -> dict[str, int]:
    """Reason -> how often, over all forms and questions."""
    totals: dict[str, int] = {}
    for row in count_findings(session, limit=10_000):
        totals[row["reason"]] = totals.get(row["reason"], 0) + row["n"]
    return totals


def count_present(session: Session, forms: Collection[str]) -> dict[str, int]:
    """Form -> its submissions, however they came: kept and refused, without those that are gone at their server."""
    query = select(SubmissionRow.form, func.count().label("n")).where(
        SubmissionRow.form.in_(forms), SubmissionRow.erased_at.is_(None)
    )
    return {row.form: row.n for row in session.execute(query.group_by(SubmissionRow.form))}


def count_unshared(session: Session, form: str) -> int:
    """How many are kept of people who did not agree to sharing."""
    query = select(func.count()).where(
        SubmissionRow.form == form, SubmissionRow.state == KEPT, SubmissionRow.may_share.is_(False)
    )
    return session.scalar(query) or 0


def find_tallies(session: Session, *, limit: int = 1000) -> list[TallyRow]:
    """All counts."""
    return list(
        session.scalars(
            select(TallyRow)
            .where(TallyRow.n > 0)
            .order_by(TallyRow.kind, TallyRow.form, TallyRow.month, TallyRow.place, TallyRow.detail)
            .limit(limit)
        )
    )
