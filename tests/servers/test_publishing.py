"""What servers say is cut to one short line for people, without markup, addresses or what is secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimcollect.domain.release_words import REASONS
from pimcollect.servers.publishing import clean_words, hide_secrets


@pytest.mark.parametrize("secret", ["a", "", "kobo-token"])
def test_a_server_that_repeats_a_secret_is_cut_and_never_grows(secret: str) -> None:
    told = hide_secrets("kobo-token a " * 40, (secret,))
    assert len(told) <= 300
    assert secret != "kobo-token" or secret not in told


@given(st.text(max_size=3000))
def test_whatever_a_server_says_becomes_one_short_line_without_markup(said: str) -> None:
    told = clean_words(said)
    assert len(told) <= 300
    assert not re.search(r"[\x00-\x1f\u202a-\u202e\u2066-\u2069]|https?://", told)


def test_every_reason_that_is_given_has_its_words() -> None:
    given = set()
    for name in ("workers/releases.py", "workers/publishing.py", "pimcollect/domain/releases.py"):
        given |= set(re.findall(r'Stop\("(\w+)"', Path(name).read_text()))
    for name in Path("pimcollect/servers").glob("*_forms.py"):
        given |= set(re.findall(r'(?:Stop|refuse)\("(\w+)"', name.read_text()))
    assert given
    assert given - REASONS.keys() == set()
