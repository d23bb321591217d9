"""Alike: equal answers under other ids and times; one other answer, and they are not."""

from __future__ import annotations

from pimcollect.domain.likeness import find_moments, tell_answers
from tests.factories.versions import question, small_version

VERSION = small_version(question("begun", "start"), question("name", "text"))
RAW = {"begun": "2026-11-01T08:00:00Z", "start": "x", "agree": "yes", "name": "A", "_id": 1, "meta/instanceID": "uuid:1", "formhub/uuid": "f"}  # fmt: skip  # noqa: E501


def test_one_other_answer_makes_them_unlike() -> None:
    moments = find_moments(VERSION)
    assert tell_answers(RAW, moments) != tell_answers({**RAW, "name": "B"}, moments)


def test_ids_and_moments_do_not_count() -> None:
    assert tell_answers(RAW, find_moments(VERSION)) == {"agree": "yes", "name": "A"}
