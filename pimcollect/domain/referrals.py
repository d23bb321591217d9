"""The life of a referral: its states, who may move it where, the coded reasons, and what a new decision changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pimcollect.errors import ErrorCode, PimError


class State(StrEnum):
    """Where a referral, ticket or alert stands. What nobody answered in time is seen from the clock, not from here."""

    NO_SERVICE = "no_service"
    """Nobody serves this person in this area: the information officer must find somebody."""
    WAITING = "waiting"
    """Addressed; its receiver has not been told yet."""
    SENT = "sent"
    """The receiver was told. That is not an answer."""
    ACCEPTED = "accepted"
    DECLINED = "declined"
    """The receiver cannot; the person still waits for another service."""
    CLOSED = "closed"
    """Done, or cannot be done; the reason says which."""
    RECALLED = "recalled"
    """Taken back: withdrawn by the person, or no longer wanted in the newest edition."""


class Verb(StrEnum):
    """What can be done to it."""

    SEND = "send"
    ACCEPT = "accept"
    DECLINE = "decline"
    CLOSE = "close"
    REROUTE = "reroute"
    """By hand: to a service, when nobody serves it or its receiver did not take it."""
    REOPEN = "reopen"
    """By hand: the same service is asked again, whoever of it took or declined it."""
    REASSIGN = "reassign"
    """By a new decision: another service now takes this person, whatever the first one did."""
    STRAND = "strand"
    """By a new decision: nobody takes this person any more."""
    RECALL = "recall"
    RENEW = "renew"
    """By a new decision: wanted again after it was taken back."""


OPEN = frozenset({State.NO_SERVICE, State.WAITING, State.SENT, State.ACCEPTED, State.DECLINED})
"""Somebody still waits for something. What is open can always be taken back, whatever consent says by then."""

REVEALABLE = frozenset({State.ACCEPTED})
"""States in which the member who accepted may see whom it is about."""

TRANSITIONS: Mapping[Verb, tuple[frozenset[State], State]] = {
    Verb.SEND: (frozenset({State.WAITING}), State.SENT),
    Verb.ACCEPT: (frozenset({State.WAITING, State.SENT}), State.ACCEPTED),
    Verb.DECLINE: (frozenset({State.WAITING, State.SENT, State.ACCEPTED}), State.DECLINED),
    Verb.CLOSE: (frozenset({State.ACCEPTED, State.DECLINED, State.NO_SERVICE}), State.CLOSED),
    Verb.REROUTE: (frozenset({State.NO_SERVICE, State.WAITING, State.SENT, State.DECLINED}), State.WAITING),
    Verb.REOPEN: (frozenset({State.ACCEPTED, State.DECLINED}), State.WAITING),
    Verb.REASSIGN: (OPEN, State.WAITING),
    Verb.STRAND: (OPEN, State.NO_SERVICE),
    Verb.RECALL: (OPEN, State.RECALLED),
    Verb.RENEW: (frozenset({State.RECALLED}), State.WAITING),
}
"""From which states a verb leads where. What is not here is not possible; closed is final."""

BY_HAND = (Verb.ACCEPT, Verb.DECLINE, Verb.CLOSE, Verb.REROUTE, Verb.REOPEN)
"""What people do; the others are done by the service itself, or by a new decision."""

DECLINE_REASONS = (
    "no_capacity",
    "outside_area",
    "not_eligible",
    "not_offered",
    "incomplete",
    "already_served",
    "funds_ended",
    "no_access",
    "wrong_recipient",
    "conflict_of_interest",
)
CLOSE_REASONS = (
    "needs_met",
    "partly_met",
    "person_declined",
    "cannot_reach",
    "moved_away",
    "transferred",
    "no_service",
    "unsafe",
    "deceased",
    "duplicate",
)
"""The first two mean that the service was provided (referral facts, 6.6)."""

REASONS: Mapping[str, tuple[str, ...]] = {Verb.DECLINE: DECLINE_REASONS, Verb.CLOSE: CLOSE_REASONS}
"""Verbs that need a reason, and its codes. Never free text: it would end up holding a story."""


def is_open(state: str) -> bool:
    """True while somebody still waits for something."""
    return state in OPEN


def move(state: str, verb: str) -> str:
    """The state after the verb. Raises PimError(NOT_POSSIBLE_NOW) that names its state and what can be done."""
    possible = {str(one) for one, (sources, _) in TRANSITIONS.items() if state in sources}
    if verb not in possible:
        by_hand = [str(one) for one in BY_HAND if one in possible]
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            f"A referral that is {state} cannot be moved by {verb!r}.",
            remedy=f"Possible now: {', '.join(by_hand)}." if by_hand else "It is over; nothing moves it any more.",
        )
    return TRANSITIONS[Verb(verb)][1].value


def check_reason(verb: str, reason: str | None) -> None:
    """Refuse a missing or unknown reason. Raises PimError(NOT_POSSIBLE_NOW) that lists the codes."""
    known = REASONS.get(verb, ())
    if (known and reason not in known) or (not known and reason is not None):
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            f"{verb!r} needs one of the coded reasons." if known else f"{verb!r} takes no reason.",
            remedy=f"Reasons: {', '.join(known)}." if known else "Leave the reason out.",
        )


@dataclass(frozen=True)
class Standing:
    """A referral as it was left by the decision before: where it stands, who serves it, and what it told.

    `digest` stands for all that its receiver was given (course, urgency, place, package): equal digests, equal news.
    """

    state: str
    service: str | None
    digest: str


@dataclass(frozen=True)
class Wanted:
    """What the newest decision wants on a pathway."""

    service: str | None
    digest: str


class Step(StrEnum):
    """What a new decision does to one pathway."""

    NEW = "new"
    UNCHANGED = "unchanged"
    """Nobody hears of it."""
    AMENDED = "amended"
    """The same receiver is told that something changed."""
    REASSIGNED = "reassigned"
    """Another receiver, or none: who accepted before has no part in it any more."""
    RENEWED = "renewed"
    """Wanted again after it was taken back."""
    RECALLED = "recalled"


@dataclass(frozen=True)
class Change:
    """One pathway's step, and the state it leaves the referral in."""

    pathway: str
    step: Step
    state: str


