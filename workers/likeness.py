"""What makes two submissions alike: the same answers, whatever their ids and the moments they were begun and ended.

A server's "duplicate" button makes a new root with equal answers and new times; a phone that lost its memory sends the
same again under a new id. Such a pair is shown to people, never merged.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy.orm import Session

from pimcollect.domain.version import Version
from pimcollect.tables.submissions import find_first_alike
from workers.writing import Twin

_OWN_KEYS = ("_", "meta/", "orx:meta/", "formhub/")
_MOMENTS = frozenset({"start", "end"})


def tell_answers(raw: Mapping[str, Any], version: Version) -> dict[str, Any]:
    """The answers without what the server adds, and without when the form was opened and closed."""
    moments = _MOMENTS | {question.path for question in version.questions if question.type in _MOMENTS}
    return {
        path: value
        for path, value in raw.items()
        if not path.startswith(_OWN_KEYS) and path not in moments and path.rpartition("/")[2] not in _MOMENTS
    }


def find_twins(session: Session, form: str, digests: Collection[str]) -> dict[str, Twin]:
    """The first kept submission for each of these digests of answers: one query for a batch."""
    return {alike: Twin(*first) for alike, first in find_first_alike(session, form, digests).items()}
