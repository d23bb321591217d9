"""The one decision about a submission: consent, screening, flags, treatment, routing. Pure, and the same for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pimcollect.domain.answers import UNREAD, AnswerReader, Answers, Findings
from pimcollect.domain.clocks import due_at, month_of, to_utc
from pimcollect.domain.consent import has_consent, is_clear, said_no, was_asked
from pimcollect.domain.derived import plan_derivations
from pimcollect.domain.entities import EntityWriter, ToldEntity
from pimcollect.domain.flags import FlagRules, Raised
from pimcollect.domain.outcomes import (
    Course,
    Decision,
    Directory,
    Held,
    HeldReason,
    Item,
    Kept,
    Pseudonyms,
    Refused,
    Treated,
)
from pimcollect.domain.packages import Packer
from pimcollect.domain.pathways import SUPERVISOR, Profiler, choose_course, choose_service
from pimcollect.domain.places import climb
from pimcollect.domain.plan import Plan
from pimcollect.domain.screening import Gate
from pimcollect.domain.version import Version

REFUSED_LEVEL, KEPT_LEVEL = 1, 2
"""The finest area that a refusal and a kept submission are counted in."""


class Prepared:
    """All that can be worked out once for a version. Raises PimError when the version cannot be used."""

    __slots__ = ("derivations", "entities", "flags", "gate", "packer", "plan", "profiler", "reader", "version")

    def __init__(self, version: Version) -> None:
        self.version = version
        self.reader = AnswerReader(version)
        self.gate = Gate(version)
        self.flags = FlagRules(version)
        self.plan = Plan(version)
        self.packer = Packer(version)
        self.profiler = Profiler(version)
        self.derivations = plan_derivations(version)
        self.entities = EntityWriter(version)


def prepare(version: Version) -> Prepared:
    """Compile a version: its plan, its rules and its indexes. Keep the result; it never changes."""
    return Prepared(version)


def decide(
    raw: Mapping[str, Any],
    prepared: Prepared,
    directory: Directory,
    *,
    received_at: datetime,
    pseudonyms: Pseudonyms | None = None,
    told: Sequence[ToldEntity] = (),
    is_mapped: bool = False,
) -> Decision:
    """Decide what becomes of one delivery, from the flat shape a server sends.

    `received_at` is aware: it starts the clocks and gives the month; `told` are the entities it names; `is_mapped` when
    a mapping, which may be wrong, says what is what. Held(OTHER_FORM) when none of the answers belong to this form.
    Never raises for anything that a body can hold; no outcome but the package repeats an untreated value.
    """
    if not prepared.reader.knows_any(raw):
        return Held(HeldReason.OTHER_FORM)
    answers, findings = prepared.reader.read(raw)
    if is_mapped and not is_clear(answers, prepared.version.consent, unread=answers.get(UNREAD, ())):
        return Held(HeldReason.CONSENT_UNCLEAR)
    return decide_answers(
        answers, findings, prepared, directory, received_at=received_at, pseudonyms=pseudonyms, told=told
    )


def decide_answers(
    answers: Answers,
    findings: Findings,
    prepared: Prepared,
    directory: Directory,
    *,
    received_at: datetime,
    pseudonyms: Pseudonyms | None = None,
    told: Sequence[ToldEntity] = (),
) -> Decision:
    """The same, from answers that are typed already. `findings` are those of the reading; they are added to."""
    version = prepared.version
    month = month_of(received_at)
    places = prepared.profiler.find_places(answers, directory)
    finest = places[0] if places else None
    if not has_consent(answers, version.consent.keep):
        place = climb(directory, finest, level=REFUSED_LEVEL)
        asked = {"answers": answers, "conditions": version.consent.keep, "unread": answers.get(UNREAD, ())}
        return Refused(month, place, was_asked=was_asked(**asked), said_no=said_no(**asked))
    screening, opened, closed = prepared.gate.close(answers)
    for derive in prepared.derivations:
        derive(opened)
    raised = prepared.flags.raise_flags(opened, findings)
    shared, restricted = prepared.plan.apply(opened, findings, directory, pseudonyms)
    items: tuple[Item, ...] = ()
    if raised:
        items = _route(raised, opened, shared, places, prepared, directory, received_at)
    return Kept(
        month=month,
        place=climb(directory, finest, level=KEPT_LEVEL),
        may_share=has_consent(answers, version.consent.share),
        screening=None if screening is None else screening.value,
        treated=Treated(shared, restricted, findings),
        items=items,
        closed=closed,
        entities=prepared.entities.write(told, shared, restricted, findings) if told else (),
    )


def _route(
    raised: Mapping[str, Raised],
    answers: Answers,
    shared: Mapping[str, Any],
    places: tuple[str, ...],
    prepared: Prepared,
    directory: Directory,
    received_at: datetime,
) -> tuple[Item, ...]:
    version = prepared.version
    may_refer = has_consent(answers, version.consent.refer)
    person = prepared.profiler.describe(answers, places)
    today = to_utc(received_at).date()
    items = []
    for code, flag in raised.items():
        course = choose_course(version.pathways[code], flag.urgency, may_refer=may_refer)
        served_by = SUPERVISOR if course is Course.ALERT else code
        is_referral = course is Course.REFERRAL
        items.append(
            Item(
                pathway=code,
                urgency=flag.urgency,
                course=course,
                flags=tuple(flag.by),
                service=None if course is Course.COUNT else choose_service(served_by, person, directory, on=today),
                due_at=None if course is Course.COUNT else due_at(flag.urgency, received_at),
                package=prepared.packer.pack(answers, shared, pathway=code) if is_referral else None,
                pictures=prepared.packer.pick_pictures(answers) if is_referral else {},
            )
        )
    return tuple(items)
