"""The life of an indicator: every way from every state, and who may not go it."""

from __future__ import annotations

from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimcollect.actions.governance import PERMISSIONS
from pimcollect.domain.governance import (
    REASONS,
    REVIEWS,
    STEP_ROLES,
    TRANSITIONS,
    Life,
    State,
    Step,
    Verb,
    agree,
    find_due,
    move,
    needed_reviews,
    propose,
    refuse,
)
from pimcollect.domain.roles import GRANTS
from pimcollect.errors import ErrorCode, PimError

ALLOWED = {
    (State.DRAFT, Verb.PROPOSE): State.PROPOSED,
    (State.PROPOSED, Verb.REVIEW): State.IN_REVIEW,
    (State.IN_REVIEW, Verb.REVIEW): State.IN_REVIEW,
    (State.IN_REVIEW, Verb.CLEAR): State.COMMUNITY_CHECK,
    (State.COMMUNITY_CHECK, Verb.CHECK): State.FIELD_TEST,
    (State.FIELD_TEST, Verb.ENDORSE): State.ENDORSED,
    (State.ENDORSED, Verb.ACTIVATE): State.ACTIVE,
    (State.ACTIVE, Verb.DEPRECATE): State.DEPRECATED,
    (State.DEPRECATED, Verb.REVIVE): State.ACTIVE,
    (State.DEPRECATED, Verb.RETIRE): State.RETIRED,
    (State.PROPOSED, Verb.REFUSE): State.DRAFT,
    (State.IN_REVIEW, Verb.REFUSE): State.DRAFT,
    (State.COMMUNITY_CHECK, Verb.REFUSE): State.DRAFT,
    (State.FIELD_TEST, Verb.REFUSE): State.DRAFT,
    (State.ENDORSED, Verb.REFUSE): State.DRAFT,
}


@pytest.mark.parametrize(("state", "verb"), list(product(State, Verb)))
def test_only_the_ways_of_the_table_can_be_gone(state: State, verb: Verb) -> None:
    if (state, verb) in ALLOWED:
        assert move(state, verb) is ALLOWED[state, verb]
        return
    with pytest.raises(PimError) as caught:
        move(state, verb)
    assert caught.value.code is ErrorCode.NOT_POSSIBLE_NOW
    assert caught.value.remedy


def test_nothing_leads_out_of_retired_and_everything_leads_there() -> None:
    assert not any(State.RETIRED in sources for sources, _ in TRANSITIONS.values())
    reached, size = {State.DRAFT}, 0
    while len(reached) != size:
        size = len(reached)
        reached |= {target for sources, target in TRANSITIONS.values() if sources & reached}
    assert reached == set(State)


@pytest.mark.parametrize("step", list(Step))
def test_nobody_agrees_to_their_own_proposal(step: Step) -> None:
    states = {Step.COMMUNITY: State.COMMUNITY_CHECK, Step.ENDORSEMENT: State.FIELD_TEST}
    life = Life(states.get(step, State.PROPOSED), proposer="amina")
    with pytest.raises(PimError) as caught:
        agree(life, step, "amina", is_severe=True)
    assert caught.value.code is ErrorCode.NOT_ALLOWED


def test_one_person_gives_one_review() -> None:
    life = agree(propose(Life(), "amina"), Step.IM, "bilal", is_severe=False)
    with pytest.raises(PimError) as caught:
        agree(life, Step.PROTECTION, "bilal", is_severe=False)
    assert caught.value.code is ErrorCode.NOT_ALLOWED


@pytest.mark.parametrize("is_severe", [False, True])
def test_all_reviews_must_agree_in_any_order_and_severe_ones_need_data_protection(is_severe: bool) -> None:
    needed = needed_reviews(is_severe=is_severe)
    assert len(needed) == (3 if is_severe else 2)
    assert (Step.DATA in needed) is is_severe
    for order in permutations(needed):
        life = propose(Life(), "amina")
        for number, step in enumerate(order):
            assert life.state in (State.PROPOSED, State.IN_REVIEW)
            assert step in find_due(life, is_severe=is_severe)
            life = agree(life, step, f"member {number}", is_severe=is_severe)
        assert life.state is State.COMMUNITY_CHECK


