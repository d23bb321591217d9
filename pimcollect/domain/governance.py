"""The life of an indicator, and of a change to the bank: its states, who may move it, who must agree, and why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from pimcollect.domain.roles import Role
from pimcollect.errors import ErrorCode, PimError


class State(StrEnum):
    """Where it stands. What is retired keeps its code and its meaning for ever."""

    DRAFT = "draft"
    PROPOSED = "proposed"
    IN_REVIEW = "in_review"
    """Some of the reviews agree; the others have not spoken yet."""
    COMMUNITY_CHECK = "community_check"
    FIELD_TEST = "field_test"
    ENDORSED = "endorsed"
    ACTIVE = "active"
    DEPRECATED = "deprecated"
    RETIRED = "retired"


class Verb(StrEnum):
    """What can be done to it."""

    PROPOSE = "propose"
    REVIEW = "review"
    """One review agrees, another is still missing."""
    CLEAR = "clear"
    """The last missing review agrees."""
    CHECK = "check"
    ENDORSE = "endorse"
    REFUSE = "refuse"
    ACTIVATE = "activate"
    DEPRECATE = "deprecate"
    REVIVE = "revive"
    RETIRE = "retire"


OPEN = frozenset({State.PROPOSED, State.IN_REVIEW, State.COMMUNITY_CHECK, State.FIELD_TEST, State.ENDORSED})
"""Under review or just through it: what people agree to must not change under their hands."""

BEGUN = frozenset({State.ACTIVE, State.DEPRECATED, State.RETIRED})
"""Answers were collected under it, so its meaning is no longer free."""

TRANSITIONS: Mapping[Verb, tuple[frozenset[State], State]] = {
    Verb.PROPOSE: (frozenset({State.DRAFT}), State.PROPOSED),
    Verb.REVIEW: (frozenset({State.PROPOSED, State.IN_REVIEW}), State.IN_REVIEW),
    Verb.CLEAR: (frozenset({State.IN_REVIEW}), State.COMMUNITY_CHECK),
    Verb.CHECK: (frozenset({State.COMMUNITY_CHECK}), State.FIELD_TEST),
    Verb.ENDORSE: (frozenset({State.FIELD_TEST}), State.ENDORSED),
    Verb.REFUSE: (OPEN, State.DRAFT),
    Verb.ACTIVATE: (frozenset({State.ENDORSED}), State.ACTIVE),
    Verb.DEPRECATE: (frozenset({State.ACTIVE}), State.DEPRECATED),
    Verb.REVIVE: (frozenset({State.DEPRECATED}), State.ACTIVE),
    Verb.RETIRE: (frozenset({State.DEPRECATED}), State.RETIRED),
}
"""Verb -> from where, to where. What does not stand here cannot happen; nothing leads out of `retired`."""


class Step(StrEnum):
    """What somebody says yes or no to."""

    IM = "im_review"
    PROTECTION = "protection_review"
    DATA = "data_review"
    """The third yes for severe items: data protection."""
    COMMUNITY = "community_check"
    ENDORSEMENT = "endorsement"


REVIEWS = (Step.IM, Step.PROTECTION, Step.DATA)

STEP_ROLES: Mapping[Step, tuple[Role, ...]] = {
    Step.IM: (Role.IMO,),
    Step.PROTECTION: (Role.MONITOR,),
    Step.DATA: (Role.DPO,),
    Step.COMMUNITY: (Role.IMO, Role.MONITOR),
    Step.ENDORSEMENT: (Role.IMO,),
}
"""Step -> whose word counts. A protection monitor speaks for protection."""

REASONS: Mapping[str, str] = {
    "unclear": "People will not understand it, or understand it differently",
    "no_use": "Nobody decides anything by it",
    "duplicate": "The bank has such an item already",
    "harmful": "Asking it can harm people or the team",
    "too_sensitive": "Its sensitivity, class or treatment is too low",
    "not_acceptable": "The community does not want it asked",
    "failed_test": "It did not work in the field test",
    "wrong_form": "Type, choices, logic or translation need work",
    "withdrawn": "The proposer takes it back",
}
"""Code -> words. A refusal names one; free text is not kept."""


@dataclass(frozen=True)
class Given:
    """A yes of the present round."""

    step: Step
    by: str
    """Id of the member."""


@dataclass(frozen=True)
class Life:
    """Where an item or a change stands, and who has agreed since it was proposed."""

    state: State = State.DRAFT
    proposer: str = ""
    given: tuple[Given, ...] = ()


def needed_reviews(*, is_severe: bool) -> frozenset[Step]:
    """The reviews that must all agree: two, and data protection for what is severe."""
    return frozenset(REVIEWS if is_severe else REVIEWS[:2])


def find_due(life: Life, *, is_severe: bool) -> frozenset[Step]:
    """The steps that somebody may take now; empty when it waits for no verdict."""
    if life.state in (State.PROPOSED, State.IN_REVIEW):
        return needed_reviews(is_severe=is_severe) - {one.step for one in life.given}
    if life.state is State.COMMUNITY_CHECK:
        return frozenset({Step.COMMUNITY})
    return frozenset({Step.ENDORSEMENT}) if life.state is State.FIELD_TEST else frozenset()


def move(state: State, verb: Verb) -> State:
    """Where the verb leads from here. Raises PimError(NOT_POSSIBLE_NOW)."""
    sources, target = TRANSITIONS[verb]
    if state not in sources:
        before = next((one for one, (given, to) in TRANSITIONS.items() if state in given and to in sources), None)
        words = " or ".join(one.replace("_", " ") for one in sorted(sources))
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            f"Not possible: it is {state.replace('_', ' ')}.",
            remedy=f"{verb.capitalize()} is for what is {words}" + (f": {before} it first." if before else "."),
        )
    return target


def propose(life: Life, by: str) -> Life:
    """A draft is proposed; what was agreed in earlier rounds no longer counts."""
    return Life(move(life.state, Verb.PROPOSE), proposer=by)


def agree(life: Life, step: Step, by: str, *, is_severe: bool) -> Life:
    """A yes. Raises PimError: NOT_POSSIBLE_NOW for a step that is not due, NOT_ALLOWED for one's own proposal and for
    a second review by the same person."""
    _check_due(life, step, is_severe=is_severe)
    if by == life.proposer:
        raise PimError(ErrorCode.NOT_ALLOWED, "Nobody agrees to their own proposal.", remedy="Ask somebody else.")
    if step in REVIEWS and any(one.by == by for one in life.given if one.step in REVIEWS):
        raise PimError(
            ErrorCode.NOT_ALLOWED, "Each review is another person's.", remedy="Ask somebody else for this one."
        )
    given = (*life.given, Given(step, by))
    return replace(life, state=move(life.state, _verb(step, given, is_severe=is_severe)), given=given)


def refuse(life: Life, step: Step, by: str, *, reason: str, is_severe: bool) -> Life:
    """A no, back to draft. The proposer may take it back (`withdrawn`) at any moment before it is active.

    Raises PimError: NOT_FOUND for an unknown reason, NOT_POSSIBLE_NOW for a step that is not due.
    """
    if reason not in REASONS:
        raise PimError(
            ErrorCode.NOT_FOUND, f"There is no reason {reason!r}.", remedy=f"Use one of: {', '.join(REASONS)}."
        )
    if reason != "withdrawn":
        _check_due(life, step, is_severe=is_severe)
    elif by != life.proposer:
        raise PimError(ErrorCode.NOT_ALLOWED, "Only the proposer takes it back.", remedy="Name the reason of your no.")
    return replace(life, state=move(life.state, Verb.REFUSE), given=())


def _check_due(life: Life, step: Step, *, is_severe: bool) -> None:
    due = find_due(life, is_severe=is_severe)
    if step not in due:
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            f"{step} is not due: it is {life.state}.",
            remedy=f"Due now: {', '.join(sorted(due))}." if due else "It waits for no verdict.",
        )


def _verb(step: Step, given: tuple[Given, ...], *, is_severe: bool) -> Verb:
    if step is Step.COMMUNITY:
        return Verb.CHECK
    if step is Step.ENDORSEMENT:
        return Verb.ENDORSE
    is_complete = needed_reviews(is_severe=is_severe) <= {one.step for one in given}
    return Verb.CLEAR if is_complete else Verb.REVIEW
