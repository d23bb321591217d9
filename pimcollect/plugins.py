"""Servers and notifiers by name, from entry points; ours come in the same way as anybody else's."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import Any

from pimcollect.errors import ErrorCode, PimError


@cache
def find_plugin(kind: str, name: str) -> Any:
    """The module registered as `name` under the entry point group `pimcollect.<kind>` (servers, notifiers)."""
    for point in entry_points(group=f"pimcollect.{kind}"):
        if point.name == name:
            return point.load()
    raise PimError(
        ErrorCode.NOT_FOUND,
        f"There is no {kind.removesuffix('s')} called {name}.",
        remedy=f"There are: {', '.join(list_plugins(kind))}.",
    )


def list_plugins(kind: str) -> list[str]:
    """Names of the installed plugins of a kind."""
    return sorted(point.name for point in entry_points(group=f"pimcollect.{kind}"))
