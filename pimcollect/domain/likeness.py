"""What makes two submissions alike: the same answers, whatever their ids and the moments they were begun and ended.

A server's "duplicate" button makes a new root with equal answers and new times; a phone that lost its memory sends the
same again under a new id. Such a pair is shown to people, never merged.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pimcollect.domain.version import Version

_OWN_KEYS = ("_", "meta/", "orx:meta/", "formhub/")
_MOMENTS = ("start", "end")


def find_moments(version: Version) -> frozenset[str]:
    """The paths of a form that hold when it was opened and closed."""
    return frozenset({*_MOMENTS, *(question.path for question in version.questions if question.type in _MOMENTS)})


def tell_answers(raw: Mapping[str, Any], moments: Collection[str]) -> dict[str, Any]:
    """The answers without what the server adds, and without those moments."""
    return {path: value for path, value in raw.items() if path not in moments and not path.startswith(_OWN_KEYS)}
