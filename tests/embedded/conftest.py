"""Fixtures of the tests that run a whole service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.embedded.front import Front, open_front


@pytest.fixture(scope="package")
def front() -> Iterator[Front]:
    """A service with one web process and a hook, for all tests of this folder."""
    with open_front() as front:
        yield front
