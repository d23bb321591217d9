"""Run a command in this process against the test's own database and queue."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pimcollect.cli.main import group
from pimcollect.config import Settings

Run = Callable[..., Result]


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("hooks", "list")`: the result; what it raised is raised here."""
    monkeypatch.setenv("PIMCOLLECT_HOME", str(settings.home))
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    monkeypatch.setenv("REDIS_URL", settings.redis_url)
    monkeypatch.setenv("PIMCOLLECT_DOOR_KEYS", str(settings.door_keys))
    monkeypatch.setenv("PIMCOLLECT_HANDS_KEYS", str(settings.hands_keys))

    def call(*words: str, input: str | None = None) -> Result:
        result = CliRunner().invoke(group, words, input=input)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


@pytest.fixture
def read(run: Run) -> Callable[..., Any]:
    """`read("hooks", "list")`: the same with --json, read."""
    return lambda *words: json.loads(run(*words, "--json").stdout)
