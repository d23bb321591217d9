"""Every move of a referral is possible or refused by name; a new decision changes what it must and nothing else."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimcollect.domain.referrals import (
    CLOSE_REASONS,
    DECLINE_REASONS,
    REVEALABLE,
    Change,
    Standing,
    State,
    Step,
    Verb,
    Wanted,
    check_reason,
    is_open,
    move,
    reconcile,
)
from pimcollect.errors import ErrorCode, PimError

NEVER = ""
MOVES = {
    #              no_service   waiting     sent        accepted    declined    closed recalled
    "send": (NEVER, "sent", NEVER, NEVER, NEVER, NEVER, NEVER),
    "accept": (NEVER, "accepted", "accepted", NEVER, NEVER, NEVER, NEVER),
    "decline": (NEVER, "declined", "declined", "declined", NEVER, NEVER, NEVER),
    "close": ("closed", NEVER, NEVER, "closed", "closed", NEVER, NEVER),
    "reroute": ("waiting", "waiting", "waiting", NEVER, "waiting", NEVER, NEVER),
    "reopen": (NEVER, NEVER, NEVER, "waiting", "waiting", NEVER, NEVER),
    "reassign": ("waiting", "waiting", "waiting", "waiting", "waiting", NEVER, NEVER),
    "strand": ("no_service", "no_service", "no_service", "no_service", "no_service", NEVER, NEVER),
    "recall": ("recalled", "recalled", "recalled", "recalled", "recalled", NEVER, NEVER),
    "renew": (NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, "waiting"),
}
STATES = ("no_service", "waiting", "sent", "accepted", "declined", "closed", "recalled")


def test_the_table_above_is_complete() -> None:
    assert set(MOVES) == {verb.value for verb in Verb}
    assert tuple(state.value for state in State) == STATES


@pytest.mark.parametrize(("verb", "state"), [*product(MOVES, STATES)])
def test_each_verb_in_each_state_moves_or_is_refused_by_name(verb: str, state: str) -> None:
    expected = MOVES[verb][STATES.index(state)]
    if expected:
        assert move(state, verb) == expected
        return
    with pytest.raises(PimError) as refused:
        move(state, verb)
    assert refused.value.code is ErrorCode.NOT_POSSIBLE_NOW
    assert state in refused.value.message
    assert refused.value.remedy
    assert not {"send", "reassign", "strand", "recall", "renew"} & set(re.findall(r"\w+", refused.value.remedy))


@pytest.mark.parametrize(("state", "verb"), [("waiting", "explode"), ("nowhere", "accept"), ("", "")])
def test_unknown_words_are_refused_too(state: str, verb: str) -> None:
    with pytest.raises(PimError):
        move(state, verb)


def test_whatever_is_open_can_be_taken_back_and_what_is_over_cannot_be_revealed() -> None:
    for state in STATES:
        assert is_open(state) == bool(MOVES["recall"][STATES.index(state)])
    assert {"accepted"} == REVEALABLE


@pytest.mark.parametrize("verb", ["decline", "close"])
@pytest.mark.parametrize("reason", [None, "", "because she said", "needs met"])
def test_a_decline_and_a_closure_need_a_coded_reason(verb: str, reason: str | None) -> None:
    with pytest.raises(PimError) as refused:
        check_reason(verb, reason)
    assert "no_capacity" in refused.value.remedy or "needs_met" in refused.value.remedy


def test_other_verbs_take_no_reason() -> None:
    for reason in DECLINE_REASONS:
        check_reason("decline", reason)
    for reason in CLOSE_REASONS:
        check_reason("close", reason)
    check_reason("accept", None)
    with pytest.raises(PimError):
        check_reason("accept", "needs_met")


def step(before: Standing | None, now: Wanted | None) -> Change:
    standing = {} if before is None else {"RP": before}
    wanted = {} if now is None else {"RP": now}
    return reconcile(standing, wanted)[0]


@pytest.mark.parametrize("state", STATES)
def test_an_edition_that_changes_nothing_tells_nobody(state: str) -> None:
    change = step(Standing(state, "S", "same"), Wanted("S", "same"))
    assert change == Change("RP", Step.UNCHANGED if state != "recalled" else Step.RENEWED, change.state)
    assert change.state == (state if state != "recalled" else "waiting")


@pytest.mark.parametrize("state", ["no_service", "waiting", "sent", "accepted", "declined"])
def test_withdrawn_consent_recalls_whatever_is_open(state: str) -> None:
    assert step(Standing(state, "S", "d"), None) == Change("RP", Step.RECALLED, "recalled")


@pytest.mark.parametrize("wanted", [None, Wanted("S", "other"), Wanted("T", "d"), Wanted(None, "d")])
def test_what_is_closed_stays_closed(wanted: Wanted | None) -> None:
    assert step(Standing("closed", "S", "d"), wanted) == Change("RP", Step.UNCHANGED, "closed")


def test_new_amended_reassigned_stranded_and_renewed() -> None:
    assert step(None, Wanted("S", "d")) == Change("RP", Step.NEW, "waiting")
    assert step(None, Wanted(None, "d")) == Change("RP", Step.NEW, "no_service")
    assert step(Standing("accepted", "S", "d"), Wanted("S", "e")) == Change("RP", Step.AMENDED, "accepted")
    assert step(Standing("accepted", "S", "d"), Wanted("T", "e")) == Change("RP", Step.REASSIGNED, "waiting")
    assert step(Standing("sent", "S", "d"), Wanted(None, "e")) == Change("RP", Step.REASSIGNED, "no_service")
    assert step(Standing("no_service", None, "d"), Wanted("S", "e")) == Change("RP", Step.REASSIGNED, "waiting")
    assert step(Standing("recalled", "S", "d"), Wanted("S", "d")) == Change("RP", Step.RENEWED, "waiting")
    assert step(Standing("recalled", "S", "d"), Wanted(None, "d")) == Change("RP", Step.RENEWED, "no_service")
    assert step(Standing("recalled", "S", "d"), None) == Change("RP", Step.UNCHANGED, "recalled")


_STANDING = st.dictionaries(
    st.sampled_from("ABC"),
    st.builds(Standing, st.sampled_from(STATES), st.sampled_from(["S", "T", None]), st.sampled_from("de")),
)
_WANTED = st.dictionaries(
    st.sampled_from("ABC"), st.builds(Wanted, st.sampled_from(["S", "T", None]), st.sampled_from("de"))
)


@given(_STANDING, _WANTED)
def test_reconciling_twice_changes_nothing_more(standing: dict[str, Standing], wanted: dict[str, Wanted]) -> None:
    first = {change.pathway: change for change in reconcile(standing, wanted)}
    assert first.keys() == standing.keys() | wanted.keys()
    after = {
        pathway: Standing(
            change.state,
            wanted[pathway].service if pathway in wanted else standing[pathway].service,
            wanted[pathway].digest if pathway in wanted else standing[pathway].digest,
        )
        for pathway, change in first.items()
    }
    assert {change.step for change in reconcile(after, wanted)} <= {Step.UNCHANGED}
