"""A database that is away or empty is said in words, by every command."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pimcollect.errors import ErrorCode, PimError
from tests.cli.conftest import Run


def test_a_database_that_is_away_is_said_with_what_to_check(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody:hunter2@127.0.0.1:1/none")
    with pytest.raises(PimError) as caught:
        run("forms", "list")
    assert caught.value.code is ErrorCode.AWAY
    assert "hunter2" not in str(caught.value)


def test_a_database_without_tables_is_told_to_migrate(
    run: Run, monkeypatch: pytest.MonkeyPatch, fresh_database: Callable[..., str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", fresh_database(migrated=False))
    with pytest.raises(PimError) as caught:
        run("forms", "list")
    assert "pimcollect migrate" in caught.value.remedy