def reconcile(standing: Mapping[str, Standing], wanted: Mapping[str, Wanted]) -> tuple[Change, ...]:
    """Bring what stands in line with what is wanted now, pathway by pathway, sorted.

    `wanted` holds what somebody must follow up; what is only counted is not in it. What is closed stays closed.
    """
    changes = []
    for pathway in sorted(standing.keys() | wanted.keys()):
        before, now = standing.get(pathway), wanted.get(pathway)
        step = _choose_step(before, now)
        changes.append(Change(pathway, step, _follow(before, now, step)))
    return tuple(changes)


def _choose_step(before: Standing | None, now: Wanted | None) -> Step:
    if before is None:
        return Step.NEW
    if before.state == State.RECALLED and now is not None:
        return Step.RENEWED
    if not is_open(before.state):
        return Step.UNCHANGED
    if now is None:
        return Step.RECALLED
    if before.digest == now.digest and before.service == now.service:
        return Step.UNCHANGED
    return Step.AMENDED if before.service == now.service else Step.REASSIGNED


def _follow(before: Standing | None, now: Wanted | None, step: Step) -> str:
    first = State.WAITING if now is not None and now.service is not None else State.NO_SERVICE
    if before is None:
        return first.value
    if step is Step.RECALLED:
        return move(before.state, Verb.RECALL)
    if step is Step.REASSIGNED:
        return move(before.state, Verb.REASSIGN if first is State.WAITING else Verb.STRAND)
    if step is Step.RENEWED:
        renewed = move(before.state, Verb.RENEW)
        return renewed if first is State.WAITING else move(renewed, Verb.STRAND)
    return before.state
