"""A short look at every parser with mutated seeds; `make fuzz` looks for longer and is guided by coverage."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, Target

_EXAMPLES = 60


@st.composite
def mutations(draw: st.DrawFn, target: Target) -> bytes:
    """A seed with some pieces cut out, written over, doubled or put in."""
    body = bytearray(draw(st.sampled_from(list(target.seeds))))
    pieces = st.one_of(st.binary(max_size=8), st.sampled_from(list(target.words) or [b"\0"]))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(body)))
        length = draw(st.integers(0, 12))
        piece = draw(pieces)
        if draw(st.booleans()):
            body[at : at + length] = piece
        else:
            body[at:at] = bytes(body[at : at + length]) + piece
    return bytes(body)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_no_parser_raises_what_it_did_not_promise(name: str) -> None:
    target = TARGETS[name]
    for seed in target.seeds:
        target.run(seed)

    @settings(max_examples=_EXAMPLES, deadline=5000, database=None, suppress_health_check=list(HealthCheck))
    @given(mutations(target))
    def look(body: bytes) -> None:
        target.run(body)

    look()


@pytest.mark.parametrize("name", sorted(TARGETS))
@settings(max_examples=30, deadline=5000, database=None)
@given(body=st.binary(max_size=300))
def test_nor_on_bytes_from_nowhere(name: str, body: bytes) -> None:
    TARGETS[name].run(body)
