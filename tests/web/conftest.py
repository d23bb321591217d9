"""Fixtures of the web tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from pimcollect.config import Settings
from tests.web.site import Site, open_site


@pytest.fixture
def make_site(settings: Settings) -> Iterator[Callable[..., Site]]:
    """Opens sites with other settings; all are closed after the test."""
    made: list[Site] = []

    def make(**changes: object) -> Site:
        made.append(open_site(replace(settings, **changes)))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    """One site, as it is installed."""
    return make_site()
