"""JSON from outside: refused when two readers could understand it differently, or when it would end the process."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimcollect.domain.documents import read_json

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='ab"\\[]{} é\n'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='k"[{\\', max_size=3), inner),
    max_leaves=20,
)


@pytest.mark.parametrize(
    "source",
    [b"", b"{", b"[1] 2", b'{"a": 1, "a": 2}', b'{"x": {"a": 1, "a": 1}}', b"NaN", b"[-Infinity]", b"\xff", b"'a'"],
)
def test_what_is_no_json_or_has_two_meanings_is_refused(source: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_json(source)


@pytest.mark.parametrize("source", ["[" * 10_000_000, '{"a":' * 2_000_000, '["\\"]", ' * 600 + "[" * 501])
def test_no_depth_ends_the_process(source: str) -> None:
    with pytest.raises(ValueError, match="too deep"):
        read_json(source)


def test_brackets_inside_texts_are_no_depth() -> None:
    assert read_json(json.dumps({"a": "[" * 2000 + '\\"{'})) == {"a": "[" * 2000 + '\\"{'}
    assert read_json("[" * 500 + "]" * 500)


def test_a_long_list_of_short_things_is_not_deep() -> None:
    assert len(read_json(json.dumps([{"a": []}] * 5000))) == 5000


def test_numbers_stay_as_they_were_sent_when_asked() -> None:
    assert read_json(b"\xef\xbb\xbf[1.50, 007]".replace(b"007", b"7"), numbers_as_text=True) == ["1.50", "7"]


@given(_JSON)
def test_everything_that_json_writes_is_read_as_it_was(value: object) -> None:
    assert read_json(json.dumps(value)) == value
