"""A database that is away or empty is said in words, by every command."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pimcollect.cli.desk import check_own_tables
from pimcollect.cli.doctor import check_database
from pimcollect.db import open_engine, open_sessions
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


def test_where_our_own_database_is_away_nobody_is_asked_about_an_address_that_nobody_set() -> None:
    engine = open_engine("postgresql://nobody:hunter2@127.0.0.1:1/none", pool_size=1)
    with pytest.raises(PimError) as caught:
        check_own_tables(engine)
    found = check_database(open_sessions(engine), is_own=True)
    for said in (str(caught.value), found.remedy):
        assert "pimcollect up" in said
        assert "DATABASE_URL" not in said
    assert "DATABASE_URL" in check_database(open_sessions(engine)).remedy
    assert caught.value.code is ErrorCode.AWAY
    engine.dispose()