def test_data_protection_is_not_asked_where_nothing_is_severe() -> None:
    with pytest.raises(PimError):
        agree(propose(Life(), "amina"), Step.DATA, "dana", is_severe=False)


def test_a_refusal_needs_a_known_reason() -> None:
    with pytest.raises(PimError) as caught:
        refuse(propose(Life(), "amina"), Step.IM, "bilal", reason="because", is_severe=False)
    assert caught.value.code is ErrorCode.NOT_FOUND


@pytest.mark.parametrize("reason", REASONS)
def test_what_was_refused_begins_anew(reason: str) -> None:
    life = agree(propose(Life(), "amina"), Step.IM, "bilal", is_severe=False)
    who = "amina" if reason == "withdrawn" else "chen"
    refused = refuse(life, Step.PROTECTION, who, reason=reason, is_severe=False)
    assert (refused.state, refused.given) == (State.DRAFT, ())
    assert find_due(propose(refused, "amina"), is_severe=False) == {Step.IM, Step.PROTECTION}


def test_only_the_proposer_takes_it_back() -> None:
    with pytest.raises(PimError) as caught:
        refuse(propose(Life(), "amina"), Step.IM, "bilal", reason="withdrawn", is_severe=False)
    assert caught.value.code is ErrorCode.NOT_ALLOWED


def test_the_table_of_steps_and_the_table_of_permissions_say_the_same() -> None:
    assert {step: set(roles) for step, roles in STEP_ROLES.items()} == {
        step: set(GRANTS[permission]) for step, permission in PERMISSIONS.items()
    }


def test_the_proposer_may_take_it_back_but_not_refuse_it_otherwise() -> None:
    life = Life(State.ENDORSED, proposer="amina")
    assert refuse(life, Step.IM, "amina", reason="withdrawn", is_severe=False).state is State.DRAFT
    with pytest.raises(PimError):
        refuse(life, Step.IM, "amina", reason="unclear", is_severe=False)


@pytest.mark.parametrize("state", [State.DRAFT, State.ACTIVE, State.DEPRECATED, State.RETIRED])
def test_what_is_not_under_review_cannot_be_refused(state: State) -> None:
    for step in Step:
        with pytest.raises(PimError):
            refuse(Life(state, proposer="amina"), step, "amina", reason="withdrawn", is_severe=False)


def test_every_step_has_somebody_whose_word_counts() -> None:
    assert set(STEP_ROLES) == set(Step)
    assert all(STEP_ROLES.values())


MEMBERS = ("amina", "bilal", "chen", "dana")


@given(
    st.booleans(),
    st.lists(st.tuples(st.sampled_from([*Step, None]), st.sampled_from(MEMBERS), st.booleans()), max_size=12),
)
def test_however_people_act_endorsed_means_that_all_had_their_say(
    is_severe: bool, acts: list[tuple[Step | None, str, bool]]
) -> None:
    life = Life()
    for step, member, is_yes in acts:
        try:
            if step is None:
                life = propose(life, member)
            elif is_yes:
                life = agree(life, step, member, is_severe=is_severe)
            else:
                life = refuse(life, step, member, reason="unclear", is_severe=is_severe)
        except PimError:
            continue
    reviewers = [one.by for one in life.given if one.step in REVIEWS]
    assert len(set(reviewers)) == len(reviewers)
    assert life.proposer not in {one.by for one in life.given}
    if life.state is State.ENDORSED:
        agreed = {one.step for one in life.given}
        assert agreed == needed_reviews(is_severe=is_severe) | {Step.COMMUNITY, Step.ENDORSEMENT}


def test_what_cannot_be_done_yet_says_what_comes_first() -> None:
    with pytest.raises(PimError) as caught:
        move(State.ACTIVE, Verb.RETIRE)
    assert str(caught.value) == "Not possible: it is active. Retire is for what is deprecated: deprecate it first."
    with pytest.raises(PimError) as caught:
        move(State.RETIRED, Verb.RETIRE)
    assert str(caught.value) == "Not possible: it is retired. Retire is for what is deprecated."
